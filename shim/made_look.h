/*
 * Looks who has the sockets that a sidecar has made for its session (made_sockets.h), by /proc/PID/fd: the kernel tells
 * nobody that a descriptor has been closed. And the thread that does so from time to time.
 */
#ifndef AGENTSH_MADE_LOOK_H
#define AGENTSH_MADE_LOOK_H

#include <pthread.h>
#include <stdatomic.h>

#include "credentials.h"
#include "error.h"
#include "made_sockets.h"

struct made_look {
	struct made_sockets *made; /* borrowed */
	int proc;                  /* owned; /proc: a server may have another root meanwhile */
	int wake;                  /* owned; an eventfd */
	_Atomic int asleep;        /* nothing is looked for: the next socket wakes it */
	pthread_mutex_t one;       /* at a time looks */
};

/* Starts the thread, which ends with the process. 0, or -1 and *err. */
int made_look_start(struct made_look *look, struct made_sockets *made, struct error *err);

/* One has been made. */
void made_look_later(struct made_look *look);

/* One is connecting. */
void made_look_now(struct made_look *look);

/*
 * Looks, in the calling thread, which has its own rights (own), and takes those of whoever it may not read otherwise.
 * What has not been seen patience times in a row is let go of.
 */
void made_look(struct made_look *look, const struct credentials *own, unsigned patience);

#endif
