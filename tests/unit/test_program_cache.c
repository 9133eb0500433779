/* The cache of programs: which entry is believed for which text. What the files are, tests/cli/cache.bats has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "filter.h"
#include "policy.h"
#include "program_cache.h"
#include "syscall_table.h"

#define OPEN "[sandbox.seccomp.unix_socket]\nenabled = false\n"

static void parse(const char *text, struct policy *policy)
{
	struct diagnostics diagnostics;

	diagnostics_init(&diagnostics);
	assert_int_equal(policy_parse(text, strlen(text), policy, &diagnostics), 0);
}

static unsigned char *entry_of(const char *text, size_t *size)
{
	struct policy policy;
	struct error err;
	unsigned char *entry;

	parse(text, &policy);
	entry = program_cache_make(&policy, text, strlen(text), size, &err);
	assert_non_null(entry);
	policy_free(&policy);
	return entry;
}

static void the_program_is_the_filters(void **state)
{
	static const char *const texts[] = {
	    OPEN,
	    OPEN "[sandbox.seccomp.syscalls]\ndefault_action = block\nallow = read execve\nblock =\n",
	    "[sandbox.seccomp.unix_socket]\ndegraded = no_unix\n[loader]\nclose_fds = yes\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct cached_program program;
		struct filter filter;
		struct policy policy;
		struct error err;
		size_t size;
		unsigned char *entry = entry_of(texts[i], &size);

		parse(texts[i], &policy);
		assert_int_equal(filter_build(&policy, syscall_native_arch(), &filter, &err), 0);
		assert_true(program_cache_read(entry, size, texts[i], strlen(texts[i]), &program));
		assert_int_equal(program.count, filter.count);
		assert_memory_equal(program.instructions, filter.instructions,
				    filter.count * sizeof(*filter.instructions));
		assert_int_equal(program.may_write, i != 1);
		assert_int_equal(program.no_unix, i == 2);
		assert_int_equal(program.close_fds, i == 2);
		filter_free(&filter);
		policy_free(&policy);
		free(entry);
	}
}

static void of_that_text_alone(void **state)
{
	static const char other[] = "[sandbox.seccomp.unix_socket]\nenabled = FALSE\n";
	struct cached_program program;
	size_t size;
	unsigned char *entry = entry_of(OPEN, &size);

	(void)state;
	assert_false(program_cache_read(entry, size, other, strlen(OPEN), &program));
	assert_false(program_cache_read(entry, size, OPEN, strlen(OPEN) - 1, &program));
	assert_true(program_cache_read(entry, size, OPEN, strlen(OPEN), &program));
	free(entry);
}

/* Each in memory of its own length: valgrind and the sanitizers see a byte that is read beyond. */
static void no_part_of_it(void **state)
{
	struct cached_program program;
	size_t size;
	unsigned char *entry = entry_of(OPEN, &size);

	(void)state;
	for (size_t length = 0; length < size; length++) {
		unsigned char *part = malloc(length ? length : 1);

		assert_non_null(part);
		memcpy(part, entry, length);
		assert_false(program_cache_read(part, length, OPEN, strlen(OPEN), &program));
		free(part);
	}
	free(entry);
}

static void no_bit_of_it(void **state)
{
	struct cached_program program;
	size_t size;
	unsigned char *entry = entry_of(OPEN, &size);

	(void)state;
	for (size_t bit = 0; bit < size * 8; bit++) {
		entry[bit / 8] ^= (unsigned char)(1U << bit % 8);
		assert_false(program_cache_read(entry, size, OPEN, strlen(OPEN), &program));
		entry[bit / 8] ^= (unsigned char)(1U << bit % 8);
	}
	assert_true(program_cache_read(entry, size, OPEN, strlen(OPEN), &program));
	free(entry);
}

static void what_needs_more_is_refused(void **state)
{
	static const struct {
		const char *text;
		const char *what;
		unsigned line;
	} rows[] = {
	    {"", "unix_socket.enabled = true", 0},
	    {OPEN, NULL, 0},
	    {OPEN "[loader]\nisolate = yes\n", "isolate = yes", 4},
	    {OPEN "[shim]\nenabled = yes\n", "[shim] enabled = true", 4},
	    {OPEN "[sandbox.seccomp]\nmode = audit\n", "mode = audit", 4},
	    {OPEN "[sandbox.seccomp]\nmode = disabled\n", "mode = disabled", 4},
	    {OPEN "[sidecar]\nevents = -\n", "[sidecar] events", 4},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct policy policy;
		const char *remedy = NULL;
		const char *what;
		unsigned line = 0;

		parse(rows[i].text, &policy);
		what = program_cache_refuses(&policy, &line, &remedy);
		if (rows[i].what) {
			assert_non_null(what);
			assert_string_equal(what, rows[i].what);
			assert_non_null(remedy);
		} else {
			assert_null(what);
		}
		assert_int_equal(line, rows[i].line);
		policy_free(&policy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_program_is_the_filters),
	    cmocka_unit_test(of_that_text_alone),
	    cmocka_unit_test(no_part_of_it),
	    cmocka_unit_test(no_bit_of_it),
	    cmocka_unit_test(what_needs_more_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
