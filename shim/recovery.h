/*
 * What a worker takes up of the one before it, which died at any instant: the event that it was
 * writing, and the calls that it was handling.
 */
#ifndef AGENTSH_RECOVERY_H
#define AGENTSH_RECOVERY_H

#include <stdbool.h>

#include "area.h"
#include "event.h"

struct worker;

/* What becomes of a call that is in a slot. */
enum fate {
	FATE_ANEW,     /* nothing has been done for it: from the beginning */
	FATE_RESOLVED, /* what was begun can be seen at its socket */
	FATE_ANSWERED, /* it has been carried out, and the answer is known */
	FATE_UNKNOWN,  /* what was begun may have been done or not, and must not be done again */
	FATE_DENIED,   /* as many workers have died of it as may */
};

enum fate recovery_fate(const struct area_slot *slot);

/*
 * Before the first thread: makes the area whole, writes what was being written, and counts what the
 * threads will take up. False: the session has ended, and that has been told.
 */
bool recovery_begin(struct worker *worker, struct event_recovered *recovered);

#endif
