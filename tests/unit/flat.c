#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "flat.h"
#include "flatten.h"
#include "policy.h"

#define TEXT_SIZE (2 * POLICY_TEXT_MAX)

void flat_text_init(struct flat_text *text)
{
	*text = (struct flat_text){.bytes = calloc(1, TEXT_SIZE)};
	assert_non_null(text->bytes);
}

void flat_add(struct flat_text *text, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(text->bytes + text->length, TEXT_SIZE - text->length, format, arguments);
	va_end(arguments);
	assert_true(length >= 0 && (size_t)length < TEXT_SIZE - text->length);
	text->length += (size_t)length;
}

char *flat_good(const char *yaml, size_t length, bool pass)
{
	struct diagnostics diagnostics;
	char *ini;

	diagnostics_init(&diagnostics);
	if (flatten_yaml(yaml, length, pass, &ini, &diagnostics) != 0)
		fail_msg("refused: line %u: %s\n%s", diagnostics.items[0].line, diagnostics.items[0].text, yaml);
	assert_int_equal(diagnostics.errors, 0);
	return ini;
}

void flat_expect(const char *yaml, bool pass, const char *expected)
{
	char *ini = flat_good(yaml, strlen(yaml), pass);

	assert_string_equal(ini, expected);
	free(ini);
}

void flat_refuse_bytes(const char *yaml, size_t length, bool pass, unsigned line, const char *part)
{
	struct diagnostics diagnostics;
	const struct diagnostic *first;
	char *ini;

	diagnostics_init(&diagnostics);
	if (flatten_yaml(yaml, length, pass, &ini, &diagnostics) == 0)
		fail_msg("taken:\n%s\nas:\n%s", yaml, ini);
	assert_null(ini);
	first = diagnostics_first_error(&diagnostics);
	assert_non_null(first);
	if (first->line != line || !strstr(first->text, part))
		fail_msg("line %u: %s\nexpected line %u: %s\n%s", first->line, first->text, line, part, yaml);
}

void flat_refuse(const char *yaml, bool pass, unsigned line, const char *part)
{
	flat_refuse_bytes(yaml, strlen(yaml), pass, line, part);
}

/* Reads a file of tests/data/flatten; the caller frees it. */
char *flat_data(const char *name)
{
	char path[4096];
	char *text = calloc(1, POLICY_TEXT_MAX);
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/tests/data/flatten/%s", TEST_TOP, name);
	file = fopen(path, "re");
	assert_non_null(file);
	assert_non_null(text);
	assert_true(fread(text, 1, POLICY_TEXT_MAX - 1, file) > 0);
	assert_int_equal(fclose(file), 0);
	return text;
}
