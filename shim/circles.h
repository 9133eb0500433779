/*
 * Sessions of one user with one policy, whose workers share a table of what they have bound
 * (commons.h): each such session has a descriptor of it, and with the last one it is gone.
 */
#ifndef AGENTSH_CIRCLES_H
#define AGENTSH_CIRCLES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CIRCLE_DIGEST_SIZE 65U /* SHA-256 in hexadecimal, with its NUL */

struct circle_member {
	uint64_t ticket;
	uid_t uid;
	char digest[CIRCLE_DIGEST_SIZE];
	int memfd; /* owned */
};

struct circles {
	struct circle_member *members; /* owned */
	size_t count;
};

/*
 * A session joins those of the same user and policy; known: the table that it has already (taken
 * over), -1: none. Returns the table's memfd (borrowed), or -1 where it cannot be had.
 */
int circles_join(struct circles *circles, uint64_t ticket, uid_t uid, const char *policy, size_t length, int known);

/* A session has ended; nothing where it was in none. */
void circles_leave(struct circles *circles, uint64_t ticket);

#endif
