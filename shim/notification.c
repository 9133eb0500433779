#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attestation.h"
#include "mediation.h"
#include "recovery.h"
#include "report.h"
#include "socket_event.h"
#include "syscall_table.h"
#include "tracee.h"
#include "verdict.h"
#include "worker.h"

/* A notification on its way to an answer. */
struct handling {
	struct worker *worker;
	struct server *server;
	struct area_slot *slot;
	struct verdict verdict;
	enum area_told told; /* by its event */
	const char *outcome; /* NULL: known */
	bool is_socket;      /* a mediated call, of which nothing but its name is known */
	char call[SYSCALL_NAME_MAX];
	bool has_name;
	char rule[PATH_MAX + 16];
};

static uint64_t id_of(const struct handling *handling)
{
	return handling->slot->notif.id;
}

static void count(const struct handling *handling, const char *action)
{
	struct area *area = handling->worker->area;

	if (strcmp(action, "killed") == 0)
		area->step.killed++;
	else if (strcmp(action, "denied") == 0)
		area->step.denied++;
	else
		area->step.audited++;
	if (handling->verdict.type == EVENT_FOREIGN_ARCH)
		area->step.foreign++;
	else
		area_count_call(area, handling->slot->notif.data.nr);
}

/* As report, with the lock that numbers and writes events. */
static bool report_locked(struct handling *handling, const char *action)
{
	struct area_slot *slot = handling->slot;
	const struct seccomp_data *data = &slot->notif.data;
	struct event_call call = {
	    .name = handling->has_name ? handling->call : NULL,
	    .number = data->nr,
	    .reason = handling->verdict.reason,
	    .action = action,
	    .arch = verdict_arch_name(handling->worker->rules.arch, data),
	    .rule = handling->rule[0] ? handling->rule : NULL,
	    .outcome = handling->outcome,
	};
	const struct event_socket socket = {.operation = call.name};
	struct event event;

	if (area_is_told(slot, handling->told))
		return !slot->is_kept;
	event = worker_event(handling->worker, handling->verdict.type);
	for (size_t i = 0; i < EVENT_ARGUMENTS; i++)
		call.arguments[i] = data->args[i];
	event.process = worker_process(&slot->tracee);
	event.call = &call;
	event.socket = handling->is_socket ? &socket : NULL;
	area_begin(handling->worker->area, slot)->told = (uint32_t)handling->told;
	count(handling, action);
	return worker_write(handling->worker, &event);
}

/* The event of the call, once, whoever began it. False: it is not written (yet). */
static bool report(struct handling *handling, const char *action)
{
	bool written;

	worker_lock(handling->worker);
	written = report_locked(handling, action);
	worker_unlock(handling->worker);
	return written;
}

/*
 * SIGKILL to the whole process. The process is the one that waits for this answer: its number is
 * taken while the notification is valid, which is asked again once it is pinned. That it is killed is
 * noted before: nobody can tell afterwards.
 */
static bool kill_process(const struct handling *handling)
{
	struct area_slot *slot = handling->slot;
	int process = slot->tracee.tgid > 0 ? (int)syscall(SYS_pidfd_open, slot->tracee.tgid, 0) : -1;

	if (process < 0)
		return slot->killed;
	if (listener_is_valid(handling->worker->listener, id_of(handling))) {
		slot->killed = true;
		slot->killed = syscall(SYS_pidfd_send_signal, process, SIGKILL, NULL, 0) == 0;
	}
	close(process);
	return slot->killed;
}

/* The call never runs: an error is the answer, and never anything else, whatever became of the signal. */
static void refuse(struct handling *handling, int error)
{
	(void)listener_refuse(handling->worker->listener, id_of(handling), error);
}

/* Before it is said, so that it never is twice. */
static bool is_noticed(const struct handling *handling)
{
	struct worker *worker = handling->worker;
	bool noticed;

	worker_lock(worker);
	noticed = area_is_told(handling->slot, TOLD_NOTICE);
	if (!noticed) {
		area_begin(worker->area, handling->slot)->told = TOLD_NOTICE;
		area_commit(worker->area);
		area_over(worker->area);
	}
	worker_unlock(worker);
	return noticed;
}

static void tell(const struct handling *handling, const char *action)
{
	if (handling->worker->notice.descriptor < 0 || !handling->worker->notice.each || is_noticed(handling))
		return;
	notice_denial(&handling->worker->notice, action, &handling->slot->tracee,
		      handling->has_name ? handling->call : "a call of another architecture",
		      handling->rule[0] ? handling->rule : "no rule allows it");
}

/* Whoever could not be killed, with all of its rights gone to somebody else's, is at least refused. */
static const char *action_of(bool killed)
{
	return killed ? "killed" : "denied";
}

static void do_kill(struct handling *handling)
{
	bool killed = kill_process(handling);

	refuse(handling, EPERM);
	(void)report(handling, action_of(killed));
	tell(handling, action_of(killed));
}

