/*
 * agentshctl doctor --user: each way by which something runs as that user without its login shell, and how to close it.
 *
 * Looked up where sshd(8), crontab(1), at(1), aliases(5) and systemd(1) look: their files, and sshd's own word for its
 * configuration. Nothing is changed.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl.h"
#include "ctl_doctor_user.h"

#define ROW        "%-18s %-6s %s\n"
#define SHELL_NAME "agentsh-shell"

void way_set(struct way *way, enum way_state state, const char *format, ...)
{
	va_list arguments;

	way->state = state;
	va_start(arguments, format);
	(void)vsnprintf(way->detail, sizeof(way->detail), format, arguments);
	va_end(arguments);
}

static bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

void agent_read(int descriptor, char *text)
{
	size_t length = 0;
	ssize_t got = 1;

	while (got > 0 && length < AGENT_TEXT_MAX - 1) {
		do
			got = read(descriptor, text + length, AGENT_TEXT_MAX - 1 - length);
		while (got < 0 && errno == EINTR);
		if (got > 0)
			length += (size_t)got;
	}
	text[length] = '\0';
	close(descriptor);
}

/* --- The login itself --- */

/* Root's, and nobody else can write it. */
static bool is_roots(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == 0 && !(st.st_mode & (S_IWGRP | S_IWOTH)) &&
	       (st.st_mode & S_IXOTH);
}

/* Is it a line of that file, without what is white around it? -1 and errno where the file cannot be read. */
static int has_line(const char *path, const char *wanted)
{
	char text[AGENT_TEXT_MAX];
	char *rest = NULL;
	int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (descriptor < 0)
		return -1;
	agent_read(descriptor, text);
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		size_t length = strlen(line);

		while (length > 0 && isspace((unsigned char)line[length - 1]))
			line[--length] = '\0';
		if (strcmp(line + strspn(line, " \t"), wanted) == 0)
			return 1;
	}
	return 0;
}

static void check_shell(const struct agent *agent, struct way *way)
{
	const char *slash = strrchr(agent->shell, '/');

	if (!slash || strcmp(slash + 1, SHELL_NAME) != 0)
		way_set(way, WAY_OPEN, "the login shell is %s (usermod -s /usr/local/bin/" SHELL_NAME " %s)",
			agent->shell[0] ? agent->shell : "/bin/sh", agent->name);
	else if (!is_roots(agent->shell))
		way_set(way, WAY_OPEN, "%s is no program that root alone can write (install it anew)", agent->shell);
	else if (has_line("/etc/shells", agent->shell) != 1)
		way_set(way, WAY_CLOSED, "%s; some services refuse it (echo %s >>/etc/shells)", agent->shell,
			agent->shell);
	else
		way_set(way, WAY_CLOSED, "the login shell is %s", agent->shell);
}

static void check_policy(const struct agent *agent, struct way *way)
{
	const struct config_search search = {.system_only = true};
	struct diagnostics diagnostics;
	struct config config;
	struct error err;

	(void)agent;
	diagnostics_init(&diagnostics);
	if (config_load(&search, &config, &diagnostics, &err) != 0) {
		way_set(way, WAY_CLOSED, "nobody logs in: %s", err.text);
		return;
	}
	if (!policy_filters(&config.policy))
		way_set(way, WAY_OPEN, "%s installs no filter (see enabled and mode there)", config_name(&config));
	else if (config.policy.mode == MODE_AUDIT)
		way_set(way, WAY_OPEN, "%s blocks nothing (mode = enforce there)", config_name(&config));
	else
		way_set(way, WAY_CLOSED, "the login shell enforces %s", config_name(&config));
	config_free(&config);
}

/* --- What runs without a login --- */

/* Of the first that exists, allow or deny: may the user? -1 where that cannot be read. none: what neither means. */
static int may_schedule(const char *allow, const char *deny, const char *name, bool none)
{
	int found = has_line(allow, name);

	if (found >= 0)
		return found;
	if (errno != ENOENT)
		return -1;
	found = has_line(deny, name);
	if (found >= 0)
		return !found;
	return errno == ENOENT ? none : -1;
}

