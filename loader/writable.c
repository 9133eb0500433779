#include "writable.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Cuts off the last component. False where nothing is left to cut. */
static bool go_up(char *path)
{
	char *slash = strrchr(path, '/');

	if (!slash || path[1] == '\0')
		return false;
	slash[slash == path] = '\0';
	return true;
}

bool writable_by_session(const char *directory)
{
	char path[PATH_MAX];
	struct stat status;

	if (snprintf(path, sizeof(path), "%s", directory) >= (int)sizeof(path))
		return false;
	while (stat(path, &status) != 0)
		if (!go_up(path))
			return false;
	if (geteuid() != 0)
		return faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0;
	return status.st_uid != 0 || (status.st_mode & S_IWOTH);
}
