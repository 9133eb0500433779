/*
 * socket_serve TYPE ADDRESS [MODE]: binds a Unix socket of that type (stream, dgram, seqpacket), a path
 * (of that mode) or @abstract, says "ready" and then, until it is killed, from whom something comes:
 * "accepted uid=N gid=N pid=N", of each connection; "received BYTES uid=N gid=N pid=N pidfd=N fds=N" of
 * each message; on connections of each byte, since what the same process sends in pieces may come as one.
 */
#include <err.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/un.h>
#include <unistd.h>

#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD 76
#endif
#ifndef SCM_PIDFD
#define SCM_PIDFD 0x04
#endif

static int process_of(int pidfd)
{
	char path[64];
	char line[128];
	int pid = -1;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "Pid: %d", &pid) == 1)
			break;
	if (file)
		(void)fclose(file);
	return pid;
}

/* What came with a message. */
struct along {
	struct ucred from;
	int process;
	unsigned descriptors;
};

static struct along take(struct msghdr *message)
{
	struct along along = {.from = {.uid = (uid_t)-1, .gid = (gid_t)-1}, .process = -1};

	for (struct cmsghdr *item = CMSG_FIRSTHDR(message); item; item = CMSG_NXTHDR(message, item)) {
		size_t count = (item->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		int *descriptors = (int *)(void *)CMSG_DATA(item);

		if (item->cmsg_type == SCM_CREDENTIALS) {
			memcpy(&along.from, CMSG_DATA(item), sizeof(along.from));
			continue;
		}
		if (item->cmsg_type == SCM_PIDFD)
			along.process = process_of(descriptors[0]);
		else
			along.descriptors += (unsigned)count;
		for (size_t i = 0; i < count; i++)
			close(descriptors[i]);
	}
	return along;
}

static bool receive(int from, size_t most)
{
	static char bytes[1024 * 1024];
	struct iovec piece = {.iov_base = bytes, .iov_len = most ? most : sizeof(bytes)};
	_Alignas(struct cmsghdr) char control[2048];
	struct msghdr message = {
	    .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	ssize_t size = recvmsg(from, &message, MSG_CMSG_CLOEXEC);
	struct along along;

	if (size <= 0)
		return false;
	along = take(&message);
	printf("received %zd uid=%d gid=%d pid=%d pidfd=%d fds=%u\n", size, (int)along.from.uid, (int)along.from.gid,
	       along.from.pid, along.process, along.descriptors);
	(void)fflush(stdout);
	return true;
}

static void serve_connection(int one)
{
	struct ucred peer = {.uid = (uid_t)-1, .gid = (gid_t)-1};
	socklen_t size = sizeof(peer);

	(void)getsockopt(one, SOL_SOCKET, SO_PEERCRED, &peer, &size);
	printf("accepted uid=%d gid=%d pid=%d\n", (int)peer.uid, (int)peer.gid, peer.pid);
	(void)fflush(stdout);
	while (receive(one, 1))
		;
	close(one);
}

static int bound(int type, const char *name, const char *mode)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const int yes = 1;
	int one = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	bool abstract = name[0] == '@';
	size_t length = strlen(name);

	if (length >= sizeof(address.sun_path))
		errx(2, "too long: %s", name);
	memcpy(address.sun_path, name, length);
	if (abstract)
		address.sun_path[0] = '\0';
	length += offsetof(struct sockaddr_un, sun_path) + !abstract;
	if (one < 0 || bind(one, (const struct sockaddr *)&address, (socklen_t)length) != 0)
		err(2, "%s", name);
	(void)setsockopt(one, SOL_SOCKET, SO_PASSCRED, &yes, sizeof(yes));
	(void)setsockopt(one, SOL_SOCKET, SO_PASSPIDFD, &yes, sizeof(yes));
	if (mode && chmod(name, (mode_t)strtoul(mode, NULL, 8)) != 0)
		err(2, "%s", name);
	return one;
}

int main(int argc, char **argv)
{
	int type = SOCK_STREAM;
	int one;

	if (argc < 3)
		errx(2, "socket_serve TYPE ADDRESS [MODE]");
	if (strcmp(argv[1], "stream") != 0)
		type = strcmp(argv[1], "dgram") == 0 ? SOCK_DGRAM : SOCK_SEQPACKET;
	one = bound(type, argv[2], argc > 3 ? argv[3] : NULL);
	if (type != SOCK_DGRAM && listen(one, 64) != 0)
		err(2, "listen");
	printf("ready\n");
	(void)fflush(stdout);
	for (;;) {
		if (type == SOCK_DGRAM)
			(void)receive(one, 0);
		else
			serve_connection(accept4(one, NULL, NULL, SOCK_CLOEXEC));
	}
}
