#include "holder.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LINKS_MAX 65536U /* descriptors that are looked at */
#define LINK_SIZE 40U    /* "socket:[" and a number */

struct search {
	struct reach *reach;
	const struct socket_identity *socket;
	char link[LINK_SIZE];
	unsigned looked_at;
};

static bool is_it(int descriptor, const struct socket_identity *socket)
{
	uint64_t cookie = 0;
	socklen_t size = sizeof(cookie);
	struct stat status;

	return fstat(descriptor, &status) == 0 && S_ISSOCK(status.st_mode) && status.st_ino == socket->inode &&
	       getsockopt(descriptor, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0 && cookie == socket->cookie;
}

static int take_from(struct reach *reach, const struct holder *holder, const struct socket_identity *socket)
{
	int process = (int)syscall(SYS_pidfd_open, holder->process, 0);
	int taken = process < 0 ? -1 : reach_take(reach, process, holder->number);

	if (process >= 0)
		close(process);
	if (taken >= 0 && !is_it(taken, socket)) {
		close(taken);
		taken = -1;
	}
	return taken;
}

static int search_process(struct search *search, int proc, const char *process, struct holder *found)
{
	char path[32];
	char link[LINK_SIZE];
	const struct dirent *entry;
	int directory;
	int taken = -1;
	DIR *list;

	(void)snprintf(path, sizeof(path), "%.15s/fd", process);
	directory = openat(proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	list = directory < 0 ? NULL : fdopendir(directory);
	if (!list && directory >= 0)
		close(directory);
	while (list && taken < 0 && (entry = readdir(list)) != NULL && search->looked_at++ < LINKS_MAX) {
		ssize_t length = readlinkat(directory, entry->d_name, link, sizeof(link) - 1);

		if (length <= 0 || (size_t)length != strlen(search->link) ||
		    memcmp(link, search->link, (size_t)length) != 0)
			continue;
		*found = (struct holder){.process = (pid_t)strtol(process, NULL, 10),
					 .number = (int)strtol(entry->d_name, NULL, 10)};
		taken = take_from(search->reach, found, search->socket);
	}
	if (list)
		(void)closedir(list);
	return taken;
}

int holder_take(struct reach *reach, const struct socket_identity *socket, struct holder *last)
{
	struct search search = {.reach = reach, .socket = socket};
	int taken = last->process > 0 ? take_from(reach, last, socket) : -1;
	const struct dirent *entry;
	DIR *proc = taken < 0 ? opendir("/proc") : NULL;

	(void)snprintf(search.link, sizeof(search.link), "socket:[%llu]", (unsigned long long)socket->inode);
	while (proc && taken < 0 && search.looked_at < LINKS_MAX && (entry = readdir(proc)) != NULL)
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
			taken = search_process(&search, dirfd(proc), entry->d_name, last);
	if (proc)
		(void)closedir(proc);
	return taken;
}
