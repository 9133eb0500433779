/*
 * Reads a trail: a file of events, one JSON object a line. agentshctl(1), "The trail".
 *
 * Nothing in it is believed: a line is bounded, is text without control characters, and is one
 * object with a "type" and no NUL in a string, or it is a finding and passed over. What its strings hold is anybody's:
 * error_escape() before a terminal sees it.
 */
#ifndef AGENTSH_TRAIL_READER_H
#define AGENTSH_TRAIL_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "error.h"

#define TRAIL_LINE_MAX ((size_t)64 * 1024) /* bytes with the newline: no event is longer */
#define TRAIL_STDIN    "-"

enum trail_result {
	TRAIL_EVENT,   /* *event is the next one */
	TRAIL_FINDING, /* a line that is none was passed over; *err tells it as "FILE:LINE: message" */
	TRAIL_MARK,    /* a torn line was made whole here and passed over; *err tells it, and it is no finding */
	TRAIL_END,     /* no more for now: trail_reader_follow() may find some later */
	TRAIL_FAILED   /* it cannot be read any further; *err */
};

struct trail_event {
	cJSON *json;      /* owned by the caller: cJSON_Delete() */
	const char *text; /* the line without its newline; until the next call with this reader */
	size_t length;
	unsigned long line; /* from 1, of the file as it is now */
};

struct trail_reader {
	const char *path;    /* borrowed */
	int descriptor;      /* owned; -1: the file is not there (yet) */
	bool regular;        /* what is followed by looking, not by waiting */
	bool followed;       /* what is under the name now has come after the beginning: a regular file, or told */
	bool skipping;       /* in the rest of a line that was too long */
	bool told;           /* why it cannot be opened again: once */
	unsigned long line;  /* lines begun so far */
	unsigned long bytes; /* read from this file */
	char *buffer;        /* owned; TRAIL_LINE_MAX bytes */
	size_t start;        /* of what has not been handed out */
	size_t length;       /* of what has been read */
};

/*
 * Opens path (TRAIL_STDIN: descriptor 0) for reading; a directory or a FIFO is refused. Returns 0 (close with
 * trail_reader_close), or -1 and *err with a remedy. Where may_wait is set, a file that is missing is no error: 1, and
 * trail_reader_follow() opens it once it is there.
 */
int trail_reader_open(struct trail_reader *reader, const char *path, bool may_wait, struct error *err);
void trail_reader_close(struct trail_reader *reader);

/*
 * The next event. At the end of the file a last line without a newline is kept: it may still be
 * being written. trail_reader_finish() tells whether there was one.
 */
enum trail_result trail_reader_next(struct trail_reader *reader, struct trail_event *event, struct error *err);

/* After TRAIL_END, where no more is waited for: TRAIL_FINDING for a torn last line, else TRAIL_END. */
enum trail_result trail_reader_finish(struct trail_reader *reader, struct error *err);

/*
 * After TRAIL_END: looks whether path names another file now, or has become shorter, and goes on
 * with what is there. TRAIL_END: nothing to tell. TRAIL_FINDING: *err tells what was found.
 */
enum trail_result trail_reader_follow(struct trail_reader *reader, struct error *err);

/*
 * Is the line (without its newline) what the sidecar makes of one that a write cut short has left
 * (shim/sink.c)? The event itself stands behind it, or its number is missing. Pure.
 */
bool trail_is_mark(const char *text, size_t length);

/*
 * Parses one line (without its newline) as an event. Returns the object, or NULL and in *why what
 * is wrong with it. Pure.
 */
cJSON *trail_parse(const char *text, size_t length, const char **why);

/* A member that is a string; NULL: missing or anything else. Borrowed from the event. */
const char *trail_string(const cJSON *event, const char *name);

/* A member that is a whole number from 0 to 2^53; false: missing or anything else. */
bool trail_number(const cJSON *event, const char *name, uint64_t *value);

#endif
