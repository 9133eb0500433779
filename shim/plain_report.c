#include "plain_report.h"

#include <string.h>

#include "claim.h"
#include "kill_origin.h"
#include "members.h"
#include "quiet.h"
#include "tracee.h"

#define TURN_MS 200

/* Who has reported, and what is so. */
struct reporter {
	const struct handover_report *report;
	uid_t uid;
	struct quiet_process process; /* began == 0: it is gone, and nothing else of it is known */
	struct tracee tracee;
	struct witness_place place; /* as its ancestors say */
	bool is_filtered;
};

/* --- How much is looked at --- */

static void tell_suppressed(struct witness *witness, const char *reason, enum event_type of, uint64_t count, uid_t uid,
			    pid_t pid)
{
	const struct event_suppressed suppressed = {.reason = reason, .of = event_type_name(of), .count = count};
	struct event event = witness_event(EVENT_EVENTS_SUPPRESSED);

	event.process.uid = uid == (uid_t)-1 ? -1 : (int64_t)uid;
	event.process.pid = pid;
	event.suppressed = &suppressed;
	witness_tell(witness, &event);
}

/* A clock that was set back ends it as well. */
static bool is_over(const struct plain_report_span *span, uint64_t now)
{
	return now < span->begun_us || now - span->begun_us >= FOLD_SPAN_US;
}

static void tell_beyond(struct witness *witness, struct plain_report_span *span)
{
	if (span->beyond)
		tell_suppressed(witness, "rate", EVENT_PROCESS_START, span->beyond, span->uid, 0);
	span->beyond = 0;
}

static bool is_one_more(struct plain_report_span *span, uint32_t most)
{
	if (span->looked_at >= most)
		return false;
	span->looked_at++;
	return true;
}

/* One process does not use up what its user may have. */
static bool is_within_rate(struct plain_reports *reports, struct witness *witness, uid_t uid, pid_t pid)
{
	struct plain_report_span *user = &reports->users[uid % PLAIN_REPORT_USERS];
	struct plain_report_span *process = &reports->processes[(uint32_t)pid % PLAIN_REPORT_PROCESSES];
	uint64_t now = event_now_us();

	if (is_over(user, now)) {
		tell_beyond(witness, user);
		*user = (struct plain_report_span){.uid = uid, .begun_us = now};
	}
	if (is_over(process, now))
		*process = (struct plain_report_span){.begun_us = now};
	if (is_one_more(process, PLAIN_REPORTS_PER_PROCESS) && is_one_more(user, PLAIN_REPORTS_PER_USER))
		return true;
	user->beyond++;
	return false;
}

/* --- Who it was --- */

static void identify(const struct witness *witness, const struct conversation *conversation, struct reporter *reporter)
{
	pid_t pid = conversation->peer.pid;
	struct kill_origin origin;

	reporter->report = &conversation->report;
	reporter->uid = conversation->peer.uid;
	reporter->process = (struct quiet_process){.pid = pid};
	reporter->place = (struct witness_place){.session = NULL};
	kill_origin_of(pid, &origin);
	if (origin.is_gone || !tracee_read(pid, &reporter->tracee))
		return;
	reporter->is_filtered = tracee_is_filtered(pid);
	if (!conversation_is_there(&conversation->peer))
		return;
	reporter->process.began = origin.steps[0].began;
	if (reporter->tracee.has_exe)
		reporter->process.program = members_program(reporter->tracee.exe, reporter->tracee.exe_length);
	(void)witness_place_of(witness, &origin, &reporter->place);
}

/* --- What is told --- */

static struct event event_of(const struct reporter *reporter, enum event_type type)
{
	const struct tracee *tracee = &reporter->tracee;
	struct event event = witness_event(type);

	event.session_id = reporter->place.session;
	event.process = (struct event_process){.pid = reporter->process.pid, .tid = 0, .uid = reporter->uid};
	if (tracee->has_comm)
		event.process.comm = (struct event_bytes){.data = tracee->comm, .length = tracee->comm_length};
	if (tracee->has_exe)
		event.process.exe = (struct event_bytes){.data = tracee->exe, .length = tracee->exe_length};
	return event;
}

