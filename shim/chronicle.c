#include <errno.h>
#include <poll.h>
#include <sha256.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "piece.h"
#include "worker.h"

#define EXIT_PATIENCE_MS 2000

void worker_lock(struct worker *worker)
{
	(void)pthread_mutex_lock(&worker->writing);
}

void worker_unlock(struct worker *worker)
{
	(void)pthread_mutex_unlock(&worker->writing);
}

struct event worker_event(const struct worker *worker, enum event_type type)
{
	return (struct event){
	    .type = type,
	    .session_id = worker->area->session.id,
	    .seq = area_next_seq(worker->area),
	    .timestamp_us = event_now_us(),
	    .process = {.uid = -1},
	};
}

bool worker_has_served(const struct worker *worker)
{
	return atomic_load(&worker->area->used) > 0;
}

/* The line of the step goes where it belongs. */
static bool put_line(struct worker *worker)
{
	struct area *area = worker->area;
	const struct area_step *step = &area->step;
	enum sink_result result = sink_write(&worker->sink, area->line, step->length, step->seq);

	if (worker->copies)
		(void)sink_write(&worker->copy, area->line, step->length, step->seq);
	if (result != SINK_WRITTEN && step->slot < AREA_SLOTS)
		area->slots[step->slot].is_kept = true;
	area_over(area);
	return result == SINK_WRITTEN;
}

static bool write_step(struct worker *worker, const struct event *event)
{
	struct area *area = worker->area;
	size_t length = event_format(event, area->line, sizeof(area->line));

	/* Where there is no line, no number is taken: what is counted, is. */
	area->step.length = (uint32_t)length;
	if (length > 0 && event->seq == area_next_seq(area))
		area->step.seq = event->seq;
	area_commit(area);
	if (length > 0)
		return put_line(worker);
	area_over(area);
	return false;
}

/* Lines that were lost stand in an event of their own, once there is a place for it. */
static void tell_loss(struct worker *worker)
{
	struct sink_loss loss;
	struct event_suppressed suppressed;
	struct event event;

	if (!sink_has_loss(&worker->sink, &loss))
		return;
	suppressed = (struct event_suppressed){
	    .reason = "event_loss", .count = loss.count, .first_seq = loss.first_seq, .last_seq = loss.last_seq};
	event = worker_event(worker, EVENT_EVENTS_SUPPRESSED);
	event.suppressed = &suppressed;
	area_begin(worker->area, NULL)->lost += loss.count;
	worker->area->step.marks = MARK_LOSS;
	(void)write_step(worker, &event);
}

bool worker_write(struct worker *worker, const struct event *event)
{
	bool written = write_step(worker, event);

	tell_loss(worker);
	return written;
}

struct event_process worker_process(const struct tracee *tracee)
{
	return (struct event_process){
	    .pid = tracee->tgid,
	    .tid = tracee->tid,
	    .uid = tracee->uid,
	    .comm = {tracee->has_comm ? tracee->comm : NULL, tracee->comm_length},
	    .exe = {tracee->has_exe ? tracee->exe : NULL, tracee->exe_length},
	};
}

/* The count of repeats, whose place is free then. Without a name: not repeats, but too many. */
static void write_folded(struct worker *worker, const struct folded *folded)
{
	const struct event_suppressed suppressed = {.reason = folded->key.length ? "repeated" : "rate",
						    .of = event_type_name(folded->key.type),
						    .count = folded->count,
						    .first_seq = folded->first_seq,
						    .last_seq = folded->last_seq};
	struct event event = worker_event(worker, EVENT_EVENTS_SUPPRESSED);

	event.process.tid = folded->key.tid;
	event.suppressed = &suppressed;
	area_begin(worker->area, NULL)->fold = (uint32_t)(folded - worker->area->fold.entries);
	(void)worker_write(worker, &event);
}

void worker_fold_flush(struct worker *worker, bool all)
{
	const struct folded *folded;

	if (!worker_has_served(worker))
		return;
	worker_lock(worker);
	while ((folded = fold_next(&worker->area->fold, event_now_us(), all)))
		write_folded(worker, folded);
	worker_unlock(worker);
}

void worker_count_repeat(struct worker *worker, const struct folded *folded)
{
	struct area *area = worker->area;
	struct area_step *step = &area->step;

	step->seq = area_next_seq(area);
	step->fold = (uint32_t)(folded - area->fold.entries);
	step->folded = folded->count + 1;
	step->fold_first = folded->count ? folded->first_seq : step->seq;
	step->fold_last = step->seq;
	area_commit(area);
	area_over(area);
}

bool worker_fold(struct worker *worker, const struct area_slot *slot, const struct fold_key *key)
{
	const struct folded *folded = fold_find(&worker->area->fold, key, event_now_us());

	if (!folded)
		return false;
	area_begin(worker->area, slot)->told = TOLD_CALL;
	worker_count_repeat(worker, folded);
	return true;
}

struct folded *worker_fold_place(struct worker *worker, const struct fold_key *key)
{
	struct folded *place = fold_place(&worker->area->fold, key);

	if (place->begun_us && place->count)
		write_folded(worker, place);
	return place;
}

void worker_redo(struct worker *worker)
{
	if (area_redo(worker->area))
		(void)put_line(worker);
}

