/*
 * The sessions of a trail: what its events say of each, and which of their numbers are missing.
 * Pure: no file and no process is looked at.
 */
#ifndef AGENTSH_TRAIL_SESSIONS_H
#define AGENTSH_TRAIL_SESSIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "error.h"
#include "session.h"

#define TRAIL_SESSIONS_MAX 65536U /* more are shown, but not kept */
#define TRAIL_GAPS_MAX     4096U  /* of a session, until they are told */
#define TRAIL_COMMAND_SIZE 160U

/* Numbers that no line has: first to last. */
struct trail_gap {
	uint64_t first;
	uint64_t last;
	uint64_t noticed_us; /* the time of the event behind it */
};

struct trail_session {
	char id[SESSION_ID_SIZE];
	struct trail_session *next; /* in the order of the trail */
	bool started;               /* its session_start has been seen */
	bool ended;
	bool counted; /* the counts are those of its session_end */
	uint64_t start_us;
	uint64_t pid;  /* of the first process; 0: not known */
	int64_t uid;   /* -1: not known */
	char *command; /* owned, escaped, cut; NULL: not known */
	uint64_t killed;
	uint64_t denied;
	uint64_t audited;
	uint64_t expected;      /* the next seq; 0: none seen yet */
	struct trail_gap *gaps; /* owned */
	size_t gap_count;
	size_t gap_room; /* TRAIL_GAPS_MAX at most: then, as without memory, the first is told as it is */
};

struct trail_sessions {
	struct trail_session *first;
	struct trail_session *last;
	void *by_id; /* tsearch(3): the latest session of each ID */
	size_t count;
	bool full; /* TRAIL_SESSIONS_MAX, or no memory */
};

/* An empty one is {0}. */
void trail_sessions_free(struct trail_sessions *sessions);

/*
 * Takes an event in. Returns its session, or NULL where it names none, or none can be kept any
 * more (full). An ID that begins again is a session of its own.
 */
struct trail_session *trail_sessions_take(struct trail_sessions *sessions, const cJSON *event);

/*
 * Moves out a gap of the session that no events_suppressed can account for any more: one that was
 * noticed TRAIL_GAP_SETTLED_US before now_us (UINT64_MAX: any), or when there is no room for more.
 * False: none.
 */
#define TRAIL_GAP_SETTLED_US 3000000U
bool trail_session_take_gap(struct trail_session *session, uint64_t now_us, struct trail_gap *gap);

/* Does the event name a session by what is no ID (session.h), so that nothing is kept of it? */
bool trail_session_is_odd(const cJSON *event);

/* When the event was, in microseconds since the epoch; 0: not known. */
uint64_t trail_time(const cJSON *event);

/* The elements of an array of strings, escaped, with blanks between, cut with "..." to size. */
void trail_join(const cJSON *array, char *out, size_t size);

#endif
