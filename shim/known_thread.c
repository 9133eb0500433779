#include "known_thread.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SPACE "ns/user" /* below the directory */

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
	close_one(thread->space);
	close_one(thread->pidfd);
	credentials_free(&thread->credentials);
	*thread = (struct known_thread){.directory = -1, .status = -1, .space = -1, .pidfd = -1};
}

/* By the link itself, where that is open: procfs asks the thread anew each time that it is read. */
static bool in_our_user_namespace(const struct known_threads *known, const struct known_thread *thread)
{
	bool is_open = thread->space >= 0;
	char link[NAMESPACE_NAME];
	ssize_t length =
	    readlinkat(is_open ? thread->space : thread->directory, is_open ? "" : SPACE, link, sizeof(link));

	return length > 0 && (size_t)length < sizeof(link) && strlen(known->user_namespace) == (size_t)length &&
	       memcmp(link, known->user_namespace, (size_t)length) == 0;
}

/* One id in all places, and nothing that could give it another. */
static bool is_settled(const struct known_threads *known, const struct credentials *credentials)
{
	return known->is_plain && credentials->permitted == 0 && credentials->effective == 0 &&
	       credentials->euid == credentials->ruid && credentials->suid == credentials->ruid &&
	       credentials->fsuid == credentials->ruid && credentials->egid == credentials->rgid &&
	       credentials->sgid == credentials->rgid && credentials->fsgid == credentials->rgid;
}

/* Of the two only what is asked again and again: of a settled one the namespace, of any other all. */
static void keep_one(struct known_thread *thread)
{
	int *other = thread->is_settled ? &thread->status : &thread->space;

	if (thread->is_settled && thread->space < 0)
		thread->space = openat(thread->directory, SPACE, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	close_one(*other);
	*other = -1;
}

/* False: it has ended, and its number may be another's by now. */
static bool read_anew(const struct known_threads *known, struct known_thread *thread)
{
	bool ours;

	credentials_free(&thread->credentials);
	if (thread->status < 0)
		thread->status = openat(thread->directory, "status", O_RDONLY | O_CLOEXEC);
	if (thread->status < 0 || credentials_read_status(thread->status, &thread->credentials) != 0)
		return false;
	ours = (thread->credentials.effective != 0 || known->is_plain) && in_our_user_namespace(known, thread);
	/* What its capabilities mean there, they do not mean here. */
	thread->is_foreign = thread->credentials.effective != 0 && !ours;
	thread->is_settled = ours && is_settled(known, &thread->credentials);
	keep_one(thread);
	return true;
}

/* A thread's own descriptor table: it may have another than its process (CLONE_FILES). *is_own: it is the thread's. */
static int open_pidfd(pid_t tid, pid_t tgid, bool *is_own)
{
	int pidfd = (int)syscall(SYS_pidfd_open, tid, PIDFD_THREAD);

	*is_own = pidfd >= 0 || tid == tgid;
	if (pidfd >= 0 || errno != EINVAL)
		return pidfd;
	/* Before Linux 6.9: the process's, where both have the same table. */
	if (tid != tgid && syscall(SYS_kcmp, tid, tgid, KCMP_FILES, 0, 0) != 0)
		return -1;
	return (int)syscall(SYS_pidfd_open, tgid, 0);
}

/* The directory first: whatever is opened by it is of that same thread. */
static bool learn(const struct known_threads *known, struct known_thread *thread, pid_t tid)
{
	char path[32];
	bool is_own = false;

	(void)snprintf(path, sizeof(path), "/proc/%d", tid);
	*thread = (struct known_thread){.tid = tid,
					.directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC),
					.status = -1,
					.space = -1,
					.pidfd = -1};
	if (thread->directory >= 0 && read_anew(known, thread))
		thread->pidfd = open_pidfd(tid, thread->credentials.tgid, &is_own);
	if (thread->pidfd >= 0) {
		thread->is_bound = is_own && (known->is_bound || tid != thread->credentials.tgid);
		return true;
	}
	forget(thread);
	return false;
}

/* Where it is known, or the place that has not been used for longest. */
static struct known_thread *place_of(struct known_threads *known, pid_t tid)
{
	struct known_thread *oldest = &known->all[0];

	for (size_t i = 0; i < known->kept; i++) {
		if (known->all[i].tid == tid)
			return &known->all[i];
		if (known->all[i].used < oldest->used)
			oldest = &known->all[i];
	}
	return oldest;
}

/* Settled: its user namespace is what it was, and so it is there still. */
static bool is_as_known(const struct known_threads *known, struct known_thread *thread, unsigned wishes)
{
	if (!thread->is_settled || (wishes & KNOWN_MASK))
		return read_anew(known, thread);
	return (thread->is_bound && (wishes & KNOWN_UNSEEN)) || in_our_user_namespace(known, thread) ||
	       read_anew(known, thread);
}

void known_thread_forget(struct known_threads *known, pid_t tid)
{
	struct known_thread *thread = place_of(known, tid);

	if (thread->tid == tid)
		forget(thread);
}

const struct known_thread *known_thread_find(struct known_threads *known, pid_t tid, unsigned wishes)
{
	struct known_thread *thread = place_of(known, tid);

	if (tid <= 0)
		return NULL;
	if (thread->tid != tid || !is_as_known(known, thread, wishes)) {
		if (thread->tid)
			forget(thread);
		if (!learn(known, thread, tid))
			return NULL;
	}
	thread->used = ++known->count;
	return thread;
}
