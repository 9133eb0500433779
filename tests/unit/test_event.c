/* The lines of events: byte for byte, with any bytes in the members, and numbers that are exact. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <cjson/cJSON.h>
#include <errno.h>
#include <limits.h>

#include "event.h"
#include "text.h"

#define BYTES(literal) ((struct event_bytes){.data = (literal), .length = sizeof(literal) - 1})

static const struct event_call ptrace_call = {
    .name = "ptrace",
    .number = 101,
    .reason = "blocked_by_policy",
    .action = "killed",
    .arch = "x86_64",
    .arguments = {0x10, 1},
};

static struct event example(void)
{
	return (struct event){
	    .type = EVENT_SECCOMP_BLOCKED,
	    .session_id = "sess_abc123",
	    .seq = 7,
	    .timestamp_us = 1767522600123456,
	    .process = {.pid = 12345,
			.tid = 12345,
			.uid = 1000,
			.comm = BYTES("malicious-tool"),
			.exe = BYTES("/usr/bin/gdb")},
	    .call = &ptrace_call,
	};
}

/* The line without its newline, NUL-terminated: free it. */
static char *format(const struct event *event)
{
	char *line = malloc(EVENT_LINE_MAX + 1);
	size_t length;

	assert_non_null(line);
	length = event_format(event, line, EVENT_LINE_MAX);
	assert_in_range(length, 2, EVENT_LINE_MAX);
	assert_int_equal(line[length - 1], '\n');
	line[length - 1] = '\0';
	assert_int_equal(strlen(line), length - 1);
	assert_null(strchr(line, '\n'));
	assert_true(text_is_clean(line, length - 1));
	return line;
}

static void expect(const struct event *event, const char *expected)
{
	char *line = format(event);

	assert_string_equal(line, expected);
	free(line);
}

static void expect_part(const struct event *event, const char *part)
{
	char *line = format(event);

	if (!strstr(line, part))
		fail_msg("%s\nlacks %s", line, part);
	free(line);
}

static void the_line_of_the_contract(void **state)
{
	const struct event event = example();

	(void)state;
	expect(&event,
	       "{\"type\":\"seccomp_blocked\",\"timestamp\":\"2026-01-04T10:30:00Z\",\"session_id\":\"sess_abc123\","
	       "\"pid\":12345,\"comm\":\"malicious-tool\",\"syscall\":\"ptrace\",\"syscall_nr\":101,"
	       "\"reason\":\"blocked_by_policy\",\"action\":\"killed\",\"seq\":7,\"timestamp_us\":1767522600123456,"
	       "\"tid\":12345,\"uid\":1000,\"exe\":\"/usr/bin/gdb\",\"arch\":\"x86_64\","
	       "\"args\":[\"0x10\",\"0x1\",\"0x0\",\"0x0\",\"0x0\",\"0x0\"]}");
}

static void rule_and_hint(void **state)
{
	struct event event = example();
	struct event_call call = ptrace_call;

	(void)state;
	call.rule = "/etc/agentsh/agentsh.ini:12";
	call.hint = "allow = ptrace";
	event.call = &call;
	expect_part(&event, "\"0x0\"],\"rule\":\"/etc/agentsh/agentsh.ini:12\",\"hint\":\"allow = ptrace\"}");
}

static void what_is_not_known(void **state)
{
	struct event_call call = {.number = -1, .arguments = {UINT64_MAX}};
	struct event event = {.type = EVENT_FOREIGN_ARCH, .session_id = "s", .process.uid = -1, .call = &call};

	(void)state;
	expect(&event, "{\"type\":\"foreign_arch\",\"timestamp\":\"1970-01-01T00:00:00Z\",\"session_id\":\"s\","
		       "\"pid\":null,\"comm\":null,\"syscall\":null,\"syscall_nr\":-1,\"reason\":null,\"action\":null,"
		       "\"seq\":null,\"timestamp_us\":0,\"tid\":null,\"uid\":null,\"exe\":null,\"arch\":null,"
		       "\"args\":[\"0xffffffffffffffff\",\"0x0\",\"0x0\",\"0x0\",\"0x0\",\"0x0\"]}");
}

static void numbers_are_exact(void **state)
{
	struct event event = example();
	struct event_call call = ptrace_call;

	(void)state;
	/* As a double of 15 digits: 1.76752260012345e+15. */
	event.timestamp_us = 1767522600123450;
	event.seq = UINT64_MAX;
	call.number = INT32_MIN;
	event.call = &call;
	event.process.uid = UINT32_MAX;
	event.process.pid = INT32_MAX;
	expect_part(&event, "\"pid\":2147483647,\"comm\"");
	expect_part(&event, "\"syscall_nr\":-2147483648,\"reason\"");
	expect_part(&event, "\"seq\":18446744073709551615,\"timestamp_us\":1767522600123450,\"tid\"");
	expect_part(&event, "\"uid\":4294967295,\"exe\"");
	event.timestamp_us = UINT64_MAX;
	expect_part(&event, "\"timestamp\":\"586524-01-19T08:01:49Z\"");
}

