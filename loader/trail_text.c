#include "trail_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "error.h"
#include "trail_reader.h"
#include "trail_sessions.h"

#define NAME_SIZE 64U

/* A text that grows, and is cut where it must be. */
struct text {
	char *out;
	size_t size;
	size_t length;
};

/* Characters between those of members: ours, with nothing to escape. */
static void add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(struct text *text, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(text->out + text->length, text->size - text->length, format, arguments);
	va_end(arguments);
	if (length > 0)
		text->length +=
		    (size_t)length < text->size - text->length ? (size_t)length : text->size - text->length - 1;
}

static void add_escaped(struct text *text, const char *bytes)
{
	text->length += error_escape(text->out + text->length, text->size - text->length, bytes);
}

/* before, the member, after; nothing at all where it is null, missing or no string. */
static void add_member(struct text *text, const char *before, const cJSON *event, const char *name, const char *after)
{
	const char *value = trail_string(event, name);

	if (!value)
		return;
	add(text, "%s", before);
	add_escaped(text, value);
	add(text, "%s", after);
}

static bool is(const cJSON *event, const char *name, const char *wanted)
{
	const char *value = trail_string(event, name);

	return value && strcmp(value, wanted) == 0;
}

void trail_call(const cJSON *event, char *out, size_t size)
{
	const cJSON *number = cJSON_GetObjectItemCaseSensitive(event, "syscall_nr");
	const char *name = trail_string(event, "syscall");

	if (name)
		(void)error_escape(out, size, name);
	else if (cJSON_IsNumber(number))
		(void)snprintf(out, size, "system call %d", number->valueint);
	else
		(void)snprintf(out, size, "a system call");
}

/* "killed: ", "denied: " */
static void add_action(struct text *text, const cJSON *event)
{
	add_member(text, "", event, "action", ": ");
}

static void say_start(struct text *text, const cJSON *event)
{
	const cJSON *degraded = cJSON_GetObjectItemCaseSensitive(event, "degraded");
	const cJSON *command = cJSON_GetObjectItemCaseSensitive(event, "command");
	char joined[TRAIL_WORDS_SIZE / 4];

	trail_join(command, joined, sizeof(joined));
	add(text, "session begins: %s (", joined[0] ? joined : "a command that is not known");
	if (trail_string(event, "policy_file"))
		add_member(text, "policy ", event, "policy_file", "");
	else
		add(text, "the built-in policy");
	if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(event, "policy_writable")))
		add(text, ", which the session can write");
	add_member(text, "; ", event, "sidecar", " sidecar");
	trail_join(degraded, joined, sizeof(joined));
	add(text, "%s%s)", joined[0] ? "; degraded: " : "", joined);
}

/* ", N WHAT", unless it is none. */
static void add_count(struct text *text, const cJSON *event, const char *name)
{
	uint64_t count;

	if (trail_number(event, name, &count) && count > 0)
		add(text, ", %" PRIu64 " %s", count, name);
}

static void say_end(struct text *text, const cJSON *event)
{
	uint64_t value;

	add(text, "session ends");
	if (is(event, "how", "all_exited"))
		add(text, ": all its processes have ended");
	else
		add_member(text, ": ", event, "how", "");
	if (trail_number(event, "status", &value))
		add(text, ", exit status %" PRIu64, value);
	else if (trail_number(event, "signal", &value))
		add(text, ", by signal %" PRIu64, value);
	if (trail_number(event, "duration_us", &value))
		add(text, ", after %.1f s", (double)value / 1e6);
	add_count(text, event, "killed");
	add_count(text, event, "denied");
	add_count(text, event, "audited");
	add_count(text, event, "foreign");
	add_count(text, event, "lost");
}

static void say_process(struct text *text, const cJSON *event)
{
	add(text, "process begins");
	add_member(text, ": ", event, "exe", "");
}

static void say_blocked(struct text *text, const cJSON *event)
{
	char name[NAME_SIZE];

	trail_call(event, name, sizeof(name));
	add_action(text, event);
	add(text, "%s", name);
	if (is(event, "reason", "blocked_by_policy"))
		add(text, " is blocked");
	else if (is(event, "reason", "would_be_blocked"))
		add(text, " would be blocked");
	else if (is(event, "reason", "blind_spot"))
		add(text, ": what it does to sockets is not seen");
	else if (is(event, "reason", "killed_by_kernel"))
		add(text, ", by the kernel");
	else
		add_member(text, ": ", event, "reason", "");
	add_member(text, " (", event, "rule", ")");
}

static void say_socket(struct text *text, const cJSON *event)
{
	add_action(text, event);
	if (trail_string(event, "operation"))
		add_member(text, "", event, "operation", " ");
	else
		add(text, "a Unix socket, ");
	if (trail_string(event, "path"))
		add_member(text, "", event, "path", "");
	else
		add(text, "an address that is not known");
	add_member(text, ", service ", event, "service", "");
	if (is(event, "reason", "would_be_blocked"))
		add(text, ", would be denied");
	else if (!is(event, "reason", "blocked_by_policy"))
		add_member(text, ": ", event, "reason", "");
	add_member(text, " (", event, "rule", ")");
}

