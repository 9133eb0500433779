#include "known_thread.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL
#endif

static void close_one(int descriptor)
{
	if (descriptor >= 0)
		close(descriptor);
}

static void forget(struct known_thread *thread)
{
	close_one(thread->directory);
	close_one(thread->status);
	close_one(thread->pidfd);
	*thread = (struct known_thread){.directory = -1, .status = -1, .pidfd = -1};
}

/* A thread's own descriptor table: it may have another than its process (CLONE_FILES). */
static int open_pidfd(pid_t tid, pid_t tgid)
{
	int pidfd = (int)syscall(SYS_pidfd_open, tid, PIDFD_THREAD);

	if (pidfd >= 0 || errno != EINVAL)
		return pidfd;
	/* Before Linux 6.9: the process's, where both have the same table. */
	if (tid != tgid && syscall(SYS_kcmp, tid, tgid, KCMP_FILES, 0, 0) != 0)
		return -1;
	return (int)syscall(SYS_pidfd_open, tgid, 0);
}

/* The directory first: whatever is opened by it is of that same thread. */
static bool learn(struct known_thread *thread, pid_t tid, struct credentials *credentials)
{
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/%d", tid);
	*thread = (struct known_thread){
	    .tid = tid, .directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC), .status = -1, .pidfd = -1};
	if (thread->directory >= 0)
		thread->status = openat(thread->directory, "status", O_RDONLY | O_CLOEXEC);
	if (thread->status >= 0 && credentials_read_status(thread->status, credentials) == 0) {
		thread->pidfd = open_pidfd(tid, credentials->tgid);
		if (thread->pidfd >= 0)
			return true;
		credentials_free(credentials);
	}
	forget(thread);
	return false;
}

/* Where it is known, or the place that has not been used for longest. */
static struct known_thread *place_of(struct known_threads *known, pid_t tid)
{
	struct known_thread *oldest = &known->all[0];

	for (size_t i = 0; i < KNOWN_THREADS; i++) {
		if (known->all[i].tid == tid)
			return &known->all[i];
		if (known->all[i].used < oldest->used)
			oldest = &known->all[i];
	}
	return oldest;
}

const struct known_thread *known_thread_find(struct known_threads *known, pid_t tid, struct credentials *credentials)
{
	struct known_thread *thread = place_of(known, tid);

	if (tid <= 0)
		return NULL;
	/* ESRCH from its status: it has ended, and the number may be another's by now. */
	if (thread->tid != tid || credentials_read_status(thread->status, credentials) != 0) {
		if (thread->tid)
			forget(thread);
		if (!learn(thread, tid, credentials))
			return NULL;
	}
	thread->used = ++known->count;
	return thread;
}
