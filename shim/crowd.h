/*
 * How many of a session's servers should read notifications at once. One, as a rule: of calls that are soon answered
 * several make no more, as each of them has the kernel's lock of the listener in turn, and a processor to go to. More
 * where each reader is at a call whenever one looks, another call waits, and calls take long. Pure.
 */
#ifndef AGENTSH_CROWD_H
#define AGENTSH_CROWD_H

#include <stdbool.h>
#include <stdint.h>

#define CROWD_READERS_MOST 4U /* where there are processors for them */

struct crowd {
	uint64_t calls;   /* when it was looked last */
	int64_t at_us;    /* that was then */
	unsigned crowded; /* looks since one that found no crowd */
	unsigned calm;    /* looks since one that found one */
};

/* What a look finds. */
struct crowd_sight {
	int64_t now_us;
	uint64_t calls; /* handled since the beginning */
	bool is_full;   /* each reader is at a call, and another waits */
	unsigned readers;
	unsigned most; /* readers at once */
};

/* 1: one more should read; -1: one fewer; 0: as many as before. */
int crowd_look(struct crowd *crowd, const struct crowd_sight *sight);

#endif
