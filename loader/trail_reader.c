#include "trail_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#define WHOLE_MAX 9007199254740992.0 /* 2^53: what cJSON's double holds exactly */

static int fail_open(const char *path, int error, struct error *err)
{
	const char *remedy = "name the trail's FILE";

	if (error == ENOENT || error == ENOTDIR)
		remedy = "no session has written there yet, or elsewhere: name the trail's FILE";
	else if (error == EACCES || error == EPERM)
		remedy = "read it as its owner, or as root";
	return error_set(err, "%s: %s (%s)", path, strerror(error), remedy);
}

static int fail_kind(const struct trail_reader *reader, const char *what, struct error *err)
{
	return error_set(err, "%s: %s (name the trail's FILE; - is standard input)", reader->path, what);
}

/*
 * A FIFO of the file system, which without a writer seems to end at once: who names one by - has the
 * shell wait for its writer. A pipe that a path leads to, as bash's <(...), has had its writer.
 */
static bool is_named_fifo(const struct trail_reader *reader, const struct stat *status)
{
	struct statfs system;

	if (!S_ISFIFO(status->st_mode) || reader->descriptor == STDIN_FILENO)
		return false;
	return fstatfs(reader->descriptor, &system) != 0 || system.f_type != PIPEFS_MAGIC;
}

/* Whatever the path names: not waited for at the opening, but at reading, as cat(1) does. */
static int prepare(struct trail_reader *reader, struct error *err)
{
	struct stat status;
	int flags = fcntl(reader->descriptor, F_GETFL);

	if (flags < 0 || fstat(reader->descriptor, &status) != 0)
		return fail_open(reader->path, errno, err);
	if (S_ISDIR(status.st_mode))
		return fail_open(reader->path, EISDIR, err);
	if (is_named_fifo(reader, &status))
		return fail_kind(reader, "a FIFO", err);
	if (reader->followed && !S_ISREG(status.st_mode))
		return fail_kind(reader, "not a regular file", err);
	reader->regular = S_ISREG(status.st_mode);
	if (reader->descriptor != STDIN_FILENO && fcntl(reader->descriptor, F_SETFL, flags & ~O_NONBLOCK) != 0)
		return fail_open(reader->path, errno, err);
	return 0;
}

static void give_up_descriptor(struct trail_reader *reader)
{
	if (reader->descriptor > STDIN_FILENO)
		(void)close(reader->descriptor);
	reader->descriptor = -1;
}

/*
 * Opens it above the standard descriptors: where standard output is closed the trail would be it,
 * and a follower would not see that nobody reads. -1 and errno.
 */
