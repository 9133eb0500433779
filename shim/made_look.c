#include "made_look.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define EACH_MS      1000 /* between two looks, at the least */
#define SHARE        50   /* a look costs at most that part of the time */
#define PATIENCE     2U   /* looks: a descriptor may be on its way from one process to another */
#define STACK_SIZE   ((size_t)128 * 1024)
#define LINK_SIZE    40U
#define LINKS_OF_ONE 3U   /* of /proc/PID/task: itself, its parent, one thread */
#define POLLED_MAX   256U /* connecting at once; what is beyond waits for the others */

static int64_t now_us(clockid_t clock)
{
	struct timespec now;

	(void)clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* --- Who has which --- */

static DIR *open_list(int directory, const char *name)
{
	int descriptor = openat(directory, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = descriptor < 0 ? NULL : fdopendir(descriptor);

	if (!list && descriptor >= 0)
		close(descriptor);
	return list;
}

static bool is_refused(void)
{
	return errno == EACCES || errno == EPERM;
}

/* False: they may not be read. */
static bool see(struct made_sockets *made, DIR *list)
{
	static const char socket[] = "socket:[";
	const struct dirent *entry;
	char link[LINK_SIZE];

	while ((entry = readdir(list)) != NULL) {
		ssize_t length = readlinkat(dirfd(list), entry->d_name, link, sizeof(link) - 1);

		if (length < 0 && is_refused())
			return false;
		if (length < (ssize_t)sizeof(socket) || memcmp(link, socket, sizeof(socket) - 1) != 0)
			continue;
		link[length] = '\0';
		made_sockets_seen(made, (ino_t)strtoull(link + sizeof(socket) - 1, NULL, 10));
	}
	return true;
}

static bool see_table(struct made_sockets *made, int directory)
{
	DIR *list = open_list(directory, "fd");
	bool seen;

	if (!list)
		return !is_refused();
	seen = see(made, list);
	(void)closedir(list);
	return seen;
}

/* A thread may have a table of its own (CLONE_FILES); of one alone it has been seen. */
static bool see_threads(struct made_sockets *made, int directory)
{
	const struct dirent *entry;
	struct stat status;
	bool seen = true;
	DIR *list;

	if (fstatat(directory, "task", &status, 0) != 0 || status.st_nlink <= LINKS_OF_ONE)
		return true;
	list = open_list(directory, "task");
	while (list && seen && (entry = readdir(list)) != NULL) {
		int thread = entry->d_name[0] == '.' ? -1 : openat(dirfd(list), entry->d_name, O_PATH | O_CLOEXEC);

		if (thread < 0)
			continue;
		seen = see_table(made, thread);
		close(thread);
	}
	if (list)
		(void)closedir(list);
	return seen;
}

typedef bool looking(struct made_sockets *made, int directory);

/* One of another user is read with its own ids, where they are to be had: mediation.c has the reason. */
static void see_process(struct made_sockets *made, int directory, looking *look_at, const struct credentials *own)
{
	struct credentials theirs;

	if (look_at(made, directory) || credentials_read(directory, &theirs) != 0)
		return;
	if (!credentials_same_ids(&theirs, own) && credentials_take(&theirs, false, 0, own) == 0) {
		(void)look_at(made, directory);
		if (!credentials_return(&theirs, own))
			_exit(EXIT_FAILURE); /* as in mediation_return */
	}
	credentials_free(&theirs);
}

static void see_all(struct made_look *look, looking *look_at, const struct credentials *own)
{
	const pid_t ourselves = getpid();
	const struct dirent *entry;
	DIR *list = open_list(look->proc, ".");

	while (list && (entry = readdir(list)) != NULL) {
		pid_t process = (pid_t)strtol(entry->d_name, NULL, 10);
		int directory = process <= 0 || process == ourselves
				    ? -1
				    : openat(look->proc, entry->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (directory < 0)
			continue;
		see_process(look->made, directory, look_at, own);
		close(directory);
	}
	if (list)
		(void)closedir(list);
}

void made_look(struct made_look *look, const struct credentials *own, unsigned patience)
{
	(void)pthread_mutex_lock(&look->one);
	made_sockets_begin_look(look->made);
	see_all(look, see_table, own);
	if (!made_sockets_all_seen(look->made))
		see_all(look, see_threads, own);
	made_sockets_end_look(look->made, patience);
	(void)pthread_mutex_unlock(&look->one);
}

/* --- The thread --- */

static void wake(struct made_look *look)
{
	const uint64_t one = 1;

	if (write(look->wake, &one, sizeof(one)) < 0)
		return; /* it is readable already */
}

void made_look_later(struct made_look *look)
{
	if (atomic_exchange(&look->asleep, 0))
		wake(look);
}

void made_look_now(struct made_look *look)
{
	atomic_store(&look->asleep, 0);
	wake(look);
}

/* Waits at most that long for what is connecting, which is then let go of. False: the time is over. */
static bool wait_for_connecting(struct made_look *look, int wait)
{
	struct pollfd ready[1 + POLLED_MAX] = {{.fd = look->wake, .events = POLLIN}};
	int copies[POLLED_MAX];
	ino_t inodes[POLLED_MAX];
	size_t count = made_sockets_connecting(look->made, copies, inodes, POLLED_MAX);
	uint64_t woken;
	int result;

	for (size_t i = 0; i < count; i++)
		ready[1 + i] = (struct pollfd){.fd = copies[i], .events = POLLOUT};
	result = poll(ready, (nfds_t)(1 + count), wait);
	if (ready[0].revents && read(look->wake, &woken, sizeof(woken)) < 0)
		return true;
	for (size_t i = 0; result > 0 && i < count; i++)
		if (ready[1 + i].revents)
			made_sockets_connected(look->made, inodes[i], false);
	return result != 0;
}

/* ms until the next look; -1: until one is made. */
static int next_look(struct made_look *look, int64_t at)
{
	int64_t wait = (at - now_us(CLOCK_MONOTONIC)) / 1000;

	if (made_sockets_any(look->made))
		return wait > 0 ? (int)wait : 0;
	atomic_store(&look->asleep, 1);
	return made_sockets_any(look->made) ? EACH_MS : -1; /* one may have been made in between */
}

/* When to look again: its share of the time is one of the processor's. */
static int64_t look_and_wait(struct made_look *look, const struct credentials *own)
{
	int64_t before = now_us(CLOCK_THREAD_CPUTIME_ID);
	int64_t pause;

	made_look(look, own, PATIENCE);
	pause = (now_us(CLOCK_THREAD_CPUTIME_ID) - before) * SHARE;
	return now_us(CLOCK_MONOTONIC) + (pause > EACH_MS * 1000LL ? pause : EACH_MS * 1000LL);
}

static void *run(void *argument)
{
	struct made_look *look = argument;
	struct credentials own;
	int directory = open("/proc/thread-self", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int64_t at = now_us(CLOCK_MONOTONIC) + EACH_MS * 1000LL;

	if (directory < 0 || credentials_read(directory, &own) != 0)
		_exit(EXIT_FAILURE);
	close(directory);
	for (;;)
		if (!wait_for_connecting(look, next_look(look, at)))
			at = look_and_wait(look, &own);
	return NULL;
}

int made_look_start(struct made_look *look, struct made_sockets *made, struct error *err)
{
	pthread_attr_t attributes;
	pthread_t thread;

	*look = (struct made_look){.made = made,
				   .proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
				   .wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
	if (look->proc >= 0 && look->wake >= 0 && made_sockets_init(made) == 0 &&
	    pthread_mutex_init(&look->one, NULL) == 0 && pthread_attr_init(&attributes) == 0 &&
	    pthread_attr_setstacksize(&attributes, STACK_SIZE) == 0 &&
	    pthread_create(&thread, &attributes, run, look) == 0)
		return 0;
	return error_set(err, "session: no sockets can be made for it: %s", strerror(errno));
}
