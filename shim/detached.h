/*
 * A message to the kernel whose attributes may name descriptors (a network namespace, a BPF program, a device): the
 * kernel looks them up among those of whoever sends. It is sent from a thread with a table of its own, which holds
 * the socket and nothing else: close_range(2), CLOSE_RANGE_UNSHARE; unshare(2), CLONE_FILES.
 */
#ifndef AGENTSH_DETACHED_H
#define AGENTSH_DETACHED_H

#include <sys/socket.h>
#include <sys/types.h>

/*
 * sendmsg(2) with the calling thread's rights. The socket must not make it wait: a signal does not interrupt it.
 * EACCES as well where such a thread is not to be had.
 */
ssize_t detached_send(int socket, const struct msghdr *message, int flags);

#endif
