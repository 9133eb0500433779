/*
 * Makes calls on Unix sockets, one after the other, and says how each went: "STEP: ok", or what
 * errno it had. Exits 0 where it could take every step. A step is one or two arguments:
 *
 *   serve PATH     listens there and accepts for ever
 *   connect PATH   a stream, to PATH or @NAME
 *   exchange PATH  binds PATH, connects to it and sends 150,000 bytes, which must arrive
 *   datagram PATH  binds PATH; sendmmsg(2) of a descriptor to it; the descriptor must be the one
 *   stuck N        N threads connect by an address that is never there (userfaultfd), for ever
 *   orphan         goes on in a process whose parent has ended
 *   hide           makes the process not dumpable
 *   uid N          becomes another user
 *   trace          ptrace(2)
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define LONG_MESSAGE 150000
#define PAGE         4096

static void say(const char *step, const char *detail, int result)
{
	printf("%s%s%s: %s\n", step, *detail ? " " : "", detail, result < 0 ? strerrorname_np(errno) : "ok");
	(void)fflush(stdout);
}

static socklen_t address_of(const char *path, struct sockaddr_un *address)
{
	size_t length = strlen(path);

	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (length >= sizeof(address->sun_path))
		exit(2);
	memcpy(address->sun_path, path, length);
	if (path[0] == '@')
		address->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (path[0] == '@' ? 0 : 1));
}

static int bound(int type, const char *path)
{
	struct sockaddr_un address;
	socklen_t length = address_of(path, &address);
	int number = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	if (bind(number, (struct sockaddr *)&address, length) != 0)
		return -1;
	return number;
}

static int connected(const char *path)
{
	struct sockaddr_un address;
	socklen_t length = address_of(path, &address);
	int number = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return connect(number, (struct sockaddr *)&address, length) == 0 ? number : -1;
}

static void serve(const char *path)
{
	int listening = bound(SOCK_STREAM, path);

	if (listening < 0 || (path[0] != '@' && chmod(path, 0666) != 0) || listen(listening, 16) != 0)
		exit(2);
	for (;;)
		(void)close(accept(listening, NULL, NULL));
}

/* What arrives is the parent's pattern, to the last byte. */
static bool receives(int listening)
{
	int peer = accept(listening, NULL, NULL);
	unsigned char byte;

	for (size_t i = 0; i < LONG_MESSAGE; i++)
		if (read(peer, &byte, 1) != 1 || byte != (unsigned char)(i % 251))
			return false;
	return true;
}

/* By sendto with an address, so that it is carried out: a stream takes none (EISCONN), sendmsg does. */
static int exchange(const char *path)
{
	int listening = bound(SOCK_STREAM, path);
	static unsigned char bytes[LONG_MESSAGE];
	struct iovec parts[] = {{.iov_base = bytes, .iov_len = 7},
				{.iov_base = bytes + 7, .iov_len = LONG_MESSAGE - 7}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
	int status = -1;
	pid_t child;
	int number;

	for (size_t i = 0; i < LONG_MESSAGE; i++)
		bytes[i] = (unsigned char)(i % 251);
	if (listening < 0 || listen(listening, 1) != 0)
		return -1;
	child = fork();
	if (child == 0)
		_exit(receives(listening) ? 0 : 1);
	number = connected(path);
	if (number < 0 || sendmsg(number, &message, 0) != LONG_MESSAGE)
		return -1;
	(void)close(number);
	errno = EBADMSG;
	return waitpid(child, &status, 0) == child && status == 0 ? 0 : -1;
}

/* The descriptor that came is of the same file. */
static int receive_descriptor(int number, int sent)
{
	union {
		struct cmsghdr header;
		char bytes[256];
	} control;
	char byte;
	struct iovec part = {.iov_base = &byte, .iov_len = 1};
	struct msghdr message = {
	    .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)};
	struct stat ours;
	struct stat theirs;
	int came = -1;

	if (recvmsg(number, &message, MSG_DONTWAIT) != 1)
		return -1;
	for (struct cmsghdr *item = CMSG_FIRSTHDR(&message); item; item = CMSG_NXTHDR(&message, item))
		if (item->cmsg_type == SCM_RIGHTS)
			memcpy(&came, CMSG_DATA(item), sizeof(came));
	errno = EBADMSG;
	return came >= 0 && fstat(came, &theirs) == 0 && fstat(sent, &ours) == 0 && ours.st_ino == theirs.st_ino &&
		       ours.st_dev == theirs.st_dev
		   ? 0
		   : -1;
}

