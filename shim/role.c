#include "role.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "descriptors.h"
#include "error.h"

#define PROGRAM     "/proc/self/exe"
#define FIRST       3
#define OUT_OF_WAY  (FIRST + (int)ROLE_DESCRIPTORS_MAX) /* above every fixed number */
#define STATUS_LOST 127

/* In the child. */
static _Noreturn void give_up(void)
{
	struct error err;

	(void)error_set(&err, "a role cannot be started: its descriptors: %s (raise ulimit -n)", strerror(errno));
	error_print(STDERR_FILENO, "agentsh-sidecar", &err);
	_exit(STATUS_LOST);
}

/* In the child. Every other descriptor is O_CLOEXEC. */
static void arrange(const int *descriptors, size_t count)
{
	int copies[ROLE_DESCRIPTORS_MAX];

	for (size_t i = 0; i < count; i++)
		copies[i] = descriptors[i] < 0 ? -1 : fcntl(descriptors[i], F_DUPFD_CLOEXEC, OUT_OF_WAY);
	for (size_t i = 0; i < count; i++) {
		int number = FIRST + (int)i;

		if (descriptors[i] < 0)
			close(number);
		else if (copies[i] < 0 || dup2(copies[i], number) < 0)
			give_up();
	}
}

static pid_t fork_with(const int *descriptors, size_t count)
{
	sigset_t none;
	pid_t child;

	if (count > ROLE_DESCRIPTORS_MAX) {
		errno = EINVAL;
		return -1;
	}
	child = fork();
	if (child != 0)
		return child;
	arrange(descriptors, count);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	return 0;
}

static _Noreturn void execute(char *const *arguments)
{
	char *const environment[] = {NULL};

	execve(PROGRAM, arguments, environment);
	_exit(STATUS_LOST);
}

/* In a child that is not executed at once, and would hold what the keeper has. */
static void keep_only(size_t count)
{
	if (descriptors_close_from(FIRST + (int)count) != 0)
		_exit(STATUS_LOST);
}

/*
 * Not by vfork(2), which would save 60 us of processor time: a session of the same user that stops the child before it
 * is executed would stop us with it, and so what all other sessions need of us.
 */
pid_t role_start(char *const *arguments, const int *descriptors, size_t count)
{
	pid_t child = fork_with(descriptors, count);

	if (child != 0)
		return child;
	execute(arguments);
}

pid_t role_start_later(char *const *arguments, const int *descriptors, size_t count)
{
	struct pollfd heard = {.fd = FIRST, .events = POLLIN};
	pid_t child = fork_with(descriptors, count);

	if (child != 0)
		return child;
	keep_only(count);
	while (poll(&heard, 1, -1) < 0 && errno == EINTR)
		;
	execute(arguments);
}
