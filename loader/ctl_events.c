#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ctl_trail.h"
#include "trail_sessions.h"
#include "trail_text.h"

#define PAUSE_MS        200  /* between two looks at a file that is followed */
#define TIME_COLUMNS    23U  /* "2026-01-04 10:30:00.123" */
#define SESSION_COLUMNS 17U  /* "sess_" and 12 digits */
#define PID_COLUMNS     7U   /* up to 4194304 */
#define COMM_COLUMNS    15U  /* TASK_COMM_LEN without its NUL */
#define MEMBER_SIZE     300U /* 64 bytes, each escaped, and to spare */

struct view {
	const struct ctl_trail_options *options;
	const char *path;
	struct trail_sessions sessions;
	uint64_t latest_us; /* of the times in the trail, whatever the session */
	bool full_told;
	int status;
};

/* text, and blanks up to a column; one blank in any case. */
static void put(const char *text, size_t columns)
{
	size_t width = trail_columns(text);

	(void)fputs(text, stdout);
	do
		(void)putchar(' ');
	while (++width <= columns);
}

static void put_right(const char *text, size_t columns)
{
	for (size_t width = trail_columns(text); width < columns; width++)
		(void)putchar(' ');
	(void)fputs(text, stdout);
	(void)putchar(' ');
}

static void show_event(const cJSON *event)
{
	char clock[TRAIL_CLOCK_SIZE];
	char words[TRAIL_WORDS_SIZE];
	char member[MEMBER_SIZE];

	trail_clock(trail_time(event), clock);
	put(clock, TIME_COLUMNS);
	trail_member(event, "session_id", member, sizeof(member));
	put(member, SESSION_COLUMNS);
	trail_member(event, "pid", member, sizeof(member));
	put_right(member, PID_COLUMNS);
	trail_member(event, "comm", member, sizeof(member));
	put(member, COMM_COLUMNS);
	trail_words(event, words);
	(void)puts(words);
}

/*
 * The line as it is. On a terminal DEL and the C1 controls, which JSON lets stand in a string as they
 * are, come out as JSON's own escape for them: the same string.
 */
static void show_json(const char *text, size_t length, bool terminal)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)text[i];

		if (terminal && byte == 0x7f)
			(void)fputs("\\u007f", stdout);
		else if (terminal && byte == 0xc2 && (unsigned char)text[i + 1] < 0xa0)
			(void)printf("\\u00%02x", (unsigned char)text[++i]);
		else
			(void)putchar(byte);
	}
	(void)putchar('\n');
}

/* Words about a session: a line like those of events, with --json on stderr. */
static void show_words(const struct view *view, const struct trail_session *session, uint64_t time_us,
		       const char *words)
{
	char clock[TRAIL_CLOCK_SIZE];
	struct error err;

	if (view->options->json) {
		(void)error_set(&err, "%s: session %s: %s", view->path, session->id, words);
		(void)ctl_trail_finding(&err);
		return;
	}
	trail_clock(time_us, clock);
	put(clock, TIME_COLUMNS);
	put(session->id, SESSION_COLUMNS);
	put_right("-", PID_COLUMNS);
	put("-", COMM_COLUMNS);
	(void)puts(words);
}

static void show_gap(const struct view *view, const struct trail_session *session, const struct trail_gap *gap,
		     const char *what)
{
	uint64_t count = gap->last - gap->first + 1;
	char words[128];

	(void)snprintf(words, sizeof(words), "%" PRIu64 " event%s %s (seq %" PRIu64 " to %" PRIu64 ")", count,
		       count == 1 ? " is" : "s are", what, gap->first, gap->last);
	show_words(view, session, gap->noticed_us, words);
}

/* now_us: the time up to which all is in the trail that there is to tell. Of a session that has ended it is all. */
static void show_gaps(struct view *view, struct trail_session *session, uint64_t now_us)
{
	struct trail_gap gap;

	while (trail_session_take_gap(session, session->ended ? UINT64_MAX : now_us, &gap)) {
		show_gap(view, session, &gap, "missing");
		view->status = CTL_FINDING;
	}
}