static void sha256_hex(const char *text, size_t length, char out[SHA256_DIGEST_STRING_LENGTH])
{
	(void)SHA256Data((const uint8_t *)text, length, out);
}

static struct event_bytes text_of(const struct area *area, enum handover_text which)
{
	return (struct event_bytes){area_text(area, which), area->session.lengths[which]};
}

static void write_start(struct worker *worker)
{
	const struct area *area = worker->area;
	const struct area_session *session = &area->session;
	char digest[SHA256_DIGEST_STRING_LENGTH];
	struct utsname kernel;
	struct event_start start = {
	    .command = text_of(area, TEXT_COMMAND),
	    .command_whole = session->command_whole,
	    .policy_file = text_of(area, TEXT_POLICY_FILE),
	    .policy_sha256 = digest,
	    .policy_writable = session->flags & AREA_POLICY_WRITABLE,
	    .sidecar = session->flags & AREA_PRIVATE ? "private" : "system",
	    .loader_version = session->loader,
	    .sidecar_version = AGENTSH_VERSION,
	    .kernel = kernel.release,
	    .kernel_kills_seen = session->flags & AREA_WITNESSED,
	    .inherited = text_of(area, TEXT_INHERITED),
	    .degraded = text_of(area, TEXT_DEGRADED),
	};
	struct event event;

	(void)uname(&kernel);
	sha256_hex(area_text(area, TEXT_POLICY), session->lengths[TEXT_POLICY], digest);
	if (start.policy_file.length == 0)
		start.policy_file.data = NULL;
	event = worker_event(worker, EVENT_SESSION_START);
	event.seq = AREA_FIRST_SEQ;
	event.process = (struct event_process){
	    .pid = session->pid,
	    .tid = session->pid,
	    .uid = session->uid,
	    .comm = {session->comm, strlen(session->comm)},
	    .exe = {session->exe[0] ? session->exe : NULL, strlen(session->exe)},
	};
	event.start = &start;
	area_begin(worker->area, NULL)->marks = MARK_START;
	(void)worker_write(worker, &event);
}

/* The session's first process, for events that are of no call. */
static struct event_process first_process(const struct worker *worker)
{
	const struct area_session *session = &worker->area->session;

	return (struct event_process){.pid = session->pid, .tid = session->pid, .uid = session->uid};
}

void worker_begin(struct worker *worker, const struct event_recovered *recovered)
{
	struct event event;

	if (!(atomic_load(&worker->area->marks) & MARK_START)) {
		write_start(worker);
		return;
	}
	event = worker_event(worker, EVENT_SIDECAR_RECOVERED);
	event.process = first_process(worker);
	event.recovered = recovered;
	(void)area_begin(worker->area, NULL);
	(void)worker_write(worker, &event);
	piece_mend(&worker->sink);
}

void worker_learn_exit(struct worker *worker)
{
	struct area *area = worker->area;

	if (area->exit_code == EXIT_CODE_UNKNOWN && worker->target >= 0)
		area->exit_code = exit_code_read(worker->target, area->session.pid);
}

/* The last process has let go of the filter, which is early in its death. */
static void await_exit(const struct worker *worker)
{
	struct pollfd target = {.fd = worker->target, .events = POLLIN};

	if (worker->target >= 0 && worker->area->exit_code == EXIT_CODE_UNKNOWN)
		(void)poll(&target, 1, EXIT_PATIENCE_MS);
}

static void count_end(const struct area_counts *counts, struct event_end *end)
{
	end->killed = atomic_load(&counts->killed);
	end->denied = atomic_load(&counts->denied);
	end->audited = atomic_load(&counts->audited);
	end->foreign = atomic_load(&counts->foreign);
	end->lost = atomic_load(&counts->lost);
}

static void tell_exit(int exit_code, struct event_end *end)
{
	if (exit_code != EXIT_CODE_UNKNOWN && WIFEXITED(exit_code))
		end->status = WEXITSTATUS(exit_code);
	else if (exit_code != EXIT_CODE_UNKNOWN)
		end->signal = WTERMSIG(exit_code);
}

void worker_end(struct worker *worker, const char *how)
{
	struct event_end end = {.how = how, .status = -1, .signal = -1};
	struct event event;

	pool_settle(&worker->pool);
	worker_kills(worker);
	worker_fold_flush(worker, true);
	worker_lock(worker); /* for good: after session_end there is no other event */
	count_end(&worker->area->counts, &end);
	notice_end(&worker->notice, worker->area, worker->rules.arch);
	if (strcmp(how, "all_exited") == 0)
		await_exit(worker);
	worker_learn_exit(worker);
	tell_exit(worker->area->exit_code, &end);
	event = worker_event(worker, EVENT_SESSION_END);
	end.duration_us = event.timestamp_us - worker->area->session.began_us;
	event.process = first_process(worker);
	event.end = &end;
	area_begin(worker->area, NULL)->marks = MARK_END;
	(void)worker_write(worker, &event);
	(void)sink_flush(&worker->sink);
	(void)sink_flush(&worker->copy);
}

void worker_rule(const struct worker *worker, unsigned line, char *out, size_t size)
{
	if (line && worker->policy_name[0])
		(void)snprintf(out, size, "%s:%u", worker->policy_name, line);
	else
		(void)snprintf(out, size, "a built-in default");
}
