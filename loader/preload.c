#include "preload.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "beside.h"

#define NAME       "libagentsh-shim.so"
#define ASAN_ORDER "verify_asan_link_order=0"

/* ld.so(8): what separates the names of LD_PRELOAD, and what is replaced in them. */
#define SEPARATORS ": \t\n"
#define REPLACED   "$"

static int find_library(char path[PATH_MAX], struct error *err)
{
	if (!beside_find(NAME, R_OK, path) && !beside_find("../lib/agentsh-exec/" NAME, R_OK, path) &&
	    !beside_find(AGENTSH_SHIM, R_OK, path))
		return error_set(err,
				 "shim: " NAME " is neither beside this program nor at %s (install it, or leave "
				 "--shim and [shim] enabled out)",
				 path);
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
	return error_set(err, "memory: %m");
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
