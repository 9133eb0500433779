/* A policy inside a session: what is left to do, as a table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <string.h>

#include "diagnostics.h"
#include "nesting.h"
#include "syscall_table.h"

#define NO_SOCKETS "[sandbox.seccomp.unix_socket]\nenabled = false\n[sandbox.seccomp.syscalls]\n"
#define KILLS      NO_SOCKETS "on_block = kill\nblock = "
#define LOGS       NO_SOCKETS "on_block = log\nblock = "
#define LOG_KILLS  NO_SOCKETS "on_block = log_and_kill\nblock = "
#define ERRNOS     NO_SOCKETS "on_block = errno\nblock = "
#define AUDITS     "[sandbox.seccomp]\nmode = audit\n"

struct row {
	const char *outer;
	const char *inner;
	enum nesting wanted;
	const char *error; /* what it is about; NULL: none */
};

static const struct row rows[] = {
    {KILLS "ptrace", KILLS "ptrace", NESTING_SAME, NULL},
    {LOGS "ptrace", LOGS "ptrace", NESTING_SAME, NULL},
    {AUDITS KILLS "ptrace", AUDITS KILLS "ptrace", NESTING_SAME, NULL},
    {"", "", NESTING_SAME, NULL},
    {KILLS "ptrace", "[sandbox.seccomp]\nenabled = false\n", NESTING_SAME, NULL},
    {KILLS "ptrace", "[sandbox.seccomp]\nmode = disabled\n", NESTING_SAME, NULL},
    /* What the kernel does by itself is added, be it more or less. */
    {KILLS "ptrace", KILLS "ptrace, mount", NESTING_ADD, NULL},
    {KILLS "ptrace, mount", KILLS "ptrace", NESTING_ADD, NULL},
    {LOGS "ptrace", ERRNOS "mount", NESTING_ADD, NULL},
    {AUDITS KILLS "ptrace", KILLS "mount", NESTING_ADD, NULL},
    {KILLS "ptrace", KILLS "ptrace ", NESTING_ADD, NULL},
    /* What is to be reported is only where the session's own policy reports it in the same way. */
    {LOGS "ptrace, mount", LOGS "mount", NESTING_ADD, NULL},
    {LOG_KILLS "ptrace, mount", LOG_KILLS "mount", NESTING_ADD, NULL},
    {LOGS "ptrace", LOGS "ptrace, mount", NESTING_NEVER, "mount"},
    {LOGS "ptrace", LOG_KILLS "ptrace", NESTING_NEVER, "on_block"},
    {KILLS "ptrace", LOGS "ptrace", NESTING_NEVER, "on_block"},
    {AUDITS LOGS "ptrace", LOGS "ptrace ", NESTING_NEVER, "on_block"},
    {KILLS "ptrace", AUDITS KILLS "ptrace", NESTING_NEVER, "mode = audit"},
    {AUDITS KILLS "ptrace", AUDITS KILLS "mount", NESTING_NEVER, "mode = audit"},
};

static void parse(const char *text, struct policy *policy)
{
	struct diagnostics diagnostics;

	diagnostics_init(&diagnostics);
	assert_int_equal(policy_parse(text, strlen(text), policy, &diagnostics), 0);
}

static void check(const struct row *row)
{
	struct policy outer;
	struct policy inner;
	struct error err = {.text = ""};
	enum nesting decided;

	parse(row->outer, &outer);
	parse(row->inner, &inner);
	decided = nesting_decide(&outer, row->outer, strlen(row->outer), &inner, row->inner, strlen(row->inner),
				 syscall_native_arch(), &err);
	if (decided != row->wanted)
		fail_msg("<%s> inside <%s>: %d", row->inner, row->outer, decided);
	if (row->error && (!strstr(err.text, "nested session: ") || !strstr(err.text, row->error)))
		fail_msg("<%s> inside <%s>: %s", row->inner, row->outer, err.text);
	policy_free(&outer);
	policy_free(&inner);
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check(&rows[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
