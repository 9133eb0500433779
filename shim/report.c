#include "report.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>

#include "claim.h"
#include "fold.h"
#include "members.h"
#include "tracee.h"
#include "worker.h"

/* The arguments of the reserved call. */
#define CLAIMED_SESSION 2
#define CLAIMED_PID     3

/* Of every report that is one too many: there is no such name of a process. */
#define BEYOND_RATE ""

struct reported {
	struct area_slot *slot;
	uint64_t began;       /* the process, which its number alone does not tell from another; 0: not known */
	pid_t own_pid;        /* in its own pid namespace; 0: not asked for, -1: not known */
	const char *mismatch; /* what of the claims does not hold; NULL: nothing */
};

/*
 * The process's name is its first thread's, whoever has called. Both are read while the caller waits, which its answer
 * ends; what a worker before this one has read stays. False: who it was is not known.
 */
static bool identify(struct worker *worker, struct reported *reported)
{
	struct area_slot *slot = reported->slot;
	struct tracee *caller = &slot->tracee;
	struct tracee first;

	if (slot->is_known)
		return true;
	if (tracee_read((pid_t)slot->notif.pid, caller) && caller->tgid != caller->tid &&
	    tracee_read(caller->tgid, &first)) {
		first.tid = caller->tid;
		*caller = first;
	}
	reported->began = tracee_began(caller->tgid);
	reported->own_pid = slot->notif.data.args[CLAIMED_PID] ? tracee_own_pid(caller->tgid) : 0;
	slot->is_known = listener_is_valid(worker->listener, slot->notif.id);
	return slot->is_known;
}

/* A process is numbered by each of the pid namespaces that it is in. */
static bool is_pid(const struct reported *reported, uint64_t claim)
{
	return claim == (uint64_t)reported->slot->tracee.tgid || claim == (uint64_t)reported->own_pid ||
	       reported->own_pid == 0;
}

/* What of the claims does not hold; NULL: nothing. */
static const char *mismatch_of(const struct worker *worker, const struct reported *reported)
{
	const __u64 *claims = reported->slot->notif.data.args;

	if (claims[CLAIMED_SESSION] != CLAIM_NONE && claims[CLAIMED_SESSION] != claim_of(worker->area->session.id))
		return "session";
	return claims[CLAIMED_PID] == 0 || is_pid(reported, claims[CLAIMED_PID]) ? NULL : "pid";
}

/* May one more be written? A clock that was set back begins anew. */
static bool is_within_rate(struct reports *reports, uint64_t now_us)
{
	if (now_us < reports->begun_us || now_us - reports->begun_us >= FOLD_SPAN_US) {
		reports->begun_us = now_us;
		reports->count = 0;
	}
	if (reports->count >= REPORTS_PER_SPAN)
		return false;
	reports->count++;
	return true;
}

static uint64_t hash_bytes(uint64_t hash, const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		hash = claim_hash(hash, (unsigned char)bytes[i]);
	return claim_hash(hash, 0);
}

/* What is told of a process: with another name, or another program, it is told of again. */
static uint64_t hash_of(const struct reported *reported)
{
	const struct tracee *tracee = &reported->slot->tracee;
	uint64_t hash = hash_bytes(CLAIM_BASE, tracee->comm, tracee->comm_length);

	hash = hash_bytes(hash, tracee->exe, tracee->exe_length);
	return hash_bytes(hash, (const char *)&reported->began, sizeof(reported->began));
}

static struct report_told *place_of(struct reports *reports, pid_t tgid)
{
	return &reports->told[(uint32_t)tgid % REPORTS_TOLD];
}

/* A thread has been named, or somebody says again what he has said. */
static bool is_nothing_new(struct reports *reports, pid_t tgid, uint64_t hash)
{
	const struct report_told *told = place_of(reports, tgid);

	return told->tgid == tgid && told->hash == hash;
}

static void write_event(struct worker *worker, const struct reported *reported, enum event_type type)
{
	const struct event_report report = {.reason = reported->mismatch,
					    .claimed_pid = (int64_t)reported->slot->notif.data.args[CLAIMED_PID]};
	struct event event = worker_event(worker, type);

	event.process = worker_process(&reported->slot->tracee);
	event.report = reported->mismatch ? &report : NULL;
	area_begin(worker->area, reported->slot)->told = TOLD_CALL;
	(void)worker_write(worker, &event);
}

/* Repeats are of the same process and say the same. */
static struct fold_key key_of(pid_t tgid, const char *mismatch, uint64_t hash)
{
	struct fold_key key;

	if (mismatch)
		(void)fold_key_make(&key, EVENT_REPORT_MISMATCH, tgid, SYS_prctl, mismatch, strlen(mismatch));
	else
		(void)fold_key_make(&key, EVENT_PROCESS_START, tgid, SYS_prctl, &hash, sizeof(hash));
	return key;
}

/* Told, or counted as one more of what has been told. */
static void tell(struct worker *worker, const struct reported *reported)
{
	pid_t tgid = reported->slot->tracee.tgid;
	uint64_t hash = hash_of(reported);
	struct fold_key key = key_of(tgid, reported->mismatch, hash);
	uint64_t now_us = event_now_us();
	struct folded *place;

	if (!reported->mismatch && is_nothing_new(&worker->reports, tgid, hash))
		return;
	if (worker_fold(worker, reported->slot, &key))
		return;
	if (!is_within_rate(&worker->reports, now_us)) {
		(void)fold_key_make(&key, key.type, 0, SYS_prctl, BEYOND_RATE, 0);
		if (worker_fold(worker, reported->slot, &key))
			return;
	}
	place = worker_fold_place(worker, &key);
	write_event(worker, reported, key.type);
	fold_remember(place, &key, now_us);
	if (!reported->mismatch)
		*place_of(&worker->reports, tgid) = (struct report_told){.tgid = tgid, .hash = hash};
}

void report_handle(struct worker *worker, struct area_slot *slot)
{
	struct reported reported = {.slot = slot};
	bool known = identify(worker, &reported);

	if (known)
		reported.mismatch = mismatch_of(worker, &reported);
	/* What the kernel says of an option that it does not know: there is nothing to learn from it. */
	(void)listener_refuse(worker->listener, slot->notif.id, EINVAL);
	if (!known)
		return;
	members_note(&worker->area->members, slot->tracee.tgid, reported.began,
		     members_program(slot->tracee.exe, slot->tracee.has_exe ? slot->tracee.exe_length : 0));
	worker_lock(worker);
	if (!area_is_told(slot, TOLD_CALL))
		tell(worker, &reported);
	worker_unlock(worker);
}
