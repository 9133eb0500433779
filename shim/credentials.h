/*
 * The rights with which a call is made: credentials(7), capabilities(7). A serving thread takes
 * those of the target for as long as it carries a call out: the effective ids, the groups, the
 * effective capabilities; never the real and saved ids, by which the target could signal it.
 */
#ifndef AGENTSH_CREDENTIALS_H
#define AGENTSH_CREDENTIALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct credentials {
	uid_t ruid, euid, suid, fsuid;
	gid_t rgid, egid, sgid, fsgid;
	gid_t *groups; /* owned; sorted as the kernel has them */
	size_t group_count;
	uint64_t effective; /* capabilities */
	uint64_t permitted;
	mode_t mask;   /* umask */
	pid_t tgid;    /* as our pid namespace numbers it */
	pid_t ns_tgid; /* as its own does */
};

/* Reads those of a thread from its directory in /proc. 0, or an errno. Free with credentials_free. */
int credentials_read(int directory, struct credentials *credentials);

/* The same from its status file, which may have been read before. */
int credentials_read_status(int status, struct credentials *credentials);
void credentials_free(struct credentials *credentials);

/* Are all four user IDs that one? */
bool credentials_are_of(const struct credentials *credentials, uid_t uid);

/*
 * Gives the calling thread the target's rights; own are the thread's, as credentials_read has them.
 * foreign: the target is in another user namespace, in which its capabilities mean something and
 * here nothing. also: capabilities of ours that are needed for it all the same. 0, or EACCES where they cannot be had;
 * the thread is then as before.
 */
int credentials_take(const struct credentials *target, bool foreign, uint64_t also, const struct credentials *own);

/* Are the effective ids and the groups the same? */
bool credentials_same_ids(const struct credentials *a, const struct credentials *b);

/* Would credentials_take() change anything of a thread that has its own rights? */
bool credentials_differ(const struct credentials *target, bool foreign, uint64_t also, const struct credentials *own);

/*
 * What the calling thread sends of descriptors (SCM_RIGHTS) counts as in flight of one user's from now on, and not as
 * ours with that of all other users' sessions: the kernel counts by the real uid, and lets nobody send more than a
 * process may have open. That user is none that anything runs as, for by uid itself the target could signal the thread.
 * Takes CAP_SETUID in effect. False: it counts as before.
 */
bool credentials_count_for(uid_t uid);
void credentials_count_again(const struct credentials *own);

/*
 * The ids and groups of a target become the thread's own, for good, with our capabilities beside them as
 * before: where every target has the same, only capabilities are left to be changed for each call. False: as
 * for credentials_return.
 */
bool credentials_adopt(const struct credentials *target, struct credentials *own);

/* Gives the thread its own rights back. False: it cannot be trusted any more, and must end. */
bool credentials_return(const struct credentials *target, const struct credentials *own);

#endif
