/* Events in files: several writers, limits, and a disk that is full. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sinks.h"

/* --- Several writers --- */

#define CUT     "{\"cut\":\"0123456789012345678901234567890123456789\"}"
#define WRITERS 2U
#define LINES   20000U

static int write_many(const char *path, unsigned writer)
{
	struct sink sink;
	char line[512];

	if (sinks_start(&sink, path) != 0)
		return 1;
	for (unsigned i = 0; i < LINES; i++) {
		/* Lengths of all kinds, and what they are is in the line. */
		int fill = (int)((i * 7 + writer) % 400);
		int length = snprintf(line, sizeof(line), "%u %u %0*d\n", writer, i, fill + 1, fill);

		if (sink_write(&sink, line, (size_t)length, i) != SINK_WRITTEN)
			return 2;
	}
	sink_close(&sink);
	return 0;
}

/* The number of each writer's lines that stand there whole and in order. */
static void count_lines(char *at, unsigned counts[WRITERS])
{
	for (char *newline; (newline = strchr(at, '\n')); at = newline + 1) {
		char *rest;
		unsigned long writer = strtoul(at, &rest, 10);
		unsigned long number = strtoul(rest, &rest, 10);
		size_t digits = strspn(rest + 1, "0123456789");

		assert_in_range(writer, 0, WRITERS - 1);
		assert_int_equal(number, counts[writer]);
		assert_ptr_equal(rest + 1 + digits, newline);
		assert_int_equal(digits, strtoul(rest, NULL, 10) + 1);
		counts[writer]++;
	}
	assert_int_equal(*at, '\0');
}

static void two_writers_tear_no_line(void **state)
{
	unsigned counts[WRITERS] = {0};
	char path[PATH_SIZE];
	pid_t children[WRITERS];
	size_t length;
	char *bytes;

	(void)sinks_path(state, "events", path);
	for (unsigned i = 0; i < WRITERS; i++) {
		children[i] = fork();
		if (children[i] == 0)
			_exit(write_many(path, i));
	}
	for (unsigned i = 0; i < WRITERS; i++)
		assert_int_equal(sinks_wait(children[i]), 0);
	bytes = sinks_contents(path, &length);
	assert_non_null(bytes);
	count_lines(bytes, counts);
	for (unsigned i = 0; i < WRITERS; i++)
		assert_int_equal(counts[i], LINES);
	free(bytes);
}

/* --- Regular files that take a part --- */

/* A sink's file in a child that may write files of up to limit bytes. */
static int write_limited(const char *path, rlim_t limit)
{
	const struct rlimit few = {limit, limit};
	struct sink sink;

	(void)signal(SIGXFSZ, SIG_IGN);
	if (sinks_start(&sink, path) != 0 || setrlimit(RLIMIT_FSIZE, &few) != 0)
		return 1;
	if (sinks_put(&sink, "first\n", 1) != SINK_WRITTEN || sinks_put(&sink, "second\n", 2) != SINK_KEPT)
		return 2;
	if (sinks_put(&sink, "third\n", 3) != SINK_KEPT || sink_flush(&sink) || sink.store->torn != 0)
		return 3;
	sink_close(&sink);
	return 0;
}

static void a_line_that_was_cut_short_is_taken_back(void **state)
{
	/* By the bytes of the second line that had room. */
	static const char *const left[] = {"", "\n", " \n", "{}\n", "{} \n", "{}  \n", "{}   \n"};
	char expected[64];
	char path[PATH_SIZE];

	(void)sinks_path(state, "events", path);
	for (size_t i = 0; i < sizeof(left) / sizeof(*left); i++) {
		pid_t child = fork();

		if (child == 0)
			_exit(write_limited(path, strlen("first\n") + i));
		assert_int_equal(sinks_wait(child), 0);
		(void)snprintf(expected, sizeof(expected), "first\n%s", left[i]);
		sinks_expect(path, expected);
		assert_int_equal(unlink(path), 0);
	}
}

