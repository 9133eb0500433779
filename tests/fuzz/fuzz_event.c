/*
 * Events: any bytes as comm, exe, command and inherited sockets make one line that is JSON and UTF-8,
 * and can be had back from it. The input is cut at its first three bytes of 0xfe, which UTF-8 has not.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What reads UTF-8 here shares no line with what writes it: a code point at a time, by the numbers. */
static size_t decode(const unsigned char *byte, size_t left)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t length = byte[0] < 0x80       ? 1
			: byte[0] >> 5 == 6  ? 2
			: byte[0] >> 4 == 14 ? 3
			: byte[0] >> 3 == 30 ? 4
					     : 0;
	uint32_t point;

	if (length == 0 || length > left)
		return 0;
	point = length == 1 ? byte[0] : byte[0] & (0x7fU >> length);
	for (size_t i = 1; i < length; i++) {
		if (byte[i] >> 6 != 2)
			return 0;
		point = point << 6 | (byte[i] & 0x3f);
	}
	return point >= least[length] && point <= 0x10ffff && point >> 11 != 0x1b ? length : 0;
}

static bool is_utf8(const void *bytes, size_t length)
{
	for (size_t at = 0, step; at < length; at += step) {
		step = decode((const unsigned char *)bytes + at, length - at);
		if (step == 0)
			return false;
	}
	return true;
}

static const char *string_of(const cJSON *item)
{
	if (!cJSON_IsString(item))
		abort();
	return item->valuestring;
}

/* The hexadecimal's bytes are these. */
static void check_hex(const char *hex, const unsigned char *bytes, size_t length)
{
	if (strlen(hex) != 2 * length)
		abort();
	for (size_t i = 0; i < length; i++) {
		char digits[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
		char *end;

		if (strtoul(digits, &end, 16) != bytes[i] || *end)
			abort();
	}
}

/* How many bytes were kept, by what the line says of it. */
static size_t check_cut(const cJSON *cut, size_t length, size_t bound)
{
	if (!cut) {
		if (length > bound)
			abort();
		return length;
	}
	if (length <= bound || cJSON_GetNumberValue(cut) != (double)length)
		abort();
	return bound;
}

/* A member of its own: the text where it is clean, else the hexadecimal. At most 3 bytes less than the bound. */
static void check_member(const cJSON *object, const char *const names[3], struct event_bytes bytes, size_t bound)
{
	const cJSON *hex = cJSON_GetObjectItemCaseSensitive(object, names[1]);
	const cJSON *cut = cJSON_GetObjectItemCaseSensitive(object, names[2]);
	const char *text = string_of(cJSON_GetObjectItemCaseSensitive(object, names[0]));
	size_t most = check_cut(cut, bytes.length, bound);
	size_t kept = hex ? strlen(string_of(hex)) / 2 : strlen(text);

	if (kept > most || kept + (cut ? 3 : 0) < most)
		abort();
	if (hex)
		check_hex(hex->valuestring, bytes.data, kept);
	else if (memcmp(text, bytes.data, kept) != 0)
		abort();
	if (!hex != (is_utf8(bytes.data, kept) && (kept == 0 || !memchr(bytes.data, '\0', kept))))
		abort();
}

/* Element by element; the last may be cut. */
static void check_elements(const cJSON *text, const cJSON *hex, const unsigned char *at, const unsigned char *end,
			   bool cut)
{
	const cJSON *digits = hex ? hex->child : NULL;

	for (const cJSON *item = text->child; item; item = item->next) {
		const unsigned char *nul = at < end ? memchr(at, '\0', (size_t)(end - at)) : NULL;
		size_t length = (size_t)((nul ? nul : end) - at);
		size_t kept = digits ? strlen(string_of(digits)) / 2 : strlen(string_of(item));

		if (at >= end || (kept != length && !(cut && !item->next && kept < length)))
			abort();
		if (digits)
			check_hex(digits->valuestring, at, kept);
		else if (memcmp(string_of(item), at, kept) != 0)
			abort();
		if (!hex && !is_utf8(at, kept))
			abort();
		digits = digits ? digits->next : NULL;
		at += length + 1;
	}
	if (digits || (at < end && !cut))
		abort();
}

static void check_array(const cJSON *object, const char *const names[3], struct event_bytes bytes, size_t bound)
{
	const cJSON *text = cJSON_GetObjectItemCaseSensitive(object, names[0]);
	const cJSON *hex = cJSON_GetObjectItemCaseSensitive(object, names[1]);
	const cJSON *cut = cJSON_GetObjectItemCaseSensitive(object, names[2]);
	const unsigned char *data = bytes.data;
	size_t most = check_cut(cut, bytes.length, bound);

	if (!cJSON_IsArray(text) || (hex && cJSON_GetArraySize(hex) != cJSON_GetArraySize(text)))
		abort();
	check_elements(text, hex, data, data + most, cut);
}

#define NAMES(name) ((const char *const[3]){name, name "_hex", name "_cut"})

static cJSON *format(const struct event *event)
{
	static char line[EVENT_LINE_MAX];
	size_t length = event_format(event, line, sizeof(line));
	cJSON *object;

	if (length < 2 || line[length - 1] != '\n' || memchr(line, '\n', length - 1) || memchr(line, '\0', length))
		abort();
	if (!is_utf8(line, length))
		abort();
	object = cJSON_ParseWithLength(line, length);
	if (!object)
		abort();
	return object;
}

static void check(const struct event *event)
{
	cJSON *object = format(event);

	check_member(object, NAMES("comm"), event->process.comm, EVENT_COMM_MAX);
	check_member(object, NAMES("exe"), event->process.exe, event->start ? EVENT_NOTE_MAX : EVENT_EXE_MAX);
	if (event->start) {
		check_array(object, NAMES("command"), event->start->command, EVENT_COMMAND_MAX);
		check_array(object, NAMES("inherited_sockets"), event->start->inherited, EVENT_NOTE_MAX);
	}
	cJSON_Delete(object);
}

/* Takes what is before the next 0xfe, or all. */
static struct event_bytes next(const uint8_t **data, size_t *size)
{
	const uint8_t *start = *data;
	const uint8_t *end = *size ? memchr(start, 0xfe, *size) : NULL;
	size_t length = end ? (size_t)(end - start) : *size;

	*data += end ? length + 1 : length;
	*size -= end ? length + 1 : length;
	return (struct event_bytes){.data = start, .length = length};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct event_call call = {.name = "ptrace", .reason = "blocked_by_policy", .arch = "x86_64"};
	struct event event = {.session_id = "s", .call = &call};
	struct event_start start = {.sidecar = "private"};

	event.process.comm = next(&data, &size);
	event.process.exe = next(&data, &size);
	start.command = next(&data, &size);
	start.inherited = (struct event_bytes){.data = data, .length = size};
	check(&event);
	event.call = NULL;
	event.start = &start;
	check(&event);
	return 0;
}