static int datagram(const char *path)
{
	int receiver = bound(SOCK_DGRAM, path);
	int sender = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int sent = (int)syscall(SYS_memfd_create, "sent", 0);
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
	struct sockaddr_un address;
	socklen_t length = address_of(path, &address);
	struct iovec part = {.iov_base = (char *)"x", .iov_len = 1};
	struct mmsghdr message = {.msg_hdr = {.msg_name = &address,
					      .msg_namelen = length,
					      .msg_iov = &part,
					      .msg_iovlen = 1,
					      .msg_control = control.bytes,
					      .msg_controllen = sizeof(control.bytes)},
				  .msg_len = 99};

	memcpy(CMSG_DATA(&control.header), &sent, sizeof(sent));
	if (receiver < 0 || sender < 0 || sent < 0 || sendmmsg(sender, &message, 1, 0) != 1)
		return -1;
	errno = EBADMSG;
	if (message.msg_len != 1)
		return -1;
	return receive_descriptor(receiver, sent);
}

static void *connect_stuck(void *address)
{
	int number = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)connect(number, address, sizeof(struct sockaddr_un));
	exit(3); /* it cannot have come back */
}

static int stuck(int count)
{
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register range = {.mode = UFFDIO_REGISTER_MODE_MISSING};
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int descriptor = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	struct uffd_msg fault;
	pthread_t thread;

	range.range.start = (uintptr_t)page;
	range.range.len = PAGE;
	if (descriptor < 0 || ioctl(descriptor, UFFDIO_API, &api) != 0 ||
	    ioctl(descriptor, UFFDIO_REGISTER, &range) != 0)
		return -1;
	for (int i = 0; i < count; i++) {
		if (pthread_create(&thread, NULL, connect_stuck, page) != 0)
			return -1;
		/* Somebody waits for that memory. */
		if (read(descriptor, &fault, sizeof(fault)) != (ssize_t)sizeof(fault))
			return -1;
	}
	return 0;
}

/* The rest in a process whose parent has ended; ours waits for its end. */
static int orphan(void)
{
	int ends[2];
	pid_t parent;
	pid_t child;

	if (pipe(ends) != 0)
		return -1;
	child = fork();
	if (child > 0) {
		char byte;

		(void)close(ends[1]);
		(void)waitpid(child, NULL, 0);
		_exit(read(ends[0], &byte, 1) == 0 ? 0 : 1);
	}
	(void)close(ends[0]);
	parent = getpid();
	if (fork() > 0)
		_exit(0);
	while (getppid() == parent)
		(void)usleep(1000);
	return 0;
}

static int become(uid_t uid)
{
	return setresuid(uid, uid, uid);
}

/* Takes a step; how many arguments that were. */
static int take(char *const *step)
{
	const char *name = step[0];
	const char *value = step[1] ? step[1] : "";

	if (strcmp(name, "serve") == 0)
		serve(value);
	else if (strcmp(name, "connect") == 0)
		say(name, value, connected(value));
	else if (strcmp(name, "exchange") == 0)
		say(name, value, exchange(value));
	else if (strcmp(name, "datagram") == 0)
		say(name, value, datagram(value));
	else if (strcmp(name, "stuck") == 0)
		say(name, value, stuck((int)strtol(value, NULL, 10)));
	else if (strcmp(name, "uid") == 0)
		say(name, value, become((uid_t)strtoul(value, NULL, 10)));
	else if (strcmp(name, "orphan") == 0)
		return say(name, "", orphan()), 1;
	else if (strcmp(name, "hide") == 0)
		return say(name, "", prctl(PR_SET_DUMPABLE, 0)), 1;
	else if (strcmp(name, "trace") == 0)
		return say(name, "", (int)ptrace(PTRACE_TRACEME)), 1;
	else
		exit(2);
	return step[1] ? 2 : 1;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc;)
		i += take(&argv[i]);
	(void)fflush(stdout);
	_exit(0);
}