/* A long line, of which more than one page of blanks has to be written. */
static int write_limited_long(const char *path)
{
	const struct rlimit few = {10000, 10000};
	char *line = malloc(20000);
	struct sink sink;

	(void)signal(SIGXFSZ, SIG_IGN);
	if (!line || sinks_start(&sink, path) != 0 || setrlimit(RLIMIT_FSIZE, &few) != 0)
		return 1;
	sinks_numbered(line, 20000, 1);
	if (sink_write(&sink, line, 20000, 1) != SINK_KEPT || sink.store->torn != 0)
		return 2;
	sink_close(&sink);
	free(line);
	return 0;
}

static void a_long_line_that_was_cut_short(void **state)
{
	char path[PATH_SIZE];
	pid_t child;
	size_t length;
	char *bytes;

	(void)sinks_path(state, "events", path);
	child = fork();
	if (child == 0)
		_exit(write_limited_long(path));
	assert_int_equal(sinks_wait(child), 0);
	bytes = sinks_contents(path, &length);
	assert_non_null(bytes);
	assert_int_equal(length, 10000);
	assert_memory_equal(bytes, "{} ", 3);
	assert_int_equal(strspn(bytes + 2, " "), 9997);
	assert_int_equal(bytes[9999], '\n');
	free(bytes);
}

static int limit_files(rlim_t size)
{
	const struct rlimit limit = {size, RLIM_INFINITY};

	return setrlimit(RLIMIT_FSIZE, &limit);
}

static int write_between(const char *path)
{
	struct sink sink;
	struct sink other;

	(void)signal(SIGXFSZ, SIG_IGN);
	if (sinks_start(&sink, path) != 0 || sinks_start(&other, path) != 0 || limit_files(4) != 0)
		return 1;
	if (sinks_put(&sink, "second\n", 1) != SINK_KEPT || limit_files(RLIM_INFINITY) != 0)
		return 2;
	if (sinks_put(&other, "first\n", 1) != SINK_WRITTEN || sinks_put(&sink, "third\n", 2) != SINK_WRITTEN)
		return 3;
	sink_close(&sink);
	sink_close(&other);
	return 0;
}

static void a_line_that_was_taken_back_comes_behind_what_others_append(void **state)
{
	char path[PATH_SIZE];
	pid_t child;

	(void)sinks_path(state, "events", path);
	child = fork();
	if (child == 0)
		_exit(write_between(path));
	assert_int_equal(sinks_wait(child), 0);
	sinks_expect(path, "{} \nfirst\nsecond\nthird\n");
}

/*
 * One writer is cut short again and again (each time its limit is a little higher), as long as another
 * appends: nothing of the other's is touched.
 */
static int write_through_limits(const char *path)
{
	struct sink sink;
	struct stat status;

	(void)signal(SIGXFSZ, SIG_IGN);
	if (sinks_start(&sink, path) != 0)
		return 1;
	do {
		if (fstat(sink.descriptor, &status) != 0 || limit_files((rlim_t)status.st_size + 80) != 0)
			return 2;
		if (sink_flush(&sink) && sinks_put(&sink, CUT "\n", 1) == SINK_LOST)
			return 3;
	} while (status.st_size < (off_t)(LINES * LINE_LENGTH));
	sink_close(&sink);
	return 0;
}

static bool is_line_of_two(const char *at, size_t length, unsigned *whole)
{
	static const char cut[] = CUT;
	size_t blank = length >= 2 && memcmp(at, "{}", 2) == 0 ? 2 : 0;

	if (length == strlen(cut) && memcmp(at, cut, length) == 0)
		return true;
	if (length == LINE_LENGTH - 1 && memcmp(at, LINE, length) == 0) {
		(*whole)++;
		return true;
	}
	return blank + strspn(at + blank, " ") == length;
}

static int write_lines(const char *path, unsigned count)
{
	struct sink sink;

	if (sinks_start(&sink, path) != 0)
		return 1;
	for (unsigned i = 0; i < count; i++)
		if (sinks_put(&sink, LINE, i) != SINK_WRITTEN)
			return 2;
	sink_close(&sink);
	return 0;
}

