/*
 * The sockets that sessions of one user with one policy have bound: what "default = user" allows
 * beside a session's own. A table in memory that those sessions' workers share. An entry says no
 * more than where to look: that the socket is there, and has that name, the kernel says
 * (socket_diag.h), by a cookie that no other socket ever has.
 */
#ifndef AGENTSH_COMMONS_H
#define AGENTSH_COMMONS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "socket_diag.h"

#define COMMONS_ENTRIES 4096U /* the oldest make room */

struct commons_entry {
	_Atomic uint64_t cookie; /* written last; 0: free */
	_Atomic uint64_t socket; /* its inode */
	_Atomic uint64_t key;    /* of the pathname's inode, or of the abstract name */
};

struct commons {
	_Atomic uint32_t next;
	struct commons_entry entries[COMMONS_ENTRIES];
};

/* Makes one: a memfd (O_CLOEXEC), sealed against a change of size. -1 and errno. */
int commons_create(void);

/* Maps one. NULL where it is none. */
struct commons *commons_map(int memfd);

/* A socket has been bound: to the pathname of that inode, or, status NULL, to the abstract name. */
void commons_add(struct commons *commons, int socket, const struct stat *status, const char *name, size_t length);

bool commons_have_path(struct commons *commons, struct socket_diag *diag, const struct stat *status);
/* *which: the socket. */
bool commons_have_abstract(struct commons *commons, struct socket_diag *diag, const char *name, size_t length,
			   struct socket_identity *which);

#endif
