#include "event.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "event_object.h"
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

static void add_timestamp(struct event_object *object, uint64_t microseconds)
{
	const size_t size = sizeof("586524-01-19T08:01:49Z"); /* of the last microsecond there is */
	time_t seconds = (time_t)(microseconds / 1000000);
	char *text = object_take(object, size);
	struct tm utc;

	if (text && (!gmtime_r(&seconds, &utc) || strftime(text, size, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0))
		text = NULL;
	object_add(object, "timestamp", object_string(object, text));
}

static void add_call(struct event_object *object, const struct event_call *call)
{
	object_add_plain(object, MEMBER("syscall"), event_bytes_of(call->name), EVENT_NAME_MAX);
	object_add_signed(object, "syscall_nr", call->number);
	object_add_plain(object, MEMBER("reason"), event_bytes_of(call->reason), EVENT_NAME_MAX);
	object_add_plain(object, MEMBER("action"), event_bytes_of(call->action), EVENT_NAME_MAX);
}

static const char *argument(struct event_object *object, uint64_t value)
{
	const size_t size = sizeof("0x0123456789abcdef");
	char *text = object_take(object, size);

	if (text)
		(void)snprintf(text, size, "0x%" PRIx64, value);
	return text;
}

static void add_socket(struct event_object *object, const struct event_socket *socket)
{
	object_add_string(object, MEMBER("operation"), socket->operation, EVENT_NAME_MAX);
	object_add_string(object, MEMBER("socket_type"), socket->type, EVENT_NAME_MAX);
	object_add_bytes(object, MEMBER("path"), socket->path, EVENT_NOTE_MAX);
	object_add_string(object, MEMBER("service"), socket->service, EVENT_NAME_MAX);
}

static void add_arguments(struct event_object *object, const struct event_call *call)
{
	cJSON *array;

	if (call->has_no_arguments) {
		object_add_null(object, "args");
		return;
	}
	array = object_item(object, cJSON_Array);
	for (size_t i = 0; i < EVENT_ARGUMENTS; i++)
		object_append(object, array, object_string(object, argument(object, call->arguments[i])));
	object_add(object, "args", array);
}

static void add_call_details(struct event_object *object, const struct event_call *call,
			     const struct event_socket *socket)
{
	object_add_string(object, MEMBER("arch"), call->arch, EVENT_NAME_MAX);
	add_arguments(object, call);
	if (socket)
		add_socket(object, socket);
	if (call->rule)
		object_add_string(object, MEMBER("rule"), call->rule, EVENT_NOTE_MAX);
	if (call->hint)
		object_add_string(object, MEMBER("hint"), call->hint, EVENT_NOTE_MAX);
	if (call->outcome)
		object_add_string(object, MEMBER("outcome"), call->outcome, EVENT_NAME_MAX);
	if (call->record)
		object_add_string(object, MEMBER("audit_record"), call->record, EVENT_NAME_MAX);
}

static void add_start(struct event_object *object, const struct event_start *start)
{
	object_add_array(object, MEMBER("command"), start->command, EVENT_COMMAND_MAX);
	if (start->command.length <= EVENT_COMMAND_MAX && start->command_whole > start->command.length)
		object_add_unsigned(object, "command_cut", start->command_whole);
	object_add_bytes(object, MEMBER("policy_file"), start->policy_file, EVENT_NOTE_MAX);
	object_add_string(object, MEMBER("policy_sha256"), start->policy_sha256, EVENT_NAME_MAX);
	object_add_boolean(object, "policy_writable", start->policy_writable);
	object_add_string(object, MEMBER("sidecar"), start->sidecar, EVENT_NAME_MAX);
	object_add_string(object, MEMBER("loader_version"), start->loader_version, EVENT_NAME_MAX);
	object_add_string(object, MEMBER("sidecar_version"), start->sidecar_version, EVENT_NAME_MAX);
	object_add_string(object, MEMBER("kernel"), start->kernel, EVENT_NAME_MAX);
	object_add_array(object, MEMBER("inherited_sockets"), start->inherited, EVENT_NOTE_MAX);
	object_add_array(object, MEMBER("degraded"), start->degraded, EVENT_DEGRADED_MAX);
	object_add_boolean(object, "kernel_kills_seen", start->kernel_kills_seen);
}

static void add_end(struct event_object *object, const struct event_end *end)
{
	object_add_string(object, MEMBER("how"), end->how, EVENT_NAME_MAX);
	object_add_known(object, "status", end->status, -1);
	object_add_known(object, "signal", end->signal, -1);
	object_add_unsigned(object, "duration_us", end->duration_us);
	object_add_unsigned(object, "killed", end->killed);
	object_add_unsigned(object, "denied", end->denied);
	object_add_unsigned(object, "audited", end->audited);
	object_add_unsigned(object, "foreign", end->foreign);
	object_add_unsigned(object, "lost", end->lost);
}

static void add_suppressed(struct event_object *object, const struct event_suppressed *suppressed)
{
	object_add_string(object, MEMBER("reason"), suppressed->reason, EVENT_NAME_MAX);
	object_add_string(object, MEMBER("of"), suppressed->of, EVENT_NAME_MAX);
	object_add_unsigned(object, "count", suppressed->count);
	object_add_unsigned(object, "first_seq", suppressed->first_seq);
	object_add_unsigned(object, "last_seq", suppressed->last_seq);
}

static void add_recovered(struct event_object *object, const struct event_recovered *recovered)
{
	object_add_unsigned(object, "taken_up",
			    recovered->anew + recovered->resolved + recovered->answered + recovered->unknown +
				recovered->denied + recovered->gone);
	object_add_unsigned(object, "anew", recovered->anew);
	object_add_unsigned(object, "resolved", recovered->resolved);
	object_add_unsigned(object, "answered", recovered->answered);
	object_add_unsigned(object, "unknown", recovered->unknown);
	object_add_unsigned(object, "denied", recovered->denied);
	object_add_unsigned(object, "gone", recovered->gone);
}

static void add_report(struct event_object *object, const struct event_report *report)
{
	object_add_string(object, MEMBER("reason"), report->reason, EVENT_NAME_MAX);
	object_add_known(object, "claimed_pid", report->claimed_pid, 0);
}

static void add_records_lost(struct event_object *object, const struct event_records_lost *lost)
{
	object_add_string(object, MEMBER("reason"), lost->reason, EVENT_NAME_MAX);
	object_add_unsigned(object, "count", lost->count);
}

/* What users' collectors know, in their order; and nothing between. */
static void add_head(struct event_object *object, const struct event *event)
{
	object_add(object, "type", object_string(object, event_type_name(event->type)));
	add_timestamp(object, event->timestamp_us);
	object_add_plain(object, MEMBER("session_id"), event_bytes_of(event->session_id), EVENT_NAME_MAX);
	object_add_known(object, "pid", event->process.pid, 0);
	object_add_plain(object, MEMBER("comm"), event->process.comm, EVENT_COMM_MAX);
	if (event->call)
		add_call(object, event->call);
}

/* What the head has no place for. */
static void add_beside_head(struct event_object *object, const struct event *event)
{
	object_add_beside(object, MEMBER("session_id"), event_bytes_of(event->session_id), EVENT_NAME_MAX);
	object_add_beside(object, MEMBER("comm"), event->process.comm, EVENT_COMM_MAX);
	if (!event->call)
		return;
	object_add_beside(object, MEMBER("syscall"), event_bytes_of(event->call->name), EVENT_NAME_MAX);
	object_add_beside(object, MEMBER("reason"), event_bytes_of(event->call->reason), EVENT_NAME_MAX);
	object_add_beside(object, MEMBER("action"), event_bytes_of(event->call->action), EVENT_NAME_MAX);
}

static void add_event(struct event_object *object, const struct event *event)
{
	add_head(object, event);
	if (event->seq)
		object_add_unsigned(object, "seq", event->seq);
	else
		object_add_null(object, "seq");
	object_add_unsigned(object, "timestamp_us", event->timestamp_us);
	object_add_known(object, "tid", event->process.tid, 0);
	object_add_known(object, "uid", event->process.uid, -1);
	object_add_bytes(object, MEMBER("exe"), event->process.exe, event->start ? EVENT_NOTE_MAX : EVENT_EXE_MAX);
	if (event->call)
		add_call_details(object, event->call, event->socket);
	if (event->start)
		add_start(object, event->start);
	if (event->end)
		add_end(object, event->end);
	if (event->suppressed)
		add_suppressed(object, event->suppressed);
	if (event->recovered)
		add_recovered(object, event->recovered);
	if (event->report)
		add_report(object, event->report);
	if (event->records_lost)
		add_records_lost(object, event->records_lost);
	add_beside_head(object, event);
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

size_t event_format(const struct event *event, char *line, size_t size)
{
	char texts[EVENT_LINE_MAX]; /* no longer than the line: see BYTE_COST */
	struct text_room room = {.at = texts, .left = sizeof(texts)};
	struct event_object object;
	size_t length;

	object_begin(&object, &room);
	add_event(&object, event);
	length = object_print(&object, line, size);
	if (length == 0)
		errno = EMSGSIZE;
	return length;
}
