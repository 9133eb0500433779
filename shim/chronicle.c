#include <errno.h>
#include <poll.h>
#include <sha256.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "socket_event.h"
#include "worker.h"

#define EXIT_PATIENCE_MS 2000

uint64_t worker_now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000U + (uint64_t)now.tv_nsec / 1000U;
}

void worker_lock(struct worker *worker)
{
	(void)pthread_mutex_lock(&worker->writing);
}

void worker_unlock(struct worker *worker)
{
	(void)pthread_mutex_unlock(&worker->writing);
}

struct event worker_event(struct worker *worker, enum event_type type, uint64_t seq)
{
	return (struct event){
	    .type = type,
	    .session_id = worker->area->session.id,
	    .seq = seq,
	    .timestamp_us = worker_now_us(),
	    .process = {.uid = -1},
	};
}

/* Lines that were lost stand in an event of their own, once there is a place for it. */
static void tell_loss(struct worker *worker)
{
	struct sink_loss loss;
	struct event_suppressed suppressed;
	struct event event;
	size_t length;

	if (!sink_take_loss(&worker->sink, &loss))
		return;
	atomic_fetch_add(&worker->area->counts.lost, loss.count);
	suppressed = (struct event_suppressed){
	    .reason = "event_loss", .count = loss.count, .first_seq = loss.first_seq, .last_seq = loss.last_seq};
	event = worker_event(worker, EVENT_EVENTS_SUPPRESSED, area_next_seq(worker->area));
	event.suppressed = &suppressed;
	length = event_format(&event, worker->line, EVENT_LINE_MAX);
	if (length > 0)
		(void)sink_write(&worker->sink, worker->line, length, event.seq);
}

bool worker_write(struct worker *worker, const struct event *event)
{
	size_t length = event_format(event, worker->line, EVENT_LINE_MAX);
	enum sink_result result;

	if (length == 0)
		return false;
	result = sink_write(&worker->sink, worker->line, length, event->seq);
	if (worker->copies)
		(void)sink_write(&worker->copy, worker->line, length, event->seq);
	tell_loss(worker);
	return result == SINK_WRITTEN;
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
	    .policy_file = text_of(area, TEXT_POLICY_FILE),
	    .policy_sha256 = digest,
	    .policy_writable = session->flags & AREA_POLICY_WRITABLE,
	    .sidecar = session->flags & AREA_PRIVATE ? "private" : "system",
	    .loader_version = session->loader,
	    .sidecar_version = AGENTSH_VERSION,
	    .kernel = kernel.release,
	    .inherited = text_of(area, TEXT_INHERITED),
	    .degraded = text_of(area, TEXT_DEGRADED),
	};
	struct event event;

	(void)uname(&kernel);
	sha256_hex(area_text(area, TEXT_POLICY), session->lengths[TEXT_POLICY], digest);
	if (start.policy_file.length == 0)
		start.policy_file.data = NULL;
	event = worker_event(worker, EVENT_SESSION_START, AREA_FIRST_SEQ);
	event.process = (struct event_process){
	    .pid = session->pid,
	    .tid = session->pid,
	    .uid = session->uid,
	    .comm = {session->comm, strlen(session->comm)},
	    .exe = {session->exe[0] ? session->exe : NULL, strlen(session->exe)},
	};
	event.start = &start;
	(void)worker_write(worker, &event);
}

/* Where a worker died before it could say that it had begun, the line stands twice, as others may. */
void worker_begin(struct worker *worker)
{
	struct event event;

	if (!atomic_load(&worker->area->started)) {
		write_start(worker);
		atomic_store(&worker->area->started, 1);
		return;
	}
	event = worker_event(worker, EVENT_SIDECAR_RECOVERED, area_next_seq(worker->area));
	event.process.pid = worker->area->session.pid;
	event.process.tid = worker->area->session.pid;
	event.process.uid = worker->area->session.uid;
	(void)worker_write(worker, &event);
}

void worker_learn_exit(struct worker *worker)
{
	if (worker->exit_code == EXIT_CODE_UNKNOWN && worker->target >= 0)
		worker->exit_code = exit_code_read(worker->target, worker->area->session.pid);
}

/* The last process has let go of the filter, which is early in its death. */
static void await_exit(const struct worker *worker)
{
	struct pollfd target = {.fd = worker->target, .events = POLLIN};

	if (worker->target >= 0 && worker->exit_code == EXIT_CODE_UNKNOWN)
		(void)poll(&target, 1, EXIT_PATIENCE_MS);
}

static uint64_t seq_of_end(struct area *area)
{
	if (atomic_load(&area->end_seq) == 0)
		atomic_store(&area->end_seq, area_next_seq(area));
	return atomic_load(&area->end_seq);
}

static void count_end(const struct area_counts *counts, struct event_end *end)
{
	end->killed = atomic_load(&counts->killed);
	end->denied = atomic_load(&counts->denied);
	end->audited = atomic_load(&counts->audited);
	end->foreign = atomic_load(&counts->foreign);
	end->lost = atomic_load(&counts->lost);
}

void worker_end(struct worker *worker, const char *how)
{
	struct event_end end = {.how = how, .status = -1, .signal = -1};
	struct event event;

	pool_settle(&worker->pool);
	socket_event_flush(worker, true);
	worker_lock(worker); /* for good: after session_end there is no other event */
	count_end(&worker->area->counts, &end);
	event = worker_event(worker, EVENT_SESSION_END, seq_of_end(worker->area));
	notice_end(&worker->notice, worker->area, worker->rules.arch);
	if (strcmp(how, "all_exited") == 0)
		await_exit(worker);
	worker_learn_exit(worker);
	if (worker->exit_code != EXIT_CODE_UNKNOWN && WIFEXITED(worker->exit_code))
		end.status = WEXITSTATUS(worker->exit_code);
	else if (worker->exit_code != EXIT_CODE_UNKNOWN)
		end.signal = WTERMSIG(worker->exit_code);
	end.duration_us = event.timestamp_us - worker->area->session.began_us;
	event.process.pid = worker->area->session.pid;
	event.process.tid = worker->area->session.pid;
	event.process.uid = worker->area->session.uid;
	event.end = &end;
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