static void say_recovered(struct text *text, const cJSON *event)
{
	uint64_t taken_up;

	add(text, "the sidecar goes on after a crash");
	if (trail_number(event, "taken_up", &taken_up) && taken_up > 0)
		add(text, ", with %" PRIu64 " call%s under way", taken_up, taken_up == 1 ? "" : "s");
	add_member(text, ": ", event, "reason", "");
}

static void say_suppressed(struct text *text, const cJSON *event)
{
	uint64_t count = 0;
	uint64_t first;
	uint64_t last;

	(void)trail_number(event, "count", &count);
	add(text, "%" PRIu64 " ", count);
	add_member(text, "", event, "of", " ");
	add(text, "event%s", count == 1 ? "" : "s");
	if (is(event, "reason", "event_loss"))
		add(text, " could not be written");
	else if (is(event, "reason", "repeated"))
		add(text, " the same as before");
	else
		add_member(text, " left out: ", event, "reason", "");
	if (trail_number(event, "first_seq", &first) && trail_number(event, "last_seq", &last))
		add(text, " (seq %" PRIu64 " to %" PRIu64 ")", first, last);
}

static void say_mismatch(struct text *text, const cJSON *event)
{
	add(text, "a report of the preload library is not what the kernel says");
	add_member(text, ": ", event, "reason", "");
}

static void say_records_lost(struct text *text, const cJSON *event)
{
	uint64_t count = 0;

	(void)trail_number(event, "count", &count);
	add(text, "%" PRIu64 " audit record%s of the kernel's lost", count, count == 1 ? "" : "s");
	add_member(text, ": ", event, "reason", "");
}

static void say_foreign(struct text *text, const cJSON *event)
{
	char name[NAME_SIZE];

	trail_call(event, name, sizeof(name));
	add_action(text, event);
	add(text, "%s of another architecture", name);
	add_member(text, " (", event, "arch", ")");
}

/* Members that have a column, or say nothing to people. */
static bool is_common(const char *name)
{
	static const char *const common[] = {"type", "timestamp", "timestamp_us", "session_id", "seq",
					     "pid",  "tid",       "comm",         "comm_hex"};

	for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++)
		if (strcmp(name, common[i]) == 0)
			return true;
	return false;
}

/* The member's value: a string as it is, anything else as JSON has it. */
static void add_value(struct text *text, const cJSON *member)
{
	char *json;

	if (cJSON_IsString(member)) {
		add_escaped(text, member->valuestring);
		return;
	}
	json = cJSON_PrintUnformatted(member);
	add_escaped(text, json ? json : "?"); /* no memory */
	cJSON_free(json);
}

/* A type that is newer than this program: its members. */
static void say_unknown(struct text *text, const cJSON *event)
{
	const cJSON *member;

	add_member(text, "", event, "type", "");
	cJSON_ArrayForEach(member, event)
	{
		if (!member->string || is_common(member->string))
			continue;
		add(text, " ");
		add_escaped(text, member->string);
		add(text, "=");
		add_value(text, member);
	}
}

static const struct {
	const char *type;
	void (*say)(struct text *text, const cJSON *event);
} sayings[] = {
    {"session_start", say_start},
    {"session_end", say_end},
    {"process_start", say_process},
    {"seccomp_blocked", say_blocked},
    {"seccomp_audit", say_blocked},
    {"unix_socket_allowed", say_socket},
    {"unix_socket_blocked", say_socket},
    {"unix_socket_audit", say_socket},
    {"sidecar_recovered", say_recovered},
    {"events_suppressed", say_suppressed},
    {"report_mismatch", say_mismatch},
    {"foreign_arch", say_foreign},
    {"audit_records_lost", say_records_lost},
};

void trail_words(const cJSON *event, char out[TRAIL_WORDS_SIZE])
{
	struct text text = {.out = out, .size = TRAIL_WORDS_SIZE};

	out[0] = '\0';
	for (size_t i = 0; i < sizeof(sayings) / sizeof(sayings[0]); i++) {
		if (is(event, "type", sayings[i].type)) {
			sayings[i].say(&text, event);
			return;
		}
	}
	say_unknown(&text, event);
}

void trail_clock(uint64_t time_us, char out[TRAIL_CLOCK_SIZE])
{
	time_t seconds = (time_t)(time_us / 1000000);
	struct tm parts;
	size_t length = 0;

	if (time_us > 0 && localtime_r(&seconds, &parts))
		length = strftime(out, TRAIL_CLOCK_SIZE - 4, "%Y-%m-%d %H:%M:%S", &parts);
	if (length > 0)
		(void)snprintf(out + length, TRAIL_CLOCK_SIZE - length, ".%03u", (unsigned)(time_us / 1000 % 1000));
	else
		(void)snprintf(out, TRAIL_CLOCK_SIZE, "-");
}

void trail_member(const cJSON *event, const char *name, char *out, size_t size)
{
	const char *text = trail_string(event, name);
	uint64_t number;

	if (text)
		(void)error_escape(out, size, text);
	else if (trail_number(event, name, &number))
		(void)snprintf(out, size, "%" PRIu64, number);
	else
		(void)snprintf(out, size, "-");
}

size_t trail_columns(const char *text)
{
	size_t columns = 0;

	for (; *text; text++)
		columns += ((unsigned char)*text & 0xc0) != 0x80;
	return columns;
}
