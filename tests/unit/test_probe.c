/* Running a probe: what hangs, dies or says nothing is a result; and the caller stays as it was. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "probe.h"
#include "probe_child.h"

static void give(const void *context, struct probe_result *result)
{
	probe_yes(result, *(const long *)context);
}

static void refuse(const void *context, struct probe_result *result)
{
	probe_no(result, context, 77);
}

static void give_up(const void *context, struct probe_result *result)
{
	probe_failed(result, context, 5);
}

static void die(const void *context, struct probe_result *result)
{
	(void)result;
	(void)signal(*(const int *)context, SIG_DFL);
	(void)raise(*(const int *)context);
	for (;;)
		pause();
}

static _Noreturn void leave(const void *context, struct probe_result *result)
{
	(void)context;
	(void)result;
	_exit(0);
}

/* Leaves a process of its own behind, which would hang for ever, and hangs itself. */
static void hang(const void *context, struct probe_result *result)
{
	struct bystander bystander;
	uint64_t mark = 0;

	(void)context;
	(void)bystander_start(&bystander, 2, &mark, NULL, result);
	for (;;)
		pause();
}

static void expect_no_child(void)
{
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void test_answers(void **state)
{
	const long value = 123456789;
	struct probe_result result = probe_run(give, &value);

	(void)state;
	assert_int_equal(result.state, PROBE_YES);
	assert_int_equal(result.value, value);
	result = probe_run(refuse, "a call with a name that is much too long for the room that it has");
	assert_int_equal(result.state, PROBE_NO);
	assert_int_equal(result.error, 77);
	assert_string_equal(result.call, "a call with a name that is much too long for th");
	result = probe_run(give_up, "fork");
	assert_int_equal(result.state, PROBE_FAILED);
	assert_int_equal(result.error, 5);
	expect_no_child();
}

static void test_deaths(void **state)
{
	const int signals[] = {SIGSYS, SIGSEGV, SIGKILL, SIGTERM};
	struct probe_result result;

	(void)state;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		result = probe_run(die, &signals[i]);
		assert_int_equal(result.state, PROBE_DIED);
		assert_int_equal(result.error, signals[i]);
	}
	result = probe_run(leave, NULL);
	assert_int_equal(result.state, PROBE_DIED);
	assert_int_equal(result.error, 0);
	expect_no_child();
}

static void test_hang(void **state)
{
	(void)state;
	assert_int_equal(probe_run(hang, NULL).state, PROBE_HUNG);
	expect_no_child();
}

/* The number that the next descriptor gets: the same before and after. */
static int next_descriptor(void)
{
	int descriptor = dup(STDIN_FILENO);

	close(descriptor);
	return descriptor;
}

static void test_caller_is_as_it_was(void **state)
{
	int descriptor = next_descriptor();
	int privileges = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
	int mode = prctl(PR_GET_SECCOMP, 0, 0, 0, 0);
	int reaper = -1;

	(void)state;
	(void)probe_no_new_privs();
	(void)probe_filter();
	(void)probe_wait_killable();
	(void)probe_reads_grandchild();
	(void)probe_reads_sibling();
	(void)probe_scope_signal();
	(void)probe_run(leave, NULL);
	assert_int_equal(next_descriptor(), descriptor);
	assert_int_equal(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), privileges);
	assert_int_equal(prctl(PR_GET_SECCOMP, 0, 0, 0, 0), mode);
	assert_int_equal(prctl(PR_GET_CHILD_SUBREAPER, &reaper, 0, 0, 0), 0);
	assert_int_equal(reaper, 0);
	expect_no_child();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_answers),
	    cmocka_unit_test(test_deaths),
	    cmocka_unit_test(test_hang),
	    cmocka_unit_test(test_caller_is_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