static int open_above(const char *path)
{
	int low = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int high;
	int error;

	if (low < 0 || low > STDERR_FILENO)
		return low;
	high = fcntl(low, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	error = errno;
	(void)close(low);
	errno = error;
	return high;
}

/* Begins with the file that path names now. 0, or -1, errno and *err. */
static int begin(struct trail_reader *reader, struct error *err)
{
	int error;

	if (strcmp(reader->path, TRAIL_STDIN) == 0)
		reader->descriptor = STDIN_FILENO;
	else
		reader->descriptor = open_above(reader->path);
	if (reader->descriptor < 0) {
		error = errno;
		(void)fail_open(reader->path, error, err);
		errno = error;
		return -1;
	}
	reader->skipping = false;
	reader->line = 0;
	reader->bytes = 0;
	reader->start = 0;
	reader->length = 0;
	if (prepare(reader, err) == 0)
		return 0;
	give_up_descriptor(reader);
	errno = EINVAL;
	return -1;
}

int trail_reader_open(struct trail_reader *reader, const char *path, bool may_wait, struct error *err)
{
	*reader = (struct trail_reader){.path = path, .descriptor = -1, .regular = true};
	reader->buffer = malloc(TRAIL_LINE_MAX);
	if (!reader->buffer)
		return error_set(err, "%s: %s (free some memory)", path, strerror(ENOMEM));
	if (begin(reader, err) == 0)
		return 0;
	if (may_wait && errno == ENOENT) {
		reader->told = true;
		return 1;
	}
	trail_reader_close(reader);
	return -1;
}

void trail_reader_close(struct trail_reader *reader)
{
	give_up_descriptor(reader);
	free(reader->buffer);
	reader->buffer = NULL;
}

/* The length of the UTF-8 character at text, of at most length bytes; 0: it is none. RFC 3629. */
static size_t character(const unsigned char *text, size_t length)
{
	size_t whole = text[0] < 0x80 ? 1 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;

	if (text[0] >= 0x80 && (text[0] < 0xc2 || text[0] > 0xf4))
		return 0;
	if (whole > length)
		return 0;
	for (size_t i = 1; i < whole; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	/* Longer than need be, a surrogate, or past the last code point. */
	if ((text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] > 0x9f) ||
	    (text[0] == 0xf0 && text[1] < 0x90) || (text[0] == 0xf4 && text[1] > 0x8f))
		return 0;
	return whole;
}

/*
 * cJSON takes both; a terminal would obey the first. JSON (RFC 8259) has neither, but for a tab between two members,
 * which no writer of a trail sets there.
 */
static const char *wrong_bytes(const char *text, size_t length)
{
	for (size_t i = 0; i < length;) {
		const unsigned char *byte = (const unsigned char *)text + i;
		size_t whole = character(byte, length - i);

		if (*byte < 0x20)
			return "a control character, which no event has";
		if (whole == 0)
			return "bytes that are not UTF-8";
		i += whole;
	}
	return NULL;
}

/* cJSON would end the string there, and so show or suggest another name. Only strings have backslashes. */
static bool has_nul_escape(const char *text, size_t length)
{
	static const char escape[] = "\\u0000";

	for (size_t i = 0; i + strlen(escape) <= length; i++) {
		if (text[i] != '\\')
			continue;
		if (memcmp(text + i, escape, strlen(escape)) == 0)
			return true;
		i++; /* what is escaped begins no escape */
	}
	return false;
}

static bool blank(const char *text, const char *end)
{
	while (text < end && *text == ' ')
		text++;
	return text == end;
}

bool trail_is_mark(const char *text, size_t length)
{
	/* Of one byte or two there is room for the newline and a blank alone; such a line is told as an empty one. */
	return length >= 2 && text[0] == '{' && text[1] == '}' && blank(text + 2, text + length);
}

cJSON *trail_parse(const char *text, size_t length, const char **why)
{
	const char *end = NULL;
	cJSON *event;

	*why = wrong_bytes(text, length);
	if (!*why && has_nul_escape(text, length))
		*why = "a NUL in a string, which no event has";
	if (*why)
		return NULL;
	/* Nesting is bounded by cJSON itself (CJSON_NESTING_LIMIT), memory by the line's length. */
	event = cJSON_ParseWithLengthOpts(text, length, &end, false);
	if (!event)
		*why = blank(text, text + length) ? "an empty line" : "not JSON: torn, or written by something else";
	else if (!blank(end, text + length))
		*why = "more than one JSON value: two lines run together";
	else if (!cJSON_IsObject(event) || !trail_string(event, "type"))
		*why = "not an event: an object with a type";
	if (*why) {
		cJSON_Delete(event);
		return NULL;
	}
	return event;
}

const char *trail_string(const cJSON *event, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(event, name));
}

bool trail_number(const cJSON *event, const char *name, uint64_t *value)
{
	const cJSON *member = cJSON_GetObjectItemCaseSensitive(event, name);

	if (!cJSON_IsNumber(member) || !(member->valuedouble >= 0 && member->valuedouble <= WHOLE_MAX))
		return false;
	*value = (uint64_t)member->valuedouble;
	return (double)*value == member->valuedouble;
}

static enum trail_result finding(const struct trail_reader *reader, const char *why, struct error *err)
{
	(void)error_set(err, "%s:%lu: %s", reader->path, reader->line, why);
	return TRAIL_FINDING;
}

/* Reads more behind what is there. The count; 0: the end; -1 and errno. */
static ssize_t fill(struct trail_reader *reader)
{
	ssize_t count;

	memmove(reader->buffer, reader->buffer + reader->start, reader->length - reader->start);
	reader->length -= reader->start;
	reader->start = 0;
	do
		count = read(reader->descriptor, reader->buffer + reader->length, TRAIL_LINE_MAX - reader->length);
	while (count < 0 && errno == EINTR);
	if (count > 0) {
		reader->length += (size_t)count;
		reader->bytes += (unsigned long)count;
	}
	return count;
}

