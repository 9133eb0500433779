/* The trail: where it is for whom, the directories above it, what a line is, and which numbers are missing. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "trail.h"
#include "trail_reader.h"
#include "trail_sessions.h"

#define NOT_IN_PASSWD 4000000001U
#define IN_PASSWD     65534U /* nobody, whose home is /nonexistent */

/* A user, an environment, and the path; NULL for one that cannot be had. */
struct place {
	uid_t uid;
	bool from_environment;
	const char *home;
	const char *state;
	const char *path;
};

static void set(const char *name, const char *value)
{
	if (value)
		assert_int_equal(setenv(name, value, 1), 0);
	else
		assert_int_equal(unsetenv(name), 0);
}

/* In the child: 0, or 1 where it is another path. */
static int look(const struct place *place)
{
	char path[PATH_MAX];
	struct error err = {""};
	int result = trail_path(place->from_environment, path, &err);

	if (!place->path)
		return !(result == -1 && strstr(err.text, "--events"));
	if (result != 0 || strcmp(path, place->path) != 0) {
		print_error("got %s %s, wanted %s\n", path, err.text, place->path);
		return 1;
	}
	return 0;
}

static void expect_place(const struct place *place)
{
	int status;
	pid_t child;

	if (place->uid != geteuid() && geteuid() != 0)
		return; /* another user, whom only root can be */
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		set("HOME", place->home);
		set("XDG_STATE_HOME", place->state);
		if (place->uid != geteuid() && setresuid(place->uid, place->uid, place->uid) != 0)
			_exit(2);
		_exit(look(place));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void place_of_each_user(void **state)
{
	static char long_home[PATH_MAX];
	const struct place places[] = {
	    {0, true, "/h", "/s", TRAIL_SYSTEM},
	    {0, false, NULL, NULL, TRAIL_SYSTEM},
	    {IN_PASSWD, true, "/h", "/s", "/s/agentsh/events.jsonl"},
	    {IN_PASSWD, true, "/h", NULL, "/h/.local/state/agentsh/events.jsonl"},
	    {IN_PASSWD, true, "/h", "relative", "/h/.local/state/agentsh/events.jsonl"},
	    {IN_PASSWD, true, "/h", "", "/h/.local/state/agentsh/events.jsonl"},
	    {IN_PASSWD, true, "relative", NULL, "/nonexistent/.local/state/agentsh/events.jsonl"},
	    {IN_PASSWD, true, NULL, NULL, "/nonexistent/.local/state/agentsh/events.jsonl"},
	    /* As a shell nothing that the user can set counts. */
	    {IN_PASSWD, false, "/h", "/s", "/nonexistent/.local/state/agentsh/events.jsonl"},
	    {NOT_IN_PASSWD, false, "/h", "/s", "/h/.local/state/agentsh/events.jsonl"},
	    {NOT_IN_PASSWD, false, "relative", "/s", NULL},
	    {NOT_IN_PASSWD, true, NULL, NULL, NULL},
	    {NOT_IN_PASSWD, true, long_home, NULL, NULL},
	};

	(void)state;
	memset(long_home, 'h', sizeof(long_home) - 1);
	long_home[0] = '/';
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		expect_place(&places[i]);
}

static mode_t mode_of(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 ? status.st_mode & 07777 : 0;
}

static void directories_are_made(void **state)
{
	char top[] = "/tmp/trail.XXXXXX";
	char path[PATH_MAX];
	struct error err;
	mode_t mask = umask(0);

	(void)state;
	assert_non_null(mkdtemp(top));
	(void)snprintf(path, sizeof(path), "%s/a/b/events.jsonl", top);
	assert_int_equal(trail_make_directory(path, &err), 0);
	assert_int_equal(trail_make_directory(path, &err), 0);
	assert_int_equal(mode_of(path), 0); /* the file is not made */
	(void)snprintf(path, sizeof(path), "%s/a/b", top);
	assert_int_equal(mode_of(path), 0700);
	/* A file in the way. */
	(void)snprintf(path, sizeof(path), "%s/a/b/file", top);
	assert_int_equal(close(open(path, O_CREAT | O_WRONLY, 0600)), 0);
	(void)snprintf(path, sizeof(path), "%s/a/b/file/c/events.jsonl", top);
	assert_int_equal(trail_make_directory(path, &err), -1);
	assert_non_null(strstr(err.text, "/a/b/file: it cannot be made: Not a directory"));
	assert_non_null(strstr(err.text, "--events"));
	(void)umask(mask);
	for (const char *const *name = (const char *const[]){"/a/b/file", "/a/b", "/a", "", NULL}; *name; name++) {
		(void)snprintf(path, sizeof(path), "%s%s", top, *name);
		assert_int_equal(remove(path), 0);
	}
}

static void directories_of_logs(void **state)
{
	char top[] = "/var/log/trail.XXXXXX";
	char path[PATH_MAX];
	struct error err;
	mode_t mask;

	(void)state;
	if (!mkdtemp(top))
		return; /* not root's */
	mask = umask(0);
	(void)snprintf(path, sizeof(path), "%s/a/events.jsonl", top);
	assert_int_equal(trail_make_directory(path, &err), 0);
	(void)umask(mask);
	(void)snprintf(path, sizeof(path), "%s/a", top);
	assert_int_equal(mode_of(path), 0750);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rmdir(top), 0);
}

