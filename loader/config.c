#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#define USER_CONFIG          "agentsh/agentsh.ini"
#define CHECK_REMEDY         "'agentshctl check' shows every finding"
#define OVERFLOW_UID_DEFAULT 65534U
#define LINE_SIZE            64

static const char system_config[] = AGENTSH_SYSTEM_CONFIG;

/* A file of /proc that is one line of numbers. False where it is not to be had. */
static bool read_line(const char *path, char *line, int size)
{
	FILE *file = fopen(path, "re");
	bool got = file && fgets(line, size, file);

	if (file)
		(void)fclose(file);
	return got;
}

static unsigned long overflow_uid(void)
{
	char line[LINE_SIZE];

	if (!read_line("/proc/sys/kernel/overflowuid", line, sizeof(line)))
		return OVERFLOW_UID_DEFAULT;
	return strtoul(line, NULL, 10);
}

/* A line of uid_map: the first uid inside, the first outside, how many. */
static bool maps(const char *line, uid_t uid)
{
	char *rest;
	unsigned long first = strtoul(line, &rest, 10);

	(void)strtoul(rest, &rest, 10);
	return uid >= first && uid - first < strtoul(rest, NULL, 10);
}

/* Does this user namespace have every user, so that the overflow uid stands for no other? */
static bool has_all_users(void)
{
	FILE *map = fopen("/proc/self/uid_map", "re");
	char line[LINE_SIZE];
	bool all = map && fgets(line, sizeof(line), map) && maps(line, 0) && maps(line, (uid_t)-2);

	if (map)
		(void)fclose(map);
	return all;
}

/*
 * Is uid one that this user namespace has no user for? What is shown in its place, the overflow
 * uid, may itself be somebody's: then the two cannot be told apart, and the answer is no.
 */
static bool is_unmapped(uid_t uid)
{
	FILE *map;
	char line[LINE_SIZE];
	bool mapped = false;

	if (uid != overflow_uid())
		return false;
	map = fopen("/proc/self/uid_map", "re");
	if (!map)
		return false;
	while (!mapped && fgets(line, sizeof(line), map))
		mapped = maps(line, uid);
	(void)fclose(map);
	return !mapped;
}

static bool is_trusted_owner(int descriptor, uid_t owner, enum config_trust trust)
{
	bool ours = trust == TRUST_CALLER && owner == getuid();
	struct statfs mount;

	/* What is shown as the overflow uid's may be anybody's, also where we have that uid ourselves. */
	if (owner == 0 || (ours && (owner != overflow_uid() || has_all_users())))
		return true;
	return (ours || is_unmapped(owner)) && fstatfs(descriptor, &mount) == 0 && (mount.f_flags & ST_RDONLY);
}

static int judge(int descriptor, const char *path, enum config_trust trust, size_t *size, struct error *err)
{
	struct stat status;

	if (fstat(descriptor, &status) != 0)
		return error_set(err, "%s: %m", path);
	if (!S_ISREG(status.st_mode))
		return error_set(err, "%s: not a regular file (copy it into one)", path);
	if (!is_trusted_owner(descriptor, status.st_uid, trust))
		return error_set(err, "%s: owned by uid %u, not by root%s (chown it)", path, status.st_uid,
				 trust == TRUST_CALLER ? " or you" : ", as a login shell's must be");
	if (status.st_mode & (S_IWGRP | S_IWOTH))
		return error_set(err, "%s: group or others can write it (chmod go-w)", path);
	if (status.st_size > (off_t)POLICY_TEXT_MAX)
		return error_set(err, "%s: too large (at most %zu bytes)", path, POLICY_TEXT_MAX);
	*size = (size_t)status.st_size;
	return 0;
}

/*
 * Reads size bytes; where there is one more it is refused. Of a file that says that it has none: as many as there may
 * be, and one that the parser refuses.
 */
static int read_all(int descriptor, const char *path, size_t size, char **text, size_t *length, struct error *err)
{
	const size_t room = (size ? size : POLICY_TEXT_MAX) + 1;
	char *buffer = calloc(1, room); /* for malloc(3) alone there would be one more symbol to be bound */
	size_t used = 0;
	ssize_t taken = buffer ? 1 : -1;

	while (taken > 0 || (taken < 0 && buffer && errno == EINTR)) {
		taken = read(descriptor, buffer + used, room - used);
		used += taken > 0 ? (size_t)taken : 0;
	}
	if (taken == 0 && (used < room || size == 0)) {
		*text = buffer;
		*length = used;
		return 0;
	}
	free(buffer);
	return error_set(err, "%s: %s (copy it into another file)", path,
			 taken < 0 ? strerror(errno) : "it grows while it is read");
}

