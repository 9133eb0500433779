/* What people are told: the summary, the lines, and that nobody waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "notice.h"
#include "syscall_table.h"

static void blocked(struct area_counts *counts, int number, uint32_t times)
{
	atomic_store(&counts->calls[number], times);
}

#define POINTER "'agentshctl last' tells more"

static void expect_summary(const struct area_counts *counts, const char *expected)
{
	char text[1024] = "";
	size_t length = notice_summary(counts, syscall_native_arch(), POINTER, text, sizeof(text));

	assert_string_equal(text, expected);
	assert_int_equal(length, strlen(expected));
}

static void summary(void **state)
{
	struct area_counts counts = {0};

	(void)state;
	expect_summary(&counts, "");
	atomic_store(&counts.audited, 7); /* nothing was blocked */
	expect_summary(&counts, "");
	atomic_store(&counts.killed, 1);
	blocked(&counts, SYS_ptrace, 1);
	expect_summary(&counts,
		       "agentsh-exec: the policy blocked ptrace: 1 killed, 0 denied ('agentshctl last' tells more)");
	atomic_store(&counts.denied, 4294967296U);
	blocked(&counts, SYS_mount, 4294967295U);
	expect_summary(&counts, "agentsh-exec: the policy blocked ptrace, mount: 1 killed, 4294967296 denied "
				"('agentshctl last' tells more)");
}

static void summary_of_foreign_calls(void **state)
{
	struct area_counts counts = {0};

	(void)state;
	atomic_store(&counts.killed, 2);
	atomic_store(&counts.foreign, 2);
	expect_summary(&counts, "agentsh-exec: the policy blocked calls of another architecture: 2 killed, 0 denied "
				"('agentshctl last' tells more)");
}

static void summary_of_many_and_unnamed_calls(void **state)
{
	struct area_counts counts = {0};

	(void)state;
	atomic_store(&counts.denied, 9);
	for (int number = 0; number < 7; number++)
		blocked(&counts, number, 1);
	blocked(&counts, AREA_CALLS - 1, 1);
	expect_summary(&counts, "agentsh-exec: the policy blocked read, write, open, close, stat, fstat and 2 more: "
				"0 killed, 9 denied ('agentshctl last' tells more)");
	for (int number = 0; number < 7; number++)
		blocked(&counts, number, 0);
	expect_summary(&counts, "agentsh-exec: the policy blocked call 639: 0 killed, 9 denied "
				"('agentshctl last' tells more)");
}

static void summary_never_overflows(void **state)
{
	struct area_counts counts = {0};
	char text[1024];

	(void)state;
	atomic_store(&counts.denied, UINT64_MAX);
	atomic_store(&counts.killed, UINT64_MAX);
	for (int number = 0; number < (int)AREA_CALLS; number++)
		blocked(&counts, number, UINT32_MAX);
	assert_int_equal(notice_summary(&counts, syscall_native_arch(), POINTER, text, 40), 0);
	assert_true(notice_summary(&counts, syscall_native_arch(), POINTER, text, sizeof(text)) > 0);
}

static void pointer(void **state)
{
	static const struct {
		const char *trail;
		uid_t uid;
		const char *expected;
	} rows[] = {
	    {"/var/log/agentsh/events.jsonl", 0, POINTER},
	    {"/home/u/.local/state/agentsh/events.jsonl", 1000, POINTER},
	    /* Where it would look for another. */
	    {"/var/log/agentsh/events.jsonl", 1000, "'agentshctl last /var/log/agentsh/events.jsonl' tells more"},
	    {"/root/.local/state/agentsh/events.jsonl", 0,
	     "'agentshctl last /root/.local/state/agentsh/events.jsonl' tells more"},
	    {"/tmp/trail", 1000, "'agentshctl last /tmp/trail' tells more"},
	    {"/agentsh/events.jsonl.1", 1000, "'agentshctl last /agentsh/events.jsonl.1' tells more"},
	    /* No command that could be pasted. */
	    {NULL, 0, "its events tell more"},
	    {"/tmp/it's", 1000, "its events tell more"},
	    {"/tmp/a b", 1000, "its events tell more"},
	    {"/tmp/\033[2J", 1000, "its events tell more"},
	};
	char longest[4096] = "/";
	char text[NOTICE_POINTER_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		notice_pointer(rows[i].trail, rows[i].uid, text);
		assert_string_equal(text, rows[i].expected);
	}
	memset(longest, 'x', sizeof(longest) - 1);
	notice_pointer(longest, 0, text);
	assert_string_equal(text, "its events tell more");
}

