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
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "descriptor_walk.h"
#include "own_proc.h"
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

	return syscall(SYS_statx, descriptor, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &about) != 0 ||
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
	length = readlinkat(AT_FDCWD, path, link, sizeof(link));
	return length < 0 ||
	       (length == (ssize_t)strlen(IO_URING_LINK) && memcmp(link, IO_URING_LINK, (size_t)length) == 0);
}

/* Does a thread of the kernel's look into the ring by itself? No system call is needed then to have it work. */
static bool is_polled(int descriptor)
{
	char line[128];
	bool polled = true;
	int list = own_proc_open("fdinfo", O_PATH); /* the kernel's own? */
	FILE *about;

	if (list < 0)
		return true;
	close(list);
	(void)snprintf(line, sizeof(line), "/proc/self/fdinfo/%d", descriptor);
	about = fopen(line, "re");
	while (about && fgets(line, sizeof(line), about))
		if (strncmp(line, "SqThread:\t-", 11) == 0) /* -1: there is none */
			polled = false;
	if (about)
		(void)fclose(about);
	return polled;
}

static const char *remedy(int descriptor)
{
	return descriptor < (int)FIRST_NOT_STANDARD ? "redirect it" : "close it, or set close_fds = yes";
}

struct judging {
	bool datagrams_alone;
	struct error *err;
};

static int judge(int descriptor, void *context)
{
	const struct judging *judging = context;
	struct stat status;

	if (fstat(descriptor, &status) != 0)
		return error_set(judging->err, "descriptor %d: %m (%s)", descriptor, remedy(descriptor));
	if (S_ISSOCK(status.st_mode) && !is_path_only(descriptor) &&
	    is_addressable_unix(descriptor, judging->datagrams_alone))
		return error_set(judging->err, "descriptor %d: an inherited Unix socket that no peer is fixed to (%s)",
				 descriptor, remedy(descriptor));
	if (!judging->datagrams_alone && is_io_uring(descriptor))
		return error_set(judging->err, "descriptor %d: an inherited io_uring, which makes sockets unseen (%s)",
				 descriptor, remedy(descriptor));
	return 0;
}

int descriptors_refuse_addressable(bool datagrams_alone, struct error *err)
{
	struct judging judging = {.datagrams_alone = datagrams_alone, .err = err};

	return descriptor_walk(judge, &judging, err);
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

struct listing {
	char *text;
	size_t size;
	size_t used;
	bool refuses_polled;
	struct error *err;
};

/* "FD TYPE NAME" of what a session must not be thought to be without. */
static int list(int descriptor, void *context)
{
	struct listing *listing = context;
	const size_t left = listing->size - listing->used;
	char name[sizeof(struct sockaddr_un) + 2] = "-";
	const char *type = "io_uring";
	int domain = socket_option(descriptor, SO_DOMAIN);
	int written;

	if (domain == AF_UNIX) {
		name_peer(descriptor, name, sizeof(name));
		type = descriptors_type_name(socket_option(descriptor, SO_TYPE));
	} else if (domain >= 0 || !is_io_uring(descriptor)) {
		return 0;
	} else if (listing->refuses_polled && is_polled(descriptor)) {
		return error_set(listing->err, "descriptor %d: an inherited io_uring that the kernel polls (%s)",
				 descriptor, remedy(descriptor));
	}
	written = snprintf(listing->text + listing->used, left, "%d %s %s", descriptor, type ? type : "-", name);
	if (written > 0 && (size_t)written < left)
		listing->used += (size_t)written + 1;
	return 0;
}

int descriptors_list(char *text, size_t size, bool refuses_polled, size_t *used, struct error *err)
{
	struct listing listing = {.text = text, .size = size, .refuses_polled = refuses_polled, .err = err};
	int result = descriptor_walk(list, &listing, err);

	*used = listing.used;
	return refuses_polled ? result : 0;
}
