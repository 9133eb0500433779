/*
 * The reports of the preload library (preload.c), as they come by the reserved call.
 *
 * Whose report it is, the notification says, and who that is, /proc, read while the caller waits: the report's
 * own words are claims, and one that does not hold is an event, not a fact. The caller is answered before anything is
 * written, so that no event, and no number of them, keeps it.
 */
#ifndef AGENTSH_REPORT_H
#define AGENTSH_REPORT_H

#include <stdint.h>
#include <sys/types.h>

#include "area.h"

#define REPORTS_PER_SPAN 2000U /* written for a session, in FOLD_SPAN_US; what is beyond them is counted */

#define REPORTS_TOLD 1024U

struct worker;

/* What was told last of a process; of a worker, with which it is lost: then it may be told once more. */
struct report_told {
	pid_t tgid;
	uint64_t hash; /* of its name, its program and when it began */
};

/* Of a worker; changed under its lock. */
struct reports {
	uint64_t begun_us; /* the span in which count have been written */
	uint32_t count;
	struct report_told told[REPORTS_TOLD];
};

/*
 * Answers the report in the slot and tells of it: process_start or report_mismatch; nothing where the caller has gone
 * before it was known, or where that is what was told last of the process. Other repeats within a second are
 * counted (fold.h).
 */
void report_handle(struct worker *worker, struct area_slot *slot);

#endif
