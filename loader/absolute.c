#include "absolute.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

int absolute_path(const char *path, char absolute[PATH_MAX])
{
	char directory[PATH_MAX] = "";
	int length;

	if (path[0] != '/' && !getcwd(directory, sizeof(directory)))
		return -1;
	length = snprintf(absolute, PATH_MAX, "%s%s%s", directory, path[0] != '/' ? "/" : "", path);
	if (length > 0 && length < PATH_MAX)
		return 0;
	errno = ENAMETOOLONG;
	return -1;
}
