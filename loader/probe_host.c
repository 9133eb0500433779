#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "audit_stream.h"
#include "isolation.h"
#include "probe_child.h"

#define YAMA        "/proc/sys/kernel/yama/ptrace_scope"
#define SYSCTL      "/proc/sys/kernel"
#define STATUS      "/proc/self/status"
#define ABI_VERSION 1U /* LANDLOCK_CREATE_RULESET_VERSION */

static void audit_stream(const void *context, struct probe_result *result)
{
	const char *call;
	int stream = audit_stream_open(&call);

	(void)context;
	if (stream < 0) {
		probe_no(result, call, errno);
		return;
	}
	if (audit_stream_hears(stream))
		probe_yes(result, 0);
	else
		probe_no(result, "no record comes", errno);
	close(stream);
}

static void landlock(const void *context, struct probe_result *result)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, ABI_VERSION);

	(void)context;
	if (abi > 0)
		probe_yes(result, abi);
	else
		probe_no(result, "landlock_create_ruleset", abi == 0 ? ENOSYS : errno);
}

/* In the domain: is a process outside of it out of reach? */
static void signal_out(pid_t outside, struct probe_result *result)
{
	if (kill(outside, 0) == 0)
		probe_no(result, "the domain has no effect", ENOSYS);
	else if (errno != EPERM)
		probe_no(result, "kill", errno);
	else
		probe_yes(result, 0);
}

static void enter_domain(pid_t outside, struct probe_result *result)
{
	int ruleset = isolation_ruleset();

	if (ruleset < 0) {
		probe_no(result, "landlock_create_ruleset", errno);
		return;
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		probe_no(result, "prctl", errno);
	else if (syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
		probe_no(result, "landlock_restrict_self", errno);
	else
		signal_out(outside, result);
	close(ruleset);
}

static void scope_signal(const void *context, struct probe_result *result)
{
	struct bystander bystander;
	uint64_t mark = 0;

	(void)context;
	if (bystander_start(&bystander, 1, &mark, NULL, result) != 0)
		return;
	enter_domain(bystander.pid, result);
	bystander_end(&bystander);
}

static void yama(const void *context, struct probe_result *result)
{
	FILE *stream = fopen(YAMA, "re");
	char text[16];
	char *end = text;
	long scope = -1;

	(void)context;
	/* Without a /proc nothing is known of it. */
	if (!stream && errno == ENOENT && access(SYSCTL, F_OK) == 0) {
		probe_yes(result, PROBE_YAMA_NONE);
		return;
	}
	if (!stream) {
		probe_no(result, YAMA, errno);
		return;
	}
	if (fgets(text, sizeof(text), stream))
		scope = strtol(text, &end, 10);
	(void)fclose(stream);
	if (end == text)
		probe_no(result, YAMA, EIO);
	else
		probe_yes(result, scope);
}

/* The line "Seccomp_filters: N", or of a kernel without it (before 5.9) "Seccomp: 2": one at least. */
static long count_filters(FILE *stream)
{
	char line[256];
	long count = -1;

	while (fgets(line, sizeof(line), stream)) {
		if (strncmp(line, "Seccomp:", 8) == 0)
			count = strtol(line + 8, NULL, 10) == 2 ? 1 : 0;
		else if (strncmp(line, "Seccomp_filters:", 16) == 0)
			return strtol(line + 16, NULL, 10);
	}
	return count;
}

static void filters(const void *context, struct probe_result *result)
{
	FILE *stream = fopen(STATUS, "re");
	long count;

	(void)context;
	if (!stream) {
		probe_no(result, STATUS, errno);
		return;
	}
	count = count_filters(stream);
	(void)fclose(stream);
	if (count >= 0)
		probe_yes(result, count);
	else
		probe_no(result, STATUS, ENOSYS);
}

struct probe_result probe_audit_stream(void)
{
	return probe_run(audit_stream, NULL);
}

struct probe_result probe_landlock(void)
{
	return probe_run(landlock, NULL);
}

struct probe_result probe_scope_signal(void)
{
	return probe_run(scope_signal, NULL);
}

struct probe_result probe_yama(void)
{
	return probe_run(yama, NULL);
}

struct probe_result probe_filters(void)
{
	return probe_run(filters, NULL);
}