static void expect_line(const char *text, const char *wanted)
{
	const char *why;
	cJSON *event = trail_parse(text, strlen(text), &why);

	if (!event != (wanted != NULL) || (wanted && !strstr(why, wanted)))
		fail_msg("%s: %s", text, why ? why : "taken");
	cJSON_Delete(event);
}

static void lines(void **state)
{
	static char deep[4000];

	(void)state;
	expect_line("{\"type\":\"x\"}", NULL);
	expect_line("  {\"type\":\"\xf0\x9f\x98\x80\"}  ", NULL);
	expect_line("{\"type\":\"\\\\u0000\"}", NULL);
	expect_line("{\"type\":\"x\\u0000\"}", "NUL");
	expect_line("{\"type\":\"x\",\"\\\\\\u0000\":1}", "NUL");
	expect_line("{\"type\":\"x\\u000", "not JSON");
	expect_line("{\"type\":\"a\tb\"}", "control");
	expect_line("{\"type\":\t\"x\"}", "control");
	expect_line("{\"type\":\"x\"} {", "more than one");
	expect_line("", "empty");
	expect_line("{\"type\":\"x\"", "not JSON");
	expect_line("{\"type\":null}", "not an event");
	expect_line("\"type\"", "not an event");
	expect_line("{\"type\":\"\x1b\"}", "control");
	expect_line("{\"type\":\"x\"}\r", "control");
	expect_line("{\"type\":\"\xc3\"}", "UTF-8");
	expect_line("{\"type\":\"x\xf4\x90\x80\x80\"}", "UTF-8");
	expect_line("{\"type\":\"x\xc0\x80\"}", "UTF-8");
	memset(deep, '[', sizeof(deep) - 1);
	expect_line(deep, "not JSON");
}

static struct trail_session *take(struct trail_sessions *sessions, const char *format, unsigned seq, unsigned extra)
{
	char text[256];
	const char *why;
	struct trail_session *session;
	cJSON *event;

	(void)snprintf(text, sizeof(text), format, seq, extra);
	event = trail_parse(text, strlen(text), &why);
	assert_non_null(event);
	session = trail_sessions_take(sessions, event);
	cJSON_Delete(event);
	return session;
}

#define PLAIN      "{\"type\":\"x\",\"session_id\":\"s\",\"seq\":%u,\"timestamp_us\":%u}"
#define SUPPRESSED "{\"type\":\"events_suppressed\",\"session_id\":\"s\",\"seq\":9,\"first_seq\":%u,\"last_seq\":%u}"

/* first..last of a gap 2..8 is accounted for: what is left of it. */
static void expect_left(unsigned first, unsigned last, const char *wanted)
{
	struct trail_sessions sessions = {0};
	struct trail_session *session;
	struct trail_gap gap;
	char left[64] = "";

	(void)take(&sessions, PLAIN, 1, 0);
	session = take(&sessions, SUPPRESSED, first, last);
	while (trail_session_take_gap(session, UINT64_MAX, &gap))
		(void)snprintf(left + strlen(left), sizeof(left) - strlen(left), "%u-%u ", (unsigned)gap.first,
			       (unsigned)gap.last);
	assert_string_equal(left, wanted);
	trail_sessions_free(&sessions);
}

static void gaps(void **state)
{
	(void)state;
	expect_left(2, 8, "");
	expect_left(1, 9, "");
	expect_left(2, 4, "5-8 ");
	expect_left(6, 8, "2-5 ");
	expect_left(4, 5, "2-3 6-8 ");
	expect_left(0, 1, "2-8 ");
	expect_left(9, 20, "2-8 ");
	expect_left(8, 2, "2-8 ");
}

static void gaps_settle(void **state)
{
	struct trail_sessions sessions = {0};
	struct trail_session *session;
	struct trail_gap gap;

	(void)state;
	(void)take(&sessions, PLAIN, 1, 5000000);
	session = take(&sessions, PLAIN, 3, 5000000);
	assert_false(trail_session_take_gap(session, 5000000 + TRAIL_GAP_SETTLED_US - 1, &gap));
	assert_true(trail_session_take_gap(session, 5000000 + TRAIL_GAP_SETTLED_US, &gap));
	assert_false(trail_session_take_gap(session, UINT64_MAX, &gap));
	trail_sessions_free(&sessions);
}

static void joined(void **state)
{
	cJSON *array = cJSON_Parse("[\"ab\", \"\\u001b\", 5, \"cdefghijklmnopqrstuvwxyz\"]");
	char out[64];

	(void)state;
	for (size_t size = 13; size <= sizeof(out); size++) {
		memset(out, '#', sizeof(out));
		trail_join(array, out, size);
		assert_true(strlen(out) < size);
		for (size_t i = size; i < sizeof(out); i++)
			assert_int_equal(out[i], '#');
		assert_int_equal(strncmp(out, "ab", 2), 0);
	}
	cJSON_Delete(array);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(place_of_each_user),
	    cmocka_unit_test(directories_are_made),
	    cmocka_unit_test(directories_of_logs),
	    cmocka_unit_test(lines),
	    cmocka_unit_test(gaps),
	    cmocka_unit_test(gaps_settle),
	    cmocka_unit_test(joined),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
