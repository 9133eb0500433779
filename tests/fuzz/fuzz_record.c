/*
 * The kernel's audit records, in which the names are anybody's: whatever the text, what is taken from it is within
 * bounds. The second half of the input is a name: written as the kernel writes it, it comes out as it was, and changes
 * no other field.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kill_event.h"
#include "kill_record.h"

#define NAME_TEXT (2U * KILL_COMM_MAX + 3U) /* of a name: in quotation marks, or two digits a byte */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool good)
{
	if (!good)
		abort();
}

/* A copy of just that length, so that a byte read too far is one of nobody's. */
static enum kill_record_result parse(const void *text, size_t length, struct kill_record *record)
{
	char *copy = malloc(length ? length : 1);
	enum kill_record_result result;

	memcpy(copy, text, length);
	result = kill_record_parse(copy, length, record);
	free(copy);
	return result;
}

static void check_text(const uint8_t *data, size_t size)
{
	struct kill_record record;
	struct kill_event made;
	struct event event = {.type = EVENT_SECCOMP_BLOCKED, .seq = 1};
	char line[EVENT_LINE_MAX];

	if (parse(data, size, &record) != KILL_RECORD_KILL)
		return;
	expect(record.pid > 0 && record.comm_length <= sizeof(record.comm) && record.exe_length <= sizeof(record.exe));
	kill_event_fill(&event, &made, &record);
	expect(event_format(&event, line, sizeof(line)) > 0);
}

/* As audit_log_n_untrustedstring(); out has NAME_TEXT bytes. */
static size_t write_name(char *out, const uint8_t *name, size_t length)
{
	size_t written = 0;
	bool plain = true;

	for (size_t i = 0; i < length; i++)
		plain = plain && name[i] != '"' && name[i] >= 0x21 && name[i] <= 0x7e;
	if (plain)
		return (size_t)snprintf(out, NAME_TEXT, "\"%.*s\"", (int)length, (const char *)name);
	for (size_t i = 0; i < length; i++)
		written += (size_t)snprintf(out + written, NAME_TEXT - written, "%02X", name[i]);
	return written;
}

static void check_name(const uint8_t *name, size_t length)
{
	struct kill_record record;
	char shown[NAME_TEXT];
	char text[4096];
	size_t at;

	length = length > KILL_COMM_MAX - 1 ? KILL_COMM_MAX - 1 : length;
	(void)write_name(shown, name, length);
	at = (size_t)snprintf(
	    text, sizeof(text),
	    "audit(1.002:3): auid=4 uid=5 gid=6 ses=7 pid=8 comm=%s exe=%s sig=31 arch=c000003e syscall=9 "
	    "compat=0 ip=0x10 code=0x80000000",
	    shown, shown);
	expect(at < sizeof(text));
	expect(parse(text, at, &record) == KILL_RECORD_KILL);
	expect(record.uid == 5 && record.pid == 8 && record.call == 9 && record.serial == 3 && record.time_ms == 1002);
	expect(record.comm_length == length && memcmp(record.comm, name, length) == 0);
	expect(record.exe_length == length && memcmp(record.exe, name, length) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_text(data, size);
	check_name(data + size / 2, size - size / 2);
	return 0;
}
