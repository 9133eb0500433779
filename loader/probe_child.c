#include "probe_child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void tell(struct probe_result *result, enum probe_state state, const char *call, int error)
{
	*result = (struct probe_result){.state = state, .error = error};
	(void)snprintf(result->call, sizeof(result->call), "%s", call);
}

void probe_yes(struct probe_result *result, long value)
{
	tell(result, PROBE_YES, "", 0);
	result->value = value;
}

void probe_no(struct probe_result *result, const char *call, int error)
{
	tell(result, PROBE_NO, call, error);
}

void probe_failed(struct probe_result *result, const char *call, int error)
{
	tell(result, PROBE_FAILED, call, error);
}

int probe_wait(pid_t child)
{
	int status = -1;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return status;
}

static _Noreturn void answer(probe_function *function, const void *context, int out)
{
	const struct rlimit none = {0, 0};
	struct probe_result result;
	ssize_t written;

	/* It ends with whoever asked, leaves no core where a filter kills it, and can wait for its own. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)signal(SIGCHLD, SIG_DFL);
	function(context, &result);
	written = write(out, &result, sizeof(result));
	_exit(written == (ssize_t)sizeof(result) ? 0 : 1);
}

static long milliseconds(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Is there something to read, or an end, in time? */
static bool is_answered(int descriptor, int seconds)
{
	struct pollfd wanted = {.fd = descriptor, .events = POLLIN};
	long end = milliseconds() + seconds * 1000L;
	int ready;

	do {
		long left = end - milliseconds();

		ready = poll(&wanted, 1, left > 0 ? (int)left : 0);
	} while (ready < 0 && errno == EINTR);
	return ready > 0;
}

static struct probe_result collect(pid_t child, int in, int seconds)
{
	struct probe_result result;
	bool whole = false;
	bool answered = is_answered(in, seconds);
	int status;

	if (answered)
		whole = read(in, &result, sizeof(result)) == (ssize_t)sizeof(result);
	/* Its own children have asked for the same when it dies. */
	(void)kill(child, SIGKILL);
	status = probe_wait(child);
	if (!answered)
		tell(&result, PROBE_HUNG, "", 0);
	else if (!whole)
		tell(&result, PROBE_DIED, "", status >= 0 && WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	return result;
}

static struct probe_result run(probe_function *function, const void *context, int seconds)
{
	struct probe_result result;
	int ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) != 0) {
		probe_failed(&result, "pipe", errno);
		return result;
	}
	child = fork();
	if (child == 0) {
		close(ends[0]);
		answer(function, context, ends[1]);
	}
	if (child < 0)
		probe_failed(&result, "fork", errno);
	close(ends[1]);
	if (child > 0)
		result = collect(child, ends[0], seconds);
	close(ends[0]);
	return result;
}

/* A probe and what it is about. */
struct errand {
	probe_function *function;
	const void *context;
};

/* Between the caller and the probe: it inherits what a probe that was killed leaves, and waits for it. */
static void supervise(const void *context, struct probe_result *result)
{
	const struct errand *errand = context;

	(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	*result = probe_run_within(errand->function, errand->context);
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
}

struct probe_result probe_run_within(probe_function *function, const void *context)
{
	return run(function, context, PROBE_SECONDS);
}

struct probe_result probe_run(probe_function *function, const void *context)
{
	const struct errand errand = {.function = function, .context = context};

	return run(supervise, &errand, 2 * PROBE_SECONDS);
}
