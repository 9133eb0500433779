#include "descriptor_walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

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

static int walk_list(DIR *list, descriptor_visit *visit, void *context, struct error *err)
{
	const struct dirent *entry;
	int result = 0;

	while (result == 0 && (errno = 0, entry = readdir(list)) != NULL) {
		int descriptor = (int)strtoul(entry->d_name, NULL, 10);

		if (entry->d_name[0] != '.' && descriptor != dirfd(list))
			result = visit(descriptor, context);
	}
	return result == 0 && errno != 0 ? no_list(err) : result;
}

/*
 * Entry by entry the kernel makes an inode of each, and lets go of it when the process ends: with six of them a tenth
 * of what starting a short command takes.
 */
int descriptor_walk(descriptor_visit *visit, void *context, struct error *err)
{
	DIR *list = opendir("/proc/self/fd");
	int result = 0;
	int last;

	if (!list)
		return no_list(err);
	last = last_open(dirfd(list));
	for (int number = 0; result == 0 && number <= last; number++)
		if (number != dirfd(list) && fcntl(number, F_GETFD) >= 0)
			result = visit(number, context);
	if (last < 0)
		result = walk_list(list, visit, context, err);
	(void)closedir(list);
	return result;
}
