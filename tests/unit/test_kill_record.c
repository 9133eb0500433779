/* The kernel's audit records of what a filter has killed: every field, and no name that makes one of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "kill_event.h"
#include "kill_record.h"

#define FRONT "audit(1795656971.877:75834): auid=4294967295 uid=1000 gid=0 ses=4294967295"
#define TAIL  " sig=31 arch=c000003e syscall=110 compat=0 ip=0x7f2142cf34f7 code=0x80000000"
#define NAMES " comm=\"python3\" exe=\"/usr/bin/python3.11\""

static enum kill_record_result parse(const char *text, struct kill_record *record)
{
	memset(record, 0xaa, sizeof(*record));
	return kill_record_parse(text, strlen(text), record);
}

static void expect_names(const char *names, const char *comm, const char *exe)
{
	struct kill_record record;
	char text[4096];

	(void)snprintf(text, sizeof(text), FRONT " pid=77%s" TAIL, names);
	assert_int_equal(parse(text, &record), KILL_RECORD_KILL);
	assert_int_equal(record.pid, 77);
	assert_int_equal(record.call, 110);
	assert_int_equal(record.comm_length, strlen(comm));
	assert_memory_equal(record.comm, comm, strlen(comm));
	assert_int_equal(record.exe_length, strlen(exe));
	assert_memory_equal(record.exe, exe, strlen(exe));
}

static void every_field(void **state)
{
	struct kill_record record;
	char name[KILL_RECORD_NAME_MAX];

	(void)state;
	assert_int_equal(parse(FRONT " pid=20210" NAMES TAIL, &record), KILL_RECORD_KILL);
	assert_int_equal(record.time_ms, 1795656971877);
	assert_int_equal(record.serial, 75834);
	assert_int_equal(record.uid, 1000);
	assert_int_equal(record.pid, 20210);
	assert_int_equal(record.arch, 0xc000003e);
	assert_int_equal(record.call, 110);
	assert_int_equal(record.code, 0x80000000);
	kill_record_name(&record, name);
	assert_string_equal(name, "1795656971.877:75834");
}

static void what_stands_around(void **state)
{
	struct kill_record record;

	(void)state;
	assert_int_equal(parse(FRONT " pid=7" NAMES TAIL "\n", &record), KILL_RECORD_KILL);
	assert_int_equal(parse(FRONT " subj=docker-default (enforce) pid=7" NAMES TAIL, &record), KILL_RECORD_KILL);
	assert_int_equal(parse(FRONT " subj=x pid=1 comm=\"y\" pid=7" NAMES TAIL, &record), KILL_RECORD_KILL);
	assert_int_equal(record.pid, 7);
	assert_int_equal(record.comm_length, 7);
}

static void names(void **state)
{
	(void)state;
	expect_names(NAMES, "python3", "/usr/bin/python3.11");
	expect_names(" comm=6120 exe=\"/a\"", "a ", "/a");
	expect_names(" comm=\"(null)\" exe=(null)", "(null)", "");
	expect_names(" comm=\"\" exe=2F746D702F6120622028646C29", "", "/tmp/a b (dl)");
	/* comm is: a" pid=1 uid=0 */
	expect_names(" comm=6122207069643D31207569643D30 exe=\"/a\"", "a\" pid=1 uid=0", "/a");
	/* Longer than there is room for: not known. */
	expect_names(" comm=\"12345678901234567\" exe=\"/a\"", "", "/a");
}

static void no_kill(void **state)
{
	struct kill_record record;

	(void)state;
	assert_int_equal(
	    parse(FRONT " pid=7" NAMES " sig=0 arch=c000003e syscall=1 compat=0 ip=0x1 code=0x7ffc0000", &record),
	    KILL_RECORD_OTHER);
	assert_int_equal(
	    parse(FRONT " pid=7" NAMES " sig=31 arch=c000003e syscall=1 compat=0 ip=0x1 code=0x30000", &record),
	    KILL_RECORD_OTHER);
	assert_int_equal(
	    parse(FRONT " pid=7" NAMES " sig=31 arch=c000003e syscall=1 compat=0 ip=0x1 code=0x0", &record),
	    KILL_RECORD_KILL);
}

