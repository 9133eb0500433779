/* Patterns for names of sockets: by a table, and against a matcher that tries everything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "glob.h"

struct row {
	enum glob_kind kind;
	const char *pattern;
	const char *name;
	size_t length; /* 0: the name's, as text */
	bool wanted;
};

static const struct row rows[] = {
    {GLOB_PATHNAME, "/run/a", "/run/a", 0, true},
    {GLOB_PATHNAME, "/run/a", "/run/ab", 0, false},
    {GLOB_PATHNAME, "/run/ab", "/run/a", 0, false},
    {GLOB_PATHNAME, "/run/*", "/run/a", 0, true},
    {GLOB_PATHNAME, "/run/*", "/run/.a", 0, true},
    {GLOB_PATHNAME, "/run/*", "/run/a/b", 0, false},
    {GLOB_PATHNAME, "/run/**", "/run/a/b", 0, true},
    {GLOB_PATHNAME, "/run/***", "/run/a/b", 0, true},
    {GLOB_PATHNAME, "/run/**/b", "/run/b", 0, false},
    {GLOB_PATHNAME, "/run/**/b", "/run/x/y/b", 0, true},
    {GLOB_PATHNAME, "/run/**b", "/run/b", 0, true},
    {GLOB_PATHNAME, "/*/a*b", "/x/aab", 0, true},
    {GLOB_PATHNAME, "/*/a*b", "/x/y/aab", 0, false},
    {GLOB_PATHNAME, "/**/a*b", "/x/a/y/aabab", 0, true},
    {GLOB_PATHNAME, "/**/a*b/c", "/a/a/ab/c/ab/d", 0, false},
    {GLOB_PATHNAME, "/a?c", "/abc", 0, true},
    {GLOB_PATHNAME, "/a?c", "/a/c", 0, false},
    {GLOB_PATHNAME, "/a[!b]c", "/a/c", 0, false},
    {GLOB_PATHNAME, "/a[+-9]c", "/a/c", 0, false},
    {GLOB_PATHNAME, "/a[+-9]c", "/a0c", 0, true},
    {GLOB_PATHNAME, "/a[]x]c", "/a]c", 0, true},
    {GLOB_PATHNAME, "/a[^]x]c", "/a]c", 0, false},
    {GLOB_PATHNAME, "/a[!]x]c", "/ayc", 0, true},
    {GLOB_PATHNAME, "/a[x-]c", "/a-c", 0, true},
    {GLOB_PATHNAME, "/a[-x]c", "/a-c", 0, true},
    {GLOB_PATHNAME, "/a[x-]c", "/ayc", 0, false},
    {GLOB_PATHNAME, "/a[!]c", "/a!c", 0, false}, /* not closed */
    {GLOB_PATHNAME, "/a\\x2ac", "/a*c", 0, true},
    {GLOB_PATHNAME, "/a\\x2Ac", "/abc", 0, false},
    {GLOB_PATHNAME, "/a\\\\c", "/a\\c", 0, true},
    {GLOB_PATHNAME, "/a[\\x61-\\x63\\\\]c", "/a\\c", 0, true},
    {GLOB_PATHNAME, "/a[\\x61-\\x63]c", "/abc", 0, true},
    {GLOB_PATHNAME, "/a[\\x61-\\x63]c", "/adc", 0, false},
    {GLOB_PATHNAME, "/a[\\x80-\\xff]c",
     "/a\xe9"
     "c",
     0, true},
    {GLOB_PATHNAME, "/a*c",
     "/a\n\xff"
     "c",
     0, true},
    {GLOB_PATHNAME, "/a\\q", "/a\\q", 0, false},
    {GLOB_ABSTRACT, "a*c", "a/\0/c", 5, true},
    {GLOB_ABSTRACT, "a?c", "a/c", 0, true},
    {GLOB_ABSTRACT, "a[!b]c", "a\0c", 3, true},
    {GLOB_ABSTRACT, "a\\x00c", "a\0c", 3, true},
    {GLOB_ABSTRACT, "a", "a\0", 2, false},
    {GLOB_ABSTRACT, "a\\x00", "a", 0, false},
    {GLOB_ABSTRACT, "a[\\x00-\\x1f]", "a\0", 2, true},
    {GLOB_ABSTRACT, "*", "", 0, true},
    {GLOB_ABSTRACT, "?", "", 0, false},
};

static void by_the_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		size_t length = row->length ? row->length : strlen(row->name);

		if (glob_match(row->kind, row->pattern, row->name, length) != row->wanted)
			fail_msg("'%s' and '%s': not %d", row->pattern, row->name, row->wanted);
	}
}

