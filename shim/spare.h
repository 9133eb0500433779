/*
 * A worker that has no session yet: executed and confined, it waits for one, so that who begins a session need not
 * wait for that.
 */
#ifndef AGENTSH_SPARE_H
#define AGENTSH_SPARE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "role.h"

/* The first message to a worker: its session. Descriptors come along as has says, in their order. */
struct spare_session {
	uint32_t has;       /* bits, 1 << enum worker_descriptor */
	uint32_t kind;      /* enum sink_kind, of the descriptor for events */
	uint32_t is_stored; /* the session outlives its keeper */
};

struct spare {
	pid_t worker; /* 0: there is none */
	int control;  /* owned; -1: the same */
	int filter;   /* owned; what each worker confines itself by; -1: it makes its own */
};

/*
 * False: it could not be started. There was none. later: it is executed once it has its session, so that what is to be
 * done until then is not held up.
 */
bool spare_start(struct spare *spare, bool later);

/*
 * Gives it its session (descriptors[WORKER_DESCRIPTORS], borrowed, -1: none): it is its worker from now on, and no
 * spare any more. False: it has died, and there is none.
 */
bool spare_give(struct spare *spare, const struct spare_session *session, const int *descriptors, pid_t *worker,
		int *control);

/* It has ended, or it is to: where it lives, it does so once it sees that. */
void spare_forget(struct spare *spare);

#endif
