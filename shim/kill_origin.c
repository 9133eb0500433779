#include "kill_origin.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "exit_code.h"
#include "members.h"
#include "tracee.h"

#define SLACK_MS 50U /* of two clocks, one in ticks, the other coarse */

static uint64_t ms_of(clockid_t clock)
{
	struct timespec now;

	(void)clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Has it begun only after the record was made: the same number, another process? */
static bool is_later(uint64_t began, const struct kill_record *record)
{
	long ticks = sysconf(_SC_CLK_TCK);
	uint64_t boot_ms = ms_of(CLOCK_REALTIME) - ms_of(CLOCK_BOOTTIME);

	return ticks > 0 && boot_ms + began * 1000 / (uint64_t)ticks > record->time_ms + SLACK_MS;
}

void kill_origin_of(pid_t pid, struct kill_origin *origin)
{
	uint64_t began;
	pid_t parent;

	origin->count = 0;
	origin->is_gone = !tracee_origin(pid, &began, &parent);
	if (origin->is_gone)
		return;
	do {
		origin->steps[origin->count].pid = pid;
		origin->steps[origin->count++].began = began;
		pid = parent;
	} while (pid > 1 && origin->count < KILL_ORIGIN_STEPS && tracee_origin(pid, &began, &parent));
}

void kill_origin_read(const struct kill_record *record, struct kill_origin *origin)
{
	kill_origin_of(record->pid, origin);
	if (origin->is_gone || !is_later(origin->steps[0].began, record))
		return;
	origin->is_gone = true;
	origin->count = 0;
}

bool kill_origin_is_in(const struct kill_origin *origin, size_t step, const struct area *area)
{
	pid_t pid = origin->steps[step].pid;
	uint64_t began = origin->steps[step].began;

	if (pid == area->session.pid && began > 0 && began == area->session.process_began)
		return true;
	return members_has(&area->members, pid, began);
}

/* How it ended is known a little later than that it has, or not at all. */
static bool was_first(const struct kill_record *record, const struct area *area)
{
	int code = area->exit_code;

	if (record->pid != area->session.pid)
		return false;
	return code == EXIT_CODE_UNKNOWN || (WIFSIGNALED(code) && WTERMSIG(code) == SIGSYS);
}

bool kill_origin_was_in(const struct kill_record *record, const struct area *area)
{
	if (was_first(record, area))
		return true;
	return record->exe_length > 0 &&
	       members_had(&area->members, record->pid, members_program(record->exe, record->exe_length));
}