static void show_all_gaps(struct view *view, uint64_t now_us)
{
	for (struct trail_session *session = view->sessions.first; session; session = session->next)
		show_gaps(view, session, now_us);
}

/* What the trail ends too early for: a session that goes on may tell of it in a moment, so nothing is lost yet. */
static void show_open_gaps(struct view *view)
{
	struct trail_gap gap;

	for (struct trail_session *session = view->sessions.first; session; session = session->next)
		while (trail_session_take_gap(session, UINT64_MAX, &gap))
			show_gap(view, session, &gap, "not told of yet");
}

/* The numbers of one that is not kept cannot be checked: said once. */
static void tell_full(struct view *view)
{
	struct error err;

	if (!view->sessions.full || view->full_told)
		return;
	view->full_told = true;
	(void)error_set(&err, "%s: more than %u sessions: nothing is said of what is missing in the rest", view->path,
			TRAIL_SESSIONS_MAX);
	view->status = ctl_trail_finding(&err);
}

static void take(const struct trail_event *event, void *data)
{
	struct view *view = data;
	struct trail_session *session;
	uint64_t time_us = trail_time(event->json);

	if (time_us > view->latest_us)
		view->latest_us = time_us;
	if (!ctl_trail_wanted(view->options, event->json))
		return;
	session = trail_sessions_take(&view->sessions, event->json);
	tell_full(view);
	/* A gap that is settled by now lies before this line. */
	if (session)
		show_gaps(view, session, time_us);
	if (view->options->json)
		show_json(event->text, event->length, isatty(STDOUT_FILENO) == 1);
	else
		show_event(event->json);
}

static uint64_t now(void)
{
	struct timespec time = {0};

	(void)clock_gettime(CLOCK_REALTIME, &time);
	return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

/* Waits a bounded time. False: nobody reads any more. */
static bool rest(struct view *view)
{
	struct pollfd output = {.fd = STDOUT_FILENO};

	if (fflush(stdout) != 0 || ferror(stdout))
		return false;
	if (poll(&output, 1, PAUSE_MS) <= 0)
		return true;
	if (output.revents & POLLNVAL) {
		errno = EBADF;
		(void)fputc('\n', stdout); /* for ctl_finish() to fail with */
		view->status = CTL_FINDING;
	}
	return false;
}

static void follow(struct view *view, struct trail_reader *reader)
{
	struct error err;

	do {
		if (ctl_trail_each(reader, take, view) != CTL_OK)
			view->status = CTL_FINDING;
		if (trail_reader_follow(reader, &err) == TRAIL_FINDING)
			view->status = ctl_trail_finding(&err);
		show_all_gaps(view, now());
	} while (reader->regular && rest(view));
	if (!reader->regular)
		show_open_gaps(view); /* nothing is added to it any more */
}

static void show_once(struct view *view, struct trail_reader *reader)
{
	struct error err;

	view->status = ctl_trail_each(reader, take, view) == CTL_OK ? view->status : CTL_FINDING;
	if (trail_reader_finish(reader, &err) == TRAIL_FINDING)
		view->status = ctl_trail_finding(&err);
	show_all_gaps(view, view->latest_us);
	show_open_gaps(view);
}

int ctl_events(int argc, char **argv)
{
	struct ctl_trail_options options;
	struct view view = {.options = &options};
	struct trail_reader reader;
	char path[PATH_MAX];
	int status = ctl_trail_options(argc, argv, "fsj", &options);

	if (status == CTL_OK)
		status = ctl_trail_open(&options, path, &reader);
	if (status != CTL_OK)
		return status;
	view.path = path;
	/* What is waited for is shown as it comes. */
	if (options.follow || !reader.regular)
		(void)setvbuf(stdout, NULL, _IOLBF, 0);
	if (options.follow)
		follow(&view, &reader);
	else
		show_once(&view, &reader);
	trail_sessions_free(&view.sessions);
	trail_reader_close(&reader);
	return ctl_finish() == CTL_OK ? view.status : CTL_FINDING;
}
