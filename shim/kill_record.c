#include "kill_record.h"

#include <inttypes.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>

/* What has not been looked at yet. */
struct rest {
	const char *begin;
	const char *end;
};

struct field {
	const char *value;
	size_t length;
};

/* Takes the expected text off the front. */
static bool skip(struct rest *rest, const char *expected)
{
	size_t length = strlen(expected);

	if ((size_t)(rest->end - rest->begin) < length || memcmp(rest->begin, expected, length) != 0)
		return false;
	rest->begin += length;
	return true;
}

static int digit(char character)
{
	if (character >= '0' && character <= '9')
		return character - '0';
	if (character >= 'a' && character <= 'f')
		return character - 'a' + 10;
	return character >= 'A' && character <= 'F' ? character - 'A' + 10 : -1;
}

/* Takes a number off the front; one that is above most is none. */
static bool take_number(struct rest *rest, unsigned base, uint64_t most, uint64_t *value)
{
	const char *begin = rest->begin;

	*value = 0;
	for (; rest->begin < rest->end; rest->begin++) {
		int next = digit(*rest->begin);

		if (next < 0 || (unsigned)next >= base)
			break;
		if (*value > (most - (unsigned)next) / base)
			return false;
		*value = *value * base + (unsigned)next;
	}
	return rest->begin > begin;
}

/* Takes " KEYvalue" off the end; no value has a blank in it. */
static bool take_last(struct rest *rest, const char *key, struct field *field)
{
	size_t length = strlen(key);
	const char *blank = memrchr(rest->begin, ' ', (size_t)(rest->end - rest->begin));

	if (!blank || (size_t)(rest->end - blank - 1) < length || memcmp(blank + 1, key, length) != 0)
		return false;
	field->value = blank + 1 + length;
	field->length = (size_t)(rest->end - field->value);
	rest->end = blank;
	return true;
}

/* The whole field is a number. */
static bool is_number(struct field field, unsigned base, uint64_t most, uint64_t *value)
{
	struct rest rest = {field.value, field.value + field.length};

	return take_number(&rest, base, most, value) && rest.begin == rest.end;
}

static bool take_last_number(struct rest *rest, const char *key, unsigned base, uint64_t most, uint64_t *value)
{
	struct field field;

	return take_last(rest, key, &field) && is_number(field, base, most, value);
}

static bool is_quoted(struct field field)
{
	return field.length >= 2 && field.value[0] == '"' && field.value[field.length - 1] == '"';
}

/* Between quotes, as it is. */
static bool take_quoted(struct field field, char *out, size_t size, uint16_t *length)
{
	size_t inside = field.length - 2;

	if (memchr(field.value + 1, '"', inside))
		return false;
	if (inside > size)
		return true;
	memcpy(out, field.value + 1, inside);
	*length = (uint16_t)inside;
	return true;
}

static bool take_hexadecimal(struct field field, char *out, size_t size, uint16_t *length)
{
	if (field.length % 2 != 0)
		return false;
	for (size_t i = 0; i < field.length; i++)
		if (digit(field.value[i]) < 0)
			return false;
	if (field.length / 2 > size)
		return true;
	for (size_t i = 0; i < field.length; i += 2)
		out[i / 2] = (char)(digit(field.value[i]) << 4 | digit(field.value[i + 1]));
	*length = (uint16_t)(field.length / 2);
	return true;
}

/* A name: *length stays 0 where it is not known, or longer than size. False: it is not in the kernel's form. */
static bool take_name(struct field field, char *out, size_t size, uint16_t *length)
{
	static const char none[] = "(null)";

	*length = 0;
	if (field.length == sizeof(none) - 1 && memcmp(field.value, none, field.length) == 0)
		return true;
	return is_quoted(field) ? take_quoted(field, out, size, length) : take_hexadecimal(field, out, size, length);
}

