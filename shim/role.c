#include "role.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

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

pid_t role_start(char *const *arguments, const int *descriptors, size_t count)
{
	char *const environment[] = {NULL};
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
	execve("/proc/self/exe", arguments, environment);
	_exit(STATUS_LOST);
}
