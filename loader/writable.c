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

bool writable_file(const char *path)
{
	char directory[PATH_MAX];
	struct stat status;

	if (geteuid() == 0 || faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0 ||
	    (stat(path, &status) == 0 && status.st_uid == geteuid()))
		return true;
	if (snprintf(directory, sizeof(directory), "%s%s", path[0] == '/' ? "" : "./", path) >=
		(int)sizeof(directory) ||
	    !go_up(directory))
		return false;
	return faccessat(AT_FDCWD, directory, W_OK, AT_EACCESS) == 0;
}