static void tell_lie(struct plain_reports *reports, struct witness *witness, const struct reporter *reporter)
{
	const struct event_report lie = {.reason = "session"};
	struct event event = event_of(reporter, EVENT_REPORT_MISMATCH);
	struct fold_key key;
	struct folded *place;

	(void)fold_key_make(&key, EVENT_REPORT_MISMATCH, reporter->process.pid, 0, &reporter->process.began,
			    sizeof(reporter->process.began));
	place = fold_find(&reports->fold, &key, event_now_us());
	if (place) {
		place->count++;
		return;
	}
	place = fold_place(&reports->fold, &key);
	if (place->begun_us && place->count)
		tell_suppressed(witness, "repeated", place->key.type, place->count, (uid_t)-1, place->key.tid);
	event.report = &lie;
	witness_tell(witness, &event);
	fold_remember(place, &key, event_now_us());
}

static uint64_t hash_bytes(uint64_t hash, const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		hash = claim_hash(hash, (unsigned char)bytes[i]);
	return claim_hash(hash, 0);
}

/* Once of each process: again when its name or its program is another. */
static void tell_start(struct witness *witness, const struct reporter *reporter, struct quiet_member *member)
{
	const struct tracee *tracee = &reporter->tracee;
	uint64_t hash = hash_bytes(CLAIM_BASE, tracee->comm, tracee->comm_length);
	struct event event = event_of(reporter, EVENT_PROCESS_START);

	hash = hash_bytes(hash, tracee->exe, tracee->exe_length);
	if (!member || member->told == hash)
		return;
	witness_tell(witness, &event);
	member->told = hash;
}

/* --- What is believed --- */

static bool is_of_another(const struct witness *witness, const struct registry *registry,
			  const struct reporter *reporter)
{
	const char *id = reporter->report->session;

	return registry_is_of_another(registry, reporter->uid, id) ||
	       quiet_is_of_another(&witness->memory->quiet, id, reporter->uid);
}

/* Nobody above it says anything: its own word, as far as that goes. The session; NULL: none. */
static struct quiet_session *believe(struct witness *witness, const struct registry *registry,
				     struct reporter *reporter, bool *is_lie)
{
	struct quiet *quiet = &witness->memory->quiet;
	const char *id = reporter->report->session;
	bool is_gone = reporter->process.began == 0;
	struct quiet_session *session;

	*is_lie = false;
	if (!id[0])
		return NULL;
	if (is_of_another(witness, registry, reporter) || (!is_gone && !reporter->is_filtered)) {
		*is_lie = !is_gone;
		return NULL;
	}
	session = is_gone && !reporter->report->begins ? quiet_find(quiet, id, reporter->uid)
						       : quiet_make(quiet, id, reporter->uid);
	reporter->place = (struct witness_place){.session = session ? session->id : NULL, .quiet = session};
	return session;
}

void plain_report_take(struct plain_reports *reports, struct witness *witness, const struct registry *registry,
		       const struct conversation *conversation)
{
	struct reporter reporter = {.report = NULL};
	struct quiet_member *member = NULL;
	bool is_lie;

	if (!witness->memory || conversation->peer.pid <= 0 ||
	    !is_within_rate(reports, witness, conversation->peer.uid, conversation->peer.pid))
		return;
	identify(witness, conversation, &reporter);
	if (reporter.place.session)
		is_lie = reporter.report->session[0] && strcmp(reporter.report->session, reporter.place.session) != 0;
	else
		(void)believe(witness, registry, &reporter, &is_lie);
	/* One that has a listener hears of its processes itself. */
	if (reporter.place.quiet && reporter.process.began && reporter.report->begins && !is_lie)
		reporter.place.quiet->first = reporter.process;
	if (reporter.place.quiet)
		member = quiet_note(&witness->memory->quiet, reporter.place.quiet, &reporter.process);
	if (is_lie)
		tell_lie(reports, witness, &reporter);
	else if (reporter.process.began && !reporter.report->begins)
		tell_start(witness, &reporter, member);
}

int plain_report_turn(struct plain_reports *reports, struct witness *witness)
{
	uint64_t now = event_now_us();
	struct folded *folded;
	bool waits = false;

	while ((folded = fold_next(&reports->fold, now, false))) {
		tell_suppressed(witness, "repeated", folded->key.type, folded->count, (uid_t)-1, folded->key.tid);
		folded->count = 0;
	}
	for (size_t i = 0; i < PLAIN_REPORT_USERS; i++) {
		struct plain_report_span *span = &reports->users[i];

		if (span->beyond && is_over(span, now))
			tell_beyond(witness, span);
		waits = waits || span->beyond;
	}
	return waits || fold_is_open(&reports->fold) ? TURN_MS : -1;
}
