#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ctl_trail.h"
#include "trail_sessions.h"
#include "trail_text.h"

#define ROW      "%-17s %-23s %6s %-8s %6s %6s %7s %s\n"
#define SLACK_US 5000000 /* the clock may have been set between a start and its event */
#define START    19      /* fields behind the state of /proc/PID/stat up to starttime: proc(5) */

/* The microseconds since the epoch at which the process began; 0: not to be had. */
static uint64_t began(pid_t pid)
{
	char path[32];
	char text[1024] = "";
	struct timespec now = {0};
	struct timespec boot = {0};
	const char *field;
	uint64_t start_us;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	(void)fclose(file);
	/* The name, in parentheses, may hold any. */
	field = strrchr(text, ')');
	for (int i = 0; field && i <= START; i++)
		field = strchr(field + 1, ' ');
	if (!field)
		return 0;
	start_us = strtoull(field + 1, NULL, 10) * 1000000 / (uint64_t)sysconf(_SC_CLK_TCK);
	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)clock_gettime(CLOCK_BOOTTIME, &boot);
	return (uint64_t)(now.tv_sec - boot.tv_sec) * 1000000 + start_us;
}

/* Is its first process there still, and not another one of that number? */
static bool first_is_there(const struct trail_session *session)
{
	pid_t pid = (pid_t)session->pid;
	uint64_t start_us;

	if (session->pid == 0 || session->pid > INT32_MAX || (kill(pid, 0) != 0 && errno != EPERM))
		return false;
	start_us = began(pid);
	return start_us == 0 || start_us <= session->start_us + SLACK_US;
}

static const char *state(const struct trail_session *session)
{
	if (session->ended)
		return "ended";
	return session->started && first_is_there(session) ? "running" : "unknown";
}

static void show(const struct trail_session *session)
{
	char clock[TRAIL_CLOCK_SIZE];
	char uid[24] = "-";
	char killed[24];
	char denied[24];
	char audited[24];

	trail_clock(session->start_us, clock);
	if (session->uid >= 0)
		(void)snprintf(uid, sizeof(uid), "%" PRId64, session->uid);
	(void)snprintf(killed, sizeof(killed), "%" PRIu64, session->killed);
	(void)snprintf(denied, sizeof(denied), "%" PRIu64, session->denied);
	(void)snprintf(audited, sizeof(audited), "%" PRIu64, session->audited);
	printf(ROW, session->id, clock, uid, state(session), killed, denied, audited,
	       session->command ? session->command : "-");
}

struct listing {
	const char *path;
	struct trail_sessions sessions;
	bool odd; /* an event was passed over, told */
};

static void take(const struct trail_event *event, void *data)
{
	struct listing *listing = data;
	struct error err;

	if (!trail_session_is_odd(event->json)) {
		(void)trail_sessions_take(&listing->sessions, event->json);
		return;
	}
	listing->odd = true;
	(void)error_set(&err, "%s:%lu: session_id: no session ID (1 to 64 of A-Z a-z 0-9 _ . -): left out",
			listing->path, event->line);
	(void)ctl_trail_finding(&err);
}

/* Reads all there is. CTL_OK, or CTL_FINDING, told. */
static int read_all(struct listing *listing, struct trail_reader *reader)
{
	int status = ctl_trail_each(reader, take, listing);
	struct error err;

	if (trail_reader_finish(reader, &err) == TRAIL_FINDING)
		status = ctl_trail_finding(&err);
	return listing->odd ? CTL_FINDING : status;
}

int ctl_sessions(int argc, char **argv)
{
	struct ctl_trail_options options;
	char path[PATH_MAX];
	struct listing listing = {.path = path};
	struct trail_reader reader;
	struct error err;
	int status = ctl_trail_options(argc, argv, "", &options);

	if (status == CTL_OK)
		status = ctl_trail_open(&options, path, &reader);
	if (status != CTL_OK)
		return status;
	status = read_all(&listing, &reader);
	printf(ROW, "# ID", "BEGAN", "UID", "STATE", "KILLED", "DENIED", "AUDITED", "COMMAND");
	for (const struct trail_session *session = listing.sessions.first; session; session = session->next)
		show(session);
	if (listing.sessions.full) {
		(void)error_set(&err, "%s: more than %u sessions: the rest is left out", path, TRAIL_SESSIONS_MAX);
		status = ctl_trail_finding(&err);
	}
	trail_sessions_free(&listing.sessions);
	trail_reader_close(&reader);
	return ctl_finish() == CTL_OK ? status : CTL_FINDING;
}