/* The buffer is full of one line: told at its beginning, passed over to its end. */
static enum trail_result skip(struct trail_reader *reader, struct error *err)
{
	bool first = !reader->skipping;

	reader->start = 0;
	reader->length = 0;
	reader->skipping = true;
	if (!first)
		return TRAIL_END;
	reader->line++;
	return finding(reader, "longer than 65536 bytes, which no event is", err);
}

static enum trail_result hand_out(struct trail_reader *reader, size_t length, struct trail_event *event,
				  struct error *err)
{
	const char *text = reader->buffer + reader->start;
	const char *why;

	reader->start += length + 1;
	if (reader->skipping) {
		reader->skipping = false;
		return TRAIL_END;
	}
	reader->line++;
	if (trail_is_mark(text, length)) {
		(void)finding(reader, "a line was torn here: no room on the disk, or its writer was killed", err);
		return TRAIL_MARK;
	}
	event->json = trail_parse(text, length, &why);
	if (!event->json)
		return finding(reader, why, err);
	event->text = text;
	event->length = length;
	event->line = reader->line;
	return TRAIL_EVENT;
}

enum trail_result trail_reader_next(struct trail_reader *reader, struct trail_event *event, struct error *err)
{
	enum trail_result result;

	while (reader->descriptor >= 0) {
		const char *text = reader->buffer + reader->start;
		const char *newline = memchr(text, '\n', reader->length - reader->start);
		ssize_t count;

		if (newline || reader->length - reader->start == TRAIL_LINE_MAX) {
			result = newline ? hand_out(reader, (size_t)(newline - text), event, err) : skip(reader, err);
			if (result != TRAIL_END)
				return result;
			continue; /* a piece of a line that was told of */
		}
		count = fill(reader);
		if (count == 0)
			return TRAIL_END;
		if (count < 0) {
			(void)error_set(err, "%s: %s (read the rest once that is mended)", reader->path,
					strerror(errno));
			return TRAIL_FAILED;
		}
	}
	return TRAIL_END;
}

enum trail_result trail_reader_finish(struct trail_reader *reader, struct error *err)
{
	if (reader->skipping || reader->start == reader->length)
		return TRAIL_END;
	reader->start = reader->length;
	reader->line++;
	return finding(reader, "no newline at its end: torn, or still being written", err);
}

/* Another file under the name: the old one has been read to its end. */
static enum trail_result begin_anew(struct trail_reader *reader, struct error *err)
{
	give_up_descriptor(reader);
	reader->followed = true;
	if (begin(reader, err) == 0) {
		reader->told = false;
		return TRAIL_END;
	}
	/* A file between two rights, or not there yet: told once, and tried again. */
	if (errno == ENOENT)
		reader->told = false; /* of what comes there */
	if (reader->told || errno == ENOENT)
		return TRAIL_END;
	reader->told = true;
	return TRAIL_FINDING;
}

static enum trail_result begin_shorter(struct trail_reader *reader, struct error *err)
{
	enum trail_result result = trail_reader_finish(reader, err);

	if (lseek(reader->descriptor, 0, SEEK_SET) < 0)
		return begin_anew(reader, err);
	reader->skipping = false;
	reader->line = 0;
	reader->bytes = 0;
	reader->start = 0;
	reader->length = 0;
	return result;
}

enum trail_result trail_reader_follow(struct trail_reader *reader, struct error *err)
{
	struct stat named;
	struct stat opened;
	bool there;

	if (reader->descriptor < 0)
		return begin_anew(reader, err);
	/* The name first: what is written to the old file before its successor is there is then seen. */
	there = stat(reader->path, &named) == 0;
	if (!reader->regular || fstat(reader->descriptor, &opened) != 0)
		return TRAIL_END;
	if ((unsigned long)opened.st_size < reader->bytes)
		return begin_shorter(reader, err);
	if ((unsigned long)opened.st_size > reader->bytes || !there)
		return TRAIL_END;
	if (named.st_dev == opened.st_dev && named.st_ino == opened.st_ino)
		return TRAIL_END;
	if (trail_reader_finish(reader, err) == TRAIL_FINDING)
		return TRAIL_FINDING;
	return begin_anew(reader, err);
}
