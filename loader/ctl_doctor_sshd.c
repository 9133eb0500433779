/*
 * What sshd does for a user without its login shell: sshd_config(5), by sshd's own word.
 */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl.h"
#include "ctl_doctor_user.h"
#include "descriptors.h"

#define SSHD "/usr/sbin/sshd"

static _Noreturn void become_sshd(const char *name, int output)
{
	static char *const environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", NULL};
	char who[AGENT_DETAIL_SIZE];
	char *const arguments[] = {"sshd", "-T", "-C", who, NULL};
	int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)snprintf(who, sizeof(who), "user=%s,host=localhost,addr=127.0.0.1", name);
	if (nothing >= 0 && dup2(nothing, STDIN_FILENO) >= 0 && dup2(output, STDOUT_FILENO) >= 0 &&
	    dup2(output, STDERR_FILENO) >= 0) {
		(void)descriptors_close_from(STDERR_FILENO + 1);
		execve(SSHD, arguments, environment);
	}
	_exit(CTL_USAGE);
}

void sshd_ask(struct agent *agent)
{
	int ends[2];
	int status = -1;
	pid_t child;

	agent->sshd_here = access(SSHD, F_OK) == 0;
	if (!agent->sshd_here || pipe2(ends, O_CLOEXEC) != 0)
		return;
	child = fork();
	if (child == 0)
		become_sshd(agent->name, ends[1]);
	close(ends[1]);
	agent_read(ends[0], agent->sshd);
	if (child < 0)
		return;
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	agent->sshd_known = status == 0;
}

/*
 * The value of the next line of sshd's that begins with that keyword, from *at on, copied to value; *at goes behind
 * it. False where there is none.
 */
static bool next_value(const char **at, const char *keyword, char *value, size_t size)
{
	size_t length = strlen(keyword);

	while (**at) {
		const char *line = *at;
		size_t whole = strcspn(line, "\n");

		*at = line + whole + (line[whole] == '\n');
		if (whole <= length || strncasecmp(line, keyword, length) != 0 || line[length] != ' ')
			continue;
		(void)snprintf(value, size, "%.*s", (int)(whole - length - 1), line + length + 1);
		return true;
	}
	return false;
}

/* Is the value of that keyword this one? */
static bool sshd_says(const struct agent *agent, const char *keyword, const char *wanted)
{
	const char *at = agent->sshd;
	char value[AGENT_DETAIL_SIZE];

	return next_value(&at, keyword, value, sizeof(value)) && strcasecmp(value, wanted) == 0;
}

/* False where the row is answered already: no sshd, or none that says anything. */
static bool sshd_speaks(const struct agent *agent, struct way *way)
{
	if (!agent->sshd_here)
		way_set(way, WAY_CLOSED, "there is no " SSHD);
	else if (!agent->sshd_known)
		way_set(way, WAY_UNKNOWN, "sshd -T: %.*s (run as root, with an sshd that starts)",
			(int)strcspn(agent->sshd, "\r\n"), agent->sshd);
	return agent->sshd_here && agent->sshd_known;
}

void sshd_stream_local(const struct agent *agent, struct way *way)
{
	if (!sshd_speaks(agent, way))
		return;
	if (sshd_says(agent, "disableforwarding", "yes") || sshd_says(agent, "allowstreamlocalforwarding", "no"))
		way_set(way, WAY_CLOSED, "sshd connects to no Unix socket for it");
	else
		way_set(way, WAY_OPEN,
			"sshd connects to Unix sockets for it, and binds them (sshd_config: DisableForwarding yes)");
}

void sshd_forwarding(const struct agent *agent, struct way *way)
{
	if (!sshd_speaks(agent, way))
		return;
	if (sshd_says(agent, "disableforwarding", "yes") ||
	    (sshd_says(agent, "allowtcpforwarding", "no") && sshd_says(agent, "allowagentforwarding", "no") &&
	     sshd_says(agent, "x11forwarding", "no") && sshd_says(agent, "permittunnel", "no")))
		way_set(way, WAY_CLOSED, "sshd forwards nothing for it");
	else
		way_set(way, WAY_OPEN,
			"sshd forwards TCP, X11, an agent or a tunnel (sshd_config: DisableForwarding yes)");
}

