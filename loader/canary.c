#include "canary.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "descriptors.h"
#include "signals.h"

#define PATIENCE_MS  20 /* after that it is asked whether it was stopped */
#define ARG_START    48 /* fields of /proc/PID/stat: proc(5) */
#define NAME_OF_STAT 2

/* Of a signal: enough to tell two senders apart. signo is 0 where none was there. */
struct note {
	int signo;
	int code;
	pid_t pid;
	uid_t uid;
};

static struct note note_of(int signo, const siginfo_t *info)
{
	return (struct note){.signo = signo, .code = info->si_code, .pid = info->si_pid, .uid = info->si_uid};
}

/*
 * pkill(1) -f and killall(1) must not take it for its owner: what reaches both looks sent to the
 * group. So it has neither the owner's name nor its arguments.
 */
static void rename_self(void)
{
	char stat[1024] = "";
	int descriptor = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	ssize_t length = descriptor < 0 ? 0 : read(descriptor, stat, sizeof(stat) - 1);
	const char *field = length > 0 ? strrchr(stat, ')') : NULL;
	uintptr_t start;
	char *end;

	(void)prctl(PR_SET_NAME, "canary");
	(void)close(descriptor);
	for (int i = NAME_OF_STAT; field && i < ARG_START; i++)
		field = strchr(field + 1, ' ');
	if (!field)
		return;
	start = strtoul(field, &end, 10);
	memset((void *)start, 0, strtoul(end, NULL, 10) - start);
}

static _Noreturn void live(int descriptor)
{
	int signo;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	rename_self();
	(void)dup2(descriptor, STDIN_FILENO);
	(void)descriptors_close_from(STDOUT_FILENO);
	/* The owner's end closes with it, also where it ended before it could be our end. */
	while (read(STDIN_FILENO, &signo, sizeof(signo)) == (ssize_t)sizeof(signo)) {
		siginfo_t info = {0};
		struct note note = note_of(signals_take(SIGNALS_ONE(signo), false, &info), &info);

		if (write(STDIN_FILENO, &note, sizeof(note)) != (ssize_t)sizeof(note))
			break;
	}
	_exit(EXIT_SUCCESS);
}

int canary_start(struct canary *canary)
{
	int ends[2];
	pid_t pid;

	*canary = (struct canary){.descriptor = -1};
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		(void)close(ends[0]);
		live(ends[1]);
	}
	(void)close(ends[1]);
	if (pid < 0) {
		(void)close(ends[0]);
		return -1;
	}
	*canary = (struct canary){.pid = pid, .descriptor = ends[0]};
	return 0;
}

/* Wakes it where it was stopped: with the group, of which the owner alone goes on. */
static bool wake(const struct canary *canary)
{
	return signals_stopped_by(canary->pid) != 0 && kill(canary->pid, SIGCONT) == 0;
}

static struct note ask(const struct canary *canary, int signo, bool *woken)
{
	struct pollfd answer = {.fd = canary->descriptor, .events = POLLIN};
	struct note note = {0};

	if (send(canary->descriptor, &signo, sizeof(signo), MSG_NOSIGNAL) != (ssize_t)sizeof(signo))
		return note;
	while (poll(&answer, 1, PATIENCE_MS) <= 0)
		if (wake(canary))
			*woken = true;
	if (read(canary->descriptor, &note, sizeof(note)) != (ssize_t)sizeof(note))
		return (struct note){0};
	return note;
}

void canary_forget(const struct canary *canary)
{
	bool woken;

	/* The SIGCONT is taken as well: another is not kept beside it. */
	if (canary->pid != 0 && kill(canary->pid, SIGCONT) == 0)
		(void)ask(canary, SIGCONT, &woken);
}

bool canary_got(const struct canary *canary, const siginfo_t *info)
{
	struct note wanted = note_of(info->si_signo, info);
	struct note note;
	bool woken;

	if (canary->pid == 0)
		return info->si_code == SI_KERNEL;
	woken = wake(canary);
	note = ask(canary, info->si_signo, &woken);
	/* The SIGCONT that woke it: another is not kept beside it. */
	if (woken)
		(void)ask(canary, SIGCONT, &woken);
	/*
	 * One of another sender is our own SIGCONT, or left over from a signal that missed the owner, as
	 * kill(-1) misses PID 1.
	 */
	return note.signo == wanted.signo && note.code == wanted.code && note.pid == wanted.pid &&
	       note.uid == wanted.uid;
}

void canary_end(struct canary *canary)
{
	if (canary->pid == 0)
		return;
	(void)kill(canary->pid, SIGKILL);
	(void)waitpid(canary->pid, NULL, 0);
	(void)close(canary->descriptor);
	*canary = (struct canary){.descriptor = -1};
}