static void do_log_and_kill(struct handling *handling)
{
	(void)report(handling, "killed");
	tell(handling, "killed");
	(void)kill_process(handling);
	refuse(handling, EPERM);
}

static void do_refuse(struct handling *handling)
{
	(void)report(handling, "denied");
	tell(handling, "denied"); /* before the program says itself that it failed */
	refuse(handling, handling->verdict.error);
}

static void do_continue(struct handling *handling)
{
	bool written = report(handling, "allowed");

	if (!written && handling->worker->policy.on_event_loss == EVENT_LOSS_DENY)
		refuse(handling, EPERM);
	else
		(void)listener_continue(handling->worker->listener, id_of(handling));
}

static void do_reserved(struct handling *handling)
{
	const struct seccomp_data *data = &handling->slot->notif.data;
	int error = EINVAL; /* what the kernel says of an option that it does not know */

	if (data->args[1] == RESERVED_REPORT) {
		report_handle(handling->worker, handling->slot);
		return;
	}
	if (data->args[1] == RESERVED_ATTEST) {
		bool again = handling->slot->begun;

		handling->slot->begun = 1;
		error =
		    listener_give(handling->worker->listener, id_of(handling), handling->worker->attestation, again);
	}
	if (error)
		refuse(handling, error);
}

/* What was found before, by this worker or the one that died. */
static void do_answer(const struct handling *handling)
{
	const struct area_slot *slot = handling->slot;

	(void)listener_answer(handling->worker->listener, id_of(handling), slot->value, slot->error);
}

#ifdef AGENTSH_WEAKENED
/*
 * Never in what is installed: what others do, a check and then the target's own call. The tests hold
 * their attackers against it, for one that does not get around this is no attacker.
 */
static void do_mediate(struct handling *handling)
{
	if (mediation_would_allow(handling->worker, handling->server, handling->slot))
		(void)listener_continue(handling->worker->listener, id_of(handling));
	else
		refuse(handling, EACCES);
}
#else
/* The target gets what the kernel would have given it. */
static void do_mediate(struct handling *handling)
{
	struct area_slot *slot = handling->slot;
	const struct outcome outcome = pool_is_spent(handling->server)
					   ? mediation_deny_busy(handling->worker, handling->server, slot)
					   : mediation_carry_out(handling->worker, handling->server, slot);

	if (outcome.is_continued) {
		(void)listener_continue(handling->worker->listener, id_of(handling));
		return;
	}
	slot->value = outcome.value;
	slot->error = outcome.error;
	atomic_signal_fence(memory_order_seq_cst);
	slot->is_over = true; /* whoever follows gives the same answer */
	do_answer(handling);
}

#endif

static void do_observe(struct handling *handling)
{
	bool told = pool_is_spent(handling->server)
			? mediation_deny_busy(handling->worker, handling->server, handling->slot).value == 0
			: mediation_observe(handling->worker, handling->server, handling->slot);

	if (!told && handling->worker->policy.on_event_loss == EVENT_LOSS_DENY)
		refuse(handling, EACCES);
	else
		(void)listener_continue(handling->worker->listener, id_of(handling));
}

/*
 * Reads who it is. False: the notification is no longer valid, so that nothing read is certain. A
 * thread that this pid namespace does not number is not known and stays so. What a worker before this
 * one has read stays: of a target that it has killed there is nothing left to read.
 */
static bool identify(struct handling *handling)
{
	struct area_slot *slot = handling->slot;

	bool valid;

	if (!slot->is_known)
		(void)tracee_read((pid_t)slot->notif.pid, &slot->tracee);
	valid = listener_is_valid(handling->worker->listener, id_of(handling));
	slot->is_known = slot->is_known || valid;
	return valid;
}

static void act(struct handling *handling)
{
	switch (handling->verdict.kind) {
	case VERDICT_KILL:
		do_kill(handling);
		break;
	case VERDICT_LOG_AND_KILL:
		do_log_and_kill(handling);
		break;
	case VERDICT_CONTINUE:
		do_continue(handling);
		break;
	case VERDICT_RESERVED:
	case VERDICT_MEDIATE:
	case VERDICT_OBSERVE:
	case VERDICT_GO_ON:
	case VERDICT_REFUSE:
	default:
		do_refuse(handling);
		break;
	}
}

/*
 * The target has gone while it was being looked at: killed by another, as its call was by the
 * signal; or it was answered by a worker that then died. It was tried, and that is told; who it was
 * cannot be, beyond the thread, where it had not been read.
 */
static void tell_gone(struct handling *handling)
{
	struct area_slot *slot = handling->slot;
	bool begun = area_is_told(slot, TOLD_CALL) || slot->killed;

	if (!begun && !(handling->worker->area->session.flags & AREA_WAIT_KILLABLE))
		return; /* a signal has interrupted it: it is made again, or given up */
	if (!slot->is_known)
		slot->tracee = (struct tracee){.tid = (pid_t)slot->notif.pid, .uid = -1};
	if (handling->verdict.kind == VERDICT_CONTINUE || slot->killed)
		(void)report(handling, handling->verdict.action);
	else
		(void)report(handling, "denied");
}