/* 1 if there is one of these files, 0 if none, -1 if that cannot be seen. */
static int crontab_of(const char *name)
{
	static const char *const spools[] = {"/var/spool/cron/crontabs", "/var/spool/cron", "/var/spool/cron/tabs"};
	char path[AGENT_DETAIL_SIZE];

	for (size_t i = 0; i < sizeof(spools) / sizeof(spools[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", spools[i], name);
		if (exists(path))
			return 1;
		if (errno != ENOENT && errno != ENOTDIR)
			return -1;
	}
	return 0;
}

static void check_cron(const struct agent *agent, struct way *way)
{
	int may = may_schedule("/etc/cron.allow", "/etc/cron.deny", agent->name, true);
	int has = crontab_of(agent->name);

	if (!exists("/usr/bin/crontab"))
		way_set(way, WAY_CLOSED, "there is no /usr/bin/crontab");
	else if (has > 0)
		way_set(way, WAY_OPEN, "cron runs its crontab by a shell of the crontab's choice (crontab -r -u %s)",
			agent->name);
	else if (may > 0)
		way_set(way, WAY_OPEN, "crontab takes its jobs, and cron runs them by /bin/sh (%s)",
			exists("/etc/cron.allow") ? "take it out of /etc/cron.allow"
						  : "a line with its name in /etc/cron.deny");
	else if (may < 0 || has < 0)
		way_set(way, WAY_UNKNOWN, "cron's files cannot be read (run as root)");
	else
		way_set(way, WAY_CLOSED, "crontab refuses it, and it has none");
}

/* 1 if a job of that user waits there, 0 if none, -1 if that cannot be seen. */
static int jobs_of(uid_t uid)
{
	static const char *const spools[] = {"/var/spool/cron/atjobs", "/var/spool/at"};
	int found = 0;

	for (size_t i = 0; i < sizeof(spools) / sizeof(spools[0]); i++) {
		struct dirent *entry;
		struct stat st;
		DIR *spool = opendir(spools[i]);

		if (!spool && errno != ENOENT && errno != ENOTDIR)
			return -1;
		while (spool && (entry = readdir(spool)) != NULL)
			if (fstatat(dirfd(spool), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			    S_ISREG(st.st_mode) && st.st_uid == uid)
				found = 1;
		if (spool)
			closedir(spool);
	}
	return found;
}

static void check_at(const struct agent *agent, struct way *way)
{
	int may = may_schedule("/etc/at.allow", "/etc/at.deny", agent->name, false);
	int has = jobs_of(agent->uid);

	if (!exists("/usr/bin/at"))
		way_set(way, WAY_CLOSED, "there is no /usr/bin/at");
	else if (has > 0)
		way_set(way, WAY_OPEN, "a job of its waits, which atd runs by /bin/sh (atq, atrm)");
	else if (may > 0)
		way_set(way, WAY_OPEN, "at takes its jobs, and atd runs them by /bin/sh (%s)",
			exists("/etc/at.allow") ? "take it out of /etc/at.allow"
						: "a line with its name in /etc/at.deny");
	else if (may < 0 || has < 0)
		way_set(way, WAY_UNKNOWN, "at's files cannot be read (run as root)");
	else
		way_set(way, WAY_CLOSED, "at refuses it, and it has no job");
}

/* Does that line of aliases(5) give the user's mail to somebody else? */
static bool is_alias(const char *line, const char *name)
{
	size_t length = strlen(name);

	line += strspn(line, " \t\"");
	if (strncasecmp(line, name, length) != 0)
		return false;
	line += length;
	line += strspn(line, " \t\"");
	if (*line++ != ':')
		return false;
	line += strspn(line, " \t\\");
	return *line != '\0' && *line != '#' && strncasecmp(line, name, length) != 0;
}

static void check_forward(const struct agent *agent, struct way *way)
{
	char text[AGENT_TEXT_MAX] = "";
	char *rest = NULL;
	int descriptor;

	if (!exists("/usr/sbin/sendmail") && !exists("/usr/lib/sendmail")) {
		way_set(way, WAY_CLOSED, "there is no /usr/sbin/sendmail");
		return;
	}
	descriptor = open("/etc/aliases", O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (descriptor >= 0)
		agent_read(descriptor, text);
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (!is_alias(line, agent->name))
			continue;
		way_set(way, WAY_CLOSED, "its mail is somebody else's by /etc/aliases");
		return;
	}
	way_set(way, WAY_OPEN,
		"a letter to it runs what its ~/.forward says (\"%s: root\" in /etc/aliases, newaliases)", agent->name);
}

/* Is that unit a link to /dev/null, or empty? */
static bool is_masked(const char *unit)
{
	char target[sizeof("/dev/null")] = "";
	struct stat st;

	if (readlink(unit, target, sizeof(target) - 1) > 0)
		return strcmp(target, "/dev/null") == 0;
	return stat(unit, &st) == 0 && st.st_size == 0;
}

static void check_user_units(const struct agent *agent, struct way *way)
{
	char unit[AGENT_DETAIL_SIZE];
	char manager[AGENT_DETAIL_SIZE];

	(void)snprintf(unit, sizeof(unit), "/etc/systemd/system/user@%u.service", agent->uid);
	(void)snprintf(manager, sizeof(manager), "/run/user/%u/systemd/private", agent->uid);
	if (!exists("/lib/systemd/systemd"))
		way_set(way, WAY_CLOSED, "there is no systemd");
	else if (!is_masked(unit) && !is_masked("/etc/systemd/system/user@.service"))
		way_set(way, WAY_OPEN, "a manager of its own runs its units (systemctl mask user@%u.service)",
			agent->uid);
	else if (exists(manager))
		way_set(way, WAY_OPEN, "its manager runs already (systemctl stop user@%u.service)", agent->uid);
	else
		way_set(way, WAY_CLOSED, "user@%u.service is masked", agent->uid);
}

typedef void check(const struct agent *agent, struct way *way);

static const struct {
	const char *name;
	check *check;
} rows[] = {
    {"shell", check_shell},
    {"policy", check_policy},
    {"sshd-stream-local", sshd_stream_local},
    {"sshd-forwarding", sshd_forwarding},
    {"sshd-sftp", sshd_sftp},
    {"sshd-force-command", sshd_force_command},
    {"sshd-keys", sshd_keys},
    {"sshd-environment", sshd_environment},
    {"cron", check_cron},
    {"at", check_at},
    {"forward", check_forward},
    {"user-units", check_user_units},
};

/* A row a way. False where one is not closed. */
static bool report(const struct agent *agent)
{
	static const char *const words[] = {"closed", "open", "?"};
	bool all_closed = true;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char detail[AGENT_DETAIL_SIZE * 4];
		struct way found;

		rows[i].check(agent, &found);
		/* sshd's words are the administrator's, the shell's path may be anybody's. */
		(void)error_escape(detail, sizeof(detail), found.detail);
		printf(ROW, rows[i].name, words[found.state], detail);
		all_closed = all_closed && found.state == WAY_CLOSED;
	}
	return all_closed;
}

int ctl_doctor_user(const char *name)
{
	static struct agent agent;
	const struct passwd *entry;
	struct error err;
	bool all_closed;

	errno = 0;
	entry = getpwnam(name);
	if (!entry) {
		(void)error_set(&err, "doctor: %s: %s", name, errno ? strerror(errno) : "no such user");
		return ctl_failed(&err);
	}
	agent.name = strdup(entry->pw_name);
	agent.shell = strdup(entry->pw_shell);
	agent.home = strdup(entry->pw_dir);
	agent.uid = entry->pw_uid;
	if (!agent.name || !agent.shell || !agent.home) {
		(void)error_set(&err, "doctor: %s", strerror(ENOMEM));
		return ctl_failed(&err);
	}
	sshd_ask(&agent);
	all_closed = report(&agent);
	free((char *)agent.name);
	free((char *)agent.shell);
	free((char *)agent.home);
	return ctl_finish() == CTL_OK && all_closed ? CTL_OK : CTL_FINDING;
}
