#include "descriptor_walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "own_proc.h"

#define NUMBERS_LOOKED 256 /* at, one by one */

/*
 * Up to which number there are any; -1: not to be known so. The list's size is how many there are: proc_pid_fd(5),
 * since Linux 6.2.
 */
static int last_open(int list)
{
	struct stat status;
	off_t count = fstat(list, &status) == 0 ? status.st_size : 0;

	for (int number = 0; number < NUMBERS_LOOKED && count > 0; number++)
		if (fcntl(number, F_GETFD) >= 0 && --count == 0)
			return number;
	return -1;
}

static int no_list(struct error *err)
{
	return error_set(err, "/proc/self/fd: %m (mount /proc: inherited descriptors are looked at)");
}

/* The list's own descriptor is visited as well: a directory. */
static int walk_list(descriptor_visit *visit, void *context, struct error *err)
{
	DIR *list = opendir("/proc/self/fd");
	const struct dirent *entry;
	int result = 0;

	if (!list)
		return no_list(err);
	while (result == 0 && (errno = 0, entry = readdir(list)) != NULL)
		if (entry->d_name[0] != '.')
			result = visit((int)strtoul(entry->d_name, NULL, 10), context);
	if (result == 0 && errno != 0)
		result = no_list(err);
	(void)closedir(list);
	return result;
}

/*
 * Entry by entry the kernel makes an inode of each, and lets go of it when the process ends: with six of them a tenth
 * of what starting a short command takes.
 */
int descriptor_walk(descriptor_visit *visit, void *context, struct error *err)
{
	int list = own_proc_open("fd", O_RDONLY | O_DIRECTORY);
	int result = 0;
	int last;

	if (list < 0)
		return no_list(err);
	last = last_open(list);
	close(list);
	for (int number = 0; result == 0 && number <= last; number++)
		if (fcntl(number, F_GETFD) >= 0)
			result = visit(number, context);
	return last < 0 ? walk_list(visit, context, err) : result;
}
