/*
 * Who holds a socket: for as long as it is held as well, its name is nobody else's (unix(7): a socket
 * keeps it until it is closed for the last time).
 */
#ifndef AGENTSH_HOLDER_H
#define AGENTSH_HOLDER_H

#include <sys/types.h>

#include "reach.h"
#include "socket_diag.h"

/* Where it was last. */
struct holder {
	pid_t process; /* 0: not known */
	int number;    /* of its descriptor */
};

/*
 * The socket, as a descriptor of ours: from where it was last, or from whichever process has it in /proc, which is
 * looked through as far as a bound. *last is where it was. -1: nobody that we may read has it.
 */
int holder_take(struct reach *reach, const struct socket_identity *socket, struct holder *last);

#endif
