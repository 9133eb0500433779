/*
 * What the kernel says of a Unix socket in our network namespace: sock_diag(7). /proc/net/unix has
 * the same, but names in it may hold newlines, by which a line of it can be forged.
 */
#ifndef AGENTSH_SOCKET_DIAG_H
#define AGENTSH_SOCKET_DIAG_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct socket_diag {
	int netlink; /* owned; -1: there is none, and nothing is known of any socket */
	pthread_mutex_t lock;
};

void socket_diag_open(struct socket_diag *diag);

/* Is there a Unix socket of that inode in this network namespace? */
bool socket_diag_knows(struct socket_diag *diag, ino_t socket);

/* Has it that abstract name (without its first NUL)? */
bool socket_diag_is_named(struct socket_diag *diag, ino_t socket, const char *name, size_t length);

#endif
