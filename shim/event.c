#include "event.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "decimal.h"
#include "text.h"

/*
 * No byte of a member costs more than 8 in the line: 6 as \u00NN beside 2 of hexadecimal (one that
 * is not UTF-8: 5 as \\xNN and 2; the NUL that ends an element: 6 for quotes and commas). All names,
 * numbers and punctuation together stay below OVERHEAD.
 */
#define BYTE_COST 8U
#define OVERHEAD  2048U
/* session_id, syscall, reason, action, arch, operation, socket_type, service, outcome, audit_record; and session_id,
 * policy_sha256, sidecar, two versions, kernel. */
#define CALL_BYTES  (10 * EVENT_NAME_MAX + EVENT_COMM_MAX + EVENT_EXE_MAX + 3 * EVENT_NOTE_MAX)
#define START_BYTES (6 * EVENT_NAME_MAX + EVENT_COMM_MAX + 3 * EVENT_NOTE_MAX + EVENT_COMMAND_MAX + EVENT_DEGRADED_MAX)
_Static_assert(BYTE_COST *CALL_BYTES + OVERHEAD <= EVENT_LINE_MAX, "the longest event with a call has room");
_Static_assert(BYTE_COST *START_BYTES + OVERHEAD <= EVENT_LINE_MAX, "the longest session_start has room");

/* The names of a member: cJSON keeps the pointer, so they are literals. */
struct member {
	const char *name;
	const char *hex;
	const char *cut;
};

#define MEMBER(name) (&(const struct member){name, name "_hex", name "_cut"})

/* The members of the longest event, and those of its arrays that are not printed on the way (add_elements). */
#define ITEMS_MAX 80U

/*
 * The object that grows, of items that it owns: an event is formatted without an allocation, which would be one for
 * each member. Where something has no room, failed stays set and no more is added.
 */
struct form {
	cJSON object;
	struct text_room *room;
	bool failed;
	size_t used;
	cJSON items[ITEMS_MAX]; /* no more of it is touched than is needed */
};

/* NULL: there are no more. */
static cJSON *item(struct form *form, int type)
{
	cJSON *made = form->used < ITEMS_MAX ? &form->items[form->used++] : NULL;

	if (made)
		*made = (cJSON){.type = type};
	return made;
}

/* As cJSON_AddItemToArray(). */
static void append(struct form *form, cJSON *array, cJSON *added)
{
	cJSON *first = array ? array->child : NULL;

	if (!array || !added) {
		form->failed = true;
	} else if (!first) {
		array->child = added;
		added->prev = added;
	} else {
		first->prev->next = added;
		added->prev = first->prev;
		first->prev = added;
	}
}

/* As cJSON_AddItemToObjectCS(). */
static void add(struct form *form, const char *name, cJSON *added)
{
	if (added)
		added->string = (char *)name;
	append(form, &form->object, added);
}

/* Borrows the text, which the room or a literal holds longer than the object lives. NULL: no room. */
static cJSON *borrowed(struct form *form, int type, const char *text)
{
	cJSON *made = text ? item(form, type) : NULL;

	if (made)
		made->valuestring = (char *)text;
	return made;
}

static cJSON *string(struct form *form, const char *text)
{
	return borrowed(form, cJSON_String, text);
}

static void add_null(struct form *form, const char *name)
{
	add(form, name, item(form, cJSON_NULL));
}

static void add_boolean(struct form *form, const char *name, bool value)
{
	add(form, name, item(form, value ? cJSON_True : cJSON_False));
}

/* Takes length bytes of the room. NULL: no room. */
static char *take(struct form *form, size_t length)
{
	char *text = form->room->at;

	if (form->room->left < length)
		return NULL;
	form->room->at += length;
	form->room->left -= length;
	return text;
}

/*
 * As decimal text of our own: cJSON's numbers are doubles, which it prints with 15 digits and an
 * exponent where that comes near enough, and which end at 2^53.
 */
static cJSON *number(struct form *form, uint64_t value, bool negative)
{
	char digits[1 + DECIMAL_MAX] = "-";
	size_t size = decimal_put(value, digits + 1) + 1 + negative;
	char *text = take(form, size);

	if (text)
		memcpy(text, digits + !negative, size);
	return borrowed(form, cJSON_Raw, text);
}

static void add_unsigned(struct form *form, const char *name, uint64_t value)
{
	add(form, name, number(form, value, false));
}

static void add_signed(struct form *form, const char *name, int64_t value)
{
	add(form, name, number(form, value < 0 ? -(uint64_t)value : (uint64_t)value, value < 0));
}

/* null where the value is the one that stands for "not known". */
static void add_known(struct form *form, const char *name, int64_t value, int64_t unknown)
{
	if (value == unknown)
		add_null(form, name);
	else
		add_signed(form, name, value);
}

