/*
 * How long a worker's turns on a processor are: sched(7), sched_setattr(2). Short ones come sooner: a
 * session that calls now and then has them; one that calls without a pause has the usual ones, so that
 * where processors are short the others are answered before it. (Not longer ones than usual: a worker
 * that holds the lock of the events' file while it waits for its turn makes all others wait.)
 */
#ifndef AGENTSH_TURN_H
#define AGENTSH_TURN_H

#include <stdbool.h>
#include <stdint.h>

struct turn {
	uint64_t since_us; /* when counting began */
	uint64_t last_us;  /* of the last notification */
	unsigned count;
	bool is_usual; /* what the kernel was asked for */
};

/* Short ones to begin with. */
void turn_begin(struct turn *turn);

/*
 * A notification is there. Asks the kernel, where that changes anything, for usual turns, or short ones
 * after a pause. From Linux 6.12 on; before, and where they are not to be had, nothing changes.
 */
void turn_count(struct turn *turn, uint64_t now_us);

/* Pure: should the turns be the usual ones, with this notification? */
bool turn_is_usual(struct turn *turn, uint64_t now_us);

#endif
