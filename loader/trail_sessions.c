#include "trail_sessions.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "trail_reader.h"

#define ELLIPSIS   "..."
#define FIRST_ROOM 8U /* gaps */

static int compare_ids(const void *a, const void *b)
{
	return strcmp(((const struct trail_session *)a)->id, ((const struct trail_session *)b)->id);
}

static void keep_node(void *node)
{
	(void)node; /* the list owns it */
}

void trail_sessions_free(struct trail_sessions *sessions)
{
	tdestroy(sessions->by_id, keep_node);
	while (sessions->first) {
		struct trail_session *next = sessions->first->next;

		free(sessions->first->command);
		free(sessions->first->gaps);
		free(sessions->first);
		sessions->first = next;
	}
	*sessions = (struct trail_sessions){0};
}

uint64_t trail_time(const cJSON *event)
{
	const char *text = trail_string(event, "timestamp");
	struct tm parts = {0};
	uint64_t time_us = 0;
	const char *end;
	time_t seconds;

	if (trail_number(event, "timestamp_us", &time_us) || !text)
		return time_us;
	end = strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);
	if (!end || strcmp(end, "Z") != 0)
		return 0;
	seconds = timegm(&parts);
	return seconds > 0 ? (uint64_t)seconds * 1000000 : 0;
}

void trail_join(const cJSON *array, char *out, size_t size)
{
	const cJSON *element;
	size_t length = 0;

	out[0] = '\0';
	cJSON_ArrayForEach(element, array)
	{
		const char *text = cJSON_GetStringValue(element);
		size_t room = size - length;

		if (!text)
			continue;
		/* Worst case: a blank, four bytes for each, the NUL. */
		if (room < sizeof(ELLIPSIS) + 1 + 4 * strlen(text)) {
			if (length > 0 && room > sizeof(ELLIPSIS))
				out[length++] = ' ';
			if (room > 2 * sizeof(ELLIPSIS))
				length += error_escape(out + length, size - length - sizeof(ELLIPSIS), text);
			memcpy(out + length, ELLIPSIS, sizeof(ELLIPSIS));
			return;
		}
		if (length > 0)
			out[length++] = ' ';
		length += error_escape(out + length, size - length, text);
	}
}

static struct trail_session *find(struct trail_sessions *sessions, const char *id)
{
	struct trail_session key;
	void *node;

	memcpy(key.id, id, strlen(id) + 1);
	node = tfind(&key, &sessions->by_id, compare_ids);
	return node ? *(struct trail_session **)node : NULL;
}

static struct trail_session *add(struct trail_sessions *sessions, const char *id)
{
	struct trail_session *session = NULL;
	struct trail_session **node;

	if (sessions->count < TRAIL_SESSIONS_MAX)
		session = calloc(1, sizeof(*session));
	if (!session) {
		sessions->full = true;
		return NULL;
	}
	memcpy(session->id, id, strlen(id) + 1);
	session->uid = -1;
	node = tsearch(session, &sessions->by_id, compare_ids);
	if (!node) {
		free(session);
		sessions->full = true;
		return NULL;
	}
	*node = session; /* also where an earlier one of that ID stood */
	if (sessions->last)
		sessions->last->next = session;
	else
		sessions->first = session;
	sessions->last = session;
	sessions->count++;
	return session;
}

static void take_start(struct trail_session *session, const cJSON *event)
{
	const cJSON *command = cJSON_GetObjectItemCaseSensitive(event, "command");
	char text[TRAIL_COMMAND_SIZE];
	uint64_t uid;

	session->started = true;
	session->start_us = trail_time(event);
	(void)trail_number(event, "pid", &session->pid);
	if (trail_number(event, "uid", &uid))
		session->uid = (int64_t)uid;
	trail_join(command, text, sizeof(text));
	free(session->command);
	session->command = cJSON_IsArray(command) ? strdup(text) : NULL;
}

static void take_end(struct trail_session *session, const cJSON *event)
{
	uint64_t killed;
	uint64_t denied;
	uint64_t audited;

	session->ended = true;
	if (!trail_number(event, "killed", &killed) || !trail_number(event, "denied", &denied) ||
	    !trail_number(event, "audited", &audited))
		return;
	session->counted = true;
	session->killed = killed;
	session->denied = denied;
	session->audited = audited;
}

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text);

	return length >= strlen(end) && strcmp(text + length - strlen(end), end) == 0;
}

/* Counts an event, or count suppressed ones, of that type. */
static void count_events(struct trail_session *session, const char *type, const char *action, uint64_t count)
{
	if (session->counted)
		return;
	if (ends_with(type, "_audit"))
		session->audited += count;
	else if (action && strcmp(action, "killed") == 0)
		session->killed += count;
	else if (ends_with(type, "_blocked"))
		session->denied += count;
}

