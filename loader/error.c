#include "error.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

int error_set(struct error *err, const char *format, ...)
{
	va_list arguments;

	if (!err)
		return -1;
	va_start(arguments, format);
	(void)vsnprintf(err->text, sizeof(err->text), format, arguments);
	va_end(arguments);
	return -1;
}

size_t error_escape(char *out, size_t size, const char *text)
{
	static const char digits[] = "0123456789abcdef";
	size_t length = 0;

	for (const unsigned char *byte = (const unsigned char *)text; *byte; byte++) {
		bool printable = *byte >= 0x20 && *byte != 0x7f;
		size_t needed = printable ? 1 : 4;

		if (size - length <= needed)
			break;
		if (printable) {
			out[length] = (char)*byte;
		} else {
			out[length] = '\\';
			out[length + 1] = 'x';
			out[length + 2] = digits[*byte >> 4];
			out[length + 3] = digits[*byte & 0xf];
		}
		length += needed;
	}
	out[length] = '\0';
	return length;
}

void error_print(int descriptor, const char *program, const struct error *err)
{
	char text[64 + 2 * sizeof(err->text)];
	size_t length = 0;
	ssize_t written;

	length += error_escape(text, 64, program);
	length += error_escape(text + length, sizeof(text) - length, ": ");
	length += error_escape(text + length, sizeof(text) - length - 1, err->text);
	text[length++] = '\n';
	/* Where stderr is closed or full there is nobody left to tell. */
	written = write(descriptor, text, length);
	(void)written;
}
