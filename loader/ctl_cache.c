#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl.h"
#include "program_cache.h"

/* Loaders of anybody read it. */
#define DIRECTORY_MODE 0755
#define ENTRY_MODE     0644

static int make_directory(struct error *err)
{
	if (mkdir(AGENTSH_CACHE, DIRECTORY_MODE) == 0) {
		if (chmod(AGENTSH_CACHE, DIRECTORY_MODE) == 0)
			return 0;
	} else if (errno == EEXIST) {
		if (program_cache_is_roots())
			return 0;
		return error_set(err, "cache: %s is not a directory that only root can write (remove it)",
				 AGENTSH_CACHE);
	}
	return error_set(err, "cache: %s: %m (it must be writable here)", AGENTSH_CACHE);
}

static bool write_all(int descriptor, const unsigned char *bytes, size_t size)
{
	while (size > 0) {
		ssize_t written = write(descriptor, bytes, size);

		if (written < 0 && errno != EINTR)
			return false;
		bytes += written > 0 ? written : 0;
		size -= written > 0 ? (size_t)written : 0;
	}
	return true;
}

/* Whole, or not at all: a loader sees it when it has its name. */
static int keep(const char *path, const unsigned char *entry, size_t size, struct error *err)
{
	char draft[] = AGENTSH_CACHE "/.draft-XXXXXX";
	int descriptor = mkostemp(draft, O_CLOEXEC);
	int result = 0;

	if (descriptor < 0)
		return error_set(err, "cache: %s: %m (it must be writable here)", draft);
	if (!write_all(descriptor, entry, size) || fchmod(descriptor, ENTRY_MODE) != 0 || fsync(descriptor) != 0 ||
	    rename(draft, path) != 0) {
		result = error_set(err, "cache: %s: %m (try again)", path);
		(void)unlink(draft);
	}
	close(descriptor);
	return result;
}

static int keep_program(const struct config *config, struct error *err)
{
	char path[PROGRAM_CACHE_PATH_MAX];
	const char *remedy;
	unsigned line = 0;
	const char *against = program_cache_refuses(&config->policy, &line, &remedy);
	unsigned char *entry;
	size_t size;
	int result;

	if (config->builtin)
		return error_set(err, "cache: there is no policy's file (name one)");
	if (against)
		return error_set(err, "%s:%u: %s: a program is all that is kept, and this needs more (what can be: %s)",
				 config_name(config), line, against, remedy);
	entry = program_cache_make(&config->policy, config->text, config->text_length, &size, err);
	if (!entry)
		return -1;
	program_cache_path(config->text, config->text_length, path);
	result = make_directory(err);
	if (result == 0)
		result = keep(path, entry, size, err);
	if (result == 0)
		(void)puts(path);
	free(entry);
	return result;
}

static int cache(const char *file)
{
	struct config config;
	struct error err;
	int status = ctl_load(file, &config);
	int result;

	if (status != CTL_OK)
		return status;
	result = keep_program(&config, &err);
	config_free(&config);
	return result == 0 ? ctl_finish() : ctl_failed(&err);
}

/* What is not ours to remove stays, and keeps the directory. */
static int clear(void)
{
	DIR *directory = opendir(AGENTSH_CACHE);
	struct dirent *entry;
	struct error err;
	bool failed = false;

	if (!directory && errno == ENOENT)
		return CTL_OK;
	while (directory && !failed && (entry = readdir(directory)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			failed = unlinkat(dirfd(directory), entry->d_name, 0) != 0;
	if (directory && !failed && rmdir(AGENTSH_CACHE) == 0) {
		(void)closedir(directory);
		return CTL_OK;
	}
	(void)error_set(&err, "cache: %s: %m (remove it by hand)", AGENTSH_CACHE);
	if (directory)
		(void)closedir(directory);
	return ctl_failed(&err);
}

int ctl_cache(int argc, char **argv)
{
	static const struct option options[] = {{"clear", no_argument, NULL, 'c'}, {NULL, 0, NULL, 0}};
	bool clears = false;
	struct error err;
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option != 'c')
			return ctl_usage("cache", "no such option");
		clears = true;
	}
	if (argc - optind > (clears ? 0 : 1))
		return ctl_usage("cache", clears ? "--clear takes no file" : "it takes one file");
	if (geteuid() != 0) {
		(void)error_set(&err, "cache: only root's counts (run it as root)");
		return ctl_failed(&err);
	}
	return clears ? clear() : cache(argv[optind]);
}
