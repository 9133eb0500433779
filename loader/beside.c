#include "beside.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

bool beside_find(const char *name, int mode, char path[PATH_MAX])
{
	size_t size = strlen(name) + 1;
	ssize_t length = readlinkat(AT_FDCWD, "/proc/self/exe", path, PATH_MAX - size);
	char *end = path;

	if (*name != '/') {
		if (length <= 0 || length >= (ssize_t)(PATH_MAX - size))
			return false;
		path[length] = '\0';
		end = strrchr(path, '/') + 1; /* "/proc/self/exe" is absolute, also where the file has been removed */
	}
	memcpy(end, name, size);
	return faccessat(AT_FDCWD, path, mode, AT_EACCESS) == 0;
}