static void a_session_begins(void **state)
{
	const struct event_start start = {
	    .command = BYTES("sh\0-c\0\0echo \"\n\0"),
	    .policy_file = BYTES("/etc/agentsh/agentsh.ini"),
	    .policy_sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	    .sidecar = "private",
	    .loader_version = "0.1.0",
	    .sidecar_version = "0.1.1",
	    .kernel = "6.18.0",
	    .inherited = BYTES("3 stream @x\0"),
	    .degraded = BYTES(""),
	};
	struct event event = example();

	(void)state;
	event.type = EVENT_SESSION_START;
	event.call = NULL;
	event.start = &start;
	expect(&event,
	       "{\"type\":\"session_start\",\"timestamp\":\"2026-01-04T10:30:00Z\",\"session_id\":\"sess_abc123\","
	       "\"pid\":12345,\"comm\":\"malicious-tool\",\"seq\":7,\"timestamp_us\":1767522600123456,\"tid\":12345,"
	       "\"uid\":1000,\"exe\":\"/usr/bin/gdb\",\"command\":[\"sh\",\"-c\",\"\",\"echo \\\"\\n\"],"
	       "\"policy_file\":\"/etc/agentsh/agentsh.ini\",\"policy_sha256\":"
	       "\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\",\"policy_writable\":false,"
	       "\"sidecar\":\"private\",\"loader_version\":\"0.1.0\",\"sidecar_version\":\"0.1.1\","
	       "\"kernel\":\"6.18.0\",\"inherited_sockets\":[\"3 stream @x\"],\"degraded\":[],"
	       "\"kernel_kills_seen\":false}");
}

static void a_session_ends(void **state)
{
	const struct event_end end = {"all_exited", -1, 9, 5, 1, 2, 3, 4, 6};
	struct event event = example();

	(void)state;
	event.type = EVENT_SESSION_END;
	event.call = NULL;
	event.end = &end;
	expect_part(&event, "\"exe\":\"/usr/bin/gdb\",\"how\":\"all_exited\",\"status\":null,\"signal\":9,"
			    "\"duration_us\":5,\"killed\":1,\"denied\":2,\"audited\":3,\"foreign\":4,\"lost\":6}");
}

static void events_suppressed(void **state)
{
	const struct event_suppressed suppressed = {"event_loss", NULL, 3, 8, 10};
	struct event event = example();

	(void)state;
	event.type = EVENT_EVENTS_SUPPRESSED;
	event.call = NULL;
	event.suppressed = &suppressed;
	expect_part(&event, "\"reason\":\"event_loss\",\"of\":null,\"count\":3,\"first_seq\":8,\"last_seq\":10}");
}

/* A kill that only the kernel's record tells of, of a process that is in no session. */
static void a_kill_by_the_kernel(void **state)
{
	struct event_call call = ptrace_call;
	struct event event = example();

	(void)state;
	call.has_no_arguments = true;
	call.record = "1767522600.123:456";
	event.session_id = NULL;
	event.seq = 0;
	event.process.tid = 0;
	event.call = &call;
	expect(&event,
	       "{\"type\":\"seccomp_blocked\",\"timestamp\":\"2026-01-04T10:30:00Z\",\"session_id\":null,\"pid\":12345,"
	       "\"comm\":\"malicious-tool\",\"syscall\":\"ptrace\",\"syscall_nr\":101,\"reason\":\"blocked_by_policy\","
	       "\"action\":\"killed\",\"seq\":null,\"timestamp_us\":1767522600123456,\"tid\":null,\"uid\":1000,"
	       "\"exe\":\"/usr/bin/gdb\",\"arch\":\"x86_64\",\"args\":null,\"audit_record\":\"1767522600.123:456\"}");
}

static void records_that_the_kernel_lost(void **state)
{
	const struct event_records_lost lost = {"kernel", 12};
	struct event event = example();

	(void)state;
	event.type = EVENT_AUDIT_RECORDS_LOST;
	event.call = NULL;
	event.records_lost = &lost;
	expect_part(&event, "\"exe\":\"/usr/bin/gdb\",\"reason\":\"kernel\",\"count\":12}");
}

static void a_report_that_is_not_so(void **state)
{
	struct event_report report = {.reason = "pid", .claimed_pid = 77};
	struct event event = example();

	(void)state;
	event.type = EVENT_REPORT_MISMATCH;
	event.call = NULL;
	event.report = &report;
	expect_part(&event, "\"exe\":\"/usr/bin/gdb\",\"reason\":\"pid\",\"claimed_pid\":77}");
	report = (struct event_report){.reason = "session"};
	expect_part(&event, "\"reason\":\"session\",\"claimed_pid\":null}");
}

