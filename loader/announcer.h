/*
 * The helper that announces the listener where the loader itself may make no call: a process that
 * shares the loader's descriptor table (clone(2), CLONE_FILES) and has no filter. They speak
 * through shared memory, in which the loader waits without a system call.
 */
#ifndef AGENTSH_ANNOUNCER_H
#define AGENTSH_ANNOUNCER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "error.h"
#include "handover.h"

/* In shared memory. */
struct announcer_board {
	_Atomic int32_t listener; /* -1 until the loader has it */
	_Atomic int32_t verdict;  /* 0 until the helper has the sidecar's: 1 accepted, -1 not */
	bool wait_killable;
	bool tells;       /* the helper says what went wrong: the loader may not write */
	struct error err; /* where it was not */
};

struct announcer {
	struct announcer_board *board;
	uint64_t patience; /* turns of the loop that waits */
};

/*
 * Starts the helper, before the load: forked twice, so that the target has no strange child. It
 * ends with the sidecar's answer, with the loader, or at the hand-over's deadline. tells: it prints
 * the error itself where the sidecar does not accept. 0, or -1 and *err.
 */
int announcer_start(const struct handover *handover, bool tells, struct announcer *announcer, struct error *err);

/* Announces and waits, making no system call at all. 0, or -1 and *err. */
int announcer_announce(const struct announcer *announcer, int listener, bool wait_killable, struct error *err);

#endif
