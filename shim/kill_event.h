/*
 * A kill by the kernel as an event. Pure.
 */
#ifndef AGENTSH_KILL_EVENT_H
#define AGENTSH_KILL_EVENT_H

#include "event.h"
#include "kill_record.h"
#include "syscall_table.h"

#define KILL_REASON "killed_by_kernel" /* whose filter it was that said so, no record tells */

/* What the event borrows. */
struct kill_event {
	struct event_call call;
	char name[SYSCALL_NAME_MAX];
	char record[KILL_RECORD_NAME_MAX];
};

/* Fills in the event's process and call; made and the record stay as long as it does. */
void kill_event_fill(struct event *event, struct kill_event *made, const struct kill_record *record);

/* Of another architecture than this program's? */
bool kill_is_foreign(const struct kill_record *record);

#endif
