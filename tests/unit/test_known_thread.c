/*
 * known_thread.h: what is asked of a thread each time, and what it need not be asked; and what that rests on: the
 * kernel lets no process with several threads change its user namespace. Not under valgrind, which has no pidfd_open
 * (tests/run).
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "known_thread.h"

#define NOBODY 65534

/* What the target is told to do: by its first thread, in lower case, or by its second one. */
enum order { UNSHARE = 'u', ENTER = 'n', BEGIN = 'b', LEAVE = 'l' };

struct target {
	pid_t process;
	pid_t second; /* thread */
	int orders[2][2];
	int answers[2];
	int foreign; /* a user namespace of the same user's, a child of ours */
};

static int answer_of(const struct target *target, char order)
{
	if (order == UNSHARE)
		return unshare(CLONE_NEWUSER) == 0 ? 0 : errno;
	if (order == ENTER)
		return setns(target->foreign, CLONE_NEWUSER) == 0 ? 0 : errno;
	return (int)syscall(SYS_gettid);
}

static void obey(struct target *target, int which);

static void *be_second(void *argument)
{
	obey(argument, 1);
	return NULL;
}

static void obey(struct target *target, int which)
{
	pthread_t thread;
	char order;
	int answer;

	while (read(target->orders[which][0], &order, 1) == 1) {
		if (order == LEAVE)
			pthread_exit(NULL);
		if (order == BEGIN && which == 0) {
			(void)pthread_create(&thread, NULL, be_second, target);
			continue;
		}
		answer = answer_of(target, order);
		(void)!write(target->answers[1], &answer, sizeof(answer));
	}
}

