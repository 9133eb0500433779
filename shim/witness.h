/*
 * The broker's own lines, which have no seq; and its share of the kernel's audit stream: reads its records, finds the
 * session of each process that the kernel has killed, and puts the kill into that session's memory, whose worker tells
 * of it. Of those that are in no session, or whose session is over, it tells itself, in lines that have no seq.
 *
 * Records stay in the stream until they are dealt with, so a broker that dies loses none. What is told twice then is at
 * most the one line of no session that it was writing.
 */
#ifndef AGENTSH_WITNESS_H
#define AGENTSH_WITNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "area.h"
#include "audit.h"
#include "event.h"
#include "kill_origin.h"
#include "quiet.h"
#include "sink.h"

/* A session, as far as its kills go. */
struct witnessed {
	uint64_t ticket;
	struct area *area; /* owned: its mapping */
	int64_t ended_at;  /* ms; 0: it lives. After its end those that had reported to it are known for a while */
	bool is_due;       /* its worker is to be told */
	int64_t full_at;   /* ms: since when there has been no room in its memory; 0: there is */
};

struct witness {
	int stream;                   /* borrowed; -1: there is none, and nobody's kills are known */
	int keeper;                   /* borrowed: its channel */
	struct audit_memory *memory;  /* NULL: of a private sidecar, and nothing here does anything */
	void (*settle)(void *broker); /* deals with reports that have come already, before a kill is nobody's */
	void *broker;
	struct sink sink;           /* of lines of no session */
	bool has_events;            /* the keeper has given a descriptor for them */
	bool needs_events;          /* it is to be asked for one */
	bool asks_lost;             /* it is to be asked for the kernel's count */
	bool is_full;               /* the record that is next finds no room: it is tried again in a moment */
	int64_t events_at;          /* ms: not before that */
	int64_t lost_at;            /* the same */
	struct witnessed *sessions; /* owned */
	size_t count;
};

/* A session that a process is in. */
struct witness_place {
	const char *session;         /* NULL: in none that is known */
	struct quiet_session *quiet; /* NULL: it has a listener, and its own lines */
};

/* 0, or -1: out of memory. memory: a memfd, struct audit_memory; or -1. */
int witness_begin(struct witness *witness, int stream, int memory, int keeper);

/* The session of the nearest that is known, from a process upwards. False: none is. */
bool witness_place_of(const struct witness *witness, const struct kill_origin *origin, struct witness_place *place);

/* An event that happens now, and writing one, without a seq. */
struct event witness_event(enum event_type type);
void witness_tell(struct witness *witness, const struct event *event);

/* A session begins, whose memory it is. Without room for it its kills are none of a session's. */
void witness_add(struct witness *witness, uint64_t ticket, int memfd);

/* It has ended, with its worker: what that has left is told. */
void witness_ended(struct witness *witness, uint64_t ticket);

/* The stream, where it is to be looked at as soon as it is readable; -1: not now. */
int witness_waits_for(const struct witness *witness);

/* The stream may be readable. */
void witness_look(struct witness *witness);

/* The keeper has given a descriptor for events, taken over; the kernel's count of what it has lost. */
void witness_events(struct witness *witness, int events, enum sink_kind kind);
void witness_lost(struct witness *witness, uint32_t lost);

/* What is due now. Returns ms until more is; -1: nothing is. */
int witness_turn(struct witness *witness);

#endif