static void a_worker_takes_over(void **state)
{
	const struct event_recovered recovered = {1, 2, 3, 4, 5, 6};
	struct event event = example();
	struct event_call call = *event.call;

	(void)state;
	call.outcome = "unknown";
	event.call = &call;
	expect_part(&event, "\"outcome\":\"unknown\"");
	event.type = EVENT_SIDECAR_RECOVERED;
	event.call = NULL;
	event.recovered = &recovered;
	expect_part(&event, "\"taken_up\":21,\"anew\":1,\"resolved\":2,\"answered\":3,\"unknown\":4,\"denied\":5,"
			    "\"gone\":6}");
}

static void every_type_has_its_name(void **state)
{
	static const char *const names[] = {
	    "session_start",     "session_end",         "process_start",       "seccomp_blocked",
	    "seccomp_audit",     "unix_socket_allowed", "unix_socket_blocked", "unix_socket_audit",
	    "sidecar_recovered", "events_suppressed",   "report_mismatch",     "foreign_arch",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		assert_string_equal(event_type_name((enum event_type)i), names[i]);
}

struct bytes_case {
	struct event_bytes bytes;
	const char *text; /* as it stands in the line */
	const char *hex;  /* NULL: clean */
};

static const struct bytes_case bytes_cases[] = {
    {{"a\0b", 3}, "a\\\\x00b", "610062"},
    {{"\xff", 1}, "\\\\xff", "ff"},
    {{"\\x41", 4}, "\\\\x41", NULL},
    {{"\"\n\x01\x7f", 4}, "\\\"\\n\\u0001\x7f", NULL},
    {{"\n\xff", 2}, "\\n\\\\xff", "0aff"},
    {{"", 0}, "", NULL},
    {{"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9}, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", NULL},
    {{"\xc0\xaf", 2}, "\\\\xc0\\\\xaf", "c0af"},                           /* overlong */
    {{"\xe0\x80\xaf", 3}, "\\\\xe0\\\\x80\\\\xaf", "e080af"},              /* overlong */
    {{"\xed\xa0\x80", 3}, "\\\\xed\\\\xa0\\\\x80", "eda080"},              /* surrogate */
    {{"\xf4\x90\x80\x80", 4}, "\\\\xf4\\\\x90\\\\x80\\\\x80", "f4908080"}, /* beyond U+10FFFF */
    {{"\xf0\x80\x80\x80", 4}, "\\\\xf0\\\\x80\\\\x80\\\\x80", "f0808080"}, /* overlong */
    {{"\xe2\x82", 2}, "\\\\xe2\\\\x82", "e282"},                           /* ends in the middle */
    {{"\xe2\x82z", 3}, "\\\\xe2\\\\x82z", "e2827a"},
};

/* Right behind the member, and for comm, whose place among the nine it may not take, at the end. */
static void bytes_that_are_no_text(void **state)
{
	char part[256];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes_cases) / sizeof(*bytes_cases); i++) {
		const struct bytes_case *test = &bytes_cases[i];
		struct event event = example();

		event.process.exe = test->bytes;
		(void)snprintf(part, sizeof(part), "\"exe\":\"%s\",\"%s%s%sarch\":", test->text,
			       test->hex ? "exe_hex\":\"" : "", test->hex ? test->hex : "", test->hex ? "\",\"" : "");
		expect_part(&event, part);
		event.process.exe = BYTES("x");
		event.process.comm = test->bytes;
		(void)snprintf(part, sizeof(part), "\"comm\":\"%s\",\"syscall\":", test->text);
		expect_part(&event, part);
		(void)snprintf(part, sizeof(part), "\"0x0\"]%s%s%s}", test->hex ? ",\"comm_hex\":\"" : "",
			       test->hex ? test->hex : "", test->hex ? "\"" : "");
		expect_part(&event, part);
	}
}

static void elements_that_are_no_text(void **state)
{
	const struct event_start start = {.command = BYTES("a\0\xff\0\0b")};
	struct event event = example();

	(void)state;
	event.call = NULL;
	event.start = &start;
	expect_part(&event, "\"command\":[\"a\",\"\\\\xff\",\"\",\"b\"],\"command_hex\":[\"61\",\"ff\",\"\",\"62\"],"
			    "\"policy_file\":null,\"policy_sha256\":null,");
	expect_part(&event, "\"inherited_sockets\":null,\"degraded\":null,");
}

