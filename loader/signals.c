#include "signals.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

signal_set signals_block(signal_set blocked)
{
	signal_set before = 0;

	(void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &blocked, &before, sizeof(blocked));
	return before;
}

signal_set signals_pending(void)
{
	signal_set pending = 0;

	(void)syscall(SYS_rt_sigpending, &pending, sizeof(pending));
	return pending;
}

void signals_settle(void)
{
	(void)syscall(SYS_setpgid, INT_MAX, INT_MAX);
}

int signals_take(signal_set of, bool wait, siginfo_t *info)
{
	const struct timespec at_once = {0};
	long signo;

	/* A stop and its end interrupt the call. */
	do
		signo = syscall(SYS_rt_sigtimedwait, &of, info, wait ? NULL : &at_once, sizeof(of));
	while (signo < 0 && (errno == EINTR || wait));
	return signo < 0 ? 0 : (int)signo;
}

void signals_default(int signo)
{
	/* The kernel's struct sigaction: SIG_DFL, no flags, no mask. */
	const unsigned long action[8] = {0};

	(void)syscall(SYS_rt_sigaction, signo, action, NULL, sizeof(signal_set));
}

int signals_stopped_by(pid_t child)
{
	siginfo_t info = {0};

	(void)waitid(P_PID, (id_t)child, &info, WSTOPPED | WNOHANG | WNOWAIT);
	return info.si_pid == 0 ? 0 : info.si_status;
}

void signals_undergo(int signo)
{
	(void)signals_block(SIGNALS_ALL & ~SIGNALS_ONE(signo));
	(void)signals_block(SIGNALS_ALL);
}