/* --- Against one that tries every way, and shares no line with the other --- */

#define ALPHABET "ab/"

static bool slow_set(const char **pattern, char byte)
{
	const char *at = *pattern + 1;
	bool negated = *at == '!';
	bool found = false;

	for (at += negated; *at != ']'; at++)
		found |= *at == byte;
	*pattern = at + 1;
	return found != negated;
}

static bool slow(enum glob_kind kind, const char *pattern, const char *name, size_t length)
{
	bool plain = length > 0 && (kind == GLOB_ABSTRACT || *name != '/');

	if (*pattern == '\0')
		return length == 0;
	if (pattern[0] == '*') {
		bool across = pattern[1] == '*';
		const char *rest = pattern + strspn(pattern, "*");

		if (slow(kind, rest, name, length))
			return true;
		/* One byte taken, the star goes on; "**" stays two stars. */
		return length > 0 && (across || plain) &&
		       slow(kind, across ? rest - 2 : rest - 1, name + 1, length - 1);
	}
	if (length == 0)
		return false;
	if (*pattern == '[') {
		bool has = slow_set(&pattern, *name);

		return has && plain && slow(kind, pattern, name + 1, length - 1);
	}
	return (*pattern == '?' ? plain : *pattern == *name) && slow(kind, pattern + 1, name + 1, length - 1);
}

