#include "notify.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "message.h"

#define GIVEN_MOST 65536 /* descriptors: more there are not */
#define PATIENCE_S 2     /* with a manager that does not take what it is told */

int notify_given(void)
{
	const char *process = getenv("LISTEN_PID");
	const char *text = getenv("LISTEN_FDS");
	long count;

	if (!process || !text || strtol(process, NULL, 10) != getpid())
		return 0;
	count = strtol(text, NULL, 10);
	if (count < 1 || count > GIVEN_MOST)
		return 0;
	for (int i = 0; i < (int)count; i++)
		if (fcntl(NOTIFY_FIRST + i, F_SETFD, FD_CLOEXEC) != 0)
			return i; /* that many there are */
	return (int)count;
}

const char *notify_names(void)
{
	return getenv("LISTEN_FDNAMES");
}

void notify_next_name(const char **names, char name[NOTIFY_NAME_SIZE])
{
	size_t length = *names ? strcspn(*names, ":") : 0;

	name[0] = '\0';
	if (length > 0 && length < NOTIFY_NAME_SIZE) {
		memcpy(name, *names, length);
		name[length] = '\0';
	}
	if (*names)
		*names = (*names)[length] ? *names + length + 1 : NULL;
}

static bool is_listening(int descriptor)
{
	int value = 0;
	socklen_t size = sizeof(value);

	return getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &value, &size) == 0 && value;
}

int notify_listening(int given)
{
	for (int descriptor = NOTIFY_FIRST; descriptor < NOTIFY_FIRST + given; descriptor++) {
		int flags = fcntl(descriptor, F_GETFL);

		/* systemd hands it over blocking. */
		if (flags >= 0 && is_listening(descriptor) && fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) == 0)
			return descriptor;
	}
	return -1;
}

/* Connected to whoever asked to be told. */
static int open_notifier(void)
{
	const struct timeval patience = {.tv_sec = PATIENCE_S};
	const char *name = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t length = name ? strlen(name) : 0;
	int notifier;

	if (length < 2 || length >= sizeof(address.sun_path) || (name[0] != '/' && name[0] != '@')) {
		errno = ENOENT;
		return -1;
	}
	memcpy(address.sun_path, name, length);
	if (address.sun_path[0] == '@')
		address.sun_path[0] = '\0';
	notifier = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (notifier < 0)
		return -1;
	if (setsockopt(notifier, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) == 0 &&
	    connect(notifier, (const struct sockaddr *)&address,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) == 0)
		return notifier;
	close(notifier);
	return -1;
}

int notify_send(const char *message, int descriptor)
{
	int notifier = open_notifier();
	int result;

	if (notifier < 0)
		return -1;
	result = message_send(notifier, message, strlen(message), &descriptor, descriptor < 0 ? 0 : 1);
	close(notifier);
	return result;
}

/* It closes what comes with this, in its turn. */
bool notify_settled(int milliseconds)
{
	struct pollfd ours = {.fd = -1};
	int ends[2];
	bool settled;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return false;
	ours.fd = ends[0];
	settled = notify_send("BARRIER=1", ends[1]) == 0;
	close(ends[1]);
	settled = settled && poll(&ours, 1, milliseconds) == 1 && (ours.revents & POLLHUP);
	close(ends[0]);
	return settled;
}