static void taking_back_leaves_what_others_have_appended(void **state)
{
	unsigned whole = 0;
	char path[PATH_SIZE];
	pid_t limited;
	pid_t other;
	size_t length;
	char *bytes;

	(void)sinks_path(state, "events", path);
	limited = fork();
	if (limited == 0)
		_exit(write_through_limits(path));
	other = fork();
	if (other == 0)
		_exit(write_lines(path, LINES));
	assert_int_equal(sinks_wait(limited), 0);
	assert_int_equal(sinks_wait(other), 0);
	bytes = sinks_contents(path, &length);
	assert_non_null(bytes);
	for (char *at = bytes, *newline; (newline = strchr(at, '\n')); at = newline + 1)
		if (!is_line_of_two(at, (size_t)(newline - at), &whole))
			fail_msg("torn: %.*s", (int)(newline - at), at);
	assert_int_equal(whole, LINES);
	free(bytes);
}

/* --- A disk that is full, then emptied --- */

/* Half of the disk, to be given back. */
static int write_ballast(const char *path)
{
	static const char half[32768];
	int descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (descriptor < 0 || write(descriptor, half, sizeof(half)) != (ssize_t)sizeof(half))
		return -1;
	return close(descriptor);
}

static enum sink_result write_line(struct sink *sink, unsigned number)
{
	char line[300];

	sinks_numbered(line, sizeof(line), number);
	return sink_write(sink, line, sizeof(line), number);
}

/* Writes until the disk has refused that many of the *sent lines. */
static int write_until_kept(struct sink *sink, unsigned *sent, unsigned refused)
{
	unsigned kept = 0;

	while (kept < refused && *sent < 10000) {
		enum sink_result result = write_line(sink, (*sent)++);

		if (result == SINK_LOST || (result == SINK_WRITTEN && kept > 0))
			return -1;
		kept += result == SINK_KEPT;
	}
	return kept == refused ? 0 : -1;
}

/* Every line once and in order; between them what was taken back. */
static int check_disk(const char *path, unsigned sent)
{
	char line[300];
	unsigned found = 0;
	size_t length;
	char *bytes = sinks_contents(path, &length);

	if (!bytes)
		return -1;
	for (char *at = bytes, *newline; (newline = strchr(at, '\n')); at = newline + 1) {
		sinks_numbered(line, sizeof(line), found);
		if (strncmp(at, "{} ", 3) == 0)
			continue;
		if (newline - at != (ptrdiff_t)sizeof(line) - 1 || memcmp(at, line, sizeof(line)) != 0)
			return -1;
		found++;
	}
	free(bytes);
	return found == sent ? 0 : -1;
}

/* In a child with mounts of its own, which end with it. */
static int full_disk(const char *directory)
{
	char path[PATH_SIZE];
	char ballast[PATH_SIZE];
	unsigned sent = 0;
	struct sink sink;

	(void)snprintf(path, sizeof(path), "%s/events", directory);
	(void)snprintf(ballast, sizeof(ballast), "%s/ballast", directory);
	if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, "") != 0 ||
	    mount("none", directory, "tmpfs", MS_NOSUID | MS_NODEV, "size=64k") != 0)
		return 1;
	if (write_ballast(ballast) != 0 || sinks_start(&sink, path) != 0)
		return 2;
	if (write_until_kept(&sink, &sent, 5) != 0 || sink_flush(&sink))
		return 3;
	if (unlink(ballast) != 0 || !sink_flush(&sink))
		return 4;
	if (write_line(&sink, sent++) != SINK_WRITTEN || check_disk(path, sent) != 0)
		return 5;
	sink_close(&sink);
	return 0;
}

static void a_disk_that_is_full_then_has_room(void **state)
{
	pid_t child;

	if (geteuid() != 0) {
		print_message("# a_disk_that_is_full_then_has_room: needs root to mount a small disk\n");
		skip();
	}
	child = fork();
	if (child == 0)
		_exit(full_disk(*state));
	assert_int_equal(sinks_wait(child), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    IN_DIRECTORY(two_writers_tear_no_line),
	    IN_DIRECTORY(a_line_that_was_cut_short_is_taken_back),
	    IN_DIRECTORY(a_long_line_that_was_cut_short),
	    IN_DIRECTORY(a_line_that_was_taken_back_comes_behind_what_others_append),
	    IN_DIRECTORY(taking_back_leaves_what_others_have_appended),
	    IN_DIRECTORY(a_disk_that_is_full_then_has_room),
	};

	return cmocka_run_group_tests_name("sink_file", tests, NULL, NULL);
}
