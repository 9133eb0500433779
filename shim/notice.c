#include "notice.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"
#include "nowait.h"
#include "syscall_table.h"
#include "trail.h"

#define LINE_SIZE   1024
#define NAMES_SHOWN 6U /* of blocked calls, in the summary */
#define TRAIL_SHOWN 256U

/* Of these a name is made that a shell takes as it stands. */
#define UNQUOTED "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-./+,:@%="

/* A terminal or a pipe is non-blocking where the loader could open it so, and not after su; a socket never is. */
static void say(const struct notice *notice, const char *text)
{
	char line[2 * LINE_SIZE];
	size_t length = error_escape(line, sizeof(line) - 1, text);

	line[length++] = '\n';
	if (send(notice->descriptor, line, length, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 || errno != ENOTSOCK)
		return;
	if (nowait_write(notice->descriptor, line, length) < 0)
		return; /* full or gone: the events have it */
}

void notice_denial(const struct notice *notice, const char *action, const struct tracee *tracee, const char *call,
		   const char *rule)
{
	char text[LINE_SIZE];

	if (notice->descriptor < 0 || !notice->each)
		return;
	(void)snprintf(text, sizeof(text), "agentsh-exec: %s %.*s (pid %d): %s is blocked (%s)", action,
		       tracee->has_comm ? (int)tracee->comm_length : 1, tracee->has_comm ? tracee->comm : "?",
		       tracee->tgid, call, rule);
	say(notice, text);
}

static size_t append_names(const struct area_counts *counts, uint32_t arch, char *out, size_t size)
{
	char name[SYSCALL_NAME_MAX];
	size_t length = 0;
	unsigned shown = 0;
	unsigned more = 0;

	for (int number = 0; number < (int)AREA_CALLS; number++) {
		if (atomic_load(&counts->calls[number]) == 0)
			continue;
		if (shown == NAMES_SHOWN) {
			more++;
			continue;
		}
		if (!syscall_name(arch, number, name))
			(void)snprintf(name, sizeof(name), "call %d", number);
		length += (size_t)snprintf(out + length, size - length, "%s%s", shown ? ", " : "", name);
		shown++;
	}
	if (more)
		length += (size_t)snprintf(out + length, size - length, " and %u more", more);
	return length;
}

/* Of the session's user, as agentshctl(1) looks for it where no file is named. */
static bool is_users_own(const char *trail, uid_t uid)
{
	const size_t length = strlen(trail);
	const size_t end = sizeof("/" TRAIL_NAME) - 1;

	if (uid == 0 || strcmp(trail, TRAIL_SYSTEM) == 0)
		return uid == 0 && strcmp(trail, TRAIL_SYSTEM) == 0;
	return length > end && strcmp(trail + length - end, "/" TRAIL_NAME) == 0;
}

void notice_pointer(const char *trail, uid_t uid, char out[NOTICE_POINTER_SIZE])
{
	if (trail && is_users_own(trail, uid))
		(void)snprintf(out, NOTICE_POINTER_SIZE, "'agentshctl last' tells more");
	else if (trail && strlen(trail) < TRAIL_SHOWN && trail[strspn(trail, UNQUOTED)] == '\0')
		(void)snprintf(out, NOTICE_POINTER_SIZE, "'agentshctl last %s' tells more", trail);
	else
		(void)snprintf(out, NOTICE_POINTER_SIZE, "its events tell more");
}

static bool has_blocked(const struct area_counts *counts)
{
	return atomic_load(&counts->killed) + atomic_load(&counts->denied) > 0;
}

size_t notice_summary(const struct area_counts *counts, uint32_t arch, const char *pointer, char *out, size_t size)
{
	unsigned long long killed = atomic_load(&counts->killed);
	unsigned long long denied = atomic_load(&counts->denied);
	char names[NAMES_SHOWN * (SYSCALL_NAME_MAX + 2) + 32];
	int length;

	if (!has_blocked(counts))
		return 0;
	if (append_names(counts, arch, names, sizeof(names)) == 0)
		(void)snprintf(names, sizeof(names), "calls of another architecture");
	length = snprintf(out, size, "agentsh-exec: the policy blocked %s: %llu killed, %llu denied (%s)", names,
			  killed, denied, pointer);
	return length > 0 && (size_t)length < size ? (size_t)length : 0;
}

/* The path of the file that a sink writes to. False: it is none, or has none. */
static bool file_of(const struct sink *sink, char path[PATH_MAX])
{
	char link[64];
	struct stat status;
	ssize_t length;

	if (fstat(sink->descriptor, &status) != 0 || !S_ISREG(status.st_mode) || status.st_nlink == 0)
		return false;
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", sink->descriptor);
	length = readlink(link, path, PATH_MAX - 1);
	path[length > 0 ? length : 0] = '\0';
	return length > 0;
}

/* Has it the session's events, and in a file? */
static bool has_events(const struct sink *sink, char path[PATH_MAX])
{
	return sink && sink_trouble(sink) == 0 && file_of(sink, path);
}

static int trouble(const struct sink *sink)
{
	return sink ? sink_trouble(sink) : 0;
}

/* Nobody is sent to a file that a full disk has kept the events from. */
static void point(const struct notice *notice, uid_t uid, char out[NOTICE_POINTER_SIZE])
{
	char path[PATH_MAX];
	const bool is_file = has_events(notice->copy, path) || has_events(notice->trail, path);
	const int error = trouble(notice->copy) ? trouble(notice->copy) : trouble(notice->trail);

	if (!is_file && error)
		(void)snprintf(out, NOTICE_POINTER_SIZE, "its events cannot be written: %s", strerror(error));
	else
		notice_pointer(is_file ? path : NULL, uid, out);
}

static void summarise(struct notice *notice, struct area *area, uint32_t arch)
{
	char pointer[NOTICE_POINTER_SIZE];
	char text[LINE_SIZE];

	point(notice, area->session.uid, pointer);
	if (notice_summary(&area->counts, arch, pointer, text, sizeof(text)) == 0)
		return;
	area->noticed = true;
	say(notice, text);
}

void notice_end(struct notice *notice, struct area *area, uint32_t arch)
{
	if (notice->descriptor < 0)
		return;
	if (!notice->each && !area->noticed && has_blocked(&area->counts))
		summarise(notice, area, arch);
	close(notice->descriptor);
	notice->descriptor = -1;
}
