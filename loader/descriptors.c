#include "descriptors.h"

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

#include "descriptor_walk.h"
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

/* Anonymous inodes have no file type. What cannot be asked may be one; the file's server, if it has one, is not. */
static bool may_be_io_uring(int descriptor)
{
	struct statx about;

	return statx(descriptor, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &about) != 0 ||
	       (about.stx_mode & S_IFMT) == 0;
}

static bool is_io_uring(int descriptor)
{
	char link[sizeof(IO_URING_LINK) + 1];
	char path[32];
	ssize_t length;

	if (!may_be_io_uring(descriptor))
		return false;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", descriptor);
	length = readlink(path, link, sizeof(link));
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

struct judging {
	bool datagrams_alone;
	struct error *err;
};

static int judge(int descriptor, void *context)
{
	const struct judging *judging = context;
	const char *remedy = descriptor < (int)FIRST_NOT_STANDARD ? "redirect it" : "close it, or set close_fds = yes";
	struct stat status;

	if (fstat(descriptor, &status) != 0)
		return error_set(judging->err, "descriptor %d: %m (%s)", descriptor, remedy);
	if (S_ISSOCK(status.st_mode) && !is_path_only(descriptor) &&
	    is_addressable_unix(descriptor, judging->datagrams_alone))
		return error_set(judging->err, "descriptor %d: an inherited Unix socket that no peer is fixed to (%s)",
				 descriptor, remedy);
	if (!judging->datagrams_alone && is_io_uring(descriptor))
		return error_set(judging->err, "descriptor %d: an inherited io_uring, which makes sockets unseen (%s)",
				 descriptor, remedy);
	return 0;
}

int descriptors_refuse_addressable(bool datagrams_alone, struct error *err)
{
	struct judging judging = {.datagrams_alone = datagrams_alone, .err = err};
	int failed;
	int result = descriptor_walk(judge, &judging, &failed);

	return failed ? no_list(err) : result;
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
static size_t describe(int descriptor, bool *is_ring, char *text, size_t size)
{
	char name[sizeof(struct sockaddr_un) + 2] = "-";
	const char *type = "io_uring";
	int domain = socket_option(descriptor, SO_DOMAIN);
	int written;

	*is_ring = domain < 0 && is_io_uring(descriptor);
	if (domain == AF_UNIX) {
		name_peer(descriptor, name, sizeof(name));
		type = descriptors_type_name(socket_option(descriptor, SO_TYPE));
	} else if (!*is_ring) {
		return 0;
	}
	written = snprintf(text, size, "%d %s %s", descriptor, type ? type : "-", name);
	return written < 0 ? 0 : (size_t)written;
}

struct listing {
	char *text;
	size_t size;
	size_t used;
	bool refuses_polled;
	struct error *err;
};

static int list(int descriptor, void *context)
{
	struct listing *listing = context;
	char line[sizeof(struct sockaddr_un) + 32];
	bool is_ring;
	size_t length = describe(descriptor, &is_ring, line, sizeof(line));

	if (length == 0)
		return 0;
	if (listing->refuses_polled && is_ring && is_polled(descriptor))
		return error_set(listing->err,
				 "descriptor %d: an inherited io_uring that the kernel polls (close it, or set "
				 "close_fds = yes)",
				 descriptor);
	if (length < listing->size - listing->used) {
		memcpy(listing->text + listing->used, line, length + 1);
		listing->used += length + 1;
	}
	return 0;
}

int descriptors_list(char *text, size_t size, bool refuses_polled, size_t *used, struct error *err)
{
	struct listing listing = {.text = text, .size = size, .refuses_polled = refuses_polled, .err = err};
	int failed;
	int result = descriptor_walk(list, &listing, &failed);

	*used = listing.used;
	if (failed)
		return refuses_polled ? no_list(err) : 0;
	return result;
}
