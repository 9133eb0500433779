/*
 * The user of a system's broker, the one role that hears strangers: an account of the name below, which owns nothing
 * and as which nothing else runs. credentials(7), passwd(5).
 */
#ifndef AGENTSH_SYSTEM_USER_H
#define AGENTSH_SYSTEM_USER_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include "error.h"

#define SYSTEM_USER      "_agentsh"
#define SYSTEM_USER_FILE "/etc/passwd" /* where a package puts its users; a directory service is not asked */

struct system_user {
	uid_t uid;
	gid_t gid;
};

/* The account among those of passwd (borrowed, read from where it stands). False: there is none, or it is root's. */
bool system_user_find(FILE *passwd, struct system_user *user);

/*
 * The calling process, which has one thread, becomes that user for good, with no group but its own. What it is
 * permitted stays so (capabilities(7), PR_SET_KEEPCAPS), and nothing of it is effective then. 0: it has, or stays what
 * it is: there is no such account, it is not root, or it may not change ids and keep CAP_SYS_PTRACE. -1 and *err: it
 * should have been, and is not.
 */
int system_user_become(struct error *err);

#endif
