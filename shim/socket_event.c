#include "socket_event.h"

#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

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
	const char *outcome;
	struct event_bytes path;
	enum area_told told; /* which of the call's events it is */
	bool is_denial;      /* counted as one */
	bool is_audit;       /* the same */
};

static void count(struct area *area, const struct telling *telling)
{
	if (telling->is_audit)
		area->step.audited++;
	if (!telling->is_denial)
		return;
	area->step.denied++;
	area_count_call(area, telling->mediation->notif->data.nr);
}

/* Begins the step of the event: it is counted and has been told, whether it has a line or not. */
static struct area_step *begin(const struct telling *telling)
{
	struct area *area = telling->mediation->worker->area;
	struct area_step *step = area_begin(area, telling->mediation->slot);

	step->told = (uint32_t)telling->told;
	count(area, telling);
	return step;
}

static void commit(const struct telling *telling)
{
	area_commit(telling->mediation->worker->area);
	area_over(telling->mediation->worker->area);
}

/*
 * Is it a repeat? Then it is counted, and that is all. Else *place is where it is to be remembered by key, and the
 * thread has its own rights: to write, and to read of the target, takes those.
 */
static bool is_folded(const struct telling *telling, struct fold_key *key, struct folded **place)
{
	struct worker *worker = telling->mediation->worker;
	const struct seccomp_notif *notif = telling->mediation->notif;
	const struct folded *folded;
	bool made = false;

	*place = NULL;
	if (telling->path.data)
		made = fold_key_make(key, telling->type, (pid_t)notif->pid, notif->data.nr, telling->path.data,
				     telling->path.length);
	else if (strcmp(telling->reason, SOCKET_EVENT_TOO_MANY) == 0)
		made = fold_key_make(key, telling->type, 0, notif->data.nr, "", 0); /* of all threads: there are many */
	folded = made ? fold_find(&worker->area->fold, key, event_now_us()) : NULL;
	if (folded) {
		(void)begin(telling);
		worker_count_repeat(worker, folded);
		return true;
	}
	mediation_return(telling->mediation);
	if (made)
		*place = worker_fold_place(worker, key);
	return false;
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
				  .hint = telling->hint,
				  .outcome = telling->outcome};
	const struct event_socket socket = {.operation = telling->operation ? telling->operation : name,
					    .type = descriptors_type_name(mediation_type(mediation)),
					    .path = telling->path,
					    .service = telling->service};
	struct event event = worker_event(mediation->worker, telling->type);

	memcpy(call.arguments, data->args, sizeof(call.arguments));
	event.process = worker_process(tracee);
	event.call = &call;
	event.socket = &socket;
	(void)begin(telling);
	return worker_write(mediation->worker, &event);
}

/* By the directory that the call has of it: the calling thread may have the target's root. */
static void read_caller(const struct mediation *mediation, struct tracee *tracee)
{
	pid_t tid = (pid_t)mediation->notif->pid;

	if (mediation->directory >= 0)
		(void)tracee_read_in(mediation->directory, tid, tracee);
	else
		(void)tracee_read(tid, tracee);
}

/* One event, or one repeat more. False: it has not been written (yet). */
static bool write_or_count(const struct telling *telling)
{
	struct fold_key key;
	struct folded *place;
	struct tracee tracee;
	bool written;

	if (is_folded(telling, &key, &place))
		return true;
	read_caller(telling->mediation, &tracee);
	written = write_event(telling, &tracee);
	if (place)
		fold_remember(place, &key, event_now_us());
	return written;
}

/* The event of the call, once, whoever began it. is_wanted: else it is counted alone. False: it is not written (yet).
 */
static bool tell(const struct telling *telling, bool is_wanted)
{
	const struct area_slot *slot = telling->mediation->slot;
	struct worker *worker = telling->mediation->worker;
	bool had_taken = telling->mediation->taken;
	bool written = true;

	worker_lock(worker);
	if (area_is_told(slot, telling->told)) {
		written = !slot->is_kept;
	} else if (is_wanted) {
		written = write_or_count(telling);
	} else {
		(void)begin(telling);
		commit(telling);
	}
	worker_unlock(worker);
	if (had_taken)
		(void)mediation_take(telling->mediation, telling->mediation->also); /* else nothing can be begun */
	return written;
}

