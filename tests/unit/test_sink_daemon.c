/* Events as datagrams: what syslog and journald get, and daemons that are slow, gone or new. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sinks.h"

static void expect_datagram(int server, const char *expected)
{
	char got[1024];
	ssize_t length = recv(server, got, sizeof(got) - 1, 0);

	assert_true(length >= 0);
	got[length] = '\0';
	assert_string_equal(got, expected);
}

static void connect_sink(struct sink *sink, const char *path, enum sink_kind kind)
{
	struct error err = {""};
	int descriptor = sink_connect(path, &err);

	if (descriptor < 0)
		fail_msg("%s", err.text);
	assert_int_equal(fcntl(descriptor, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(sink_init(sink, descriptor, kind, NULL), 0);
}

static void what_the_daemons_get(void **state)
{
	char path[PATH_SIZE];
	char expected[128];
	int server = sinks_bind(sinks_path(state, "socket", path), SOCK_DGRAM);
	struct sink sink;

	connect_sink(&sink, path, SINK_SYSLOG);
	assert_int_equal(sinks_put(&sink, LINE, 1), SINK_WRITTEN);
	(void)snprintf(expected, sizeof(expected), "<85>agentsh-sidecar[%d]: {\"type\":\"x\"}", getpid());
	expect_datagram(server, expected);
	sink_close(&sink);
	connect_sink(&sink, path, SINK_JOURNALD);
	assert_int_equal(sinks_put(&sink, LINE, 1), SINK_WRITTEN);
	expect_datagram(server, "PRIORITY=5\nSYSLOG_FACILITY=10\nSYSLOG_IDENTIFIER=agentsh-sidecar\n"
				"MESSAGE={\"type\":\"x\"}\n");
	sink_close(&sink);
	assert_int_equal(close(server), 0);
}

static void a_daemon_that_does_not_read(void **state)
{
	char path[PATH_SIZE];
	char line[64];
	char got[256];
	int server = sinks_bind(sinks_path(state, "socket", path), SOCK_DGRAM);
	struct sink sink;
	unsigned sent = 0;
	unsigned found = 0;

	connect_sink(&sink, path, SINK_SYSLOG);
	for (unsigned kept = 0; kept < 3; sent++) {
		(void)snprintf(line, sizeof(line), "%u\n", sent);
		kept += sinks_put(&sink, line, sent) == SINK_KEPT;
		assert_true(sent < 10000);
	}
	while (found < sent) {
		ssize_t length = recv(server, got, sizeof(got) - 1, 0);

		if (length < 0) {
			(void)sink_flush(&sink);
			length = recv(server, got, sizeof(got) - 1, 0);
		}
		assert_true(length > 0);
		got[length] = '\0';
		assert_int_equal(strtoul(strrchr(got, ' '), NULL, 10), found++);
	}
	assert_int_equal(sink_pending(&sink), 0);
	sink_close(&sink);
	assert_int_equal(close(server), 0);
}

static void a_daemon_that_is_started_anew(void **state)
{
	char path[PATH_SIZE];
	int server = sinks_bind(sinks_path(state, "socket", path), SOCK_DGRAM);
	struct sink sink;

	connect_sink(&sink, path, SINK_JOURNALD);
	assert_int_equal(close(server), 0);
	assert_int_equal(sinks_put(&sink, LINE, 1), SINK_KEPT);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(sinks_put(&sink, LINE, 2), SINK_KEPT);
	server = sinks_bind(path, SOCK_DGRAM);
	assert_true(sink_flush(&sink));
	expect_datagram(server, "PRIORITY=5\nSYSLOG_FACILITY=10\nSYSLOG_IDENTIFIER=agentsh-sidecar\n"
				"MESSAGE={\"type\":\"x\"}\n");
	sink_close(&sink);
	assert_int_equal(close(server), 0);
}

static void a_line_that_no_datagram_can_hold(void **state)
{
	char path[PATH_SIZE];
	int server = sinks_bind(sinks_path(state, "socket", path), SOCK_DGRAM);
	size_t length = 60000;
	char *line = malloc(length);
	struct sink_loss loss;
	struct sink sink;
	struct error err;
	int descriptor = sink_connect(path, &err);

	assert_non_null(line);
	sinks_numbered(line, length, 1);
	assert_int_equal(setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &(int){8192}, sizeof(int)), 0);
	assert_int_equal(sink_init(&sink, descriptor, SINK_SYSLOG, NULL), 0);
	assert_int_equal(sink_write(&sink, line, length, 1), SINK_LOST);
	assert_int_equal(sinks_put(&sink, LINE, 2), SINK_WRITTEN); /* the next is none the worse */
	assert_true(sink_has_loss(&sink, &loss));
	assert_int_equal(loss.count, 1);
	/* The longest that is not refused does go. */
	assert_int_equal(sink_write(&sink, line + length - sink.longest, sink.longest, 3), SINK_WRITTEN);
	sink_close(&sink);
	assert_int_equal(close(server), 0);
	free(line);
}

static void no_daemon(void **state)
{
	char path[PATH_SIZE];
	struct error err = {""};
	char longer[200];

	assert_int_equal(sink_connect(sinks_path(state, "socket", path), &err), -1);
	assert_non_null(strstr(err.text, "--events"));
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(sink_connect(longer, &err), -1);
	assert_non_null(strstr(err.text, "too long"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    IN_DIRECTORY(what_the_daemons_get),
	    IN_DIRECTORY(a_daemon_that_does_not_read),
	    IN_DIRECTORY(a_daemon_that_is_started_anew),
	    IN_DIRECTORY(a_line_that_no_datagram_can_hold),
	    IN_DIRECTORY(no_daemon),
	};

	return cmocka_run_group_tests_name("sink_daemon", tests, NULL, NULL);
}
