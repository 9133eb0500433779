/* Numbers in decimal digits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "decimal.h"

/* The ends of each length, and no byte behind the NUL. */
static void as_printf_has_it(void **state)
{
	uint64_t power = 1;

	(void)state;
	for (unsigned digits = 1; digits < DECIMAL_MAX; digits++, power *= 10) {
		const uint64_t values[] = {power - 1, power, power + 1, UINT64_MAX};

		for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
			char expected[DECIMAL_MAX];
			char text[DECIMAL_MAX + 1];
			int length = snprintf(expected, sizeof(expected), "%" PRIu64, values[i]);

			memset(text, '#', sizeof(text));
			assert_int_equal(decimal_put(values[i], text), length);
			assert_string_equal(text, expected);
			assert_int_equal(text[length + 1], '#');
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(as_printf_has_it),
	};

	return cmocka_run_group_tests_name("decimal", tests, NULL, NULL);
}
