#include "last_process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "handover.h"

#define PATIENCE_MS 3000
#define LOOK_MS     5 /* a process may fork while it is looked for */
#define STAT_SIZE   512

/* Whose child it is: proc(5), the fourth field of stat, behind a name in which anything may stand. -1: not known. */
static pid_t parent_of(const char *process)
{
	char stat[STAT_SIZE];
	char path[32];
	const char *state;
	ssize_t length;
	int descriptor;

	(void)snprintf(path, sizeof(path), "/proc/%.12s/stat", process);
	descriptor = open(path, O_RDONLY | O_CLOEXEC);
	length = descriptor < 0 ? -1 : read(descriptor, stat, sizeof(stat) - 1);
	if (descriptor >= 0)
		(void)close(descriptor);
	stat[length > 0 ? length : 0] = '\0';
	state = strrchr(stat, ')');
	return state && strlen(state) > 4 ? (pid_t)strtoul(state + 4, NULL, 10) : -1;
}

/* False: it may not be killed. */
static bool end_one(const char *process, pid_t keeper)
{
	pid_t pid = (pid_t)strtoul(process, NULL, 10);

	/* Its workers are the keeper's children. */
	if (pid == getpid() || pid == keeper || parent_of(process) == keeper)
		return true;
	return kill(pid, SIGKILL) == 0 || errno == ESRCH;
}

static bool end_others(pid_t keeper)
{
	DIR *processes = opendir("/proc");
	const struct dirent *entry;
	bool done = processes;

	while (done && (entry = readdir(processes)) != NULL)
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
			done = end_one(entry->d_name, keeper);
	if (processes)
		(void)closedir(processes);
	return done;
}

/* A process that is dead and not buried may still have its filter, and so be one of the session. */
static void bury(void)
{
	while (waitpid(-1, NULL, WNOHANG | __WALL) > 0)
		;
}

void last_process_end(struct lifeline *lifeline)
{
	int64_t until = handover_now() + PATIENCE_MS;
	struct pollfd line = {.fd = lifeline->descriptor, .events = POLLIN};

	for (;;) {
		lifeline_hear(lifeline);
		if (lifeline->keeper == 0 || lifeline->is_over || lifeline->is_cut || handover_now() >= until)
			return;
		if (!end_others(lifeline->keeper))
			return;
		bury();
		(void)poll(&line, 1, LOOK_MS);
	}
}
