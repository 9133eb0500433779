#include "witness.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "audit_stream.h"
#include "handover.h"
#include "keeper.h"
#include "kill_event.h"
#include "kill_origin.h"

#define LOOKED_AT_ONCE 256U /* records, before loaders are looked at again */
#define REMEMBERED_MS  5000 /* after a session's end */
#define ENDED_MOST     64U  /* sessions that are remembered */
#define FORGET_MS      1000 /* between looks at those */
#define ASK_EVERY_MS   1000
#define RETRY_MS       200
#define FULL_MS        10   /* between tries to find room in a session's memory */
#define FULL_MOST_MS   1000 /* of a session: so long, once, others wait for it; then its kills are counted */

int witness_begin(struct witness *witness, int stream, int memory, int keeper)
{
	*witness = (struct witness){.stream = stream, .keeper = keeper};
	if (memory < 0)
		return 0;
	witness->memory = mmap(NULL, sizeof(*witness->memory), PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	if (witness->memory == MAP_FAILED || sink_init(&witness->sink, -1, SINK_STREAM, &witness->memory->pending) != 0)
		return -1;
	witness->asks_lost = stream >= 0;
	return 0;
}

/* --- Sessions --- */

static void forget(struct witness *witness, size_t index)
{
	area_unmap(witness->sessions[index].area);
	witness->sessions[index] = witness->sessions[--witness->count];
}

static size_t count_ended(const struct witness *witness)
{
	size_t ended = 0;

	for (size_t i = 0; i < witness->count; i++)
		ended += witness->sessions[i].ended_at != 0;
	return ended;
}

/* How many are left of those that have ended. */
static size_t forget_old(struct witness *witness)
{
	int64_t now = handover_now();
	bool all = count_ended(witness) > ENDED_MOST;

	for (size_t i = 0; i < witness->count;) {
		const struct witnessed *session = &witness->sessions[i];

		if (session->ended_at && (all || now - session->ended_at >= REMEMBERED_MS))
			forget(witness, i);
		else
			i++;
	}
	return count_ended(witness);
}

void witness_add(struct witness *witness, uint64_t ticket, int memfd)
{
	struct witnessed *sessions;
	struct area *area;

	if (!witness->memory)
		return;
	(void)forget_old(witness);
	sessions = reallocarray(witness->sessions, witness->count + 1, sizeof(*sessions));
	if (!sessions)
		return;
	witness->sessions = sessions;
	area = area_map(memfd, NULL);
	if (area)
		sessions[witness->count++] = (struct witnessed){.ticket = ticket, .area = area};
}

static struct witnessed *find(const struct witness *witness, uint64_t ticket)
{
	for (size_t i = 0; i < witness->count; i++)
		if (witness->sessions[i].ticket == ticket && !witness->sessions[i].ended_at)
			return &witness->sessions[i];
	return NULL;
}

/* --- Lines that have no seq --- */

struct event witness_event(enum event_type type)
{
	return (struct event){
	    .type = type,
	    .timestamp_us = event_now_us(),
	    .process = {.uid = -1},
	};
}

void witness_tell(struct witness *witness, const struct event *event)
{
	char line[EVENT_LINE_MAX];
	size_t length = event_format(event, line, sizeof(line));

	if (length > 0)
		(void)sink_write(&witness->sink, line, length, 0);
}

static void write_kill(struct witness *witness, const struct kill_record *record, const char *session)
{
	struct event event = witness_event(EVENT_SECCOMP_BLOCKED);
	struct kill_event made;

	event.session_id = session;
	kill_event_fill(&event, &made, record);
	witness_tell(witness, &event);
}

static void write_lost(struct witness *witness, const char *reason, uint64_t count, const char *session)
{
	const struct event_records_lost lost = {.reason = reason, .count = count};
	struct event event = witness_event(EVENT_AUDIT_RECORDS_LOST);

	event.session_id = session;
	event.records_lost = &lost;
	witness_tell(witness, &event);
}

/* Lines of ours that were given up. */
static void tell_loss(struct witness *witness)
{
	struct event event = witness_event(EVENT_EVENTS_SUPPRESSED);
	struct event_suppressed suppressed = {.reason = "event_loss"};
	struct sink_loss loss;

	if (!sink_has_loss(&witness->sink, &loss))
		return;
	suppressed.count = loss.count;
	event.suppressed = &suppressed;
	witness->memory->pending.loss = (struct sink_loss){.count = 0};
	witness_tell(witness, &event);
}

void witness_events(struct witness *witness, int events, enum sink_kind kind)
{
	if (!witness->memory || events < 0) {
		if (events >= 0)
			close(events);
		return;
	}
	sink_replace(&witness->sink, events, kind);
	witness->has_events = true;
	witness->needs_events = false;
	(void)sink_flush(&witness->sink);
}

void witness_ended(struct witness *witness, uint64_t ticket)
{
	struct witnessed *session = find(witness, ticket);
	struct kill_record record;
	struct kills *kills;

	if (!session)
		return;
	session->ended_at = handover_now();
	kills = &session->area->kills;
	while (kills_next(kills, &record)) {
		write_kill(witness, &record, session->area->session.id);
		atomic_fetch_add(&kills->taken, 1);
	}
	if (kills_lost(kills) > 0)
		write_lost(witness, "backlog", kills_lost(kills), session->area->session.id);
	if (!atomic_load(&session->area->members.any))
		forget(witness, (size_t)(session - witness->sessions));
}

/* --- Records --- */

/* Of one step. A session with a listener comes before one without, within which it has begun. */
static struct witnessed *session_at(const struct witness *witness, const struct kill_origin *origin, size_t step)
{
	for (size_t i = 0; i < witness->count; i++)
		if (kill_origin_is_in(origin, step, witness->sessions[i].area))
			return &witness->sessions[i];
	return NULL;
}

/* Whose filter it is under: that of the nearest above it that a session knows. */
static bool find_place(const struct witness *witness, const struct kill_origin *origin, struct witnessed **session,
		       struct quiet_session **quiet)
{
	*session = NULL;
	*quiet = NULL;
	for (size_t step = 0; step < origin->count; step++) {
		*session = session_at(witness, origin, step);
		if (!*session)
			*quiet = quiet_session_of(&witness->memory->quiet, origin->steps[step].pid,
						  origin->steps[step].began);
		if (*session || *quiet)
			return true;
	}
	return false;
}

bool witness_place_of(const struct witness *witness, const struct kill_origin *origin, struct witness_place *place)
{
	struct witnessed *session;
	struct quiet_session *quiet;
	bool found = find_place(witness, origin, &session, &quiet);

	*place = (struct witness_place){.session = session ? session->area->session.id : NULL, .quiet = quiet};
	if (quiet)
		place->session = quiet->id;
	return found;
}

/* Of one that is gone. One that lives before one that has ended, whose numbers may be another's now. */
static struct witnessed *session_was(const struct witness *witness, const struct kill_record *record, bool ended)
{
	for (size_t i = 0; i < witness->count; i++)
		if ((witness->sessions[i].ended_at != 0) == ended &&
		    kill_origin_was_in(record, witness->sessions[i].area))
			return &witness->sessions[i];
	return NULL;
}

/* The session, or the name of one that has no listener; neither: nobody knows. */
static struct witnessed *session_of(const struct witness *witness, const struct kill_record *record,
				    const struct kill_origin *origin, const char **name)
{
	struct witnessed *session;
	struct quiet_session *quiet;
	const struct quiet_session *was = NULL;

	*name = NULL;
	if (!find_place(witness, origin, &session, &quiet) && origin->is_gone) {
		session = session_was(witness, record, false);
		was = session ? NULL : quiet_session_was(&witness->memory->quiet, record);
		if (!session && !was)
			session = session_was(witness, record, true);
	}
	if (quiet || was)
		*name = quiet ? quiet->id : was->id;
	return session;
}

/* Into the session's memory. False: it is to be tried again. */
static bool hand_over(struct witnessed *session, const struct kill_record *record)
{
	struct kills *kills = &session->area->kills;

	session->is_due = true;
	if (kills_put(kills, record)) {
		session->full_at = 0;
		return true;
	}
	if (session->full_at == 0)
		session->full_at = handover_now();
	if (handover_now() - session->full_at < FULL_MOST_MS)
		return false;
	atomic_fetch_add(&kills->lost, 1);
	return true;
}

/* False: it is to be tried again. */
static bool take_kill(struct witness *witness, const struct kill_record *record)
{
	struct witnessed *session;
	struct kill_origin origin;
	const char *name;

	kill_origin_read(record, &origin);
	session = session_of(witness, record, &origin, &name);
	if (!session && !name) {
		witness->settle(witness->broker);
		session = session_of(witness, record, &origin, &name);
	}
	if (session && !session->ended_at)
		return hand_over(session, record);
	if (witness->memory->told == record->serial)
		return true; /* by a broker that has died since */
	write_kill(witness, record, session ? session->area->session.id : name);
	witness->memory->told = record->serial;
	return true;
}

/* What has not fitted into the socket: exactly so many, of any kind. */
static void tell_overrun(struct witness *witness)
{
	uint32_t information[SK_MEMINFO_VARS] = {0};
	socklen_t size = sizeof(information);
	uint64_t overrun;

	if (getsockopt(witness->stream, SOL_SOCKET, SO_MEMINFO, information, &size) != 0 || size < sizeof(information))
		return;
	overrun = information[SK_MEMINFO_DROPS];
	if (overrun > witness->memory->overrun)
		write_lost(witness, "overrun", overrun - witness->memory->overrun, NULL);
	witness->memory->overrun = overrun;
}

void witness_lost(struct witness *witness, uint32_t lost)
{
	struct audit_memory *memory = witness->memory;

	if (witness->stream < 0)
		return;
	if (memory->lost_is_known && lost > memory->lost)
		write_lost(witness, "kernel", lost - memory->lost, NULL);
	memory->lost = lost;
	memory->lost_is_known = true;
}

/* Deals with the next message. False: there is none, or none to be dealt with now. */
static bool look_at_next(struct witness *witness)
{
	char buffer[AUDIT_STREAM_MESSAGE_MAX];
	struct kill_record record;
	const char *text;
	size_t length;

	switch (audit_stream_peek(witness->stream, buffer, sizeof(buffer), &text, &length)) {
	case AUDIT_STREAM_RECORD:
		witness->is_full =
		    kill_record_parse(text, length, &record) == KILL_RECORD_KILL && !take_kill(witness, &record);
		if (witness->is_full)
			return false;
		audit_stream_drop(witness->stream);
		return true;
	case AUDIT_STREAM_OTHER:
		audit_stream_drop(witness->stream);
		return true;
	case AUDIT_STREAM_OVERRUN:
		return true;
	case AUDIT_STREAM_BROKEN:
		witness->stream = -1; /* nothing more will be heard */
		return false;
	case AUDIT_STREAM_NONE:
	default:
		return false;
	}
}

void witness_look(struct witness *witness)
{
	unsigned looked = 0;

	while (looked < LOOKED_AT_ONCE && look_at_next(witness))
		looked++;
	if (witness->stream < 0)
		return;
	tell_overrun(witness);
	witness->asks_lost = witness->asks_lost || looked > 0;
}

int witness_waits_for(const struct witness *witness)
{
	return witness->is_full ? -1 : witness->stream;
}

/* --- The keeper --- */

/* Without waiting: it may itself be waiting for us. False: later. */
static bool tell_keeper(const struct witness *witness, enum keeper_operation operation, uint64_t ticket)
{
	const struct keeper_message message = {.operation = operation, .ticket = ticket};

	return send(witness->keeper, &message, sizeof(message), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

/* False: it takes no more now. */
static bool tell_due(struct witness *witness)
{
	for (size_t i = 0; i < witness->count; i++) {
		struct witnessed *session = &witness->sessions[i];

		if (!session->is_due)
			continue;
		if (!session->ended_at && !tell_keeper(witness, KEEPER_KILLED, session->ticket))
			return false;
		session->is_due = false;
	}
	return true;
}

/*
 * Lines that wait. A socket that was given is not connected again here, so another is asked for. False: they wait
 * still.
 */
static bool see_to_lines(struct witness *witness)
{
	bool done = sink_pending(&witness->sink) == 0 || (witness->has_events && sink_flush(&witness->sink));

	if (!done && (!witness->has_events || witness->sink.kind != SINK_STREAM))
		witness->needs_events = true;
	tell_loss(witness);
	return done;
}

/* Asks once in a while at the most. False: that is still to be done. */
static bool ask(const struct witness *witness, enum keeper_operation operation, bool *due, int64_t *at)
{
	int64_t now = handover_now();

	if (*due && now >= *at && tell_keeper(witness, operation, 0)) {
		*due = false;
		*at = now + ASK_EVERY_MS;
	}
	return !*due;
}

int witness_turn(struct witness *witness)
{
	bool done;

	if (!witness->memory)
		return -1;
	if (witness->is_full)
		witness_look(witness);
	done = tell_due(witness);
	done = see_to_lines(witness) && done;
	done = ask(witness, KEEPER_EVENTS, &witness->needs_events, &witness->events_at) && done;
	done = ask(witness, KEEPER_LOST, &witness->asks_lost, &witness->lost_at) && done;
	if (witness->is_full)
		return FULL_MS;
	if (!done)
		return RETRY_MS;
	return forget_old(witness) > 0 ? FORGET_MS : -1;
}
