/*
 * What agentshctl doctor --user asks of a user: the ways by which something runs as that user without its login shell.
 */
#ifndef AGENTSH_CTL_DOCTOR_USER_H
#define AGENTSH_CTL_DOCTOR_USER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define AGENT_TEXT_MAX    65536 /* of a file that is read, and of sshd's answer */
#define AGENT_DETAIL_SIZE 512

enum way_state { WAY_CLOSED, WAY_OPEN, WAY_UNKNOWN };

/* One way: what is so, and in parentheses what closes it. */
struct way {
	enum way_state state;
	char detail[AGENT_DETAIL_SIZE];
};

/* The user, and what is asked once for all ways. */
struct agent {
	const char *name;
	const char *shell;
	const char *home;
	uid_t uid;
	bool sshd_here;
	bool sshd_known;
	char
	    sshd[AGENT_TEXT_MAX]; /* sshd's configuration for this user, "keyword value" a line; or why there is none */
};

void way_set(struct way *way, enum way_state state, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Reads at most AGENT_TEXT_MAX - 1 bytes to text, NUL-terminated, and closes the descriptor. */
void agent_read(int descriptor, char *text);

/*
 * Asks sshd (sshd -T) what it does for agent->name, "Match" blocks applied, and fills the sshd members. Each of the
 * others then judges one way.
 */
void sshd_ask(struct agent *agent);
void sshd_stream_local(const struct agent *agent, struct way *way);
void sshd_forwarding(const struct agent *agent, struct way *way);
void sshd_sftp(const struct agent *agent, struct way *way);
void sshd_force_command(const struct agent *agent, struct way *way);
void sshd_keys(const struct agent *agent, struct way *way);
void sshd_environment(const struct agent *agent, struct way *way);

#endif
