#include "sink.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define SYSLOG_SOCKET   "/dev/log"
#define JOURNALD_SOCKET "/run/systemd/journal/socket"
#define FILE_MODE       0640
#define WRITABLE        0222
#define OPEN_FLAGS      (O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
#define OPEN_TRIES      10 /* a file that comes and goes between two calls */
#define FIRST_FREE      3  /* a duplicate must not become anybody's stdin, stdout or stderr */
#define REMEDY          "name another place with --events"

static int fail(int descriptor, struct error *err, const char *destination, const char *why, const char *remedy)
{
	if (descriptor >= 0)
		(void)close(descriptor);
	return error_set(err, "%s: %s (%s)", destination, why, remedy);
}

static int fail_errno(int descriptor, struct error *err, const char *destination)
{
	const char *why = strerror(errno);

	return fail(descriptor, err, destination, why ? why : "unknown error", REMEDY);
}

/* Opens the file that is there, or makes it; *made says which. -1: errno. */
static int make_or_open(const char *path, bool *made)
{
	int descriptor = -1;

	for (int i = 0; i < OPEN_TRIES; i++) {
		descriptor = open(path, OPEN_FLAGS | O_NOFOLLOW);
		*made = false;
		if (descriptor >= 0 || errno != ENOENT)
			break;
		descriptor = open(path, OPEN_FLAGS | O_CREAT | O_EXCL, FILE_MODE);
		*made = descriptor >= 0;
		if (*made || errno != EEXIST)
			break;
	}
	return descriptor;
}

static int open_path(const char *path, struct error *err)
{
	bool made;
	int descriptor = make_or_open(path, &made);
	struct stat status;

	if (descriptor < 0 && errno == ENXIO)
		return fail(-1, err, path, "a FIFO that nobody reads, or no file",
			    "start its reader first, or name another file with --events");
	if (descriptor < 0 && errno == ELOOP)
		return fail(-1, err, path, "a symbolic link", "name what it points to with --events");
	if (descriptor < 0)
		return fail_errno(-1, err, path);
	/* The umask, or a default ACL of the directory, had its say. */
	if (made && fchmod(descriptor, FILE_MODE) != 0)
		return fail_errno(descriptor, err, path);
	if (fstat(descriptor, &status) != 0)
		return fail_errno(descriptor, err, path);
	if (!S_ISREG(status.st_mode) && !S_ISFIFO(status.st_mode) && !S_ISCHR(status.st_mode))
		return fail(descriptor, err, path, "no regular file, FIFO or character device", REMEDY);
	/* Root opens that too, and below /proc writes in vain. */
	if (S_ISREG(status.st_mode) && !(status.st_mode & WRITABLE))
		return fail(descriptor, err, path, "nobody may write to it", REMEDY);
	return descriptor;
}

static int open_stderr(struct error *err)
{
	int flags = fcntl(STDERR_FILENO, F_GETFL);
	struct stat status;
	int descriptor = -1;

	if (flags < 0)
		return fail(-1, err, "-", "stderr is closed", REMEDY);
	if ((flags & O_ACCMODE) == O_RDONLY || (flags & O_PATH))
		return fail(-1, err, "-", "stderr cannot be written to", REMEDY);
	/* A regular file never makes anyone wait, and whoever has it open must go on behind what we write. */
	if (fstat(STDERR_FILENO, &status) == 0 && !S_ISREG(status.st_mode))
		descriptor = open("/proc/self/fd/2", OPEN_FLAGS);
	/* A socket, another user's terminal or pipe, no /proc: then too it is the open file that others have. */
	if (descriptor < 0)
		descriptor = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, FIRST_FREE);
	return descriptor < 0 ? fail_errno(-1, err, "-") : descriptor;
}

int sink_connect(const char *path, struct error *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t length = strlen(path);
	int descriptor;

	if (length >= sizeof(address.sun_path))
		return fail(-1, err, path, "too long for a socket", REMEDY);
	memcpy(address.sun_path, path, length);
	descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (descriptor < 0 || connect(descriptor, (const struct sockaddr *)&address, sizeof(address)) != 0)
		return fail_errno(descriptor, err, path);
	return descriptor;
}

int sink_open(const char *destination, enum sink_kind *kind, struct error *err)
{
	*kind = SINK_STREAM;
	if (strcmp(destination, "-") == 0)
		return open_stderr(err);
	if (strcmp(destination, "syslog:") == 0) {
		*kind = SINK_SYSLOG;
		return sink_connect(SYSLOG_SOCKET, err);
	}
	if (strcmp(destination, "journald:") == 0) {
		*kind = SINK_JOURNALD;
		return sink_connect(JOURNALD_SOCKET, err);
	}
	if (destination[0] != '/')
		return fail(-1, err, destination, "no absolute path, -, syslog: or journald:", REMEDY);
	return open_path(destination, err);
}