/* NAME alone. */
static void add_plain(struct form *form, const struct member *member, struct event_bytes bytes, size_t bound)
{
	if (!bytes.data)
		add_null(form, member->name);
	else
		add(form, member->name,
		    string(form, text_escape(form->room, bytes.data, text_kept(bytes.data, bytes.length, bound))));
}

/* NAME_hex and NAME_cut, where NAME does not tell all. */
static void add_beside(struct form *form, const struct member *member, struct event_bytes bytes, size_t bound)
{
	size_t kept;

	if (!bytes.data)
		return;
	kept = text_kept(bytes.data, bytes.length, bound);
	if (!text_is_clean(bytes.data, kept))
		add(form, member->hex, string(form, text_hex(form->room, bytes.data, kept)));
	if (kept < bytes.length)
		add_unsigned(form, member->cut, bytes.length);
}

static void add_bytes(struct form *form, const struct member *member, struct event_bytes bytes, size_t bound)
{
	add_plain(form, member, bytes, bound);
	add_beside(form, member, bytes, bound);
}

static struct event_bytes of_string(const char *text)
{
	return (struct event_bytes){.data = text, .length = text ? strlen(text) : 0};
}

static void add_string(struct form *form, const struct member *member, const char *text, size_t bound)
{
	add_bytes(form, member, of_string(text), bound);
}

/* Where the NUL of an element is, or the end. */
static const char *element_end(const char *element, const char *end)
{
	const char *nul = memchr(element, '\0', (size_t)(end - element));

	return nul ? nul : end;
}

typedef const char *(*element_text)(struct text_room *, const void *, size_t);

/* One more byte of text that is put together. */
static void put(struct form *form, char byte)
{
	char *place = take(form, 1);

	if (place)
		*place = byte;
	else
		form->failed = true;
}

/* The text as cJSON prints it, in its own place. */
static void put_element(struct form *form, const char *at, size_t length, element_text text)
{
	struct text_room before = *form->room;
	const char *escaped = text(form->room, at, length);
	cJSON element = {.type = cJSON_String, .valuestring = (char *)escaped};
	char *printed = form->room->at;
	size_t size;

	if (!escaped || !cJSON_PrintPreallocated(&element, printed, (int)form->room->left, false)) {
		form->failed = true;
		return;
	}
	size = strlen(printed);
	*form->room = before;
	memmove(take(form, size), printed, size);
}

/* There may be thousands: they are printed as they come, and the array is what they are together. */
static void add_elements(struct form *form, const char *name, const char *at, const char *end, element_text text)
{
	const char *array = form->room->at;

	put(form, '[');
	while (at < end && !form->failed) {
		const char *nul = element_end(at, end);

		put_element(form, at, (size_t)(nul - at), text);
		at = nul + 1;
		if (at < end)
			put(form, ',');
	}
	put(form, ']');
	put(form, '\0');
	add(form, name, borrowed(form, cJSON_Raw, array));
}

static bool elements_are_clean(const char *at, const char *end)
{
	while (at < end) {
		const char *nul = element_end(at, end);

		if (!text_is_clean(at, (size_t)(nul - at)))
			return false;
		at = nul + 1;
	}
	return true;
}

/* Elements that each end with a NUL. */
static void add_array(struct form *form, const struct member *member, struct event_bytes bytes, size_t bound)
{
	const char *data = bytes.data;
	const char *end;

	if (!data) {
		add_null(form, member->name);
		return;
	}
	end = data + text_kept(data, bytes.length, bound);
	add_elements(form, member->name, data, end, text_escape);
	if (!elements_are_clean(data, end))
		add_elements(form, member->hex, data, end, text_hex);
	if ((size_t)(end - data) < bytes.length)
		add_unsigned(form, member->cut, bytes.length);
}

