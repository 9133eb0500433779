#include "exit_code.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "pidfd_information.h"

#define STAT_SIZE   1024
#define STATE_FIELD 3U /* proc_pid_stat(5) counts from 1; the first behind the name */
#define CODE_FIELD  52U

static int of_reaped(int pidfd)
{
	struct pidfd_information information = {.mask = PIDFD_INFORMATION_EXIT};

	if (ioctl(pidfd, PIDFD_INFORMATION, &information) == 0 && (information.mask & PIDFD_INFORMATION_EXIT))
		return information.exit_code;
	return EXIT_CODE_UNKNOWN;
}

/* The name is in parentheses, and may have some itself: fields are counted from the last one. */
static int code_field(const char *stat)
{
	const char *at = strrchr(stat, ')');

	if (!at)
		return EXIT_CODE_UNKNOWN;
	at++;
	for (unsigned field = STATE_FIELD; at && field < CODE_FIELD; field++)
		at = strchr(at + 1, ' ');
	return at ? (int)strtol(at, NULL, 10) : EXIT_CODE_UNKNOWN;
}

/*
 * To whoever may not read it the field is 0. The link to the executable asks for the same right, and
 * says ENOENT where it is there, for a process that has ended has none.
 */
static bool may_read(int directory)
{
	char none[1];

	return readlinkat(directory, "exe", none, sizeof(none)) < 0 && errno == ENOENT;
}

static int of_zombie(int directory)
{
	char stat[STAT_SIZE];
	int file = may_read(directory) ? openat(directory, "stat", O_RDONLY | O_CLOEXEC) : -1;
	ssize_t length = file < 0 ? -1 : read(file, stat, sizeof(stat) - 1);

	if (file >= 0)
		close(file);
	if (length <= 0)
		return EXIT_CODE_UNKNOWN;
	stat[length] = '\0';
	return code_field(stat);
}

/* The number is still the process's own as long as the pidfd reaches one. */
static bool is_reaped(int pidfd)
{
	return syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0) != 0 && errno == ESRCH;
}

int exit_code_read(int pidfd, pid_t pid)
{
	struct pollfd ended = {.fd = pidfd, .events = POLLIN};
	int code = EXIT_CODE_UNKNOWN;
	char path[32];
	int directory;

	if (poll(&ended, 1, 0) != 1)
		return EXIT_CODE_UNKNOWN;
	(void)snprintf(path, sizeof(path), "/proc/%d", pid);
	directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (directory >= 0) {
		code = of_zombie(directory);
		close(directory);
	}
	return is_reaped(pidfd) ? of_reaped(pidfd) : code;
}
