#include "socket_event.h"

#include <stdio.h>
#include <string.h>

#include "descriptors.h"
#include "event.h"
#include "fold.h"
#include "mediation.h"
#include "notice.h"
#include "services.h"
#include "socket_hint.h"
#include "syscall_table.h"
#include "tracee.h"
#include "worker.h"

/* An event in the making. */
struct telling {
	struct mediation *mediation;
	enum event_type type;
	const char *operation; /* NULL: not known */
	const char *reason;
	const char *action;
	const char *rule; /* NULL: none made it */
	const char *hint;
	const char *service;
	struct event_bytes path;
};

static struct event_process process_of(const struct tracee *tracee)
{
	return (struct event_process){
	    .pid = tracee->tgid,
	    .tid = tracee->tid,
	    .uid = tracee->uid,
	    .comm = {tracee->has_comm ? tracee->comm : NULL, tracee->comm_length},
	    .exe = {tracee->has_exe ? tracee->exe : NULL, tracee->exe_length},
	};
}

static void write_folded(struct worker *worker, const struct folded *folded)
{
	const struct event_suppressed suppressed = {.reason = "repeated",
						    .of = event_type_name(folded->key.type),
						    .count = folded->count,
						    .first_seq = folded->first_seq,
						    .last_seq = folded->last_seq};
	struct event event = worker_event(worker, EVENT_EVENTS_SUPPRESSED, area_next_seq(worker->area));

	event.process.tid = folded->key.tid;
	event.suppressed = &suppressed;
	(void)worker_write(worker, &event);
}

void socket_event_flush(struct worker *worker, bool all)
{
	struct folded folded;

	worker_lock(worker);
	while (fold_take(&worker->fold, worker_now_us(), all, &folded))
		write_folded(worker, &folded);
	worker_unlock(worker);
}

/* Is it a repeat? Then it is counted, and that is all. */
static bool is_folded(const struct telling *telling)
{
	struct worker *worker = telling->mediation->worker;
	const struct seccomp_notif *notif = telling->mediation->notif;
	struct fold_key key;
	struct folded over;
	struct folded *folded;

	if (!telling->path.data || !fold_key_make(&key, telling->type, (pid_t)notif->pid, notif->data.nr,
						  telling->path.data, telling->path.length))
		return false;
	folded = fold_find(&worker->fold, &key, worker_now_us(), &over);
	if (over.count)
		write_folded(worker, &over);
	if (folded)
		fold_count(folded, area_next_seq(worker->area));
	return folded != NULL;
}

static bool write_event(const struct telling *telling, const struct tracee *tracee)
{
	struct mediation *mediation = telling->mediation;
	const struct seccomp_data *data = &mediation->notif->data;
	char name[SYSCALL_NAME_MAX];
	bool named = syscall_name(data->arch, data->nr, name);
	struct event_call call = {.name = named ? name : NULL,
				  .number = data->nr,
				  .reason = telling->reason,
				  .action = telling->action,
				  .arch = syscall_arch_name(data->arch),
				  .rule = telling->rule,
				  .hint = telling->hint};
	const struct event_socket socket = {.operation = telling->operation ? telling->operation : name,
					    .type = descriptors_type_name(mediation_type(mediation)),
					    .path = telling->path,
					    .service = telling->service};
	struct event event = worker_event(mediation->worker, telling->type, area_next_seq(mediation->worker->area));

	memcpy(call.arguments, data->args, sizeof(call.arguments));
	event.process = process_of(tracee);
	event.call = &call;
	event.socket = &socket;
	return worker_write(mediation->worker, &event);
}

/* One event, or one repeat more. False: it has not been written (yet). */
static bool tell(const struct telling *telling)
{
	struct worker *worker = telling->mediation->worker;
	bool had_taken = telling->mediation->taken;
	struct tracee tracee;
	bool written = true;

	mediation_return(telling->mediation); /* what is read of the target takes rights of ours */
	worker_lock(worker);
	if (!is_folded(telling)) {
		(void)tracee_read((pid_t)telling->mediation->notif->pid, &tracee);
		written = write_event(telling, &tracee);
	}
	worker_unlock(worker);
	if (had_taken)
		(void)mediation_take(telling->mediation, telling->mediation->also); /* else nothing can be begun */
	return written;
}