static void add_timestamp(struct form *form, uint64_t microseconds)
{
	const size_t size = sizeof("586524-01-19T08:01:49Z"); /* of the last microsecond there is */
	time_t seconds = (time_t)(microseconds / 1000000);
	char *text = take(form, size);
	struct tm utc;

	if (text && (!gmtime_r(&seconds, &utc) || strftime(text, size, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0))
		text = NULL;
	add(form, "timestamp", string(form, text));
}

static void add_call(struct form *form, const struct event_call *call)
{
	add_plain(form, MEMBER("syscall"), of_string(call->name), EVENT_NAME_MAX);
	add_signed(form, "syscall_nr", call->number);
	add_plain(form, MEMBER("reason"), of_string(call->reason), EVENT_NAME_MAX);
	add_plain(form, MEMBER("action"), of_string(call->action), EVENT_NAME_MAX);
}

static const char *argument(struct form *form, uint64_t value)
{
	const size_t size = sizeof("0x0123456789abcdef");
	char *text = take(form, size);

	if (text)
		(void)snprintf(text, size, "0x%" PRIx64, value);
	return text;
}

static void add_socket(struct form *form, const struct event_socket *socket)
{
	add_string(form, MEMBER("operation"), socket->operation, EVENT_NAME_MAX);
	add_string(form, MEMBER("socket_type"), socket->type, EVENT_NAME_MAX);
	add_bytes(form, MEMBER("path"), socket->path, EVENT_NOTE_MAX);
	add_string(form, MEMBER("service"), socket->service, EVENT_NAME_MAX);
}

static void add_arguments(struct form *form, const struct event_call *call)
{
	cJSON *array;

	if (call->has_no_arguments) {
		add_null(form, "args");
		return;
	}
	array = item(form, cJSON_Array);
	for (size_t i = 0; i < EVENT_ARGUMENTS; i++)
		append(form, array, string(form, argument(form, call->arguments[i])));
	add(form, "args", array);
}

static void add_call_details(struct form *form, const struct event_call *call, const struct event_socket *socket)
{
	add_string(form, MEMBER("arch"), call->arch, EVENT_NAME_MAX);
	add_arguments(form, call);
	if (socket)
		add_socket(form, socket);
	if (call->rule)
		add_string(form, MEMBER("rule"), call->rule, EVENT_NOTE_MAX);
	if (call->hint)
		add_string(form, MEMBER("hint"), call->hint, EVENT_NOTE_MAX);
	if (call->outcome)
		add_string(form, MEMBER("outcome"), call->outcome, EVENT_NAME_MAX);
	if (call->record)
		add_string(form, MEMBER("audit_record"), call->record, EVENT_NAME_MAX);
}

static void add_start(struct form *form, const struct event_start *start)
{
	add_array(form, MEMBER("command"), start->command, EVENT_COMMAND_MAX);
	add_bytes(form, MEMBER("policy_file"), start->policy_file, EVENT_NOTE_MAX);
	add_string(form, MEMBER("policy_sha256"), start->policy_sha256, EVENT_NAME_MAX);
	add_boolean(form, "policy_writable", start->policy_writable);
	add_string(form, MEMBER("sidecar"), start->sidecar, EVENT_NAME_MAX);
	add_string(form, MEMBER("loader_version"), start->loader_version, EVENT_NAME_MAX);
	add_string(form, MEMBER("sidecar_version"), start->sidecar_version, EVENT_NAME_MAX);
	add_string(form, MEMBER("kernel"), start->kernel, EVENT_NAME_MAX);
	add_array(form, MEMBER("inherited_sockets"), start->inherited, EVENT_NOTE_MAX);
	add_array(form, MEMBER("degraded"), start->degraded, EVENT_DEGRADED_MAX);
	add_boolean(form, "kernel_kills_seen", start->kernel_kills_seen);
}

static void add_end(struct form *form, const struct event_end *end)
{
	add_string(form, MEMBER("how"), end->how, EVENT_NAME_MAX);
	add_known(form, "status", end->status, -1);
	add_known(form, "signal", end->signal, -1);
	add_unsigned(form, "duration_us", end->duration_us);
	add_unsigned(form, "killed", end->killed);
	add_unsigned(form, "denied", end->denied);
	add_unsigned(form, "audited", end->audited);
	add_unsigned(form, "foreign", end->foreign);
	add_unsigned(form, "lost", end->lost);
}

static void add_suppressed(struct form *form, const struct event_suppressed *suppressed)
{
	add_string(form, MEMBER("reason"), suppressed->reason, EVENT_NAME_MAX);
	add_string(form, MEMBER("of"), suppressed->of, EVENT_NAME_MAX);
	add_unsigned(form, "count", suppressed->count);
	add_unsigned(form, "first_seq", suppressed->first_seq);
	add_unsigned(form, "last_seq", suppressed->last_seq);
}

static void add_recovered(struct form *form, const struct event_recovered *recovered)
{
	add_unsigned(form, "taken_up",
		     recovered->anew + recovered->resolved + recovered->answered + recovered->unknown +
			 recovered->denied + recovered->gone);
	add_unsigned(form, "anew", recovered->anew);
	add_unsigned(form, "resolved", recovered->resolved);
	add_unsigned(form, "answered", recovered->answered);
	add_unsigned(form, "unknown", recovered->unknown);
	add_unsigned(form, "denied", recovered->denied);
	add_unsigned(form, "gone", recovered->gone);
}

static void add_report(struct form *form, const struct event_report *report)
{
	add_string(form, MEMBER("reason"), report->reason, EVENT_NAME_MAX);
	add_known(form, "claimed_pid", report->claimed_pid, 0);
}

static void add_records_lost(struct form *form, const struct event_records_lost *lost)
{
	add_string(form, MEMBER("reason"), lost->reason, EVENT_NAME_MAX);
	add_unsigned(form, "count", lost->count);
}

/* What users' collectors know, in their order; and nothing between. */
static void add_head(struct form *form, const struct event *event)
{
	add(form, "type", string(form, event_type_name(event->type)));
	add_timestamp(form, event->timestamp_us);
	add_plain(form, MEMBER("session_id"), of_string(event->session_id), EVENT_NAME_MAX);
	add_known(form, "pid", event->process.pid, 0);
	add_plain(form, MEMBER("comm"), event->process.comm, EVENT_COMM_MAX);
	if (event->call)
		add_call(form, event->call);
}

/* What the head has no place for. */
static void add_beside_head(struct form *form, const struct event *event)
{
	add_beside(form, MEMBER("session_id"), of_string(event->session_id), EVENT_NAME_MAX);
	add_beside(form, MEMBER("comm"), event->process.comm, EVENT_COMM_MAX);
	if (!event->call)
		return;
	add_beside(form, MEMBER("syscall"), of_string(event->call->name), EVENT_NAME_MAX);
	add_beside(form, MEMBER("reason"), of_string(event->call->reason), EVENT_NAME_MAX);
	add_beside(form, MEMBER("action"), of_string(event->call->action), EVENT_NAME_MAX);
}

static void add_event(struct form *form, const struct event *event)
{
	add_head(form, event);
	if (event->seq)
		add_unsigned(form, "seq", event->seq);
	else
		add_null(form, "seq");
	add_unsigned(form, "timestamp_us", event->timestamp_us);
	add_known(form, "tid", event->process.tid, 0);
	add_known(form, "uid", event->process.uid, -1);
	add_bytes(form, MEMBER("exe"), event->process.exe, event->start ? EVENT_NOTE_MAX : EVENT_EXE_MAX);
	if (event->call)
		add_call_details(form, event->call, event->socket);
	if (event->start)
		add_start(form, event->start);
	if (event->end)
		add_end(form, event->end);
	if (event->suppressed)
		add_suppressed(form, event->suppressed);
	if (event->recovered)
		add_recovered(form, event->recovered);
	if (event->report)
		add_report(form, event->report);
	if (event->records_lost)
		add_records_lost(form, event->records_lost);
	add_beside_head(form, event);
}

uint64_t event_now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000U + (uint64_t)now.tv_nsec / 1000U;
}