static uint32_t next_random(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

static void append(char *out, size_t size, const char *piece)
{
	size_t used = strlen(out);

	assert_true(used + strlen(piece) < size);
	memcpy(out + used, piece, strlen(piece) + 1);
}

static void random_pattern(uint32_t *seed, char *out, size_t size)
{
	static const char *const pieces[] = {"a", "b", "/", "*", "**", "?", "[a]", "[!a]", "[ab]"};

	out[0] = '\0';
	for (unsigned n = next_random(seed) % 7; n > 0; n--)
		append(out, size, pieces[next_random(seed) % (sizeof(pieces) / sizeof(pieces[0]))]);
}

static void as_every_way_tried(void **state)
{
	uint32_t seed = 2463534242;
	unsigned matched = 0;

	(void)state;
	for (unsigned round = 0; round < 300000; round++) {
		enum glob_kind kind = round % 2 ? GLOB_PATHNAME : GLOB_ABSTRACT;
		char pattern[64];
		char name[10];
		size_t length = next_random(&seed) % sizeof(name);
		bool wanted;

		random_pattern(&seed, pattern, sizeof(pattern));
		for (size_t i = 0; i < length; i++)
			name[i] = ALPHABET[next_random(&seed) % strlen(ALPHABET)];
		wanted = slow(kind, pattern, name, length);
		matched += wanted;
		if (glob_match(kind, pattern, name, length) != wanted)
			fail_msg("'%s' and '%.*s': not %d", pattern, (int)length, name, wanted);
	}
	/* Neither answer is rare: else little would have been compared. */
	assert_in_range(matched, 15000, 285000);
}

static void expect_problem(enum glob_kind kind, const char *pattern, const char *part)
{
	unsigned stars;
	const char *problem = glob_problem(kind, pattern, &stars);

	if (!problem ? part != NULL : !part || !strstr(problem, part))
		fail_msg("'%s': %s", pattern, problem ? problem : "nothing");
}

static void what_is_wrong_with_a_pattern(void **state)
{
	char longest[GLOB_PATTERN_MAX + 2];
	unsigned stars;

	(void)state;
	expect_problem(GLOB_PATHNAME, "/a[b", "without its ']'");
	expect_problem(GLOB_PATHNAME, "/a[", "without its ']'");
	expect_problem(GLOB_PATHNAME, "/a[]", "without its ']'");
	expect_problem(GLOB_PATHNAME, "/a[!]", "without its ']'");
	expect_problem(GLOB_PATHNAME, "/a[b-", "without its ']'");
	expect_problem(GLOB_PATHNAME, "/a[z-a]", "range");
	expect_problem(GLOB_PATHNAME, "/a[[:digit:]]", "class");
	expect_problem(GLOB_PATHNAME, "/a\\", "\\xNN");
	expect_problem(GLOB_PATHNAME, "/a\\x4", "\\xNN");
	expect_problem(GLOB_PATHNAME, "/a\\xg0", "\\xNN");
	expect_problem(GLOB_PATHNAME, "/a\\*", "\\xNN");
	expect_problem(GLOB_PATHNAME, "/a[\\n]", "\\xNN");
	expect_problem(GLOB_PATHNAME, "/a[b-\\n]", "\\xNN");
	expect_problem(GLOB_PATHNAME, "/a[b/c]", "no path's component");
	expect_problem(GLOB_PATHNAME, "/a[b\\x2f]", "no path's component");
	expect_problem(GLOB_ABSTRACT, "a[b/c]", NULL);
	expect_problem(GLOB_PATHNAME, "/a\\x00", "no path has a NUL");
	expect_problem(GLOB_ABSTRACT, "a\\x00", NULL);
	memset(longest, 'a', sizeof(longest));
	longest[GLOB_PATTERN_MAX + 1] = '\0';
	expect_problem(GLOB_PATHNAME, longest, "too long");
	expect_problem(GLOB_PATHNAME, longest + 1, NULL);
	assert_null(glob_problem(GLOB_PATHNAME, "/*/**/[*]/?*a***\\x2a", &stars));
	assert_int_equal(stars, 4);
}

/* 255 units against 4096 bytes: had each star to be tried again, this would not end. */
static void cost_is_bounded(void **state)
{
	char pattern[GLOB_PATTERN_MAX + 1] = "/";
	char name[4096];

	(void)state;
	for (unsigned i = 0; i < 63; i++)
		append(pattern, sizeof(pattern), "**a*");
	memset(name, 'a', sizeof(name));
	name[0] = '/';
	name[sizeof(name) - 1] = 'b';
	append(pattern, sizeof(pattern), "c");
	assert_false(glob_match(GLOB_PATHNAME, pattern, name, sizeof(name)));
	pattern[strlen(pattern) - 1] = 'b';
	assert_true(glob_match(GLOB_PATHNAME, pattern, name, sizeof(name)));
}

static void every_byte_can_be_quoted(void **state)
{
	char bytes[2] = "/";
	char pattern[16];
	char back[2];
	size_t length;
	bool whole;
	unsigned stars;

	(void)state;
	for (unsigned byte = 0; byte < 256; byte++) {
		bytes[1] = (char)byte;
		assert_true(glob_quote(bytes, 2, pattern, sizeof(pattern)) > 0);
		assert_int_equal(strcspn(pattern, " ,;\t\n"), strlen(pattern));
		assert_null(glob_problem(GLOB_ABSTRACT, pattern, &stars));
		for (unsigned other = 0; other < 256; other++) {
			const char name[2] = {'/', (char)other};

			assert_int_equal(glob_match(GLOB_ABSTRACT, pattern, name, 2), other == byte);
		}
		assert_int_equal(glob_literal(pattern, back, sizeof(back), &whole), 2);
		assert_true(whole && memcmp(back, bytes, 2) == 0);
		assert_true(glob_unquote(pattern, back, sizeof(back), &length));
		assert_true(length == 2 && memcmp(back, bytes, 2) == 0);
	}
	assert_int_equal(glob_quote("ab", 2, pattern, 3), 2);
	assert_int_equal(glob_quote("ab", 2, pattern, 2), 0);
	assert_int_equal(glob_quote("\n", 1, pattern, 4), 0);
	assert_int_equal(glob_quote("\n", 1, pattern, 5), 4);
}

static void the_literal_beginning(void **state)
{
	char bytes[64];
	bool whole;
	size_t length;

	(void)state;
	assert_int_equal(glob_literal("/run/a\\x20b*c", bytes, sizeof(bytes), &whole), 8);
	assert_memory_equal(bytes, "/run/a b", 8);
	assert_false(whole);
	assert_int_equal(glob_literal("/run", bytes, 2, &whole), 2);
	assert_false(whole);
	assert_true(glob_unquote("a*[\\\\\\x00", bytes, sizeof(bytes), &length));
	assert_int_equal(length, 5);
	assert_memory_equal(bytes, "a*[\\", 5);
	assert_false(glob_unquote("a\\", bytes, sizeof(bytes), &length));
	assert_false(glob_unquote("abc", bytes, 2, &length));
	assert_true(glob_has_odd_component("/a//b") && glob_has_odd_component("/a/") &&
		    glob_has_odd_component("/./b") && glob_has_odd_component("/a/.."));
	assert_false(glob_has_odd_component("/a/...") || glob_has_odd_component("/a/.b"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(by_the_table),
	    cmocka_unit_test(as_every_way_tried),
	    cmocka_unit_test(what_is_wrong_with_a_pattern),
	    cmocka_unit_test(cost_is_bounded),
	    cmocka_unit_test(every_byte_can_be_quoted),
	    cmocka_unit_test(the_literal_beginning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
