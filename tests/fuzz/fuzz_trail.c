/* The trail: whatever a line holds, it is refused with a reason or shown without a control character. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "trail_reader.h"
#include "trail_sessions.h"
#include "trail_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect_harmless(const char *text)
{
	for (const unsigned char *byte = (const unsigned char *)text; *byte; byte++)
		if (*byte < 0x20 || *byte == 0x7f || (*byte == 0xc2 && byte[1] < 0xa0))
			abort(); /* a terminal would obey it */
}

static void show(const cJSON *event)
{
	char words[TRAIL_WORDS_SIZE];
	char clock[TRAIL_CLOCK_SIZE];
	char call[64];

	trail_words(event, words);
	expect_harmless(words);
	trail_clock(trail_time(event), clock);
	expect_harmless(clock);
	trail_call(event, call, sizeof(call));
	expect_harmless(call);
	trail_member(event, "comm", call, sizeof(call));
	expect_harmless(call);
}

static void take(struct trail_sessions *sessions, const char *line, size_t length)
{
	const char *why;
	cJSON *event = trail_parse(line, length, &why);
	struct trail_session *session;
	struct trail_gap gap;

	if (!event != (why != NULL))
		abort(); /* refused without a word, or taken with one */
	if (event && trail_is_mark(line, length))
		abort(); /* an event that the reader would pass over */
	if (!event)
		return;
	show(event);
	session = trail_sessions_take(sessions, event);
	while (session && trail_session_take_gap(session, trail_time(event), &gap))
		if (gap.first > gap.last)
			abort();
	cJSON_Delete(event);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct trail_sessions sessions = {0};
	const char *text = (const char *)data;
	const char *end = text + size;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t length = newline ? (size_t)(newline - text) : (size_t)(end - text);
		char *line = malloc(length ? length : 1); /* its own, so that a byte behind it is found out */

		if (!line)
			return 0;
		memcpy(line, text, length);
		take(&sessions, line, length);
		free(line);
		text += length + (newline != NULL);
	}
	for (const struct trail_session *session = sessions.first; session; session = session->next)
		expect_harmless(session->command ? session->command : "");
	trail_sessions_free(&sessions);
	return 0;
}