static void name_call(struct handling *handling)
{
	const struct seccomp_data *data = &handling->slot->notif.data;
	const struct rules *rules = &handling->worker->rules;

	handling->has_name =
	    !verdict_is_foreign(rules->arch, data) && syscall_name(rules->arch, data->nr, handling->call);
	handling->rule[0] = '\0';
	if (handling->verdict.type != EVENT_FOREIGN_ARCH)
		worker_rule(handling->worker, handling->verdict.line, handling->rule, sizeof(handling->rule));
}

/* Where a worker has died while it told, that is not done twice. */
static void handle_call(struct handling *handling)
{
	name_call(handling);
	if (identify(handling))
		act(handling);
	else
		tell_gone(handling);
}

static void handle(struct handling *handling)
{
	switch (handling->verdict.kind) {
	case VERDICT_RESERVED:
		do_reserved(handling);
		break;
	case VERDICT_MEDIATE:
		do_mediate(handling);
		break;
	case VERDICT_OBSERVE:
		do_observe(handling);
		break;
	case VERDICT_GO_ON:
		(void)listener_continue(handling->worker->listener, id_of(handling));
		break;
	case VERDICT_KILL:
	case VERDICT_LOG_AND_KILL:
	case VERDICT_CONTINUE:
	case VERDICT_REFUSE:
	default:
		handle_call(handling);
		break;
	}
}

/* The event of a call that as many workers have died of as may. */
static void report_given_up(struct handling *handling, bool begun, bool continues)
{
	struct area_slot *slot = handling->slot;
	enum verdict_kind kind = handling->verdict.kind;

	if (!slot->is_known)
		slot->tracee = (struct tracee){.tid = (pid_t)slot->notif.pid, .uid = -1};
	handling->verdict.reason = begun ? SOCKET_EVENT_UNKNOWN : "worker_died";
	handling->outcome = begun ? "unknown" : NULL;
	/* A worker that died since may have told that its outcome is not known. */
	handling->told = begun ? TOLD_UNKNOWN : TOLD_DIED;
	handling->is_socket = kind == VERDICT_MEDIATE || kind == VERDICT_OBSERVE;
	if (handling->is_socket)
		handling->verdict.type = continues ? EVENT_UNIX_SOCKET_AUDIT : EVENT_UNIX_SOCKET_BLOCKED;
	else if (kind == VERDICT_RESERVED)
		handling->verdict.type = EVENT_SECCOMP_BLOCKED;
	if (handling->verdict.line == 0) /* no rule had a say */
		handling->rule[0] = '\0';
	(void)report(handling, continues ? "allowed" : "denied");
}

/*
 * It is denied, and nothing of the target is looked at. What was begun may have been done, or some of
 * several messages. In audit mode, where the kernel carries it out, it goes on.
 */
static void give_up(struct handling *handling)
{
	struct area_slot *slot = handling->slot;
	enum verdict_kind kind = handling->verdict.kind;
	bool begun = kind == VERDICT_MEDIATE && (slot->begun == slot->done + 1 || slot->done > 0);
	bool continues = kind == VERDICT_CONTINUE || kind == VERDICT_OBSERVE;

	name_call(handling);
	if (!listener_is_valid(handling->worker->listener, id_of(handling))) {
		if (kind != VERDICT_MEDIATE && kind != VERDICT_OBSERVE && kind != VERDICT_RESERVED &&
		    kind != VERDICT_GO_ON)
			tell_gone(handling);
		return;
	}
	report_given_up(handling, begun, continues);
	if (continues)
		(void)listener_continue(handling->worker->listener, id_of(handling));
	else if (kind == VERDICT_MEDIATE)
		refuse(handling, begun ? EIO : EACCES);
	else
		refuse(handling, EPERM);
}

/* Another worker may die of it than of what only waits for others. */
static void begin(struct handling *handling)
{
	struct area_slot *slot = handling->slot;

	if (!slot->waits)
		slot->tries++;
	slot->waits = false;
	handle(handling);
}

void worker_handle(struct worker *worker, struct server *server, struct area_slot *slot)
{
	struct handling handling = {
	    .worker = worker,
	    .server = server,
	    .slot = slot,
	    .told = TOLD_CALL,
	    .verdict = verdict_of(&worker->policy, &worker->rules, &slot->notif.data),
	};

	if (handling.verdict.kind != VERDICT_MEDIATE)
		mediation_release(server);
	switch (recovery_fate(slot)) {
	case FATE_ANSWERED:
		do_answer(&handling);
		break;
	case FATE_DENIED:
		mediation_release(server);
		give_up(&handling);
		break;
	case FATE_ANEW:
	case FATE_RESOLVED:
	case FATE_UNKNOWN:
	default:
		begin(&handling);
		break;
	}
	area_free(slot);
}
