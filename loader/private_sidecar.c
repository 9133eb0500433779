#include "private_sidecar.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
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

/* The signals as a process begins with them: a caller's ignored ones are none of the sidecar's. */
static void reset_signals(void)
{
	for (int signo = 1; signo <= SIGNALS_LAST; signo++)
		signals_default(signo);
	(void)signals_block(0);
}

static _Noreturn void become_sidecar(const char *path, int socket, int lifeline, const char *events)
{
	char option[PATH_MAX + sizeof("--events=")];
	char *const arguments[] = {(char *)PROGRAM, (char *)"--private", option, NULL};
	char *const environment[] = {NULL};

	(void)snprintf(option, sizeof(option), "--events=%s", events);
	reset_signals();
	if (chdir("/") == 0 && arrange_descriptors(socket, lifeline, strcmp(events, "-") == 0) == 0)
		execve(path, arguments, environment);
	_exit(1);
}

/* Forked twice: the sidecar is nobody's child here, and its session's leader is another. */
static int start_detached(const char *path, int socket, int lifeline, const char *events)
{
	pid_t child = fork();
	int status = 0;
	pid_t reaped;

	if (child < 0)
		return -1;
	if (child == 0) {
		pid_t sidecar = setsid() < 0 ? -1 : fork();

		if (sidecar == 0)
			become_sidecar(path, socket, lifeline, events);
		_exit(sidecar < 0);
	}
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
	int ends[2];
	bool adopts;
	int error;

	if (private_sidecar_find(path, err) != 0)
		return -1;
	if (strcmp(events, "-") == 0 && fcntl(STDERR_FILENO, F_GETFD) < 0)
		return error_set(err, "sidecar: standard error: %s (name a file by --events)", strerror(errno));
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
		return error_set(err, "sidecar: socketpair: %s (see agentshctl doctor)", strerror(errno));
	adopts = adoption_suspend();
	error = start_detached(path, ends[1], lifeline, events) == 0 ? 0 : errno;
	adoption_resume(adopts);
	close(ends[1]);
	if (error == 0)
		return ends[0];
	close(ends[0]);
	return error_set(err, "sidecar: %s cannot be started: %s (raise ulimit -u)", path, strerror(error));
}