static void not_in_this_form(void **state)
{
	static const char *const texts[] = {
	    "",
	    "\n",
	    "audit(",
	    FRONT,
	    FRONT TAIL,
	    FRONT " pid=7" TAIL,
	    FRONT " pid=0" NAMES TAIL,
	    FRONT " pid=-1" NAMES TAIL,
	    FRONT " pid=4294967297" NAMES TAIL,
	    FRONT " pid=7" NAMES TAIL " code=0x80000000",
	    FRONT " pid=7 comm=\"a\"b\" exe=\"/a\"" TAIL,
	    FRONT " pid=7 comm=\"a\" b\" exe=\"/a\"" TAIL,
	    FRONT " pid=7 comm=abc exe=\"/a\"" TAIL,
	    FRONT " pid=7 comm=zz exe=\"/a\"" TAIL,
	    FRONT " pid=7 comm=\" exe=\"/a\"" TAIL,
	    FRONT " pid=7" NAMES " sig=31 arch=c000003e syscall=x compat=0 ip=0x1 code=0x80000000",
	    FRONT " pid=7" NAMES " sig=31 arch=c000003e syscall=1 compat=0 ip=0x1 code=0x180000000",
	    "audit(1.1000:1): auid=1 uid=1 gid=0 ses=1 pid=7" NAMES TAIL,
	    "audit(1.1:1): uid=1 gid=0 ses=1 pid=7" NAMES TAIL,
	};
	struct kill_record record;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(parse(texts[i], &record), KILL_RECORD_NONE);
}

static void every_shorter_text(void **state)
{
	static const char text[] = FRONT " pid=20210" NAMES TAIL;
	struct kill_record record;

	(void)state;
	for (size_t length = 0; length < sizeof(text) - 1; length++) {
		char *copy = test_malloc(length + 1);

		memcpy(copy, text, length);
		/* The code's last digits may be missing, and it is another then. */
		assert_true(length > sizeof(text) - 10 || kill_record_parse(copy, length, &record) == KILL_RECORD_NONE);
		test_free(copy);
	}
}

static void expect_call(const char *call, const char *name, int number, const char *arch)
{
	struct kill_record record;
	struct kill_event made;
	struct event event = {.seq = 1};
	char text[1024];

	(void)snprintf(text, sizeof(text), FRONT " pid=7" NAMES " sig=31 %s compat=0 ip=0x1 code=0x80000000", call);
	assert_int_equal(parse(text, &record), KILL_RECORD_KILL);
	kill_event_fill(&event, &made, &record);
	assert_int_equal(event.call->number, number);
	assert_string_equal(event.call->arch, arch);
	if (name)
		assert_string_equal(event.call->name, name);
	else
		assert_null(event.call->name);
}

static void calls(void **state)
{
	(void)state;
	expect_call("arch=c000003e syscall=101", "ptrace", 101, "x86_64");
	expect_call("arch=c000003e syscall=-1", NULL, -1, "x86_64");
	expect_call("arch=c000003e syscall=99999", NULL, 99999, "x86_64");
	expect_call("arch=1 syscall=2", NULL, 2, "unknown");
#ifdef __x86_64__
	expect_call("arch=40000003 syscall=26", "ptrace", 26, "i386");
	expect_call("arch=c000003e syscall=1073742345", "ptrace", 1073742345, "x32");
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_field), cmocka_unit_test(what_stands_around), cmocka_unit_test(names),
	    cmocka_unit_test(no_kill),     cmocka_unit_test(not_in_this_form),   cmocka_unit_test(every_shorter_text),
	    cmocka_unit_test(calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
