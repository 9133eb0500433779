/*
 * Messages to the kernel: netlink(7), rtnetlink(7). Pure.
 */
#ifndef AGENTSH_NETLINK_H
#define AGENTSH_NETLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/* Does an address (NULL: the peer of a connected socket, by getpeername(2)) stand for the kernel? */
bool netlink_is_to_kernel(int socket, const struct sockaddr *address, socklen_t length);

/*
 * Do they ask, and change nothing? protocol: the socket's (SO_PROTOCOL). What a process of another PID namespace
 * may have said for it: a number of a process, in an attribute, is looked up in the namespace of whoever sends.
 */
bool netlink_asks(int protocol, const void *messages, size_t length);

#endif
