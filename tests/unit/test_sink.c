/* Events and a destination that takes nothing, or not yet: whole lines, in order, waiting for nobody. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sinks.h"

/* --- What takes nothing --- */

/* The file is that many lines of that length, each once and in order. */
static void expect_numbered(const char *path, size_t length, unsigned count)
{
	size_t found;
	char *bytes = sinks_contents(path, &found);
	char *line = malloc(length);

	assert_true(bytes && line);
	assert_int_equal(found, count * length);
	for (unsigned i = 0; i < count; i++) {
		sinks_numbered(line, length, i);
		assert_memory_equal(bytes + i * length, line, length);
	}
	free(bytes);
	free(line);
}

static void a_full_device_and_the_bound_of_memory(void **state)
{
	const size_t length = 1000;
	const unsigned room = SINK_PENDING_MAX / 1000;
	struct sink_loss loss;
	struct sink sink;
	char line[1000];
	char path[PATH_SIZE];

	assert_int_equal(sinks_start(&sink, "/dev/full"), 0);
	for (unsigned i = 0; i < room + 3; i++) {
		sinks_numbered(line, length, i);
		assert_int_equal(sink_write(&sink, line, length, 100 + i), i < room ? SINK_KEPT : SINK_LOST);
	}
	assert_in_range(sink_pending(&sink), 0, SINK_PENDING_MAX);
	assert_false(sink_flush(&sink));
	assert_false(sink_has_loss(&sink, &loss)); /* not before what is pending has been told */
	sinks_move(&sink, sinks_path(state, "events", path));
	assert_true(sink_flush(&sink));
	assert_true(sink_has_loss(&sink, &loss));
	assert_int_equal(loss.count, 3);
	assert_int_equal(loss.first_seq, 100 + room);
	assert_int_equal(loss.last_seq, 100 + room + 2);
	sink.store->loss = (struct sink_loss){.count = 0};
	assert_false(sink_has_loss(&sink, &loss));
	sink_close(&sink);
	expect_numbered(path, length, room);
}

static void nowhere(void **state)
{
	struct sink sink;
	char path[PATH_SIZE];

	assert_int_equal(sink_init(&sink, -1, SINK_STREAM, NULL), 0);
	assert_int_equal(sinks_put(&sink, LINE, 1), SINK_KEPT);
	sink_replace(&sink, -1, SINK_JOURNALD);
	assert_int_equal(sinks_put(&sink, LINE, 2), SINK_KEPT);
	sinks_move(&sink, sinks_path(state, "events", path));
	assert_true(sink_flush(&sink));
	sinks_expect(path, LINE LINE);
	sink_close(&sink);
}

static void a_line_that_nothing_can_hold(void **state)
{
	struct sink_loss loss;
	struct sink sink;
	char *line = malloc(SINK_PENDING_MAX + 1);

	(void)state;
	assert_non_null(line);
	sinks_numbered(line, SINK_PENDING_MAX + 1, 0);
	assert_int_equal(sinks_start(&sink, "/dev/full"), 0);
	assert_int_equal(sink_write(&sink, line, SINK_PENDING_MAX + 1, 5), SINK_LOST);
	assert_true(sink_has_loss(&sink, &loss));
	assert_int_equal(loss.first_seq, 5);
	sink_close(&sink);
	free(line);
}

/* --- Pipes --- */

/* Reads all there is; the pipe's end is O_NONBLOCK. */
static size_t drain(int reader, char *bytes, size_t room)
{
	size_t used = 0;
	ssize_t got;

	while ((got = read(reader, bytes + used, room - used)) > 0)
		used += (size_t)got;
	return used;
}

