#include "notice.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "error.h"
#include "nowait.h"
#include "syscall_table.h"

#define LINE_SIZE   1024
#define NAMES_SHOWN 6U /* of blocked calls, in the summary */

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

size_t notice_summary(const struct area_counts *counts, uint32_t arch, char *out, size_t size)
{
	unsigned long long killed = atomic_load(&counts->killed);
	unsigned long long denied = atomic_load(&counts->denied);
	char names[NAMES_SHOWN * (SYSCALL_NAME_MAX + 2) + 32];
	int length;

	if (killed + denied == 0)
		return 0;
	if (append_names(counts, arch, names, sizeof(names)) == 0)
		(void)snprintf(names, sizeof(names), "calls of another architecture");
	length = snprintf(
	    out, size, "agentsh-exec: the policy blocked %s: %llu killed, %llu denied ('agentshctl last' tells more)",
	    names, killed, denied);
	return length > 0 && (size_t)length < size ? (size_t)length : 0;
}

void notice_end(struct notice *notice, struct area *area, uint32_t arch)
{
	char text[LINE_SIZE];

	if (notice->descriptor < 0)
		return;
	if (!notice->each && !area->noticed && notice_summary(&area->counts, arch, text, sizeof(text)) > 0) {
		area->noticed = true;
		say(notice, text);
	}
	close(notice->descriptor);
	notice->descriptor = -1;
}