/* "audit(SECONDS.MILLISECONDS:SERIAL): " and who it was, from the front. */
static bool take_front(struct rest *rest, struct kill_record *record)
{
	uint64_t seconds;
	uint64_t milliseconds;
	uint64_t number;

	if (!skip(rest, "audit(") || !take_number(rest, 10, UINT32_MAX, &seconds) || !skip(rest, ".") ||
	    !take_number(rest, 10, 999, &milliseconds) || !skip(rest, ":") ||
	    !take_number(rest, 10, UINT32_MAX, &record->serial))
		return false;
	record->time_ms = seconds * 1000 + milliseconds;
	if (!skip(rest, "): auid=") || !take_number(rest, 10, UINT32_MAX, &number) || !skip(rest, " uid=") ||
	    !take_number(rest, 10, UINT32_MAX, &number))
		return false;
	record->uid = (uint32_t)number;
	return skip(rest, " gid=") && take_number(rest, 10, UINT32_MAX, &number) && skip(rest, " ses=") &&
	       take_number(rest, 10, UINT32_MAX, &number);
}

/* What it did, from the end. The call's number is an int that is written as a long. */
static bool take_call(struct rest *rest, struct kill_record *record)
{
	struct field field;
	uint64_t number;

	if (!take_last(rest, "code=0x", &field) || !is_number(field, 16, UINT32_MAX, &number))
		return false;
	record->code = (uint32_t)number;
	if (!take_last_number(rest, "ip=0x", 16, UINT64_MAX, &number) ||
	    !take_last_number(rest, "compat=", 10, 1, &number) || !take_last(rest, "syscall=", &field))
		return false;
	if (field.length > 1 && field.value[0] == '-') {
		field.value++;
		field.length--;
		if (!is_number(field, 10, INT32_MAX, &number))
			return false;
		record->call = -(int32_t)number;
	} else if (is_number(field, 10, UINT32_MAX, &number)) {
		record->call = (int32_t)(uint32_t)number;
	} else {
		return false;
	}
	if (!take_last_number(rest, "arch=", 16, UINT32_MAX, &number))
		return false;
	record->arch = (uint32_t)number;
	return take_last_number(rest, "sig=", 10, INT32_MAX, &number);
}

static bool take_process(struct rest *rest, struct kill_record *record)
{
	struct field exe;
	struct field comm;
	uint64_t pid;

	if (!take_last(rest, "exe=", &exe) || !take_name(exe, record->exe, sizeof(record->exe), &record->exe_length) ||
	    !take_last(rest, "comm=", &comm) ||
	    !take_name(comm, record->comm, sizeof(record->comm), &record->comm_length) ||
	    !take_last_number(rest, "pid=", 10, INT32_MAX, &pid) || pid == 0)
		return false;
	record->pid = (pid_t)pid;
	return true;
}

static bool is_kill(uint32_t code)
{
	return (code & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_KILL_PROCESS ||
	       (code & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_KILL_THREAD;
}

enum kill_record_result kill_record_parse(const char *text, size_t length, struct kill_record *record)
{
	struct kill_record parsed = {.pid = 0};
	struct rest rest = {text, text + length};

	while (rest.end > rest.begin && (rest.end[-1] == '\0' || rest.end[-1] == '\n'))
		rest.end--;
	if (!take_front(&rest, &parsed) || !take_call(&rest, &parsed) || !take_process(&rest, &parsed))
		return KILL_RECORD_NONE;
	if (!is_kill(parsed.code))
		return KILL_RECORD_OTHER;
	*record = parsed;
	return KILL_RECORD_KILL;
}

void kill_record_name(const struct kill_record *record, char out[KILL_RECORD_NAME_MAX])
{
	(void)snprintf(out, KILL_RECORD_NAME_MAX, "%" PRIu64 ".%03u:%" PRIu64, record->time_ms / 1000,
		       (unsigned)(record->time_ms % 1000), record->serial);
}