static void count_denied(const struct mediation *mediation)
{
	struct area_counts *counts = &mediation->worker->area->counts;

	atomic_fetch_add(&counts->denied, 1);
	if (mediation->notif->data.nr >= 0 && mediation->notif->data.nr < (int)AREA_CALLS)
		atomic_fetch_add(&counts->calls[mediation->notif->data.nr], 1);
}

static void notice(const struct telling *telling)
{
	struct mediation *mediation = telling->mediation;
	char what[PATH_MAX + 64];
	struct tracee tracee;

	count_denied(mediation);
	mediation_return(mediation);
	if (mediation->worker->notice.descriptor < 0 || !mediation->worker->notice.each)
		return;
	(void)tracee_read((pid_t)mediation->notif->pid, &tracee);
	(void)snprintf(what, sizeof(what), "%s to %.*s", telling->operation,
		       telling->path.data ? (int)telling->path.length : 1,
		       telling->path.data ? (const char *)telling->path.data : "?");
	notice_denial(&mediation->worker->notice, "denied", &tracee, what,
		      telling->rule ? telling->rule : telling->reason);
}

static bool is_wanted(const struct worker *worker, bool allowed)
{
	return worker->policy.unix_socket.log == SOCKET_LOG_ALL ||
	       (worker->policy.unix_socket.log == SOCKET_LOG_DENIED && !allowed);
}

/* The name as events have it: "@" before an abstract one. */
static struct event_bytes show(const struct socket_name *name, char shown[sizeof(struct sockaddr_un) + 1])
{
	if (!name->abstract)
		return (struct event_bytes){name->bytes, name->length};
	shown[0] = '@';
	memcpy(shown + 1, name->bytes, name->length);
	shown[name->length + 1] = '\0';
	return (struct event_bytes){shown, name->length + 1};
}

static struct telling decided(struct mediation *mediation, enum socket_operation operation, bool allowed)
{
	struct telling telling = {.mediation = mediation, .operation = socket_operation_name(operation)};

	if (policy_observes_sockets(&mediation->worker->policy)) {
		telling.type = EVENT_UNIX_SOCKET_AUDIT;
		telling.reason = allowed ? "allowed_by_policy" : "would_be_blocked";
		telling.action = "allowed";
	} else {
		telling.type = allowed ? EVENT_UNIX_SOCKET_ALLOWED : EVENT_UNIX_SOCKET_BLOCKED;
		telling.reason = allowed ? "allowed_by_policy" : "blocked_by_policy";
		telling.action = allowed ? "allowed" : "denied";
	}
	return telling;
}

/* Allowed, and nobody wants to hear of it. */
static bool is_silent(const struct worker *worker, bool allowed)
{
	return allowed && !is_wanted(worker, allowed) && !policy_observes_sockets(&worker->policy);
}

bool socket_event_decided(struct mediation *mediation, enum socket_operation operation, const struct socket_name *name,
			  const struct socket_decision *decision)
{
	struct worker *worker = mediation->worker;
	bool allowed = decision->allowed;
	struct telling telling = decided(mediation, operation, allowed);
	char shown[sizeof(struct sockaddr_un) + 1];
	char rule[PATH_MAX + 16];
	char hint[SOCKET_HINT_SIZE] = "";
	bool written = true;

	if (is_silent(worker, allowed))
		return true;
	telling.path = show(name, shown);
	telling.service = decision->service ? decision->service->name : NULL;
	worker_rule(worker, decision->line, rule, sizeof(rule));
	telling.rule = rule;
	if (socket_hint(&worker->policy, name, decision, hint))
		telling.hint = hint;
	if (is_wanted(worker, allowed))
		written = tell(&telling);
	mediation->is_untold = mediation->is_untold || !written;
	if (policy_observes_sockets(&worker->policy)) {
		atomic_fetch_add(&worker->area->counts.audited, 1);
		return true;
	}
	if (!allowed)
		notice(&telling);
	return allowed && (written || worker->policy.on_event_loss == EVENT_LOSS_CONTINUE);
}

void socket_event_unread(struct mediation *mediation, const char *reason)
{
	struct telling telling = {.mediation = mediation,
				  .type = policy_observes_sockets(&mediation->worker->policy)
					      ? EVENT_UNIX_SOCKET_AUDIT
					      : EVENT_UNIX_SOCKET_BLOCKED,
				  .reason = reason,
				  .action = policy_observes_sockets(&mediation->worker->policy) ? "allowed" : "denied"};

	(void)tell(&telling);
	if (policy_observes_sockets(&mediation->worker->policy))
		return;
	telling.operation = "a socket call";
	notice(&telling);
}
