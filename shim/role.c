#include "role.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

#include "descriptors.h"

#define PROGRAM     "/proc/self/exe"
#define FIRST       3
#define OUT_OF_WAY  64 /* above every fixed number */
#define STATUS_LOST 127

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
			_exit(STATUS_LOST);
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

/* 0, or an errno. copies: owned; out of the way of the numbers that they get. */
static int plan(const int *copies, size_t count, posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes)
{
	sigset_t none;
	int error = 0;

	(void)sigemptyset(&none);
	for (size_t i = 0; i < count && !error; i++)
		error = copies[i] < 0 ? posix_spawn_file_actions_addclose(actions, FIRST + (int)i)
				      : posix_spawn_file_actions_adddup2(actions, copies[i], FIRST + (int)i);
	if (!error)
		error = posix_spawnattr_setsigmask(attributes, &none);
	return error ? error : posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK);
}

/* A child that shares our memory until it is executed: to copy that would cost more than all else of its start. */
static int spawn(char *const *arguments, const int *copies, size_t count, pid_t *child)
{
	char *const environment[] = {NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int error = posix_spawn_file_actions_init(&actions);

	if (error)
		return error;
	error = posix_spawnattr_init(&attributes);
	if (!error) {
		error = plan(copies, count, &actions, &attributes);
		if (!error)
			error = posix_spawn(child, PROGRAM, &actions, &attributes, arguments, environment);
		(void)posix_spawnattr_destroy(&attributes);
	}
	(void)posix_spawn_file_actions_destroy(&actions);
	return error;
}

pid_t role_start(char *const *arguments, const int *descriptors, size_t count)
{
	int copies[ROLE_DESCRIPTORS_MAX] = {0};
	size_t copied = 0;
	pid_t child = -1;
	int error = count > ROLE_DESCRIPTORS_MAX ? EINVAL : 0;

	for (; copied < count && !error; copied++) {
		copies[copied] = descriptors[copied] < 0 ? -1 : fcntl(descriptors[copied], F_DUPFD_CLOEXEC, OUT_OF_WAY);
		if (descriptors[copied] >= 0 && copies[copied] < 0)
			error = errno;
	}
	if (!error)
		error = spawn(arguments, copies, count, &child);
	while (copied-- > 0)
		if (copies[copied] >= 0)
			close(copies[copied]);
	errno = error;
	return error ? -1 : child;
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

pid_t role_become(int (*role)(int argc, char **argv), int argc, char **arguments, const int *descriptors, size_t count)
{
	pid_t child = fork_with(descriptors, count);

	if (child != 0)
		return child;
	keep_only(count);
	_exit(role(argc, arguments));
}