void sshd_sftp(const struct agent *agent, struct way *way)
{
	const char *at = agent->sshd;
	char value[AGENT_DETAIL_SIZE];

	if (!sshd_speaks(agent, way))
		return;
	while (next_value(&at, "subsystem", value, sizeof(value))) {
		if (!strstr(value, " internal-sftp"))
			continue;
		way_set(way, WAY_OPEN,
			"internal-sftp is sshd itself (sshd_config: Subsystem sftp /usr/lib/openssh/sftp-server)");
		return;
	}
	way_set(way, WAY_CLOSED, "no subsystem is internal-sftp: the shell starts it");
}

void sshd_force_command(const struct agent *agent, struct way *way)
{
	const char *at = agent->sshd;
	char value[AGENT_DETAIL_SIZE];

	if (!sshd_speaks(agent, way))
		return;
	if (next_value(&at, "forcecommand", value, sizeof(value)) && strncmp(value, "internal-sftp", 13) == 0)
		way_set(way, WAY_OPEN,
			"internal-sftp is sshd itself (sshd_config: ForceCommand /usr/lib/openssh/sftp-server)");
	else
		way_set(way, WAY_CLOSED, "the shell starts what ForceCommand names, if anything");
}

/* A file of keys that is root's, and no name in its path the user's: an absolute one outside of its home. */
static bool keys_are_roots(const struct agent *agent, const char *file)
{
	size_t home = strlen(agent->home);
	const char *user = strstr(file, "%u");
	char path[AGENT_DETAIL_SIZE];
	struct stat st;

	if (strcmp(file, "none") == 0)
		return true;
	if (file[0] != '/' || strstr(file, "%h") || strstr(file, ".."))
		return false;
	(void)snprintf(path, sizeof(path), "%.*s%s%s", user ? (int)(user - file) : (int)strlen(file), file,
		       user ? agent->name : "", user ? user + 2 : "");
	if (stat(path, &st) == 0 && st.st_uid == agent->uid && agent->uid != 0)
		return false;
	return home <= 1 || strncmp(file, agent->home, home) != 0 || (file[home] != '/' && file[home] != '\0');
}

void sshd_keys(const struct agent *agent, struct way *way)
{
	const char *at = agent->sshd;
	char value[AGENT_DETAIL_SIZE];
	char *rest = NULL;

	if (!sshd_speaks(agent, way))
		return;
	if (!next_value(&at, "authorizedkeysfile", value, sizeof(value)))
		value[0] = '\0';
	for (char *file = strtok_r(value, " ", &rest); file; file = strtok_r(NULL, " ", &rest)) {
		if (keys_are_roots(agent, file))
			continue;
		way_set(
		    way, WAY_OPEN,
		    "command=\"internal-sftp\" in its own %s (sshd_config: AuthorizedKeysFile /etc/agentsh/keys/%%u)",
		    file);
		return;
	}
	way_set(way, WAY_CLOSED, "it writes no file of keys of its own");
}

void sshd_environment(const struct agent *agent, struct way *way)
{
	const char *at = agent->sshd;
	char value[AGENT_DETAIL_SIZE];

	if (!sshd_speaks(agent, way))
		return;
	if (!sshd_says(agent, "permituserenvironment", "no")) {
		way_set(way, WAY_OPEN,
			"~/.ssh/environment loads into sshd's xauth (sshd_config: PermitUserEnvironment no)");
		return;
	}
	while (next_value(&at, "acceptenv", value, sizeof(value))) {
		if (fnmatch(value, "LD_PRELOAD", 0) != 0)
			continue;
		way_set(way, WAY_OPEN, "a client's LD_PRELOAD loads into sshd's xauth (sshd_config: no AcceptEnv %s)",
			value);
		return;
	}
	way_set(way, WAY_CLOSED, "no variable of its own reaches sshd's programs");
}
