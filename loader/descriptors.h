/*
 * The descriptors that the target would inherit.
 */
#ifndef AGENTSH_DESCRIPTORS_H
#define AGENTSH_DESCRIPTORS_H

#include <stdbool.h>
#include <stddef.h>

#include "error.h"

/* Closes all from that number on, also before Linux 5.9, which has no close_range(2). 0, or -1 and errno. */
int descriptors_close_from(int first);

/* close_fds = yes: closes all but 0, 1 and 2. 0, or -1 and *err. */
int descriptors_close(struct error *err);

/*
 * degraded = no_unix: refuses what could still be given an address although the filter lets no
 * Unix socket be made: an inherited Unix socket that is not connected or is a datagram socket,
 * and an io_uring, through which sockets are made behind the filter's back (io_uring(7)).
 * datagram = deny: refuses the datagram sockets alone: connect(2) of the others is mediated.
 * Looks at every open descriptor (/proc/self/fd). 0, or -1 and *err.
 */
int descriptors_refuse_addressable(bool datagrams_alone, struct error *err);

/* A socket's type (SO_TYPE): stream, dgram or seqpacket; NULL: any other. */
const char *descriptors_type_name(int type);

/*
 * Writes the Unix sockets and the io_urings among the descriptors to text (size bytes), each as "FD TYPE NAME"
 * with a NUL behind it: TYPE is stream, dgram, seqpacket or io_uring, NAME the peer's path, "@" and an abstract
 * name, or "-". *used: the bytes; what does not fit is left out, as is everything where /proc cannot be read.
 *
 * refuses_polled (mediation): -1 and *err where that is so, and for an inherited io_uring with a thread of the
 * kernel's (IORING_SETUP_SQPOLL): what is put into its queue is done without a system call that a filter could
 * see. Else 0.
 */
int descriptors_list(char *text, size_t size, bool refuses_polled, size_t *used, struct error *err);

#endif