static void bytes_beyond_the_bound(void **state)
{
	struct event event = example();
	char comm[EVENT_COMM_MAX + 2];

	(void)state;
	memset(comm, 'c', sizeof(comm));
	event.process.comm = (struct event_bytes){comm, EVENT_COMM_MAX};
	expect_part(&event, "\"0x0\"]}");
	event.process.comm.length = EVENT_COMM_MAX + 1;
	expect_part(&event, "\"0x0\"],\"comm_cut\":65}");
	/* A character that the bound would cut in two is left out whole; what is none is not. */
	memcpy(comm + EVENT_COMM_MAX - 1, "\xe2\x82\xac", 3);
	event.process.comm.length = EVENT_COMM_MAX + 2;
	expect_part(&event, "ccc\",\"syscall\"");
	expect_part(&event, "\"0x0\"],\"comm_cut\":66}");
	comm[EVENT_COMM_MAX + 1] = 'c';
	expect_part(&event, "ccc\\\\xe2\",\"syscall\"");
}

/* No path is longer than the kernel's limit, so every exe can be had back. */
static void the_longest_path_is_whole(void **state)
{
	struct event event = example();
	char *exe = malloc(EVENT_EXE_MAX);
	char *line;

	(void)state;
	assert_non_null(exe);
	memset(exe, '\xff', EVENT_EXE_MAX);
	event.process.exe = (struct event_bytes){exe, PATH_MAX};
	line = format(&event);
	assert_null(strstr(line, "exe_cut"));
	assert_int_equal(strspn(strstr(line, "exe_hex") + strlen("exe_hex\":\""), "f"), 2 * PATH_MAX);
	free(line);
	free(exe);
}

static void elements_beyond_the_bound(void **state)
{
	struct event_start start = {.policy_writable = true};
	struct event event = example();
	char *command = malloc(EVENT_COMMAND_MAX + 1);

	(void)state;
	assert_non_null(command);
	memset(command, 'c', EVENT_COMMAND_MAX + 1);
	memset(command + EVENT_COMMAND_MAX - 2, '\0', 3);
	start.command = (struct event_bytes){command, EVENT_COMMAND_MAX + 1};
	event.call = NULL;
	event.start = &start;
	expect_part(&event, "ccc\",\"\"],\"command_cut\":4097,\"policy_file\"");
	expect_part(&event, "\"policy_writable\":true,");
	/* Cut before. */
	start.command.length = EVENT_COMMAND_MAX;
	start.command_whole = 70000;
	expect_part(&event, "\"],\"command_cut\":70000,\"policy_file\"");
	free(command);
}

static void no_room_at_all(void **state)
{
	const struct event event = example();
	char line[1];

	(void)state;
	errno = 0;
	assert_int_equal(event_format(&event, line, 0), 0);
	assert_int_equal(errno, EMSGSIZE);
	assert_int_equal(event_format(&event, line, 1), 0);
}

/* --- Memory --- */

static void *none(size_t size)
{
	fail_msg("an allocation of %zu bytes", size);
	return NULL;
}

static void formats_with_none(const struct event *event)
{
	char line[4096];

	cJSON_InitHooks(&(cJSON_Hooks){.malloc_fn = none, .free_fn = free});
	assert_true(event_format(event, line, sizeof(line)) > 0);
	cJSON_InitHooks(NULL);
}

static void nothing_is_allocated(void **state)
{
	const struct event_start start = {.command = BYTES("a\0\xff\0"), .inherited = BYTES("")};
	const struct event_suppressed suppressed = {"repeated", "seccomp_audit", 1, 2, 3};
	struct event event = example();

	(void)state;
	formats_with_none(&event);
	event.call = NULL;
	event.suppressed = &suppressed;
	formats_with_none(&event);
	event.suppressed = NULL;
	event.start = &start;
	formats_with_none(&event);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_line_of_the_contract),
	    cmocka_unit_test(rule_and_hint),
	    cmocka_unit_test(what_is_not_known),
	    cmocka_unit_test(numbers_are_exact),
	    cmocka_unit_test(a_session_begins),
	    cmocka_unit_test(a_session_ends),
	    cmocka_unit_test(events_suppressed),
	    cmocka_unit_test(a_kill_by_the_kernel),
	    cmocka_unit_test(records_that_the_kernel_lost),
	    cmocka_unit_test(a_report_that_is_not_so),
	    cmocka_unit_test(a_worker_takes_over),
	    cmocka_unit_test(every_type_has_its_name),
	    cmocka_unit_test(bytes_that_are_no_text),
	    cmocka_unit_test(elements_that_are_no_text),
	    cmocka_unit_test(bytes_beyond_the_bound),
	    cmocka_unit_test(the_longest_path_is_whole),
	    cmocka_unit_test(elements_beyond_the_bound),
	    cmocka_unit_test(no_room_at_all),
	    cmocka_unit_test(nothing_is_allocated),
	};

	return cmocka_run_group_tests_name("event", tests, NULL, NULL);
}
