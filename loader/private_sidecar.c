#include "private_sidecar.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adoption.h"
#include "beside.h"
#include "descriptors.h"
#include "signals.h"

#define PROGRAM        "agentsh-sidecar"
#define INSTALL_REMEDY "install " PROGRAM " beside agentsh-exec, or --sidecar=none where the policy allows it"

/* The sidecar's descriptors: what --private speaks of. */
#define SIDECAR_SOCKET   3
#define SIDECAR_LIFELINE 4 /* where there is one */
#define SIDECAR_END      5

#define STACK_SIZE ((size_t)24 * 1024) /* a path of the longest, and the calls */

int private_sidecar_find(char path[PATH_MAX], struct error *err)
{
	if (beside_find(PROGRAM, X_OK, path) || beside_find(AGENTSH_SIDECAR, X_OK, path))
		return 0;
	return error_set(err, "sidecar: neither beside this program nor at %s (" INSTALL_REMEDY ")", path);
}

/* 0, 1 and 2 are /dev/null, 3 the socket, 4 the lifeline, and nothing else is open. */
static int arrange_descriptors(int socket, int lifeline, bool keep_stderr)
{
	int null = open("/dev/null", O_RDWR);
	int stderr_copy = fcntl(keep_stderr ? STDERR_FILENO : null, F_DUPFD, 0);

	/* Each may itself be one of 0 to 4, where the caller had closed those: moved out of the way first. */
	socket = fcntl(socket, F_DUPFD, SIDECAR_END);
	stderr_copy = fcntl(stderr_copy, F_DUPFD, SIDECAR_END);
	lifeline = lifeline < 0 ? -1 : fcntl(lifeline, F_DUPFD, SIDECAR_END);
	if (null < 0 || stderr_copy < 0 || socket < 0)
		return -1;
	if (dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 || dup2(stderr_copy, STDERR_FILENO) < 0 ||
	    dup2(socket, SIDECAR_SOCKET) < 0)
		return -1;
	if (lifeline >= 0 && dup2(lifeline, SIDECAR_LIFELINE) < 0)
		return -1;
	return descriptors_close_from(lifeline < 0 ? SIDECAR_LIFELINE : SIDECAR_END);
}

/* What is to be started. Its processes are in our memory until the execve, and we are held for as long. */
struct start {
	const char *path;
	int socket;
	int lifeline;
	const char *events;
	alignas(16) char stacks[2][STACK_SIZE];
};

/* A process that has our memory, but descriptors, signals and all else of its own, as vfork(2)'s. */
static pid_t begin_process(int (*run)(void *), struct start *start, size_t which)
{
	return clone(run, start->stacks[which] + STACK_SIZE, CLONE_VM | CLONE_VFORK | SIGCHLD, start);
}

static int become_sidecar(void *argument)
{
	const struct start *start = argument;
	char option[PATH_MAX + sizeof("--events=")];
	char *const arguments[] = {(char *)PROGRAM, (char *)"--private", option, NULL};
	char *const environment[] = {NULL};

	(void)snprintf(option, sizeof(option), "--events=%s", start->events);
	if (chdir("/") == 0 &&
	    arrange_descriptors(start->socket, start->lifeline, strcmp(start->events, "-") == 0) == 0) {
		(void)signals_block(0); /* those that our caller ignores it sees to itself */
		execve(start->path, arguments, environment);
	}
	_exit(1);
}

static int detach(void *argument)
{
	_exit(setsid() < 0 || begin_process(become_sidecar, argument, 1) < 0);
}

/*
 * Twice a child: the sidecar is nobody's child here, and its session's leader is another. Signals are held: a handler
 * of ours would run in our memory.
 */
static int start_detached(struct start *start)
{
	signal_set before = signals_block(SIGNALS_ALL);
	pid_t child = begin_process(detach, start, 0);
	int status = 0;
	pid_t reaped;

	(void)signals_block(before);
	if (child < 0)
		return -1;
	do {
		reaped = waitpid(child, &status, 0);
	} while (reaped < 0 && errno == EINTR);
	if ((reaped == child && status == 0) || (reaped < 0 && errno == ECHILD))
		return 0;
	errno = EAGAIN;
	return -1;
}

int private_sidecar_start(const char *events, int lifeline, struct error *err)
{
	char path[PATH_MAX];
	struct start start; /* stacks that nobody uses are never touched */
	int ends[2];
	bool adopts;
	int error;

	if (private_sidecar_find(path, err) != 0)
		return -1;
	if (strcmp(events, "-") == 0 && fcntl(STDERR_FILENO, F_GETFD) < 0)
		return error_set(err, "sidecar: standard error: %m (name a file by --events)");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
		return error_set(err, "sidecar: socketpair: %m (see agentshctl doctor)");
	adopts = adoption_suspend();
	start.path = path;
	start.socket = ends[1];
	start.lifeline = lifeline;
	start.events = events;
	error = start_detached(&start) == 0 ? 0 : errno;
	adoption_resume(adopts);
	close(ends[1]);
	if (error == 0)
		return ends[0];
	close(ends[0]);
	return error_set(err, "sidecar: %s cannot be started: %s (raise ulimit -u)", path, strerror(error));
}