/* --- Lines --- */

static struct tracee tracee_of(const char *comm)
{
	struct tracee tracee = {.tid = 124, .tgid = 123, .has_comm = comm != NULL};

	if (comm) {
		tracee.comm_length = strlen(comm);
		memcpy(tracee.comm, comm, tracee.comm_length);
	}
	return tracee;
}

static void expect_line(const char *comm, bool each, const char *expected)
{
	const struct tracee tracee = tracee_of(comm);
	struct notice notice = {.each = each};
	char text[1024];
	ssize_t length;
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	notice.descriptor = ends[1];
	notice_denial(&notice, "killed", &tracee, "ptrace", "FILE:7");
	close(ends[1]);
	length = read(ends[0], text, sizeof(text) - 1);
	close(ends[0]);
	assert_true(length >= 0);
	text[length] = '\0';
	assert_string_equal(text, expected);
}

static void lines(void **state)
{
	(void)state;
	expect_line("gdb", true, "agentsh-exec: killed gdb (pid 123): ptrace is blocked (FILE:7)\n");
	expect_line(NULL, true, "agentsh-exec: killed ? (pid 123): ptrace is blocked (FILE:7)\n");
	expect_line("gdb", false, "");
	/* Nobody writes to a terminal, nor a second line, through a name. */
	expect_line("a\nb\033[2J", true,
		    "agentsh-exec: killed a\\x0ab\\x1b[2J (pid 123): ptrace is blocked (FILE:7)\n");
}

/* --- Nobody waits: else the alarm ends this --- */

static void fill(int descriptor)
{
	static const char bytes[4096];
	int flags = fcntl(descriptor, F_GETFL);

	assert_int_equal(fcntl(descriptor, F_SETFL, flags | O_NONBLOCK), 0);
	while (write(descriptor, bytes, sizeof(bytes)) > 0)
		continue;
	while (write(descriptor, bytes, 1) > 0)
		continue;
	assert_int_equal(fcntl(descriptor, F_SETFL, flags), 0);
}

static void say_into(int descriptor)
{
	const struct tracee tracee = tracee_of("gdb");
	const struct notice notice = {.descriptor = descriptor, .each = true};

	(void)alarm(10);
	notice_denial(&notice, "killed", &tracee, "ptrace", "FILE:7");
	(void)alarm(0);
}

static void a_full_one_delays_nobody(void **state)
{
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	fill(ends[1]);
	say_into(ends[1]);
	close(ends[0]);
	close(ends[1]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	fill(ends[1]);
	say_into(ends[1]);
	close(ends[0]);
	close(ends[1]);
}

static void one_that_nobody_reads(void **state)
{
	int ends[2];

	(void)state;
	assert_true(signal(SIGPIPE, SIG_IGN) != SIG_ERR); /* as the worker has it */
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	close(ends[0]);
	say_into(ends[1]);
	close(ends[1]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	close(ends[0]);
	say_into(ends[1]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(summary),
	    cmocka_unit_test(summary_of_foreign_calls),
	    cmocka_unit_test(summary_of_many_and_unnamed_calls),
	    cmocka_unit_test(summary_never_overflows),
	    cmocka_unit_test(pointer),
	    cmocka_unit_test(lines),
	    cmocka_unit_test(a_full_one_delays_nobody),
	    cmocka_unit_test(one_that_nobody_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
