#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attestation.h"
#include "mediation.h"
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
	char call[SYSCALL_NAME_MAX];
	bool has_name;
	char rule[PATH_MAX + 16];
};

static uint64_t id_of(const struct handling *handling)
{
	return handling->slot->notif.id;
}

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

static const char *arch_name(uint32_t arch, const struct seccomp_data *data)
{
	const char *name = syscall_arch_name(data->arch);

	if (data->arch == arch && verdict_is_foreign(arch, data))
		return "x32";
	if (name)
		return name;
	return data->arch == SCMP_ARCH_X86 ? "i386" : data->arch == SCMP_ARCH_ARM ? "arm" : "unknown";
}

static void count(const struct handling *handling, const char *action)
{
	struct area_counts *counts = &handling->worker->area->counts;
	int number = handling->slot->notif.data.nr;

	if (strcmp(action, "killed") == 0)
		atomic_fetch_add(&counts->killed, 1);
	else if (strcmp(action, "denied") == 0)
		atomic_fetch_add(&counts->denied, 1);
	else
		atomic_fetch_add(&counts->audited, 1);
	if (handling->verdict.type == EVENT_FOREIGN_ARCH)
		atomic_fetch_add(&counts->foreign, 1);
	else if (number >= 0 && number < (int)AREA_CALLS)
		atomic_fetch_add(&counts->calls[number], 1);
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
	    .arch = arch_name(handling->worker->rules.arch, data),
	    .rule = handling->rule[0] ? handling->rule : NULL,
	};
	struct event event;

	if (slot->written)
		return true;
	if (slot->seq == 0) {
		slot->seq = area_next_seq(handling->worker->area);
		count(handling, action);
	}
	event = worker_event(handling->worker, handling->verdict.type, slot->seq);
	for (size_t i = 0; i < EVENT_ARGUMENTS; i++)
		call.arguments[i] = data->args[i];
	event.process = process_of(&slot->tracee);
	event.call = &call;
	slot->written = worker_write(handling->worker, &event);
	return slot->written;
}

/* The event of the call, counted once, whoever began it. False: it is not written (yet). */
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
 * taken while the notification is valid, which is asked again once it is pinned.
 */
static bool kill_process(const struct handling *handling)
{
	struct area_slot *slot = handling->slot;
	int process = slot->tracee.tgid > 0 ? (int)syscall(SYS_pidfd_open, slot->tracee.tgid, 0) : -1;

	if (process < 0)
		return slot->killed;
	if (listener_is_valid(handling->worker->listener, id_of(handling)) &&
	    syscall(SYS_pidfd_send_signal, process, SIGKILL, NULL, 0) == 0)
		slot->killed = true;
	close(process);
	return slot->killed;
}

/* The call never runs: an error is the answer, and never anything else, whatever became of the signal. */
static void refuse(struct handling *handling, int error)
{
	(void)listener_refuse(handling->worker->listener, id_of(handling), error);
}

static void tell(const struct handling *handling, const char *action)
{
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

	if (data->args[1] == RESERVED_ATTEST)
		error = listener_give(handling->worker->listener, id_of(handling), handling->worker->attestation);
	if (error)
		refuse(handling, error);
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
	const struct outcome outcome = pool_is_spent(handling->server)
					   ? mediation_deny_busy(handling->worker, handling->server, handling->slot)
					   : mediation_carry_out(handling->worker, handling->server, handling->slot);

	(void)listener_answer(handling->worker->listener, id_of(handling), outcome.value, outcome.error);
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
	bool begun = slot->seq != 0 || slot->killed;

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

static void finish(struct area_slot *slot)
{
	slot->notif.id = 0; /* first: in a slot that is free the rest is not looked at */
	atomic_signal_fence(memory_order_seq_cst);
	slot->seq = 0;
	slot->written = false;
	slot->killed = false;
	slot->is_known = false;
	slot->begun = false;
}

void worker_handle(struct worker *worker, struct server *server, struct area_slot *slot)
{
	struct handling handling = {
	    .worker = worker,
	    .server = server,
	    .slot = slot,
	    .verdict = verdict_of(&worker->policy, &worker->rules, &slot->notif.data),
	};

	if (handling.verdict.kind == VERDICT_RESERVED) {
		do_reserved(&handling);
	} else if (handling.verdict.kind == VERDICT_MEDIATE) {
		do_mediate(&handling);
	} else if (handling.verdict.kind == VERDICT_OBSERVE) {
		do_observe(&handling);
	} else {
		name_call(&handling);
		if (identify(&handling))
			act(&handling);
		else
			tell_gone(&handling);
	}
	finish(slot);
}