const char *event_type_name(enum event_type type)
{
	static const char *const names[] = {
	    [EVENT_SESSION_START] = "session_start",
	    [EVENT_SESSION_END] = "session_end",
	    [EVENT_PROCESS_START] = "process_start",
	    [EVENT_SECCOMP_BLOCKED] = "seccomp_blocked",
	    [EVENT_SECCOMP_AUDIT] = "seccomp_audit",
	    [EVENT_UNIX_SOCKET_ALLOWED] = "unix_socket_allowed",
	    [EVENT_UNIX_SOCKET_BLOCKED] = "unix_socket_blocked",
	    [EVENT_UNIX_SOCKET_AUDIT] = "unix_socket_audit",
	    [EVENT_SIDECAR_RECOVERED] = "sidecar_recovered",
	    [EVENT_EVENTS_SUPPRESSED] = "events_suppressed",
	    [EVENT_REPORT_MISMATCH] = "report_mismatch",
	    [EVENT_FOREIGN_ARCH] = "foreign_arch",
	    [EVENT_AUDIT_RECORDS_LOST] = "audit_records_lost",
	};

	return names[type];
}

/* One object and "\n". The NUL that cJSON ends it with gives its place to the newline. */
static size_t print(cJSON *object, char *line, size_t size)
{
	size_t length;

	if (!cJSON_PrintPreallocated(object, line, size > INT_MAX ? INT_MAX : (int)size, false))
		return 0;
	length = strlen(line);
	line[length] = '\n';
	return length + 1;
}

size_t event_format(const struct event *event, char *line, size_t size)
{
	char texts[EVENT_LINE_MAX]; /* no longer than the line: see BYTE_COST */
	struct text_room room = {.at = texts, .left = sizeof(texts)};
	struct form form;
	size_t length = 0;

	form.object = (cJSON){.type = cJSON_Object};
	form.room = &room;
	form.failed = false;
	form.used = 0;
	add_event(&form, event);
	if (!form.failed)
		length = print(&form.object, line, size);
	if (length == 0)
		errno = EMSGSIZE;
	return length;
}
