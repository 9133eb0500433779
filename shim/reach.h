/*
 * How the memory and the descriptors of a target are got at: by the caller's own system calls, or
 * through the reader above the session (reader.h), where a security module (Yama) lets nobody but
 * an ancestor make them. Whatever is read is a copy, and the target's own has changed already.
 */
#ifndef AGENTSH_REACH_H
#define AGENTSH_REACH_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#define REACH_PIECES_MAX 64U /* of one reading */

/* A thread's own: one request of it is under way at a time. */
struct reach {
	int channel;    /* borrowed; to the session's reader; -1: there is none, and the calls are our own */
	int connection; /* owned; to a thread of the reader's; -1: none yet */
};

/* Lets go of the connection. */
void reach_end(struct reach *reach);

/*
 * Reads at most length bytes of thread tid from count pieces (at most REACH_PIECES_MAX), one after
 * the other, as process_vm_readv(2) does, and by /proc/TID/mem where a kernel refuses that. Returns
 * the bytes before the first that is not there, which may be less than there is, or -1 and errno.
 */
ssize_t reach_read(struct reach *reach, pid_t tid, const struct iovec *pieces, size_t count, void *out, size_t length);

/* Writes at most length bytes in the same way. Returns how many, or -1 and errno. */
ssize_t reach_write(struct reach *reach, pid_t tid, uint64_t address, const void *bytes, size_t length);

/* Takes a descriptor of the thread or process that a pidfd is of: a new one, or -1 and errno (EBADF: there is none). */
int reach_take(struct reach *reach, int pidfd, int number);

#endif
