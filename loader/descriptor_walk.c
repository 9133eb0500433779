#include "descriptor_walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define LIST           "/proc/self/fd"
#define NUMBERS_LOOKED 256 /* at, one by one */

/* How many are open: what the list says its size is (proc_pid_fd(5), since Linux 6.2); 0: it does not say. */
static off_t count_open(int list)
{
	struct statfs system;
	struct stat status;

	if (fstatfs(list, &system) != 0 || system.f_type != PROC_SUPER_MAGIC || fstat(list, &status) != 0)
		return 0;
	return status.st_size;
}

/* Which of the numbers that are looked at are open. False: there are more than those. */
static bool look(off_t count, bool *open)
{
	for (int number = 0; number < NUMBERS_LOOKED; number++) {
		open[number] = count > 0 && fcntl(number, F_GETFD) >= 0;
		count -= open[number];
	}
	return count == 0;
}

static int walk_numbers(const bool *open, int list, descriptor_visit *visit, void *context)
{
	int result = 0;

	for (int number = 0; result == 0 && number < NUMBERS_LOOKED; number++)
		if (open[number] && number != list)
			result = visit(number, context);
	return result;
}

static int walk_list(DIR *list, descriptor_visit *visit, void *context, int *failed)
{
	const struct dirent *entry;
	int result = 0;

	errno = 0;
	while (result == 0 && (entry = readdir(list)) != NULL) {
		int descriptor = (int)strtoul(entry->d_name, NULL, 10);

		if (entry->d_name[0] != '.' && descriptor != dirfd(list))
			result = visit(descriptor, context);
		if (result == 0)
			errno = 0;
	}
	*failed = result == 0 ? errno : 0;
	return *failed ? -1 : result;
}

/*
 * Entry by entry the kernel makes an inode of each, and lets go of it when the process ends: with six of them a tenth
 * of what starting a short command takes.
 */
int descriptor_walk(descriptor_visit *visit, void *context, int *failed)
{
	int list = open(LIST, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	off_t count = list < 0 ? 0 : count_open(list);
	bool is_open[NUMBERS_LOOKED];
	DIR *directory;
	int result;

	*failed = 0;
	if (count > 0 && look(count, is_open)) {
		result = walk_numbers(is_open, list, visit, context);
		close(list);
		return result;
	}
	directory = list < 0 ? NULL : fdopendir(list);
	if (!directory) {
		*failed = errno;
		if (list >= 0)
			close(list);
		errno = *failed;
		return -1;
	}
	result = walk_list(directory, visit, context, failed);
	(void)closedir(directory);
	errno = *failed;
	return result;
}
