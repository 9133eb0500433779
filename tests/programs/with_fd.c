/*
 * Executes a command with a descriptor of some kind: with_fd KIND NUMBER COMMAND [ARGUMENT...]
 * A pair has its other end at NUMBER + 1. Exits 125 where that descriptor is not to be had.
 */
#include <fcntl.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static int type_of(const char *kind)
{
	if (strncmp(kind, "dgram", 5) == 0)
		return SOCK_DGRAM;
	return strncmp(kind, "seqpacket", 9) == 0 ? SOCK_SEQPACKET : SOCK_STREAM;
}

/* An address of its own: the kernel chooses an abstract name. */
static int bound(int type)
{
	const struct sockaddr_un address = {.sun_family = AF_UNIX};
	int descriptor = socket(AF_UNIX, type, 0);

	if (descriptor >= 0 && bind(descriptor, (const struct sockaddr *)&address, sizeof(sa_family_t)) == 0)
		return descriptor;
	return -1;
}

/* A datagram socket with a peer, which another connect(2) would change. */
static int connected_datagram(int ends[2])
{
	struct sockaddr_un address;
	socklen_t size = sizeof(address);

	ends[1] = bound(SOCK_DGRAM);
	ends[0] = socket(AF_UNIX, SOCK_DGRAM, 0);
	if (ends[0] < 0 || ends[1] < 0 || getsockname(ends[1], (struct sockaddr *)&address, &size) != 0)
		return -1;
	return connect(ends[0], (const struct sockaddr *)&address, size);
}

static int make(const char *kind, int ends[2])
{
	struct io_uring_params parameters = {0};

	if (strncmp(kind, "path:", 5) == 0)
		ends[0] = open(kind + 5, O_PATH);
	else if (strcmp(kind, "io_uring") == 0)
		ends[0] = (int)syscall(SYS_io_uring_setup, 1, &parameters);
	else if (strcmp(kind, "inet") == 0)
		ends[0] = socket(AF_INET, SOCK_STREAM, 0);
	else if (strcmp(kind, "listening") == 0)
		ends[0] = bound(SOCK_STREAM);
	else if (strcmp(kind, "dgram-connected") == 0)
		return connected_datagram(ends);
	else if (strstr(kind, "-pair"))
		return socketpair(AF_UNIX, type_of(kind), 0, ends);
	else
		ends[0] = socket(AF_UNIX, type_of(kind), 0);
	if (strcmp(kind, "listening") == 0)
		return listen(ends[0], 1);
	return ends[0] < 0 ? -1 : 0;
}

int main(int argc, char **argv)
{
	int ends[2] = {-1, -1};
	int number;

	if (argc < 4)
		return 2;
	number = (int)strtol(argv[2], NULL, 10);
	if (make(argv[1], ends) != 0 || dup2(ends[0], number) < 0 || (ends[1] >= 0 && dup2(ends[1], number + 1) < 0)) {
		perror("with_fd");
		return 125;
	}
	for (int i = 0; i < 2; i++)
		if (ends[i] >= 0 && ends[i] != number && ends[i] != number + 1)
			close(ends[i]);
	execvp(argv[3], argv + 3);
	perror("with_fd");
	return 127;
}
