#include "faults.h"

#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <unistd.h>

#define OPTIONS                                                                                                        \
	(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC)

struct thread *thread_find(struct driver *driver, pid_t tid)
{
	for (size_t i = 0; i < driver->count; i++)
		if (driver->threads[i].tid == tid)
			return &driver->threads[i];
	return NULL;
}

static pid_t process_of(pid_t tid)
{
	char path[64];
	char line[128];
	pid_t process = 0;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", tid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, "Tgid:", 5) == 0)
			process = (pid_t)strtol(line + 5, NULL, 10);
	if (file)
		(void)fclose(file);
	return process;
}

enum role thread_role(pid_t process)
{
	char path[64];
	char text[512] = "";
	int file;

	(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", process);
	file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0 || read(file, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	if (file >= 0)
		close(file);
	if (strcmp(text + strlen(text) + 1, "--role=worker") == 0)
		return ROLE_WORKER;
	if (strcmp(text + strlen(text) + 1, "--role=waiter") == 0)
		return ROLE_WAITER;
	return strcmp(text + strlen(text) + 1, "--role=broker") == 0 ? ROLE_BROKER : ROLE_NONE;
}

bool kills_two(const struct driver *driver)
{
	return strcmp(driver->mode, "again") == 0 || strcmp(driver->mode, "told") == 0;
}

bool is_again(const struct driver *driver)
{
	return driver->strikes == 1 && kills_two(driver);
}

bool serves_calls(const struct driver *driver)
{
	return strcmp(driver->mode, "worker") == 0 || kills_two(driver) || strcmp(driver->mode, "spin") == 0;
}

enum role wanted_role(const struct driver *driver)
{
	return strcmp(driver->mode, "broker") == 0 ? ROLE_BROKER : ROLE_WORKER;
}

bool is_kind(const struct driver *driver, const char *kind)
{
	return strcmp(driver->kind, kind) == 0;
}

struct thread *thread_add(struct driver *driver, pid_t tid)
{
	struct thread *thread;

	if (driver->count == THREADS_MAX)
		errx(1, "too many threads");
	thread = &driver->threads[driver->count++];
	*thread = (struct thread){.tid = tid, .process = process_of(tid)};
	thread->role = tid == driver->keeper ? ROLE_KEEPER : thread_role(thread->process);
	thread->counts = thread->role == wanted_role(driver) && driver->kind && is_kind(driver, "start");
	return thread;
}

void thread_forget(struct driver *driver, struct thread *thread)
{
	driver->gone += thread->role == ROLE_WORKER && thread->tid == thread->process;
	*thread = driver->threads[--driver->count];
}

void thread_seize(struct driver *driver, pid_t tid)
{
	if (ptrace(PTRACE_SEIZE, tid, NULL, OPTIONS) != 0)
		err(1, "ptrace: %d", tid);
	if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) != 0)
		err(1, "ptrace: %d", tid);
	(void)thread_add(driver, tid);
}

/* Every thread of a process. */
static void seize_all(struct driver *driver, pid_t process)
{
	char path[64];
	const struct dirent *entry;
	DIR *tasks;

	(void)snprintf(path, sizeof(path), "/proc/%d/task", process);
	tasks = opendir(path);
	if (!tasks)
		err(1, "%s", path);
	while ((entry = readdir(tasks)))
		if (entry->d_name[0] != '.')
			thread_seize(driver, (pid_t)strtol(entry->d_name, NULL, 10));
	(void)closedir(tasks);
}

bool thread_seize_child(struct driver *driver, enum role wanted)
{
	char path[64];
	char text[1024];
	char *at = text;
	bool found = false;
	ssize_t length;
	pid_t child;
	int file;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", driver->keeper, driver->keeper);
	file = open(path, O_RDONLY | O_CLOEXEC);
	length = file < 0 ? -1 : read(file, text, sizeof(text) - 1);
	if (length < 0)
		err(1, "%s", path);
	close(file);
	text[length] = '\0';
	while ((child = (pid_t)strtol(at, &at, 10)) > 0) {
		if (thread_find(driver, child) || thread_role(child) != wanted)
			continue;
		seize_all(driver, child);
		found = true;
	}
	return found;
}
