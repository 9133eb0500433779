#include "outlet.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "absolute.h"

#define EVENTS_MODE 0640

/* stderr as another can write to it without waiting, and without changing it for us. -1: it is closed. */
static int lend_stderr(void)
{
	struct stat status;
	int descriptor = -1;

	if (fstat(STDERR_FILENO, &status) != 0)
		return -1;
	/* A regular file never makes anyone wait, and its offset must stay the same for all. */
	if (S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode))
		descriptor = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return descriptor >= 0 ? descriptor : fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
}

void outlet_open_notices(const struct policy *policy, int *descriptor, bool *each)
{
	*each = policy->notices == NOTICES_ALWAYS || (policy->notices == NOTICES_AUTO && isatty(STDERR_FILENO));
	*descriptor = policy->notices == NOTICES_NEVER ? -1 : lend_stderr();
}

int outlet_open_events(const char *events, int *descriptor, struct error *err)
{
	const int flags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;

	if (strcmp(events, "-") == 0)
		*descriptor = lend_stderr();
	else
		*descriptor = open(events, flags, EVENTS_MODE);
	if (*descriptor >= 0)
		return 0;
	return error_set(err, "%s: %m (name another file by --events)", events);
}

void outlet_close(int descriptor)
{
	if (descriptor >= 0)
		close(descriptor);
}

static bool is_path(const char *events)
{
	return strcmp(events, "-") != 0 && strcmp(events, "syslog:") != 0 && strcmp(events, "journald:") != 0;
}

int outlet_absolute(const char *events, char absolute[PATH_MAX], struct error *err)
{
	if (!is_path(events)) {
		(void)snprintf(absolute, PATH_MAX, "%s", events);
		return 0;
	}
	if (absolute_path(events, absolute) == 0)
		return 0;
	return error_set(err, "%s: %m (name another path by --events)", events);
}
