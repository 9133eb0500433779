/* What a kill in the middle of a write(2) has left in a trail, and what looks like it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "piece.h"
#include "sinks.h"

#define WHOLE   "{\"type\":\"session_start\",\"path\":\"{\\\"type\\\":\\\"\"}\n"
#define FOREIGN "{\"type\":\"a\",\"in\":{\"type\":\"b\"}}\n"
#define PREFIX  "Nov 26 {\"type\":\"b\"}\n"

/* before is there; a line is written; what is found is that: after, and the line. */
static void mends(void **state, const char *before, const char *after)
{
	char path[PATH_SIZE];
	char expected[1024];
	struct sink sink;
	int file = open(sinks_path(state, "events", path), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(file >= 0);
	assert_int_equal(write(file, before, strlen(before)), strlen(before));
	close(file);
	assert_int_equal(sinks_start(&sink, path), 0);
	assert_int_equal(sinks_put(&sink, LINE, 1), SINK_WRITTEN);
	piece_mend(&sink);
	(void)snprintf(expected, sizeof(expected), "%s%s", after, LINE);
	sinks_expect(path, expected);
	/* And what comes then is appended. */
	assert_int_equal(sinks_put(&sink, LINE, 2), SINK_WRITTEN);
	(void)snprintf(expected, sizeof(expected), "%s%s%s", after, LINE, LINE);
	sinks_expect(path, expected);
	sink_close(&sink);
}

static void pieces(void **state)
{
	mends(state, WHOLE "{\"type\":\"x\",\"seq\"" WHOLE, WHOLE "{}              \n" WHOLE);
	mends(state, "{\"type\":\"x\",", "{}         \n");
	mends(state, WHOLE "{\"ty" WHOLE, WHOLE "{} \n" WHOLE);
	mends(state, "{" WHOLE, "\n" WHOLE);
	mends(state, "{\"type\":\"x{\"type\":\"x{\"type\":\"x\"}\n", "{}                 \n{\"type\":\"x\"}\n");
}

static void no_pieces(void **state)
{
	mends(state, WHOLE FOREIGN PREFIX WHOLE, WHOLE FOREIGN PREFIX WHOLE);
	mends(state, "", "");
}

/* Far behind: only what is within reach, and never from the middle of a line on. */
static void reach(void **state)
{
	static char before[70000];
	char path[PATH_SIZE];
	struct sink sink;
	size_t length;
	char *found;
	FILE *file = fopen(sinks_path(state, "events", path), "we");

	assert_non_null(file);
	memset(before, 'y', sizeof(before));
	memcpy(before, "{\"type\":\"x", 11);
	memcpy(before + 20, LINE, LINE_LENGTH);
	before[sizeof(before) - 1] = '\n';
	assert_int_equal(fwrite(before, sizeof(before), 1, file), 1);
	assert_int_equal(fputs("{\"type\":\"x{\"type\":\"y\"}\n", file) >= 0, 1);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(sinks_start(&sink, path), 0);
	assert_int_equal(sinks_put(&sink, LINE, 1), SINK_WRITTEN);
	piece_mend(&sink);
	sink_close(&sink);
	found = sinks_contents(path, &length);
	assert_non_null(found);
	assert_memory_equal(found, before, sizeof(before));
	assert_string_equal(found + sizeof(before), "{}       \n{\"type\":\"y\"}\n" LINE);
	free(found);
}

/* A pipe, and a descriptor that is nobody's. */
static void elsewhere(void **state)
{
	struct sink sink = {.descriptor = -1, .kind = SINK_STREAM};
	char path[PATH_SIZE];
	int reader;

	piece_mend(&sink);
	sinks_path(state, "fifo", path);
	assert_int_equal(mkfifo(path, 0600), 0);
	reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(reader >= 0);
	assert_int_equal(sinks_start(&sink, path), 0);
	assert_int_equal(sinks_put(&sink, LINE, 1), SINK_WRITTEN);
	piece_mend(&sink);
	sink_close(&sink);
	close(reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    IN_DIRECTORY(pieces),
	    IN_DIRECTORY(no_pieces),
	    IN_DIRECTORY(reach),
	    IN_DIRECTORY(elsewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