/* There is room for two more at least, where there can be: for a gap that is cut in two, and one behind it. */
static void make_room(struct trail_session *session)
{
	size_t room = session->gap_room ? 2 * session->gap_room : FIRST_ROOM;
	struct trail_gap *gaps;

	if (session->gap_count + 2 <= session->gap_room || room > TRAIL_GAPS_MAX)
		return;
	gaps = reallocarray(session->gaps, room, sizeof(*gaps));
	if (!gaps)
		return;
	session->gaps = gaps;
	session->gap_room = room;
}

/* The numbers first to last are accounted for. What a gap has besides stays a gap. False: they are in none. */
static bool account(struct trail_session *session, uint64_t first, uint64_t last)
{
	bool found = false;

	make_room(session);
	for (size_t i = session->gap_count; i-- > 0;) {
		struct trail_gap *gap = &session->gaps[i];

		if (first > gap->last || last < gap->first)
			continue;
		found = true;
		if (first <= gap->first && last >= gap->last)
			session->gaps[i] = session->gaps[--session->gap_count];
		else if (first <= gap->first)
			gap->first = last + 1;
		else if (last < gap->last && session->gap_count < session->gap_room) {
			session->gaps[session->gap_count] = *gap;
			session->gaps[session->gap_count++].first = last + 1;
			gap->last = first - 1;
		} else if (last >= gap->last) {
			gap->last = first - 1;
		}
	}
	return found;
}

static void take_suppressed(struct trail_session *session, const cJSON *event)
{
	const char *of = trail_string(event, "of");
	uint64_t count;
	uint64_t first;
	uint64_t last;

	if (of && trail_number(event, "count", &count))
		count_events(session, of, NULL, count);
	if (trail_number(event, "first_seq", &first) && trail_number(event, "last_seq", &last) && first <= last)
		(void)account(session, first, last);
}

/*
 * A number lower than expected is a line that stands behind a later one, or, where none is missing
 * there, one that stands twice, as after sidecar_recovered: false.
 */
static bool take_number(struct trail_session *session, const cJSON *event)
{
	uint64_t seq;

	if (!trail_number(event, "seq", &seq))
		return true;
	if (session->expected > 0 && seq < session->expected)
		return account(session, seq, seq);
	make_room(session);
	if (session->expected > 0 && seq > session->expected && session->gap_count < session->gap_room)
		session->gaps[session->gap_count++] =
		    (struct trail_gap){.first = session->expected, .last = seq - 1, .noticed_us = trail_time(event)};
	session->expected = seq + 1;
	return true;
}

/* The same session_start once more, as after sidecar_recovered, and not another session's? */
static bool is_repeated_start(const struct trail_session *session, const cJSON *event)
{
	return session->started && !session->ended && session->start_us == trail_time(event);
}

bool trail_session_is_odd(const cJSON *event)
{
	const cJSON *named = cJSON_GetObjectItemCaseSensitive(event, "session_id");
	const char *text = cJSON_GetStringValue(named);
	char id[SESSION_ID_SIZE];

	if (!named || cJSON_IsNull(named))
		return false;
	return !text || !*text || session_id(text, "session_id", id, NULL) != 0;
}

struct trail_session *trail_sessions_take(struct trail_sessions *sessions, const cJSON *event)
{
	const char *type = trail_string(event, "type");
	const char *named = trail_string(event, "session_id");
	char id[SESSION_ID_SIZE];
	struct trail_session *session;
	bool start = strcmp(type, "session_start") == 0;

	if (!named || !*named || session_id(named, "session_id", id, NULL) != 0)
		return NULL;
	session = find(sessions, id);
	if (!session || (start && !is_repeated_start(session, event)))
		session = add(sessions, id);
	if (!session || !take_number(session, event))
		return session;
	if (start)
		take_start(session, event);
	else if (strcmp(type, "session_end") == 0)
		take_end(session, event);
	else if (strcmp(type, "events_suppressed") == 0)
		take_suppressed(session, event);
	else
		count_events(session, type, trail_string(event, "action"), 1);
	return session;
}

bool trail_session_take_gap(struct trail_session *session, uint64_t now_us, struct trail_gap *gap)
{
	bool full = session->gap_count == session->gap_room || session->gap_count + 2 > TRAIL_GAPS_MAX;

	for (size_t i = 0; i < session->gap_count; i++) {
		bool settled =
		    now_us >= TRAIL_GAP_SETTLED_US && session->gaps[i].noticed_us <= now_us - TRAIL_GAP_SETTLED_US;

		if (!settled && !full)
			continue;
		*gap = session->gaps[i];
		session->gap_count--;
		memmove(&session->gaps[i], &session->gaps[i + 1], (session->gap_count - i) * sizeof(*gap));
		return true;
	}
	return false;
}
