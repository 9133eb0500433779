/*
 * Descriptors that strangers have sent: close(2) and write(2) ask whoever serves the file (FUSE_FLUSH), who may be the
 * sender, and may never answer; no signal ends that wait once the request has been read.
 */
#ifndef AGENTSH_STRANGER_H
#define AGENTSH_STRANGER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define CLOSINGS_MOST   64U /* under way; what is to be closed beyond that stays open */
#define CLOSINGS_A_USER 4U  /* then nothing more is heard of that user, until one is over */

/* A close that a thread of its own waits for. Free where its descriptor is -1. */
struct closing {
	uid_t uid;
	atomic_int descriptor;
};

/* Not to be moved, nor to end before the process does. All -1: strangers_begin. */
struct strangers {
	struct closing closings[CLOSINGS_MOST];
};

void strangers_begin(struct strangers *strangers);

/*
 * Is it closed and written to without waiting for anybody who is not the system's? A pipe, a terminal, a Unix socket,
 * or a file of a file system of this mount namespace that no process serves. Asks no file's server.
 */
bool stranger_is_prompt(int descriptor);

/* Closes what uid has sent, without waiting for that. */
void stranger_close(struct strangers *strangers, uid_t uid, int descriptor);

/* Are as many closes of that user's under way as may be? */
bool stranger_has_too_many(const struct strangers *strangers, uid_t uid);

#endif
