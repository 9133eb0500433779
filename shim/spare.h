/*
 * Workers that have no session: executed and confined, each waits for one, so that who begins a session need not wait
 * for that. Most have had none yet. Some have had one in which there was no call to answer, as in most short commands:
 * such a worker has read nothing that any process wrote, and takes another session of the same user with the same
 * rights, which spares all that a process costs.
 */
#ifndef AGENTSH_SPARE_H
#define AGENTSH_SPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "role.h"

#define SPARES_MOST       128U  /* what is beyond ends: as many sessions may end at once */
#define SPARE_PATIENCE_MS 10000 /* for another session, of one that has had one */

/* The first message to a worker: its session. Descriptors come along as has says, in their order. */
struct spare_session {
	uint32_t has;       /* bits, 1 << enum worker_descriptor */
	uint32_t kind;      /* enum sink_kind, of the descriptor for events */
	uint32_t is_stored; /* the session outlives its keeper */
};

/* What a worker has confined itself to, for good. */
struct spare_whose {
	uid_t uid;
	uint64_t capabilities;
};

struct spare {
	pid_t worker;
	int control;  /* owned */
	bool is_used; /* it has had a session, and: */
	struct spare_whose whose;
	int64_t since; /* ms: when it became free */
};

struct spares {
	struct spare all[SPARES_MOST]; /* the first count; those that are longest free first */
	size_t count;
	int filter; /* owned; what each worker confines itself by; -1: it makes its own */
};

/*
 * One more. False: it could not be started. later: it is executed once it has its session, so that what is to be
 * done until then is not held up.
 */
bool spare_start(struct spares *spares, bool later);

/* Is there one for a session of that user's (NULL: of somebody's who is not known)? */
bool spare_is_there(const struct spares *spares, const struct spare_whose *whose);

/* Is there one that has had no session? */
bool spare_is_fresh(const struct spares *spares);

/*
 * Gives one its session (descriptors[WORKER_DESCRIPTORS], borrowed, -1: none): it is its worker from now on, and no
 * spare any more. False: there is none, or they have all died.
 */
bool spare_give(struct spares *spares, const struct spare_whose *whose, const struct spare_session *session,
		const int *descriptors, pid_t *worker, int *control);

/* A worker is free again. control: taken over. Where there is no room it ends. */
void spare_take_back(struct spares *spares, pid_t worker, int control, const struct spare_whose *whose);

/* That child has ended. */
void spare_ended(struct spares *spares, pid_t worker);

/* Those that have waited too long for another session end. */
void spare_trim(struct spares *spares, int64_t now);

/* ms: when the next one has; -1: none will. */
int64_t spare_due(const struct spares *spares);

/* All of them are killed, and buried. */
void spare_end_all(struct spares *spares, void (*bury)(pid_t worker));

#endif
