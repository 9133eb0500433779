/*
 * What the kernel says of a Unix socket in our network namespace: sock_diag(7). /proc/net/unix has
 * the same, but names in it may hold newlines, by which a line of it can be forged.
 */
#ifndef AGENTSH_SOCKET_DIAG_H
#define AGENTSH_SOCKET_DIAG_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

struct socket_diag {
	int netlink; /* owned; -1: there is none, and nothing is known of any socket */
	pthread_mutex_t lock;
};

void socket_diag_open(struct socket_diag *diag);

/* Which socket: its inode, and a cookie (SO_COOKIE) that no other ever has; 0: whatever it is. */
struct socket_identity {
	ino_t inode;
	uint64_t cookie;
};

/* Is there a Unix socket of that inode in this network namespace? */
bool socket_diag_knows(struct socket_diag *diag, ino_t socket);

/* Has that socket that abstract name (without its first NUL)? */
bool socket_diag_is_named(struct socket_diag *diag, const struct socket_identity *identity, const char *name,
			  size_t length);

/* Is it bound to the pathname of that inode? */
bool socket_diag_is_bound_to(struct socket_diag *diag, const struct socket_identity *identity,
			     const struct stat *status);

/* Where a socket's pathname is. */
enum socket_place {
	SOCKET_THERE,
	SOCKET_ELSEWHERE, /* or nowhere */
	SOCKET_UNKNOWN    /* no such socket is known in this network namespace, or the kernel does not say */
};

/*
 * Is the pathname that it is bound to of the inode with that number? On one file system, which is the caller's to see
 * to: the device that the kernel names is not the one that stat(2) has of every file system.
 */
enum socket_place socket_diag_place(struct socket_diag *diag, const struct socket_identity *identity, ino_t inode);

#endif
