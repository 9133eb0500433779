#include "trail.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PASSWD_FILE   "/etc/passwd"
#define SYSTEM_LOGS   "/var/log/"
#define MODE_PRIVATE  0700
#define MODE_FOR_LOGS 0750 /* the group of a log directory may read */

/* The directory of this user in /etc/passwd, to home. False where the user is not in it. */
static bool home_of_passwd(char home[PATH_MAX])
{
	FILE *file = fopen(PASSWD_FILE, "re");
	const struct passwd *entry;
	int length = 0;

	if (!file)
		return false;
	/* Not getpwuid(3): NSS would load libraries, which the static loader cannot, and ask daemons. */
	while ((entry = fgetpwent(file)))
		if (entry->pw_uid == geteuid())
			break;
	if (entry && entry->pw_dir && entry->pw_dir[0] == '/')
		length = snprintf(home, PATH_MAX, "%s", entry->pw_dir);
	(void)fclose(file);
	return length > 0 && length < PATH_MAX;
}

static bool home_of_environment(char home[PATH_MAX])
{
	const char *value = getenv("HOME");
	int length = 0;

	if (value && value[0] == '/')
		length = snprintf(home, PATH_MAX, "%s", value);
	return length > 0 && length < PATH_MAX;
}

static bool find_home(bool from_environment, char home[PATH_MAX])
{
	if (from_environment)
		return home_of_environment(home) || home_of_passwd(home);
	return home_of_passwd(home) || home_of_environment(home);
}

int trail_path(bool from_environment, char path[PATH_MAX], struct error *err)
{
	/* A relative one does not count: the XDG Base Directory Specification. */
	const char *state = from_environment ? getenv("XDG_STATE_HOME") : NULL;
	const char *why = "the home directory's path is too long";
	char home[PATH_MAX];
	int length = -1;

	if (geteuid() == 0) {
		memcpy(path, TRAIL_SYSTEM, sizeof(TRAIL_SYSTEM));
		return 0;
	}
	if (state && state[0] == '/')
		length = snprintf(path, PATH_MAX, "%s/%s", state, TRAIL_NAME);
	else if (find_home(from_environment, home))
		length = snprintf(path, PATH_MAX, "%s/.local/state/%s", home, TRAIL_NAME);
	else
		why = "no home directory to write them in";
	if (length < 0 || length >= PATH_MAX)
		return error_set(err, "events: %s (name a file with --events)", why);
	return 0;
}

static int make_one(const char *directory, mode_t mode, struct error *err)
{
	struct stat status;
	int error;

	if (mkdir(directory, mode) == 0)
		return 0;
	error = errno;
	/* Made by somebody else meanwhile is as good; a system that is read-only says so before EEXIST. */
	if (stat(directory, &status) == 0 && S_ISDIR(status.st_mode))
		return 0;
	if (error == EEXIST)
		error = ENOTDIR;
	return error_set(err, "events: %s: it cannot be made: %s (name another file with --events)", directory,
			 strerror(error));
}

int trail_make_directory(const char *path, struct error *err)
{
	mode_t mode = strncmp(path, SYSTEM_LOGS, strlen(SYSTEM_LOGS)) == 0 ? MODE_FOR_LOGS : MODE_PRIVATE;
	char directory[PATH_MAX];
	int length = snprintf(directory, sizeof(directory), "%s", path);

	if (length < 0 || length >= (int)sizeof(directory))
		return error_set(err, "events: the file's path is too long (name another file with --events)");
	for (char *slash = strchr(directory + (directory[0] == '/'), '/'); slash; slash = strchr(slash + 1, '/')) {
		int result;

		*slash = '\0';
		result = make_one(directory, mode, err);
		*slash = '/';
		if (result != 0)
			return -1;
	}
	return 0;
}
