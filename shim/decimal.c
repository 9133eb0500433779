#include "decimal.h"

#include <string.h>

size_t decimal_put(uint64_t value, char *text)
{
	char digits[DECIMAL_MAX];
	size_t at = sizeof(digits);

	digits[--at] = '\0';
	do
		digits[--at] = (char)('0' + value % 10);
	while (value /= 10);
	memcpy(text, digits + at, sizeof(digits) - at);
	return sizeof(digits) - at - 1;
}
