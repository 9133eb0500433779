#include "preload.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME       "libagentsh-shim.so"
#define ASAN_ORDER "verify_asan_link_order=0"

/* ld.so(8): what separates the names of LD_PRELOAD, and what is replaced in them. */
#define SEPARATORS ": \t\n"
#define REPLACED   "$"

static bool is_there(const char *path)
{
	return access(path, R_OK) == 0;
}

/* From the folder of our own executable. */
static bool find_near(const char *where, char path[PATH_MAX])
{
	size_t room = PATH_MAX - strlen(where) - 1;
	ssize_t length = readlink("/proc/self/exe", path, room);
	char *slash;

	if (length <= 0 || length >= (ssize_t)room)
		return false;
	path[length] = '\0';
	slash = strrchr(path, '/');
	memcpy(slash ? slash + 1 : path, where, strlen(where) + 1);
	return is_there(path);
}

static int find_library(char path[PATH_MAX], struct error *err)
{
	if (!find_near(NAME, path) && !find_near("../lib/agentsh-exec/" NAME, path)) {
		(void)snprintf(path, PATH_MAX, "%s", AGENTSH_SHIM);
		if (!is_there(path))
			return error_set(err,
					 "shim: " NAME
					 " is neither beside this program nor at %s (install it, or leave "
					 "--shim and [shim] enabled out)",
					 path);
	}
	if (path[strcspn(path, SEPARATORS REPLACED)] == '\0')
		return 0;
	return error_set(err, "shim: LD_PRELOAD cannot name %s (install it at a path without a space, ':' or '$')",
			 path);
}

static bool names(const char *list, const char *path)
{
	size_t length = strlen(path);

	while (*(list += strspn(list, SEPARATORS))) {
		size_t entry = strcspn(list, SEPARATORS);

		if (entry == length && strncmp(list, path, length) == 0)
			return true;
		list += entry;
	}
	return false;
}

/* NAME=FIRST:SECOND, or NAME=FIRST where one of the two says nothing. */
static int set(char **out, const char *name, const char *first, const char *second, struct error *err)
{
	if (asprintf(out, "%s=%s%s%s", name, first, *first && *second ? ":" : "", second) >= 0)
		return 0;
	return error_set(err, "memory: %s", strerrordesc_np(ENOMEM));
}

static const char *present(const char *name)
{
	const char *value = getenv(name);

	return value ? value : "";
}

int preload_find(struct preload *preload, struct error *err)
{
	const char *libraries = present("LD_PRELOAD");
	const char *options = present("ASAN_OPTIONS");
	char path[PATH_MAX];

	if (find_library(path, err) != 0)
		return -1;
	if (set(&preload->library, "LD_PRELOAD", libraries, names(libraries, path) ? "" : path, err) != 0)
		return -1;
	return set(&preload->asan, "ASAN_OPTIONS", strstr(options, ASAN_ORDER) ? "" : ASAN_ORDER, options, err);
}