/* Writes lines into a pipe that nobody reads, until twice its room; then reads. flags: of the sink's end. */
static void fill_and_read(int flags)
{
	const size_t length = 3000;
	const unsigned count = 40; /* 120,000 bytes; the pipe has room for 65,536 */
	char *got = malloc(length * count);
	char line[3000];
	struct sink sink;
	size_t used = 0;
	unsigned kept = 0;
	int pair[2];

	assert_non_null(got);
	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	assert_int_equal(fcntl(pair[0], F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(fcntl(pair[1], F_SETFL, flags), 0);
	assert_int_equal(sink_init(&sink, pair[1], SINK_STREAM, NULL), 0);
	for (unsigned i = 0; i < count; i++) {
		enum sink_result result;

		sinks_numbered(line, length, i);
		result = sink_write(&sink, line, length, i);
		assert_true(result == SINK_WRITTEN || result == SINK_KEPT);
		assert_true(result == SINK_KEPT || kept == 0);
		kept += result == SINK_KEPT;
	}
	assert_in_range(kept, 10, count - 10);
	assert_false(sink_flush(&sink));
	for (bool all = false; !all;) {
		used += drain(pair[0], got + used, length * count - used);
		all = sink_flush(&sink);
	}
	used += drain(pair[0], got + used, length * count - used);
	assert_int_equal(used, length * count);
	for (unsigned i = 0; i < count; i++) {
		sinks_numbered(line, length, i);
		assert_memory_equal(got + i * length, line, length);
	}
	assert_int_equal(fcntl(pair[1], F_GETFL) & O_NONBLOCK, flags);
	sink_close(&sink);
	(void)close(pair[0]);
	free(got);
}

static void a_full_pipe_makes_nobody_wait(void **state)
{
	(void)state;
	fill_and_read(O_NONBLOCK);
}

static void a_full_pipe_of_somebody_elses_makes_nobody_wait(void **state)
{
	(void)state;
	fill_and_read(0);
}

static void what_is_pending_goes_first(void **state)
{
	char got[65536 + LINE_LENGTH];
	struct sink sink;
	size_t used;
	int pair[2];

	(void)state;
	assert_int_equal(pipe2(pair, O_NONBLOCK | O_CLOEXEC), 0);
	assert_int_equal(sink_init(&sink, pair[1], SINK_STREAM, NULL), 0);
	while (write(pair[1], LINE, LINE_LENGTH) > 0)
		;
	assert_int_equal(sinks_put(&sink, "one\n", 1), SINK_KEPT);
	(void)drain(pair[0], got, sizeof(got));
	assert_int_equal(sinks_put(&sink, "two\n", 2), SINK_WRITTEN);
	used = drain(pair[0], got, sizeof(got));
	assert_int_equal(used, strlen("one\ntwo\n"));
	assert_memory_equal(got, "one\ntwo\n", used);
	sink_close(&sink);
	(void)close(pair[0]);
}

/* A line larger than the pipe: its beginning is there, and must be followed by its rest. */
static void a_line_that_was_begun_is_ended_first(void **state)
{
	const size_t length = 70000;
	char *line = malloc(length);
	char *got = malloc(length + LINE_LENGTH);
	struct sink sink;
	size_t used;
	int pair[2];

	(void)state;
	assert_true(line && got);
	sinks_numbered(line, length, 1);
	assert_int_equal(pipe2(pair, O_NONBLOCK | O_CLOEXEC), 0);
	assert_int_equal(sink_init(&sink, pair[1], SINK_STREAM, NULL), 0);
	assert_int_equal(sink_write(&sink, line, length, 1), SINK_KEPT);
	assert_int_equal(sinks_put(&sink, LINE, 2), SINK_KEPT);
	used = drain(pair[0], got, length);
	assert_in_range(used, 1, length - 1);
	/* The same pipe by another descriptor is no new beginning. */
	sink_replace(&sink, fcntl(pair[1], F_DUPFD_CLOEXEC, 3), SINK_STREAM);
	assert_true(sink_flush(&sink));
	used += drain(pair[0], got + used, length + LINE_LENGTH - used);
	assert_int_equal(used, length + LINE_LENGTH);
	assert_memory_equal(got, line, length);
	assert_memory_equal(got + length, LINE, LINE_LENGTH);
	sink_close(&sink);
	(void)close(pair[0]);
	free(line);
	free(got);
}

static void a_line_that_was_begun_elsewhere_is_begun_anew(void **state)
{
	const size_t length = 70000;
	char *line = malloc(length);
	struct sink sink;
	char path[PATH_SIZE];
	int pair[2];
	size_t found;
	char *bytes;

	assert_non_null(line);
	sinks_numbered(line, length, 1);
	assert_int_equal(pipe2(pair, O_NONBLOCK | O_CLOEXEC), 0);
	assert_int_equal(sink_init(&sink, pair[1], SINK_STREAM, NULL), 0);
	assert_int_equal(sink_write(&sink, line, length, 1), SINK_KEPT);
	sinks_move(&sink, sinks_path(state, "events", path));
	assert_true(sink_flush(&sink));
	bytes = sinks_contents(path, &found);
	assert_int_equal(found, length);
	assert_memory_equal(bytes, line, length);
	sink_close(&sink);
	(void)close(pair[0]);
	free(bytes);
	free(line);
}

static void a_reader_that_has_gone(void **state)
{
	struct sink sink;
	int pair[2];

	(void)state;
	(void)signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe2(pair, O_NONBLOCK | O_CLOEXEC), 0);
	assert_int_equal(sink_init(&sink, pair[1], SINK_STREAM, NULL), 0);
	assert_int_equal(close(pair[0]), 0);
	assert_int_equal(sinks_put(&sink, LINE, 1), SINK_KEPT);
	assert_int_equal(sinks_put(&sink, LINE, 2), SINK_KEPT);
	sink_close(&sink);
	/* From a socket there is not even the signal. */
	(void)signal(SIGPIPE, SIG_DFL);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(sink_init(&sink, pair[1], SINK_STREAM, NULL), 0);
	assert_int_equal(close(pair[0]), 0);
	assert_int_equal(sinks_put(&sink, LINE, 1), SINK_KEPT);
	sink_close(&sink);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    IN_DIRECTORY(a_full_device_and_the_bound_of_memory),
	    IN_DIRECTORY(nowhere),
	    cmocka_unit_test(a_line_that_nothing_can_hold),
	    cmocka_unit_test(a_full_pipe_makes_nobody_wait),
	    cmocka_unit_test(a_full_pipe_of_somebody_elses_makes_nobody_wait),
	    cmocka_unit_test(what_is_pending_goes_first),
	    cmocka_unit_test(a_line_that_was_begun_is_ended_first),
	    IN_DIRECTORY(a_line_that_was_begun_elsewhere_is_begun_anew),
	    cmocka_unit_test(a_reader_that_has_gone),
	};

	return cmocka_run_group_tests_name("sink", tests, NULL, NULL);
}
