/*
 * The reader: what the loader that stays does for a private sidecar where only an ancestor may read
 * a process. It makes three system calls for the session's worker and judges nothing: the kernel
 * says whether it may. ptrace(2), "/proc/sys/kernel/yama/ptrace_scope".
 *
 * It hears one socket, SOCK_SEQPACKET, whose other end the sidecar alone has. A message of one byte
 * brings a connection along, and each connection gets a thread: memory behind userfaultfd or FUSE
 * keeps one thread of the worker's, and nobody else. A thread that is kept so outlives the worker
 * that asked, so there is a bound; what comes beyond that is closed, which denies the call.
 *
 *   worker                                   reader
 *   reader_request, WRITE: then the bytes ->
 *                   (TAKE: the pidfd)     <- reader_answer, READ: then the bytes (TAKE: the descriptor)
 */
#ifndef AGENTSH_READER_H
#define AGENTSH_READER_H

#include <stdint.h>
#include <sys/uio.h>

#include "reach.h"

#define READER_BYTES_MAX       ((size_t)64 * 1024) /* of one request */
#define READER_CONNECTIONS_MAX 64U                 /* at once; a worker has AREA_SLOTS of them */

enum reader_operation { READER_READ = 1, READER_WRITE, READER_TAKE };

struct reader_request {
	uint32_t operation; /* enum reader_operation */
	int32_t tid;        /* READ, WRITE */
	int32_t number;     /* TAKE: of the descriptor */
	uint32_t count;     /* of pieces; WRITE: 1 */
	uint64_t length;    /* at most */
	struct iovec pieces[REACH_PIECES_MAX];
};

struct reader_answer {
	int32_t error; /* errno; 0: length counts */
	uint32_t length;
};

/* Starts serving that socket (taken over) in threads, which have the caller's signal mask. 0, or -1 and errno. */
int reader_start(int channel);

#endif
