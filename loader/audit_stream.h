/*
 * The kernel's audit records, as it tells them to whoever listens: netlink(7), NETLINK_AUDIT, the group
 * AUDIT_NLGRP_READLOG. Beside auditd, which is told by itself. It takes CAP_AUDIT_READ.
 */
#ifndef AGENTSH_AUDIT_STREAM_H
#define AGENTSH_AUDIT_STREAM_H

#include <stdbool.h>
#include <stddef.h>

#define AUDIT_STREAM_SECCOMP 1326U /* AUDIT_SECCOMP: an action of a filter's that is logged */

/* A socket that has joined (O_CLOEXEC, and does not block), or -1 with errno and, in *call, what has failed. */
int audit_stream_open(const char **call);

enum audit_stream_result {
	AUDIT_STREAM_NONE = 0, /* there is none */
	AUDIT_STREAM_RECORD,   /* *text is a SECCOMP record's */
	AUDIT_STREAM_OTHER,    /* a record of another kind, or somebody else's message */
	AUDIT_STREAM_OVERRUN,  /* records came faster than they were read: some are lost */
	AUDIT_STREAM_BROKEN    /* it cannot be read any more */
};

#define AUDIT_STREAM_MESSAGE_MAX ((size_t)9216) /* beyond the kernel's MAX_AUDIT_MESSAGE_LENGTH and a header */

/*
 * The next message, of at most size bytes in buffer, which *text lies in; it stays where it is until
 * audit_stream_drop(). Does not wait.
 */
enum audit_stream_result audit_stream_peek(int stream, void *buffer, size_t size, const char **text, size_t *length);
void audit_stream_drop(int stream);

/*
 * Does what the kernel kills come here? Tried with a child that makes a call that is logged, and waited for as long as
 * a second. Not where the kernel's audit is off, logs no kills or leaves out these records; nor in another network
 * namespace than the first, or another pid namespace, in whose numbers no record is. False: errno says what was
 * missing.
 */
bool audit_stream_hears(int stream);

#endif
