#include "notify.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LISTEN_FIRST 3

int notify_listening_socket(void)
{
	const char *process = getenv("LISTEN_PID");
	const char *count = getenv("LISTEN_FDS");
	int is_listening = 0;
	int flags;
	socklen_t size = sizeof(is_listening);

	if (!process || !count || strtol(process, NULL, 10) != getpid() || strtol(count, NULL, 10) != 1)
		return -1;
	if (getsockopt(LISTEN_FIRST, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &size) != 0 || !is_listening)
		return -1;
	/* systemd hands it over blocking. */
	flags = fcntl(LISTEN_FIRST, F_GETFL);
	if (flags < 0 || fcntl(LISTEN_FIRST, F_SETFL, flags | O_NONBLOCK) != 0)
		return -1;
	return fcntl(LISTEN_FIRST, F_SETFD, FD_CLOEXEC) == 0 ? LISTEN_FIRST : -1;
}

void notify_ready(void)
{
	static const char ready[] = "READY=1";
	const char *name = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t length = name ? strlen(name) : 0;
	int notifier;

	if (length < 2 || length >= sizeof(address.sun_path) || (name[0] != '/' && name[0] != '@'))
		return;
	memcpy(address.sun_path, name, length);
	if (address.sun_path[0] == '@')
		address.sun_path[0] = '\0';
	notifier = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (notifier < 0)
		return;
	(void)sendto(notifier, ready, sizeof(ready) - 1, MSG_NOSIGNAL, (const struct sockaddr *)&address,
		     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
	close(notifier);
}
