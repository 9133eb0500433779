/* What is a destination of events, how it is opened, and what is refused with a remedy. */
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
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sinks.h"

static void a_new_file_has_its_mode(void **state)
{
	static const mode_t masks[] = {0, 0777};
	char path[PATH_SIZE];
	struct stat status;
	struct sink sink;

	for (size_t i = 0; i < 2; i++) {
		mode_t before = umask(masks[i]);

		assert_int_equal(sinks_start(&sink, sinks_path(state, "events", path)), 0);
		(void)umask(before);
		assert_int_equal(fcntl(sink.descriptor, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
		assert_int_equal(stat(path, &status), 0);
		assert_int_equal(status.st_mode & 07777, 0640);
		sink_close(&sink);
		assert_int_equal(unlink(path), 0);
	}
}

static void an_old_file_is_appended_to_and_keeps_its_mode(void **state)
{
	char path[PATH_SIZE];
	struct stat status;
	struct sink sink;

	assert_int_equal(sinks_start(&sink, sinks_path(state, "events", path)), 0);
	assert_int_equal(sinks_put(&sink, "one\n", 1), SINK_WRITTEN);
	sink_close(&sink);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(sinks_start(&sink, path), 0);
	assert_int_equal(sinks_put(&sink, "two\n", 2), SINK_WRITTEN);
	sink_close(&sink);
	sinks_expect(path, "one\ntwo\n");
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
}

static void expect_refused(const char *destination, const char *part)
{
	struct error err = {""};
	enum sink_kind kind;
	int descriptor = sink_open(destination, &kind, &err);

	if (descriptor >= 0)
		fail_msg("%s: opened", destination);
	if (!strstr(err.text, part) || !strstr(err.text, "--events"))
		fail_msg("%s\nlacks %s or --events", err.text, part);
}

static void what_is_no_destination(void **state)
{
	int server;
	char path[PATH_SIZE];
	char target[PATH_SIZE];

	assert_int_equal(symlink(sinks_path(state, "other", target), sinks_path(state, "link", path)), 0);
	expect_refused(path, "a symbolic link");
	assert_int_not_equal(access(target, F_OK), 0); /* not made through it either */
	assert_int_equal(mkfifo(sinks_path(state, "fifo", path), 0600), 0);
	expect_refused(path, "a FIFO that nobody reads");
	server = sinks_bind(sinks_path(state, "socket", path), SOCK_STREAM);
	expect_refused(path, "no file");
	assert_int_equal(close(server), 0);
	expect_refused(*state, "Is a directory");
	expect_refused("/nonexistent/events", "No such file");
	expect_refused("events", "no absolute path");
	expect_refused("", "no absolute path");
}

static void nothing_stays_open_after_a_refusal(void **state)
{
	struct error err;
	enum sink_kind kind;
	char path[PATH_SIZE];
	int next = dup(0);

	assert_int_equal(close(next), 0);
	assert_int_equal(mkfifo(sinks_path(state, "fifo", path), 0600), 0);
	assert_int_equal(sink_open(path, &kind, &err), -1);
	assert_int_equal(sink_open(*state, &kind, &err), -1);
	assert_int_equal(sink_connect(path, &err), -1);
	assert_int_equal(dup(0), next);
	assert_int_equal(close(next), 0);
}

static void a_fifo_with_a_reader(void **state)
{
	struct sink sink;
	char path[PATH_SIZE];
	char got[LINE_LENGTH];
	int reader;

	assert_int_equal(mkfifo(sinks_path(state, "fifo", path), 0600), 0);
	reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_int_equal(sinks_start(&sink, path), 0);
	assert_int_equal(sinks_put(&sink, LINE, 1), SINK_WRITTEN);
	assert_int_equal(read(reader, got, sizeof(got)), LINE_LENGTH);
	assert_memory_equal(got, LINE, LINE_LENGTH);
	sink_close(&sink);
	assert_int_equal(close(reader), 0);
}

/* In a child, whose descriptor 2 is the given one; its flags must be as they were. anew: ours are others. */
static int write_to_stderr(int descriptor, bool anew)
{
	struct sink sink;
	int flags = fcntl(descriptor, F_GETFL);

	(void)dup2(descriptor, STDERR_FILENO);
	if (sinks_start(&sink, "-") != 0 || sink.descriptor <= STDERR_FILENO || sink.kind != SINK_STREAM)
		return 1;
	if (sinks_put(&sink, LINE, 1) != SINK_WRITTEN)
		return 2;
	if (anew != ((fcntl(sink.descriptor, F_GETFL) & O_NONBLOCK) != 0))
		return 4;
	sink_close(&sink);
	return fcntl(STDERR_FILENO, F_GETFL) == flags ? 0 : 3;
}

static void expect_stderr(int descriptor, int reader, bool anew)
{
	char got[LINE_LENGTH];
	pid_t child = fork();

	if (child == 0)
		_exit(write_to_stderr(descriptor, anew));
	assert_int_equal(sinks_wait(child), 0);
	assert_int_equal(read(reader, got, sizeof(got)), LINE_LENGTH);
	assert_memory_equal(got, LINE, LINE_LENGTH);
}

static void stderr_of_each_kind(void **state)
{
	int pair[2];

	(void)state;
	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	expect_stderr(pair[1], pair[0], true);
	(void)close(pair[0]);
	(void)close(pair[1]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	expect_stderr(pair[1], pair[0], false);
	(void)close(pair[0]);
	(void)close(pair[1]);
}

static int open_closed_stderr(int flags)
{
	enum sink_kind kind;
	struct error err = {""};
	const char *part = flags < 0 ? "stderr is closed" : "cannot be written";

	(void)close(STDERR_FILENO);
	if (flags >= 0 && open("/dev/null", flags) != STDERR_FILENO)
		return 1;
	return sink_open("-", &kind, &err) == -1 && strstr(err.text, part) && strstr(err.text, "--events") ? 0 : 2;
}

static void stderr_that_takes_nothing(void **state)
{
	static const int flags[] = {-1, O_RDONLY, O_PATH};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		pid_t child = fork();

		if (child == 0)
			_exit(open_closed_stderr(flags[i]));
		assert_int_equal(sinks_wait(child), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    IN_DIRECTORY(a_new_file_has_its_mode),       IN_DIRECTORY(an_old_file_is_appended_to_and_keeps_its_mode),
	    IN_DIRECTORY(what_is_no_destination),        IN_DIRECTORY(nothing_stays_open_after_a_refusal),
	    IN_DIRECTORY(a_fifo_with_a_reader),          cmocka_unit_test(stderr_of_each_kind),
	    cmocka_unit_test(stderr_that_takes_nothing),
	};

	return cmocka_run_group_tests_name("sink_open", tests, NULL, NULL);
}
