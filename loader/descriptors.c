#include "descriptors.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "socket_option.h"

#define FIRST_NOT_STANDARD 3U
#define IO_URING_LINK      "anon_inode:[io_uring]"

/* None has a higher number than the hard limit was when it was made; which is taken to be what it is. */
static int close_one_by_one(int first)
{
	struct rlimit limit;

	if (prlimit(0, RLIMIT_NOFILE, NULL, &limit) != 0)
		return -1;
	for (int descriptor = first; (rlim_t)descriptor < limit.rlim_max && descriptor < INT_MAX; descriptor++)
		(void)close(descriptor);
	return 0;
}

int descriptors_close_from(int first)
{
	if (close_range((unsigned)first, ~0U, 0) == 0)
		return 0;
	return errno == ENOSYS ? close_one_by_one(first) : -1;
}

int descriptors_close(struct error *err)
{
	if (close_range(FIRST_NOT_STANDARD, ~0U, 0) == 0)
		return 0;
	return error_set(err, "close_fds: close_range: %m (it needs Linux 5.9; set close_fds = no)");
}

/* A connected stream or seqpacket socket stays with its peer for ever; any other can be addressed. */
static bool is_addressable_unix(int descriptor, bool datagrams_alone)
{
	struct sockaddr_storage peer;
	socklen_t size = sizeof(peer);
	int domain = socket_option(descriptor, SO_DOMAIN);
	int type;

	/* -1: a filter around us may refuse the question. What cannot be told apart is taken for one. */
	if (domain != AF_UNIX && domain >= 0)
		return false;
	type = socket_option(descriptor, SO_TYPE);
	if (type != SOCK_STREAM && type != SOCK_SEQPACKET)
		return true;
	return !datagrams_alone && getpeername(descriptor, (struct sockaddr *)&peer, &size) != 0;
}

/* Opened with O_PATH it is the file of a socket, no socket. */
static bool is_path_only(int descriptor)
{
	int flags = fcntl(descriptor, F_GETFL);

	return flags >= 0 && (flags & O_PATH);
}

static bool is_io_uring(int directory, const char *name)
{
	char link[sizeof(IO_URING_LINK) + 1];
	ssize_t length = readlinkat(directory, name, link, sizeof(link));

	return length == (ssize_t)strlen(IO_URING_LINK) && memcmp(link, IO_URING_LINK, (size_t)length) == 0;
}

/* Does a thread of the kernel's look into the ring by itself? No system call is needed then to have it work. */
static bool is_polled(int descriptor)
{
	char line[128];
	bool polled = true;
	FILE *about;

	(void)snprintf(line, sizeof(line), "/proc/self/fdinfo/%d", descriptor);
	about = fopen(line, "re");
	while (about && fgets(line, sizeof(line), about))
		if (strncmp(line, "SqThread:", 9) == 0)
			polled = (int)strtoul(line + 9, NULL, 10) > 0;
	if (about)
		(void)fclose(about);
	return polled;
}

static int no_list(struct error *err)
{
	return error_set(err, "/proc/self/fd: %m (mount /proc: inherited descriptors are looked at)");
}

static int judge(int directory, const char *name, bool datagrams_alone, struct error *err)
{
	int descriptor = (int)strtoul(name, NULL, 10);
	const char *remedy = descriptor < (int)FIRST_NOT_STANDARD ? "redirect it" : "close it, or set close_fds = yes";
	struct stat status;

	if (descriptor == directory)
		return 0;
	if (fstat(descriptor, &status) != 0)
		return error_set(err, "descriptor %d: %m (%s)", descriptor, remedy);
	if (S_ISSOCK(status.st_mode) && !is_path_only(descriptor) && is_addressable_unix(descriptor, datagrams_alone))
		return error_set(err, "descriptor %d: an inherited Unix socket that no peer is fixed to (%s)",
				 descriptor, remedy);
	/* Anonymous inodes have no file type. */
	if (!datagrams_alone && (status.st_mode & S_IFMT) == 0 && is_io_uring(directory, name))
		return error_set(err, "descriptor %d: an inherited io_uring, which makes sockets unseen (%s)",
				 descriptor, remedy);
	return 0;
}

