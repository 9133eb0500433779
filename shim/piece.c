#include "piece.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#define REACH     ((size_t)64 * 1024)
#define BEGINNING "{\"type\":\"" /* of each event, and within none: there its quotation marks are escaped */

static bool is_json(const char *line, size_t length)
{
	const char *end = NULL;
	cJSON *object = cJSON_ParseWithLengthOpts(line, length, &end, false);
	bool whole = object && end == line + length;

	cJSON_Delete(object);
	return whole;
}

/* How much stands before the last event in a line: 0, where it is one, or is not of ours. */
static size_t piece_length(const char *line, size_t length)
{
	const size_t size = sizeof(BEGINNING) - 1;
	const char *last = line;
	const char *next = line;
	size_t piece;

	while ((next = memmem(next, length - (size_t)(next - line), BEGINNING, size)))
		last = next++;
	piece = (size_t)(last - line);
	if (piece == 0 || memcmp(line, BEGINNING, piece < size ? piece : size) != 0 || is_json(line, length))
		return 0;
	return piece;
}

/* text stands at that place; its first line may have begun before, where that is not the file's beginning. */
static void mend_lines(const struct sink *sink, const char *text, size_t length, off_t at)
{
	const char *line = at > 0 ? memchr(text, '\n', length) : text;
	const char *end;

	if (line && at > 0)
		line++;
	for (; line && (end = memchr(line, '\n', length - (size_t)(line - text))); line = end + 1) {
		size_t piece = piece_length(line, (size_t)(end - line));

		if (piece > 0)
			(void)sink_blank(sink, at + (line - text), piece);
	}
}

void piece_mend(const struct sink *sink)
{
	off_t end = sink->kind == SINK_STREAM && sink->descriptor >= 0 ? lseek(sink->descriptor, 0, SEEK_CUR) : -1;
	off_t at = end > (off_t)REACH ? end - (off_t)REACH : 0;
	char path[32];
	char *text;
	int reader;

	if (end <= 0)
		return;
	/* It has been opened to be written alone. */
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", sink->descriptor);
	reader = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	text = reader >= 0 ? malloc(REACH) : NULL;
	if (text && pread(reader, text, (size_t)(end - at), at) == end - at)
		mend_lines(sink, text, (size_t)(end - at), at);
	free(text);
	if (reader >= 0)
		close(reader);
}
