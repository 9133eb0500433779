/*
 * The threads that have called lately, as descriptors of theirs that are kept open. Each speaks of
 * one thread alone: once that has ended it answers ESRCH, and never of another with its number.
 * Whatever can change is asked anew each time.
 */
#ifndef AGENTSH_KNOWN_THREAD_H
#define AGENTSH_KNOWN_THREAD_H

#include <stdint.h>
#include <sys/types.h>

#include "credentials.h"

#define KNOWN_THREADS 4U /* of each server */

struct known_thread {
	pid_t tid;     /* 0: free */
	int directory; /* owned, as all of them; in /proc */
	int status;    /* /proc/TID/status */
	int pidfd;     /* of the thread, for its own descriptor table */
	uint64_t used; /* when, by the server's count */
};

struct known_threads {
	struct known_thread all[KNOWN_THREADS];
	uint64_t count;
};

/*
 * The thread of that number as it is now, with its credentials (to be freed), which are read anew.
 * NULL where it is gone or may not be read. What is returned is the table's, until the next call.
 */
const struct known_thread *known_thread_find(struct known_threads *known, pid_t tid, struct credentials *credentials);

#endif