int config_read(const char *path, enum config_trust trust, char **text, size_t *length, struct error *err)
{
	/* A FIFO must not make us wait, a terminal not become ours. */
	int descriptor = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	size_t size = 0;
	int result;

	if (descriptor < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 1;
	if (descriptor < 0)
		return error_set(err, "%s: %m (make it readable to you)", path);
	result = judge(descriptor, path, trust, &size, err);
	if (result == 0)
		result = read_all(descriptor, path, size, text, length, err);
	close(descriptor);
	return result;
}

/* A program that was built from this text before says all that its policy would. */
static int parse(const struct config_search *search, struct config *config, struct diagnostics *diagnostics)
{
	const struct policy_text text = {.bytes = config->text, .length = config->text_length, .path = config->path};

	if (search->find_program && search->find_program(&text, &config->program, &config->policy))
		return 0;
	return policy_parse(config->text, config->text_length, &config->policy, diagnostics);
}

static int refused(const char *path, const struct diagnostics *diagnostics, struct error *err)
{
	const struct diagnostic *first = diagnostics_first_error(diagnostics);

	return error_set(err, "%s:%u: %s (%s)", path, first ? first->line : 0, first ? first->text : "refused",
			 CHECK_REMEDY);
}

/* 0: loaded; 1: no such file; -1: *err. */
static int load_file(const struct config_search *search, const char *path, enum config_trust trust,
		     struct config *config, struct diagnostics *diagnostics, struct error *err)
{
	char *text = NULL;
	size_t length = 0;
	int result = config_read(path, trust, &text, &length, err);

	if (result != 0)
		return result;
	(void)snprintf(config->path, sizeof(config->path), "%s", path);
	config->builtin = false;
	config->text = text;
	config->text_length = length;
	result = parse(search, config, diagnostics);
	if (result == 0)
		return 0;
	config_free(config);
	return refused(path, diagnostics, err);
}

static int load_named(const struct config_search *search, const char *path, const char *how, struct config *config,
		      struct diagnostics *diagnostics, struct error *err)
{
	int result = load_file(search, path, TRUST_CALLER, config, diagnostics, err);

	if (result == 1)
		return error_set(err, "%s: %s (%s names it)", path, strerror(ENOENT), how);
	return result;
}

bool config_is_system(const struct config *config)
{
	return strcmp(config->path, system_config) == 0;
}

/* Only the system's file may let a user's count; in any other the key would mean nothing. */
static int refuse_user_config(struct config *config, struct diagnostics *diagnostics, struct error *err)
{
	unsigned line = config->policy.lines[KEY_USER_CONFIG];

	if (config->policy.user_config == USER_CONFIG_DENY || config_is_system(config))
		return 0;
	(void)diagnostics_error(diagnostics, line, "user_config = allow counts in %s only", system_config);
	(void)error_set(err, "%s:%u: user_config = allow counts in %s only (remove it)", config->path, line,
			system_config);
	config_free(config);
	return -1;
}

/* Writes the path of the user's file. False where there is none to look for. */
static bool user_config_path(const struct config_search *search, char *path, size_t size)
{
	int length = -1;

	if (search->system_only)
		return false;
	/* A relative $XDG_CONFIG_HOME does not count: the XDG Base Directory Specification. */
	if (search->config_home && search->config_home[0] == '/')
		length = snprintf(path, size, "%s/%s", search->config_home, USER_CONFIG);
	else if (search->home && search->home[0] == '/')
		length = snprintf(path, size, "%s/.config/%s", search->home, USER_CONFIG);
	return length > 0 && (size_t)length < size;
}

static int load_user(const struct config_search *search, struct config *config, struct diagnostics *diagnostics,
		     struct error *err)
{
	char path[PATH_MAX];

	if (!user_config_path(search, path, sizeof(path)))
		return 1;
	return load_file(search, path, TRUST_CALLER, config, diagnostics, err);
}

static int load_defaults(struct config *config, struct error *err)
{
	config->builtin = true;
	config->path[0] = '\0';
	config->text = strdup("");
	if (!config->text || policy_defaults(&config->policy) != 0)
		return error_set(err, "configuration: out of memory");
	return 0;
}

/* The system's file is there and lets the user's come first. */
static int turn_around(const struct config_search *search, struct config *config, struct diagnostics *diagnostics,
		       struct error *err)
{
	struct config user = {0};
	int result = load_user(search, &user, diagnostics, err);

	if (result == 1)
		return 0;
	config_free(config);
	*config = user;
	return result;
}

static int load_found(const struct config_search *search, struct config *config, struct diagnostics *diagnostics,
		      struct error *err)
{
	/* A user who could write the policy of the own login shell would have none. */
	enum config_trust trust = search->system_only ? TRUST_ROOT : TRUST_CALLER;
	int result = load_file(search, system_config, trust, config, diagnostics, err);

	if (result == 0 && config->policy.user_config == USER_CONFIG_ALLOW)
		return turn_around(search, config, diagnostics, err);
	if (result == 1)
		result = load_user(search, config, diagnostics, err);
	if (result == 1)
		result = load_defaults(config, err);
	return result;
}

struct config_search config_search_environment(const char *named)
{
	return (struct config_search){
	    .named = named,
	    .environment = getenv("AGENTSH_CONFIG"),
	    .config_home = getenv("XDG_CONFIG_HOME"),
	    .home = getenv("HOME"),
	};
}

int config_load(const struct config_search *search, struct config *config, struct diagnostics *diagnostics,
		struct error *err)
{
	int result;

	/* Not its path's other bytes: a page that is not touched costs nothing. */
	memset(config, 0, offsetof(struct config, path) + 1);
	if (!search->system_only && search->named)
		result = load_named(search, search->named, "the command line", config, diagnostics, err);
	else if (!search->system_only && search->environment && search->environment[0])
		result = load_named(search, search->environment, "$AGENTSH_CONFIG", config, diagnostics, err);
	else
		result = load_found(search, config, diagnostics, err);
	if (result != 0 || search->draft)
		return result;
	return refuse_user_config(config, diagnostics, err);
}

void config_free(struct config *config)
{
	policy_free(&config->policy);
	free(config->program.entry);
	config->program.entry = NULL;
	free(config->text);
	config->text = NULL;
}

int config_complete(struct config *config, struct error *err)
{
	struct diagnostics diagnostics;

	if (!config->program.entry)
		return 0;
	diagnostics_init(&diagnostics);
	free(config->program.entry);
	config->program.entry = NULL;
	policy_free(&config->policy);
	if (policy_parse(config->text, config->text_length, &config->policy, &diagnostics) == 0)
		return 0;
	return refused(config->path, &diagnostics, err);
}

const char *config_name(const struct config *config)
{
	return config->builtin ? "the built-in defaults" : config->path;
}