int descriptors_refuse_addressable(bool datagrams_alone, struct error *err)
{
	DIR *directory = opendir("/proc/self/fd");
	const struct dirent *entry;
	int result = 0;

	if (!directory)
		return no_list(err);
	errno = 0;
	while (result == 0 && (entry = readdir(directory)) != NULL)
		if (entry->d_name[0] != '.')
			result = judge(dirfd(directory), entry->d_name, datagrams_alone, err);
	if (result == 0 && errno != 0)
		result = no_list(err);
	(void)closedir(directory);
	return result;
}

const char *descriptors_type_name(int type)
{
	switch (type) {
	case SOCK_STREAM:
		return "stream";
	case SOCK_DGRAM:
		return "dgram";
	case SOCK_SEQPACKET:
		return "seqpacket";
	default:
		return NULL;
	}
}

/* Sets the peer's name, where it has one; an abstract one begins with "@". */
static void name_peer(int descriptor, char *name, size_t size)
{
	struct sockaddr_un peer = {.sun_family = AF_UNIX};
	socklen_t length = sizeof(peer);
	size_t used;

	if (getpeername(descriptor, (struct sockaddr *)&peer, &length) != 0 ||
	    length <= offsetof(struct sockaddr_un, sun_path))
		return;
	used = length - offsetof(struct sockaddr_un, sun_path);
	if (used > sizeof(peer.sun_path))
		used = sizeof(peer.sun_path);
	if (peer.sun_path[0] == '\0')
		(void)snprintf(name, size, "@%.*s", (int)used - 1, peer.sun_path + 1);
	else
		(void)snprintf(name, size, "%.*s", (int)used, peer.sun_path);
}

/* "FD TYPE NAME" of what a session must not be thought to be without. Returns its length; 0: it is nothing such. */
static size_t describe(int directory, const char *entry, char *text, size_t size)
{
	char link[sizeof(IO_URING_LINK) + 1] = "";
	char name[sizeof(struct sockaddr_un) + 2] = "-";
	const char *type = "io_uring";
	int descriptor = (int)strtoul(entry, NULL, 10);
	ssize_t length = readlinkat(directory, entry, link, sizeof(link));
	int written;

	if (length > 0 && strncmp(link, "socket:", 7) == 0) {
		if (socket_option(descriptor, SO_DOMAIN) != AF_UNIX)
			return 0;
		name_peer(descriptor, name, sizeof(name));
		type = descriptors_type_name(socket_option(descriptor, SO_TYPE));
	} else if (length != (ssize_t)strlen(IO_URING_LINK) || memcmp(link, IO_URING_LINK, (size_t)length) != 0) {
		return 0;
	}
	written = snprintf(text, size, "%d %s %s", descriptor, type ? type : "-", name);
	return written < 0 ? 0 : (size_t)written;
}

static bool is_ring(const char *text)
{
	return strncmp(text + strspn(text, "0123456789"), " io_uring ", 10) ==
	       0; /* its type: a name may say anything */
}

int descriptors_list(char *text, size_t size, bool refuses_polled, size_t *used, struct error *err)
{
	DIR *directory = opendir("/proc/self/fd");
	const struct dirent *entry;
	int result = 0;

	*used = 0;
	if (!directory)
		return refuses_polled ? no_list(err) : 0;
	while (result == 0 && (entry = readdir(directory)) != NULL) {
		char line[sizeof(struct sockaddr_un) + 32];
		size_t length =
		    entry->d_name[0] == '.' ? 0 : describe(dirfd(directory), entry->d_name, line, sizeof(line));

		if (length == 0)
			continue;
		if (refuses_polled && is_ring(line) && is_polled((int)strtoul(line, NULL, 10)))
			result = error_set(err,
					   "descriptor %s: an inherited io_uring that the kernel polls (close it, or "
					   "set close_fds = yes)",
					   entry->d_name);
		if (length < size - *used) {
			memcpy(text + *used, line, length + 1);
			*used += length + 1;
		}
	}
	(void)closedir(directory);
	return result;
}
