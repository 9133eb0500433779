/*
 * A worker's share of the kernel's kills: those that the broker has put into its session's memory become events.
 */
#include <stdatomic.h>
#include <string.h>

#include "kill_event.h"
#include "worker.h"

static void tell_notice(struct worker *worker, const struct kill_record *record, const struct kill_event *made)
{
	struct tracee tracee = {.tgid = record->pid, .comm_length = record->comm_length};

	memcpy(tracee.comm, record->comm, record->comm_length);
	tracee.has_comm = record->comm_length > 0;
	notice_denial(&worker->notice, "killed", &tracee, made->call.name ? made->call.name : "a call without a name",
		      "by the kernel");
}

/* It is taken and told of in one step. */
static void write_kill(struct worker *worker, const struct kill_record *record)
{
	struct area *area = worker->area;
	struct event event = worker_event(worker, EVENT_SECCOMP_BLOCKED);
	struct kill_event made;
	struct area_step *step = area_begin(area, NULL);

	kill_event_fill(&event, &made, record);
	step->kills = atomic_load(&area->kills.taken) + 1;
	step->killed++;
	if (kill_is_foreign(record))
		step->foreign++;
	else
		area_count_call(area, record->call);
	(void)worker_write(worker, &event);
	tell_notice(worker, record, &made);
}

/* Those that there was no room for. */
static void write_lost(struct worker *worker)
{
	struct kills *kills = &worker->area->kills;
	const struct event_records_lost lost = {.reason = "backlog", .count = kills_lost(kills)};
	struct event event = worker_event(worker, EVENT_AUDIT_RECORDS_LOST);

	if (lost.count == 0)
		return;
	event.records_lost = &lost;
	area_begin(worker->area, NULL)->kills_lost = atomic_load(&kills->lost_taken) + lost.count;
	(void)worker_write(worker, &event);
}

void worker_kills(struct worker *worker)
{
	struct kill_record record;

	worker_lock(worker);
	while (kills_next(&worker->area->kills, &record))
		write_kill(worker, &record);
	write_lost(worker);
	worker_unlock(worker);
}
