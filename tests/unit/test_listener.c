/* Answers to real notifications, of a thread of our own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "listener.h"

#define TRAPPED SYS_getpgid /* which nothing here makes otherwise */
#define CALLS   20000

struct target {
	int given;           /* what it is given copies of */
	atomic_int listener; /* -1: not yet */
	atomic_bool is_over;
	unsigned wrong;        /* answers that were no number of a descriptor of its own, to be closed by execve(2) */
	atomic_int supervisor; /* its thread; 0: not yet */
};

static int load(void)
{
	struct sock_filter steps[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TRAPPED, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {.len = sizeof(steps) / sizeof(steps[0]), .filter = steps};

	assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

static void *call(void *argument)
{
	struct target *target = argument;

	atomic_store(&target->listener, load());
	for (unsigned i = 0; i < CALLS; i++) {
		int number = (int)syscall(TRAPPED, 0);

		if (number <= target->given || fcntl(number, F_GETFD) != FD_CLOEXEC)
			target->wrong++;
		else
			close(number);
	}
	atomic_store(&target->is_over, true);
	return NULL;
}

static void interrupted(int number)
{
	(void)number;
}

static void *interrupt(void *argument)
{
	struct target *target = argument;

	while (!atomic_load(&target->is_over))
		if (atomic_load(&target->supervisor))
			(void)syscall(SYS_tgkill, getpid(), atomic_load(&target->supervisor), SIGUSR1);
	return NULL;
}

static void answer_all(struct target *target)
{
	int listener = atomic_load(&target->listener);
	struct pollfd ready = {.fd = listener, .events = POLLIN};
	union {
		struct seccomp_notif notif;
		char room[LISTENER_NOTIF_MAX];
	} received;

	while (!atomic_load(&target->is_over)) {
		int error;

		if (poll(&ready, 1, 100) != 1 || listener_receive(listener, &received.notif) != 1)
			continue;
		error = listener_give(listener, received.notif.id, target->given);
		if (error)
			(void)listener_refuse(listener, received.notif.id, error);
	}
}

/* A signal in the middle: the number is right all the same, and never that of another descriptor. */
static void what_is_given_has_its_number_whatever_interrupts(void **state)
{
	const struct sigaction action = {.sa_handler = interrupted};
	struct target target = {.given = open("/dev/null", O_RDONLY | O_CLOEXEC), .listener = -1};
	pthread_t caller;
	pthread_t other;

	(void)state;
	assert_true(target.given >= 0);
	assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
	assert_int_equal(pthread_create(&caller, NULL, call, &target), 0);
	assert_int_equal(pthread_create(&other, NULL, interrupt, &target), 0);
	while (atomic_load(&target.listener) == -1)
		(void)sched_yield();
	atomic_store(&target.supervisor, (int)syscall(SYS_gettid));
	answer_all(&target);
	assert_int_equal(pthread_join(caller, NULL), 0);
	assert_int_equal(pthread_join(other, NULL), 0);
	assert_int_equal(target.wrong, 0);
	close(atomic_load(&target.listener));
	close(target.given);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_given_has_its_number_whatever_interrupts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
