#include "lifeline.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "error.h"
#include "program.h"

void lifeline_watch(struct lifeline *lifeline, int descriptor)
{
	*lifeline = (struct lifeline){.descriptor = descriptor, .said_to = -1};
	if (descriptor < 0)
		return;
	(void)fcntl(descriptor, F_SETOWN, getpid());
	(void)fcntl(descriptor, F_SETSIG, SIGIO); /* with the descriptor, by which it is known */
	(void)fcntl(descriptor, F_SETFL, O_NONBLOCK | O_ASYNC);
}

/*
 * Without a file description of the target's own, where that can be had: nobody is to wait for whoever
 * reads it. Nothing of the caller's is held until then.
 */
static int take_stderr(pid_t target)
{
	char path[48];
	int process;
	int taken;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", target, STDERR_FILENO);
	taken = open(path, O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (taken >= 0)
		return taken;
	/* A socket. */
	process = (int)syscall(SYS_pidfd_open, target, 0);
	taken = process < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, process, STDERR_FILENO, 0);
	if (process >= 0)
		(void)close(process);
	return taken;
}

void lifeline_hear(struct lifeline *lifeline)
{
	struct lifeline_word word;
	ssize_t length = lifeline->descriptor < 0 ? 0 : 1;

	while (length > 0 && (length = read(lifeline->descriptor, &word, sizeof(word))) == (ssize_t)sizeof(word)) {
		lifeline->is_silent = lifeline->is_silent || word.word == LIFELINE_SILENT;
		lifeline->is_over = lifeline->is_over || word.word == LIFELINE_OVER;
		if (word.word == LIFELINE_BEGUN)
			lifeline->keeper = word.keeper;
	}
	lifeline->is_cut = lifeline->is_cut || length == 0;
}

bool lifeline_got(struct lifeline *lifeline, const siginfo_t *info, pid_t target)
{
	if (lifeline->descriptor < 0 || info->si_signo != SIGIO || info->si_code <= 0 ||
	    info->si_fd != lifeline->descriptor)
		return false;
	lifeline_hear(lifeline);
	if (lifeline->is_cut && lifeline->keeper && !lifeline->is_over && !lifeline->is_silent && lifeline->said_to < 0)
		lifeline->said_to = take_stderr(target);
	return true;
}

void lifeline_end(const struct lifeline *lifeline)
{
	static const char text[] =
	    PROGRAM_NAME ": sidecar: it ended before the session did: calls that it decides on have failed since (see "
			 "the system's log)\n";

	if (lifeline->said_to < 0)
		return;
	if (send(lifeline->said_to, text, sizeof(text) - 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		(void)!write(lifeline->said_to, text, sizeof(text) - 1);
}
