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

/* Loaders of anybody look into it; who may not read a policy may not read its text there either. */
#define DIRECTORY_MODE 0755
#define PUBLIC_MODE    0644
#define PRIVATE_MODE   0600

#define DRAFT ".draft-"

/* The directory, which is root's and nobody else's to write; -1 and *err. Owned by the caller. */
static int open_directory(struct error *err)
{
	int directory = open(AGENTSH_CACHE, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat status;

	if (directory < 0 && errno == ENOENT)
		return error_set(err, "cache: %s: %m (it must be writable here)", AGENTSH_CACHE);
	if (directory >= 0 && fstat(directory, &status) == 0 && program_cache_is_roots(&status))
		return directory;
	if (directory >= 0)
		close(directory);
	return error_set(err, "cache: %s is not a directory that only root can write (remove it)", AGENTSH_CACHE);
}

static int make_directory(struct error *err)
{
	bool made = mkdir(AGENTSH_CACHE, DIRECTORY_MODE) == 0;
	int directory = open_directory(err);

	/* In spite of the umask. */
	if (made && directory >= 0)
		(void)fchmod(directory, DIRECTORY_MODE);
	return directory;
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

struct kept_program {
	unsigned char *bytes; /* owned */
	size_t size;
	char name[PROGRAM_CACHE_NAME_SIZE];
	mode_t mode;
};

/* Whole, or not at all: a loader sees it when it has its name. */
static int keep(int directory, const struct kept_program *kept, struct error *err)
{
	char draft[sizeof(DRAFT) + 16];
	int descriptor;
	int result = 0;

	(void)snprintf(draft, sizeof(draft), DRAFT "%d", (int)getpid());
	(void)unlinkat(directory, draft, 0); /* of one that was killed */
	descriptor = openat(directory, draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, PRIVATE_MODE);
	if (descriptor < 0)
		return error_set(err, "cache: %s: %m (it must be writable here)", AGENTSH_CACHE);
	if (!write_all(descriptor, kept->bytes, kept->size) || fchmod(descriptor, kept->mode) != 0 ||
	    fsync(descriptor) != 0 || renameat(directory, draft, directory, kept->name) != 0) {
		result = error_set(err, "cache: %s/%s: %m (try again)", AGENTSH_CACHE, kept->name);
		(void)unlinkat(directory, draft, 0);
	}
	close(descriptor);
	return result;
}

static int keep_in_directory(const struct kept_program *kept, struct error *err)
{
	int directory = make_directory(err);
	int result;

	if (directory < 0)
		return -1;
	result = keep(directory, kept, err);
	close(directory);
	/* What could not be written is told of at the end. */
	if (result == 0)
		(void)printf("%s/%s\n", AGENTSH_CACHE, kept->name);
	return result;
}

static mode_t mode_for(const char *policy)
{
	struct stat status;

	return stat(policy, &status) == 0 && (status.st_mode & S_IROTH) ? PUBLIC_MODE : PRIVATE_MODE;
}

static int keep_program(const struct config *config, struct error *err)
{
	struct kept_program kept = {.mode = mode_for(config->path)};
	const char *remedy;
	unsigned line = 0;
	const char *against = program_cache_refuses(&config->policy, &line, &remedy);
	int result;

	if (config->builtin)
		return error_set(err, "cache: there is no policy's file (name one)");
	if (against)
		return error_set(err, "%s:%u: %s: a program is all that is kept, and this needs more (what can be: %s)",
				 config_name(config), line, against, remedy);
	kept.bytes = program_cache_make(&config->policy, config->text, config->text_length, &kept.size, err);
	if (!kept.bytes)
		return -1;
	program_cache_name(config->text, config->text_length, kept.name);
	result = keep_in_directory(&kept, err);
	free(kept.bytes);
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

static bool is_ours(const char *name)
{
	return program_cache_is_name(name) || strncmp(name, DRAFT, strlen(DRAFT)) == 0;
}

/* All that is ours, whatever else there is. False: some of it stays, errno says why. */
static bool remove_entries(DIR *directory)
{
	struct dirent *entry;
	int error = 0;

	while ((entry = readdir(directory)))
		if (is_ours(entry->d_name) && unlinkat(dirfd(directory), entry->d_name, 0) != 0 && errno != ENOENT)
			error = errno;
	errno = error;
	return error == 0;
}

/* What is not ours stays, and with it the directory. */
static int clear(void)
{
	struct error err;
	int descriptor = open_directory(&err);
	DIR *directory = descriptor < 0 ? NULL : fdopendir(descriptor);
	bool removed;

	if (descriptor < 0)
		return access(AGENTSH_CACHE, F_OK) != 0 && errno == ENOENT ? CTL_OK : ctl_failed(&err);
	removed = directory && remove_entries(directory) && (rmdir(AGENTSH_CACHE) == 0 || errno == ENOENT);
	if (!removed)
		(void)error_set(&err, "cache: %s: %m (remove it by hand)", AGENTSH_CACHE);
	if (directory)
		(void)closedir(directory);
	else
		close(descriptor);
	return removed ? CTL_OK : ctl_failed(&err);
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
