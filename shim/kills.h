/*
 * Kills by the kernel on their way into a session's events: a ring in the session's memory, into which the broker
 * puts them and from which the worker takes them, so that none is lost with either, and none told twice. Pure.
 *
 * Its other end is not trusted: whatever the numbers are, nothing beyond the ring is touched.
 */
#ifndef AGENTSH_KILLS_H
#define AGENTSH_KILLS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "kill_record.h"

#define KILLS_MAX 256U /* that wait at once */

struct kills {
	_Atomic uint64_t put;        /* so many, by the broker */
	_Atomic uint64_t taken;      /* so many, by the worker: in a step */
	_Atomic uint64_t lost;       /* for which there was no room for too long, by the broker */
	_Atomic uint64_t lost_taken; /* of which has been told, by the worker: in a step */
	struct kill_record records[KILLS_MAX];
};

/* Puts one, unless it is the one that was put last. False: there is no room. */
bool kills_put(struct kills *kills, const struct kill_record *record);

/* The next that is to be taken, a copy. False: there is none. It is taken once taken has become one more. */
bool kills_next(const struct kills *kills, struct kill_record *record);

/* How many were lost and have not been told of. */
uint64_t kills_lost(const struct kills *kills);

#endif
