/* What /proc says of a thread. How a process ended is tested by tests/cli/sessions.bats: valgrind has no pidfd_open. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tracee.h"

static pid_t self(void)
{
	return (pid_t)syscall(SYS_gettid);
}

static void expect_comm(const struct tracee *tracee, const char *comm)
{
	assert_true(tracee->has_comm);
	assert_int_equal(tracee->comm_length, strlen(comm));
	assert_memory_equal(tracee->comm, comm, strlen(comm));
}

static void the_leader(void **state)
{
	struct tracee tracee;
	char exe[PATH_MAX];
	int directory = open("/proc/self", O_PATH | O_CLOEXEC); /* valgrind answers for the path itself */
	ssize_t length = readlinkat(directory, "exe", exe, sizeof(exe));

	(void)state;
	close(directory);
	assert_int_equal(prctl(PR_SET_NAME, "leader"), 0);
	assert_true(tracee_read(getpid(), &tracee));
	assert_int_equal(tracee.tid, getpid());
	assert_int_equal(tracee.tgid, getpid());
	assert_int_equal(tracee.uid, geteuid());
	expect_comm(&tracee, "leader");
	assert_true(tracee.has_exe);
	assert_int_equal(tracee.exe_length, length);
	assert_memory_equal(tracee.exe, exe, tracee.exe_length);
}

/* --- Another thread --- */

struct looked {
	const char *comm;
	pid_t tid;
	struct tracee tracee;
	bool found;
};

static void *look_at_itself(void *argument)
{
	struct looked *looked = argument;

	looked->tid = self();
	(void)prctl(PR_SET_NAME, looked->comm);
	looked->found = tracee_read(looked->tid, &looked->tracee);
	return NULL;
}

static void expect_thread(const char *comm)
{
	struct looked looked = {.comm = comm};
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, look_at_itself, &looked), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(looked.found);
	assert_int_not_equal(looked.tid, getpid());
	assert_int_equal(looked.tracee.tid, looked.tid);
	assert_int_equal(looked.tracee.tgid, getpid());
	assert_int_equal(looked.tracee.uid, geteuid());
	expect_comm(&looked.tracee, comm);
}

/* Names that would be lines of status themselves: what stands there is not believed. */
static void another_thread(void **state)
{
	(void)state;
	expect_thread("thread");
	expect_thread("a\nTgid:\t1\nUid:\t");
	expect_thread("\nTgid:\t1");
	expect_thread("\nUid:\t7\t7");
	expect_thread("ends\n");
	expect_thread("\\nTgid:\t1");
	expect_thread("\xff\xfe\x80\xc3");
	expect_thread("\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n");
	expect_thread("");
}

static void a_thread_that_has_gone(void **state)
{
	struct looked looked = {.comm = "gone"};
	struct tracee tracee;
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, look_at_itself, &looked), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	/* Joined is not yet gone from /proc. */
	while (syscall(SYS_tgkill, getpid(), looked.tid, 0) == 0)
		(void)sched_yield();
	memset(&tracee, 0xa5, sizeof(tracee));
	assert_false(tracee_read(looked.tid, &tracee));
	assert_int_equal(tracee.tid, looked.tid);
	assert_int_equal(tracee.tgid, 0);
	assert_int_equal(tracee.uid, -1);
	assert_false(tracee.has_comm || tracee.has_exe);
	assert_false(tracee_read(0, &tracee));
	assert_int_equal(tracee.tgid, 0);
	assert_false(tracee_read(-1, &tracee));
}

/* --- Other processes --- */

/* A child that waits to be killed, having said through the pipe that it is ready. */
static pid_t start(const char *program)
{
	int ends[2];
	char ready;
	pid_t child;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* where an assertion ends the test before it does */
		if (program) {
			(void)dup2(ends[1], STDOUT_FILENO);
			(void)execl(program, "cat", "/proc/self/comm", "-", NULL);
			_exit(127);
		}
		if (write(ends[1], "r", 1) == 1)
			(void)pause();
		_exit(0);
	}
	close(ends[1]);
	assert_int_equal(read(ends[0], &ready, 1), 1);
	close(ends[0]);
	return child;
}

static void copy_program(const char *from, const char *to)
{
	char command[512];

	(void)snprintf(command, sizeof(command), "cp '%s' '%s'", from, to);
	assert_int_equal(system(command), 0);
}

static void a_program_that_was_deleted(void **state)
{
	char directory[] = "/tmp/test_tracee.XXXXXX";
	char path[64];
	char expected[128];
	struct tracee tracee;
	int input[2];
	pid_t child;
	int saved = dup(STDIN_FILENO);

	(void)state;
	assert_non_null(mkdtemp(directory));
	(void)snprintf(path, sizeof(path), "%s/p\n\xff", directory);
	(void)snprintf(expected, sizeof(expected), "%s (deleted)", path);
	copy_program("/bin/cat", path);
	assert_int_equal(pipe(input), 0);
	assert_true(dup2(input[0], STDIN_FILENO) == STDIN_FILENO);
	child = start(path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(directory), 0);
	assert_true(tracee_read(child, &tracee));
	assert_true(tracee.has_exe);
	assert_int_equal(tracee.exe_length, strlen(expected));
	assert_memory_equal(tracee.exe, expected, strlen(expected));
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	(void)dup2(saved, STDIN_FILENO);
	close(saved);
	close(input[0]);
	close(input[1]);
}

/* What is left of a process that has ended has a name and no program. */
static void a_zombie(void **state)
{
	struct tracee tracee;
	pid_t child = start(NULL);
	siginfo_t info;

	(void)state;
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
	assert_true(tracee_read(child, &tracee));
	assert_int_equal(tracee.tgid, child);
	assert_true(tracee.has_comm);
	assert_false(tracee.has_exe);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

/* A name that looks like what follows it misleads nobody. */
static void when_it_began(void **state)
{
	char name[16];
	pid_t child;

	(void)state;
	assert_int_equal(prctl(PR_GET_NAME, name), 0);
	assert_true(tracee_began(getpid()) > 0);
	assert_int_equal(prctl(PR_SET_NAME, ") R 1 2 3 (x"), 0);
	child = start(NULL);
	assert_true(tracee_began(child) >= tracee_began(getpid()));
	assert_int_equal(tracee_own_pid(child), child);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(tracee_began(child), 0);
	assert_int_equal(tracee_own_pid(child), -1);
	assert_int_equal(prctl(PR_SET_NAME, name), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_leader),
	    cmocka_unit_test(another_thread),
	    cmocka_unit_test(a_thread_that_has_gone),
	    cmocka_unit_test(a_program_that_was_deleted),
	    cmocka_unit_test(a_zombie),
	    cmocka_unit_test(when_it_began),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
