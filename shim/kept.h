/*
 * What the keeper has of one session: the descriptors that must not be lost, and the worker that serves it.
 */
#ifndef AGENTSH_KEPT_H
#define AGENTSH_KEPT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "error.h"
#include "keeper.h"
#include "spare.h"

#define KEPT_LIVED_MS 1000 /* a worker, or the broker, that has lived so long was well */

struct kept {
	struct kept *next;
	uint64_t ticket;
	uint32_t stored;             /* the number by which it is in systemd's store; 0: it is not */
	int descriptors[KEPT_COUNT]; /* owned; -1: none */
	int control;                 /* owned; to the worker; -1: none */
	pid_t worker;                /* 0: none runs */
	struct spare_whose whose;    /* where it began under this keeper: */
	bool may_return;             /* its worker has answered no call, and may take another session */
	unsigned tries;              /* to start one, without an end of the trouble */
	int64_t start_at;            /* ms: when the next worker is due */
	int64_t started_at;          /* ms: when the last was started */
};

/* One without anything; NULL: out of memory. */
struct kept *kept_make(uint64_t ticket);

/* Closes what it has. NULL is allowed. */
void kept_free(struct kept *kept);

/* A list has the highest ticket first: whoever hears of that one knows which are free. */
void kept_insert(struct kept **list, struct kept *kept);
void kept_remove(struct kept **list, struct kept *kept);

/*
 * Puts it into systemd's store as it is now, under that number; what is there of it otherwise is let go. 0, or
 * -1 and *err: then that is there still.
 */
int kept_store(struct kept *kept, uint32_t number, struct error *err);

/* Whom it is told, and how, that a session is as good as begun. */
struct kept_herald {
	void (*tell)(void *context);
	void *context;
};

/*
 * Starts its worker, which is the spare one where there is one, with a new descriptor for events (sink_open). herald
 * (or NULL) tells once nothing can go wrong that a later worker would not mend: with a spare worker before that one is
 * woken, so that nobody waits for what it does first. False: it could not be, and why is told.
 */
bool kept_start(struct kept *kept, const char *events, struct spares *spares, const struct kept_herald *herald);

/* Its worker has ended, or none could be started. */
void kept_try_later(struct kept *kept);
void kept_try_now(struct kept *kept);

/* The next worker would fare no better. */
bool kept_is_hopeless(const struct kept *kept);

/* ms before try number tries, of anything. */
int64_t kept_pause(unsigned tries);

#endif
