#include "stranger.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STACK_SIZE ((size_t)64 * 1024)

void strangers_begin(struct strangers *strangers)
{
	for (size_t i = 0; i < CLOSINGS_MOST; i++)
		atomic_init(&strangers->closings[i].descriptor, -1);
}

/* "ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [FIELD...] - TYPE ...": proc_pid_mountinfo(5). Is it of that device? */
static bool is_of(const char *line, const char *device)
{
	const char *parent = strchr(line, ' ');
	const char *third = parent ? strchr(parent + 1, ' ') : NULL;

	return third && strncmp(third + 1, device, strlen(device)) == 0;
}

static bool is_served(const char *line)
{
	const char *type = strstr(line, " - ");

	return !type || strncmp(type + 3, "fuse", 4) == 0;
}

/* One that has no block device, where a mount of it is to be seen here: then this says whose it is. */
static bool is_ours(unsigned device_major, unsigned device_minor)
{
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	char device[32];
	char line[8192];
	bool ours = false;
	bool begins = true; /* a line, and not what did not fit before */

	if (!mounts)
		return false;
	(void)snprintf(device, sizeof(device), "%u:%u ", device_major, device_minor);
	while (!ours && fgets(line, sizeof(line), mounts)) {
		ours = begins && is_of(line, device) && !is_served(line);
		begins = strchr(line, '\n') != NULL;
	}
	(void)fclose(mounts);
	return ours;
}

static bool is_unix_socket(int descriptor)
{
	int domain = 0;
	socklen_t size = sizeof(domain);

	return getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX;
}

bool stranger_is_prompt(int descriptor)
{
	struct statx is;

	/* What is known of it: fstat(2) would ask. One that only its server's user may look at is that one's. */
	if (syscall(SYS_statx, descriptor, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &is) != 0)
		return false;
	switch (is.stx_mode & S_IFMT) {
	case S_IFIFO:
	case S_IFCHR:
		return true;
	case S_IFSOCK:
		return is_unix_socket(descriptor);
	case S_IFREG:
	case S_IFDIR:
		return is.stx_dev_major != 0 || is_ours(is.stx_dev_major, is.stx_dev_minor);
	default:
		return false;
	}
}

static void *close_one(void *argument)
{
	struct closing *closing = argument;

	close(atomic_load(&closing->descriptor));
	atomic_store(&closing->descriptor, -1);
	return NULL;
}

static bool begin(struct closing *closing)
{
	pthread_attr_t attributes;
	pthread_t thread;
	bool begun;

	if (pthread_attr_init(&attributes) != 0)
		return false;
	begun = pthread_attr_setstacksize(&attributes, STACK_SIZE) == 0 &&
		pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED) == 0 &&
		pthread_create(&thread, &attributes, close_one, closing) == 0;
	(void)pthread_attr_destroy(&attributes);
	return begun;
}

void stranger_close(struct strangers *strangers, uid_t uid, int descriptor)
{
	if (descriptor < 0)
		return;
	if (!strangers || stranger_is_prompt(descriptor)) {
		close(descriptor);
		return;
	}
	for (size_t i = 0; i < CLOSINGS_MOST; i++) {
		struct closing *closing = &strangers->closings[i];

		if (atomic_load(&closing->descriptor) >= 0)
			continue;
		closing->uid = uid;
		atomic_store(&closing->descriptor, descriptor);
		if (!begin(closing))
			atomic_store(&closing->descriptor, -1); /* it stays open: better than to wait for it */
		return;
	}
}

bool stranger_has_too_many(const struct strangers *strangers, uid_t uid)
{
	unsigned count = 0;

	for (size_t i = 0; i < CLOSINGS_MOST; i++)
		count += atomic_load(&strangers->closings[i].descriptor) >= 0 && strangers->closings[i].uid == uid;
	return count >= CLOSINGS_A_USER;
}