/* On the session's stderr: before it is, so that it never is twice. */
static bool is_noticed(const struct telling *telling)
{
	struct worker *worker = telling->mediation->worker;
	const struct area_slot *slot = telling->mediation->slot;
	bool noticed;

	worker_lock(worker);
	noticed = area_is_told(slot, TOLD_NOTICE);
	if (!noticed) {
		area_begin(worker->area, slot)->told = TOLD_NOTICE;
		commit(telling);
	}
	worker_unlock(worker);
	return noticed;
}

static void notice(const struct telling *telling)
{
	struct mediation *mediation = telling->mediation;
	char what[PATH_MAX + 64];
	struct tracee tracee;

	mediation_return(mediation);
	if (mediation->worker->notice.descriptor < 0 || !mediation->worker->notice.each || is_noticed(telling))
		return;
	read_caller(mediation, &tracee);
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
	struct telling telling = {.mediation = mediation,
				  .operation = socket_operation_name(operation),
				  .told = allowed ? TOLD_ALLOWED : TOLD_DENIED,
				  .is_denial = !allowed && !policy_observes_sockets(&mediation->worker->policy),
				  .is_audit = policy_observes_sockets(&mediation->worker->policy)};

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
	bool written;

	if (is_silent(worker, allowed))
		return true;
	telling.path = show(name, shown);
	telling.service = decision->service ? decision->service->name : NULL;
	worker_rule(worker, decision->line, rule, sizeof(rule));
	telling.rule = rule;
	if (mediation->is_elsewhere)
		telling.reason = SOCKET_EVENT_ELSEWHERE;
	else if (socket_hint(&worker->policy, name, decision, hint))
		telling.hint = hint;
	written = tell(&telling, is_wanted(worker, allowed));
	mediation->is_untold = mediation->is_untold || !written;
	if (policy_observes_sockets(&worker->policy))
		return true;
	if (!allowed)
		notice(&telling);
	return allowed && (written || worker->policy.on_event_loss == EVENT_LOSS_CONTINUE);
}

/* Which of a call's events it is, by its reason. */
static enum area_told told_of(const char *reason)
{
	if (strcmp(reason, SOCKET_EVENT_UNKNOWN) == 0)
		return TOLD_UNKNOWN;
	return strcmp(reason, SOCKET_EVENT_BINDINGS) == 0 ? TOLD_BINDING : TOLD_UNREAD;
}

void socket_event_unread(struct mediation *mediation, const char *reason)
{
	bool observed = policy_observes_sockets(&mediation->worker->policy);
	bool allowed = observed || strcmp(reason, SOCKET_EVENT_BINDINGS) == 0;
	struct telling telling = {.mediation = mediation,
				  .type = allowed ? EVENT_UNIX_SOCKET_ALLOWED : EVENT_UNIX_SOCKET_BLOCKED,
				  .reason = reason,
				  .action = allowed ? "allowed" : "denied",
				  .told = told_of(reason),
				  .outcome = strcmp(reason, SOCKET_EVENT_UNKNOWN) == 0 ? "unknown" : NULL,
				  .is_denial = !allowed};

	if (observed)
		telling.type = EVENT_UNIX_SOCKET_AUDIT;
	(void)tell(&telling, true);
	if (allowed)
		return;
	telling.operation = "a socket call";
	notice(&telling);
}

static enum socket_operation operation_of(const struct mediation *mediation)
{
	if (mediation_is_call(mediation, SYS_connect))
		return OPERATION_CONNECT;
	return mediation_is_call(mediation, SYS_bind) ? OPERATION_BIND : OPERATION_SENDTO;
}

const char *socket_event_path(struct mediation *mediation, const char *path, int error)
{
	const struct worker *worker = mediation->worker;
	struct telling telling = decided(mediation, operation_of(mediation), false);

	telling.reason = error == VIEW_MAGIC_LINK ? "magic_link" : "nameless_path";
	telling.path = (struct event_bytes){path, strlen(path)};
	(void)tell(&telling, is_wanted(worker, false));
	if (!policy_observes_sockets(&worker->policy))
		notice(&telling);
	return telling.reason;
}
