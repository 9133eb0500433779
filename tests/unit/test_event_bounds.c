/* No event is longer than EVENT_LINE_MAX, whatever bytes its members have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "event.h"

/* What costs most: control characters, which are text, and one byte that is not, for the hexadecimal. */
static const unsigned char fillers[] = {0x01, 0xff, '\0', '"', 'a'};
#define LONGEST 8192U

struct filled {
	char *bytes; /* LONGEST of somebody's; which: see fill() */
	char *text;  /* the same without a NUL */
};

static void fill(struct filled *filled, unsigned char with, size_t period)
{
	memset(filled->bytes, with, LONGEST);
	for (size_t i = 0; i < LONGEST; i += period)
		filled->bytes[i] = i == 0 ? '\xff' : '\0';
	memcpy(filled->text, filled->bytes, LONGEST);
	for (size_t i = 0; i < LONGEST; i++)
		if (filled->text[i] == '\0')
			filled->text[i] = '\x01';
	filled->text[LONGEST - 1] = '\0';
}

/* Fits, and what is a byte smaller than it needs is told. */
static size_t longest(const struct event *event)
{
	char *line = malloc(EVENT_LINE_MAX);
	size_t length = event_format(event, line, EVENT_LINE_MAX);

	if (length == 0)
		fail_msg("no room: errno %d", errno);
	assert_true(length <= EVENT_LINE_MAX);
	errno = 0;
	assert_int_equal(event_format(event, line, length - 1), 0);
	assert_int_equal(errno, EMSGSIZE);
	free(line);
	return length;
}

static struct event filled_event(const struct filled *filled)
{
	const struct event_bytes all = {filled->bytes, LONGEST};

	return (struct event){
	    .type = EVENT_UNIX_SOCKET_ALLOWED,
	    .session_id = filled->text,
	    .seq = UINT64_MAX,
	    .timestamp_us = UINT64_MAX,
	    .process = {.pid = INT32_MIN, .tid = INT32_MIN, .uid = INT64_MIN, .comm = all, .exe = all},
	};
}

static size_t longest_call(const struct filled *filled)
{
	struct event event = filled_event(filled);
	const struct event_call call = {
	    .name = filled->text,
	    .number = INT32_MIN,
	    .reason = filled->text,
	    .action = filled->text,
	    .arch = filled->text,
	    .arguments = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX},
	    .rule = filled->text,
	    .hint = filled->text,
	};

	event.call = &call;
	return longest(&event);
}

static size_t longest_start(const struct filled *filled)
{
	const struct event_bytes all = {filled->bytes, LONGEST};
	struct event event = filled_event(filled);
	const struct event_start start = {
	    .command = all,
	    .policy_file = all,
	    .policy_sha256 = filled->text,
	    .sidecar = filled->text,
	    .loader_version = filled->text,
	    .sidecar_version = filled->text,
	    .kernel = filled->text,
	    .inherited = all,
	    .degraded = all,
	};

	event.start = &start;
	return longest(&event);
}

static void the_longest_lines_fit(void **state)
{
	struct filled filled = {malloc(LONGEST), malloc(LONGEST)};
	size_t calls = 0;
	size_t starts = 0;

	(void)state;
	assert_true(filled.bytes && filled.text);
	for (size_t i = 0; i < sizeof(fillers); i++) {
		for (size_t period = 1; period <= LONGEST; period *= 2) {
			size_t call;
			size_t start;

			fill(&filled, fillers[i], period);
			call = longest_call(&filled);
			start = longest_start(&filled);
			calls = call > calls ? call : calls;
			starts = start > starts ? start : starts;
		}
	}
	/* The bounds are not so low that the worst case would not be met here. */
	assert_in_range(calls, 50000, EVENT_LINE_MAX);
	assert_in_range(starts, 60000, EVENT_LINE_MAX);
	free(filled.bytes);
	free(filled.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_longest_lines_fit),
	};

	return cmocka_run_group_tests_name("event_bounds", tests, NULL, NULL);
}
