/*
 * Patterns: any bytes as pattern and name. Beyond memory and time: a name that was quoted is matched
 * by its pattern and by no other name's, and a pattern that is spelt out matches what it spells.
 * The input is the pattern, a NUL, and the name; its first byte says which kind.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "glob.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool good)
{
	if (!good)
		abort();
}

static void check_quoted(const char *name, size_t length)
{
	char pattern[4 * 4096 + 1];
	char back[4096];
	unsigned stars;
	size_t used;

	if (length == 0 || length > sizeof(back))
		return;
	expect(glob_quote(name, length, pattern, sizeof(pattern)) > 0);
	expect(glob_unquote(pattern, back, sizeof(back), &used) && used == length && memcmp(back, name, length) == 0);
	if (strlen(pattern) > GLOB_PATTERN_MAX)
		return;
	expect(!glob_problem(GLOB_ABSTRACT, pattern, &stars) && stars == 0);
	expect(glob_match(GLOB_ABSTRACT, pattern, name, length));
	expect(!glob_match(GLOB_ABSTRACT, pattern, name, length - 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum glob_kind kind = size > 0 && data[0] == '@' ? GLOB_ABSTRACT : GLOB_PATHNAME;
	const uint8_t *end = size > 0 ? memchr(data + 1, 0, size - 1) : NULL;
	char literal[GLOB_PATTERN_MAX];
	const char *pattern;
	const char *name;
	size_t length;
	unsigned stars;
	bool whole;
	bool matched;

	if (!end)
		return 0;
	/* A copy each, so that a byte read too far is one of nobody's. */
	pattern = strdup((const char *)data + 1);
	length = size - (size_t)(end - data) - 1;
	name = memcpy(malloc(length + 1), end + 1, length);
	matched = glob_match(kind, pattern, name, length);
	if (!glob_problem(kind, pattern, &stars)) {
		size_t spelt = glob_literal(pattern, literal, sizeof(literal), &whole);

		expect(!matched || (length >= spelt && memcmp(name, literal, spelt) == 0));
		expect(!whole || stars == 0);
		expect(!whole || glob_match(kind, pattern, literal, spelt));
	}
	check_quoted(name, length);
	free((void *)(uintptr_t)pattern);
	free((void *)(uintptr_t)name);
	return 0;
}
