/*
 * Quiet sessions: those without a listener, of which nobody is notified. What is known of them is what has been
 * reported by plain connections (plain_report.h): the processes that are in each, so that a kill by the kernel finds
 * its session. In memory that outlives a broker (audit.h), changed by one broker at a time, which may die at any
 * instant.
 *
 * The label is its user's: no other user gets it while the session lives, which is as long as its first process or the
 * last that reported.
 */
#ifndef AGENTSH_QUIET_H
#define AGENTSH_QUIET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "kill_record.h"
#include "session.h"

#define QUIET_SESSIONS          1024U
#define QUIET_SESSIONS_PER_USER 256U
#define QUIET_MEMBERS           32768U /* of the same number, modulo this, the first that lives is known */

/* A process. */
struct quiet_process {
	pid_t pid;
	uint32_t program; /* members_program(); 0: not known */
	uint64_t began;   /* tracee_began(); 0: it was gone before anything of it was seen */
};

struct quiet_session {
	char id[SESSION_ID_SIZE]; /* empty: none */
	uid_t uid;
	uint32_t generation; /* of the place, raised by each session */
	struct quiet_process first;
	struct quiet_process last;
};

struct quiet_member {
	_Atomic uint32_t pid; /* 0: nobody */
	uint32_t session;     /* its place */
	uint32_t generation;
	uint32_t program;
	uint64_t began;
	uint64_t noted_ms; /* since the epoch */
	uint64_t told;     /* what was told last of it (plain_report.c); 0: nothing */
};

struct quiet {
	uint64_t looks; /* for a place: where the next one begins */
	uint32_t used;  /* places: from there on none has had a session, which each new loader's ID is compared with */
	struct quiet_session sessions[QUIET_SESSIONS];
	struct quiet_member members[QUIET_MEMBERS];
};

/* The session of that ID of that user; NULL: there is none. */
struct quiet_session *quiet_find(struct quiet *quiet, const char *id, uid_t uid);

/* Has another user a live session of that ID? */
bool quiet_is_of_another(const struct quiet *quiet, const char *id, uid_t uid);

/*
 * The same as quiet_find(), made where there is none, in place of one that has ended where there is no room. NULL: none
 * is to be had.
 */
struct quiet_session *quiet_make(struct quiet *quiet, const char *id, uid_t uid);

/* A process is in that session. Returns what is known of it; NULL: nothing is, another has its place. */
struct quiet_member *quiet_note(struct quiet *quiet, struct quiet_session *session,
				const struct quiet_process *process);

/* The session of the process of that number that began then; NULL: none. */
struct quiet_session *quiet_session_of(struct quiet *quiet, pid_t pid, uint64_t began);

/*
 * The session of a process that is gone: which had reported under that number, with that program; or which the same
 * user's had, just before it was gone, so that nothing more is known of it. NULL: none.
 */
const struct quiet_session *quiet_session_was(struct quiet *quiet, const struct kill_record *record);

#endif