static void be_plain(void)
{
	if (getuid() == 0 && (setgroups(0, NULL) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0 ||
			      setresuid(NOBODY, NOBODY, NOBODY) != 0))
		_exit(1);
	(void)prctl(PR_SET_DUMPABLE, 1);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* A user namespace that the target could enter, if it were alone. */
static int make_foreign(void)
{
	int ready[2];
	char path[64];
	char byte;
	int descriptor;
	pid_t child;

	assert_int_equal(pipe(ready), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		be_plain();
		_exit(unshare(CLONE_NEWUSER) == 0 && write(ready[1], "", 1) == 1 && pause() == 0);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", child);
	descriptor = open(path, O_RDONLY);
	assert_true(descriptor >= 0);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	close(ready[0]);
	return descriptor;
}

static int tell(struct target *target, int which, char order)
{
	int answer;

	assert_int_equal(write(target->orders[which][1], &order, 1), 1);
	assert_int_equal(read(target->answers[0], &answer, sizeof(answer)), sizeof(answer));
	return answer;
}

static void begin_second(struct target *target)
{
	char order = BEGIN;

	assert_int_equal(write(target->orders[0][1], &order, 1), 1);
	target->second = tell(target, 1, BEGIN); /* its number */
}

/* Until nothing is left of it: of a thread that has ended, but of a first one with others. */
static void end(struct target *target, int which)
{
	pid_t tid = which == 0 ? target->process : target->second;
	char order = LEAVE;

	assert_int_equal(write(target->orders[which][1], &order, 1), 1);
	while (syscall(SYS_tgkill, target->process, tid, 0) == 0)
		sched_yield();
}

static int set_up(void **state)
{
	struct target *target = calloc(1, sizeof(*target));

	assert_non_null(target);
	assert_int_equal(pipe(target->orders[0]), 0);
	assert_int_equal(pipe(target->orders[1]), 0);
	assert_int_equal(pipe(target->answers), 0);
	target->foreign = make_foreign();
	target->process = fork();
	assert_true(target->process >= 0);
	if (target->process == 0) {
		be_plain();
		close(target->orders[0][1]);
		close(target->orders[1][1]);
		obey(target, 0);
		_exit(0);
	}
	*state = target;
	(void)tell(target, 0, 'x'); /* it is plain now */
	return 0;
}

static int tear_down(void **state)
{
	struct target *target = *state;

	(void)kill(target->process, SIGKILL);
	(void)waitpid(target->process, NULL, 0);
	for (int i = 0; i < 2; i++) {
		close(target->orders[0][i]);
		close(target->orders[1][i]);
		close(target->answers[i]);
	}
	close(target->foreign);
	free(target);
	return 0;
}

static struct known_threads known_of(bool is_bound)
{
	struct known_threads known = {.kept = KNOWN_THREADS_FEW, .is_plain = true, .is_bound = is_bound};

	for (size_t i = 0; i < KNOWN_THREADS; i++)
		known.all[i] = (struct known_thread){.directory = -1, .status = -1, .space = -1, .pidfd = -1};
	assert_true(readlink("/proc/self/ns/user", known.user_namespace, NAMESPACE_NAME - 1) > 0);
	return known;
}

/* Is it there, as the call by which its descriptors are taken has it? */
static bool is_there(const struct known_thread *thread)
{
	int taken = (int)syscall(SYS_pidfd_getfd, thread->pidfd, 0, 0);

	if (taken < 0)
		assert_int_equal(errno, ESRCH);
	else
		close(taken);
	return taken >= 0;
}

static void asks_a_process(void **state)
{
	struct target *target = *state;
	struct known_threads known = known_of(false);
	const struct known_thread *thread = known_thread_find(&known, target->process, KNOWN_UNSEEN);

	assert_non_null(thread);
	assert_true(thread->is_settled);
	assert_false(thread->is_bound);
	assert_int_equal(tell(target, 0, UNSHARE), 0);
	thread = known_thread_find(&known, target->process, KNOWN_UNSEEN);
	assert_non_null(thread);
	assert_false(thread->is_settled);
	known_thread_forget(&known, target->process);
}

static void asks_no_second_thread(void **state)
{
	struct target *target = *state;
	struct known_threads known = known_of(false);
	const struct known_thread *thread;

	begin_second(target);
	thread = known_thread_find(&known, target->second, KNOWN_UNSEEN);
	assert_non_null(thread);
	assert_true(thread->is_settled && thread->is_bound);
	assert_true(is_there(thread));
	end(target, 1);
	/* Its pidfd says so, and then it is to be forgotten; asked itself, it is no more. */
	assert_ptr_equal(known_thread_find(&known, target->second, KNOWN_UNSEEN), thread);
	assert_false(is_there(thread));
	known_thread_forget(&known, target->second);
	assert_null(known_thread_find(&known, target->second, KNOWN_UNSEEN));
}

static void asks_whoever_is_not_taken_from(void **state)
{
	struct target *target = *state;
	struct known_threads known = known_of(true);

	begin_second(target);
	assert_non_null(known_thread_find(&known, target->second, 0));
	assert_non_null(known_thread_find(&known, target->process, KNOWN_MASK | KNOWN_UNSEEN));
	end(target, 1);
	assert_null(known_thread_find(&known, target->second, 0));
	assert_int_equal(kill(target->process, SIGKILL), 0);
	assert_int_equal(waitpid(target->process, NULL, 0), target->process);
	assert_null(known_thread_find(&known, target->process, KNOWN_MASK | KNOWN_UNSEEN));
}

static void asks_nobody_whom_the_policy_binds(void **state)
{
	struct target *target = *state;
	struct known_threads known = known_of(true);
	const struct known_thread *thread = known_thread_find(&known, target->process, KNOWN_UNSEEN);

	assert_non_null(thread);
	assert_true(thread->is_settled && thread->is_bound);
	/* What such a policy rules out: so one sees that it is not asked. */
	assert_int_equal(tell(target, 0, UNSHARE), 0);
	thread = known_thread_find(&known, target->process, KNOWN_UNSEEN);
	assert_non_null(thread);
	assert_true(thread->is_settled);
	thread = known_thread_find(&known, target->process, 0);
	assert_non_null(thread);
	assert_false(thread->is_settled);
	known_thread_forget(&known, target->process);
}

/* What is not known is read, whatever binds it: a thread begins where the one that made it was. */
static void learns_where_it_is(void **state)
{
	struct target *target = *state;
	struct known_threads known = known_of(true);
	const struct known_thread *thread;

	assert_int_equal(tell(target, 0, UNSHARE), 0);
	begin_second(target);
	thread = known_thread_find(&known, target->second, KNOWN_UNSEEN);
	assert_non_null(thread);
	assert_false(thread->is_settled);
	thread = known_thread_find(&known, target->process, KNOWN_UNSEEN);
	assert_non_null(thread);
	assert_false(thread->is_settled);
	known_thread_forget(&known, target->second);
	known_thread_forget(&known, target->process);
}

static void no_second_thread_moves(void **state)
{
	struct target *target = *state;

	begin_second(target);
	for (int which = 0; which < 2; which++) {
		assert_int_equal(tell(target, which, UNSHARE), EINVAL);
		assert_int_equal(tell(target, which, ENTER), EINVAL);
	}
	end(target, 1);
	assert_int_equal(tell(target, 0, ENTER), 0); /* alone, it may */
}

/* Not when the first one has ended either. */
static void no_last_thread_moves(void **state)
{
	struct target *target = *state;
	char path[64];
	char line[256] = "";
	int status;

	begin_second(target);
	assert_int_equal(write(target->orders[0][1], &(char){LEAVE}, 1), 1);
	(void)snprintf(path, sizeof(path), "/proc/%d/stat", target->process);
	do {
		status = open(path, O_RDONLY);
		assert_true(status >= 0);
		assert_true(read(status, line, sizeof(line) - 1) > 0);
		close(status);
	} while (!strstr(line, ") Z "));
	assert_int_equal(tell(target, 1, UNSHARE), EINVAL);
	assert_int_equal(tell(target, 1, ENTER), EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(asks_a_process, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(asks_no_second_thread, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(asks_whoever_is_not_taken_from, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(asks_nobody_whom_the_policy_binds, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(learns_where_it_is, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(no_second_thread_moves, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(no_last_thread_moves, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
