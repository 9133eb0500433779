/*
 * Where a process comes from that the kernel has killed: as far as /proc still has it, which is until its parent has
 * buried it. Whoever is below a process that is under a session's filter is under it too.
 */
#ifndef AGENTSH_KILL_ORIGIN_H
#define AGENTSH_KILL_ORIGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "area.h"
#include "kill_record.h"

#define KILL_ORIGIN_STEPS 64U /* of ancestors, and no more are looked at */

/* The process itself, its parent, and so on; none where it is gone. */
struct kill_origin {
	struct {
		pid_t pid;
		uint64_t began; /* tracee_began() */
	} steps[KILL_ORIGIN_STEPS];
	size_t count;
	bool is_gone; /* it has been buried, or its number is another's by now */
};

/* Of a process that nobody has killed yet. */
void kill_origin_of(pid_t pid, struct kill_origin *origin);

void kill_origin_read(const struct kill_record *record, struct kill_origin *origin);

/* Is that step the session's first process, or one that has reported to it? */
bool kill_origin_is_in(const struct kill_origin *origin, size_t step, const struct area *area);

/*
 * One that is gone: was its number, with its program, one of those that have reported, or the session's first? That
 * the number was given twice, to two processes of the same program, is not ruled out.
 */
bool kill_origin_was_in(const struct kill_record *record, const struct area *area);

#endif
