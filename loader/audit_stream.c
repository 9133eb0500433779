#include "audit_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "handover.h"

#define LOGGED    "/proc/sys/kernel/seccomp/actions_logged"
#define ROOM      (2 * 1024 * 1024) /* for some thousands of records that nobody has read yet */
#define PATIENCE  1000              /* ms */
#define PID_FIELD " pid=%d "        /* of no name: one with a blank is written in hexadecimal */

int audit_stream_open(const char **call)
{
	const struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = 1U << (AUDIT_NLGRP_READLOG - 1)};
	const int room = ROOM;
	int stream = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_AUDIT);
	int error;

	*call = "socket";
	if (stream < 0)
		return -1;
	/* As much as may be had, which without CAP_NET_ADMIN is net.core.rmem_max. */
	if (setsockopt(stream, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) != 0)
		(void)setsockopt(stream, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	*call = "bind";
	if (bind(stream, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return stream;
	error = errno;
	close(stream);
	errno = error;
	return -1;
}

/* The length in the header is of no use: some records count it in, some do not. */
enum audit_stream_result audit_stream_peek(int stream, void *buffer, size_t size, const char **text, size_t *length)
{
	struct sockaddr_nl from = {.nl_pid = 1};
	struct iovec part = {.iov_base = buffer, .iov_len = size};
	struct msghdr message = {.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &part, .msg_iovlen = 1};
	struct nlmsghdr header;
	ssize_t came;

	do
		came = recvmsg(stream, &message, MSG_PEEK | MSG_DONTWAIT);
	while (came < 0 && errno == EINTR);
	if (came < 0 && errno == ENOBUFS)
		return AUDIT_STREAM_OVERRUN;
	if (came < 0)
		return errno == EAGAIN ? AUDIT_STREAM_NONE : AUDIT_STREAM_BROKEN;
	if (came < (ssize_t)sizeof(header) || (message.msg_flags & MSG_TRUNC) || from.nl_pid != 0)
		return AUDIT_STREAM_OTHER;
	memcpy(&header, buffer, sizeof(header));
	if (header.nlmsg_type != AUDIT_STREAM_SECCOMP)
		return AUDIT_STREAM_OTHER;
	*text = (const char *)buffer + sizeof(header);
	*length = (size_t)came - sizeof(header);
	return AUDIT_STREAM_RECORD;
}

void audit_stream_drop(int stream)
{
	struct msghdr message = {.msg_iovlen = 0};

	(void)recvmsg(stream, &message, MSG_DONTWAIT);
}

/* An action that is not among them has no record. Without the file (before Linux 4.14) all have. */
static bool logs_kills(void)
{
	char actions[256];
	int descriptor = open(LOGGED, O_RDONLY | O_CLOEXEC);
	ssize_t length;

	if (descriptor < 0)
		return true;
	length = read(descriptor, actions, sizeof(actions) - 1);
	close(descriptor);
	actions[length > 0 ? length : 0] = '\0';
	return strstr(actions, "kill_process") != NULL;
}

/* In a child: a call that changes nothing, and that its filter has the kernel log. */
static void make_record(void)
{
	struct sock_filter instructions[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_LOG),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = sizeof(instructions) / sizeof(instructions[0]), .filter = instructions};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0)
		(void)syscall(SYS_getppid);
	_exit(0);
}

/* What has come so far; all of it is dropped. */
static bool has_come(int stream, const char *wanted)
{
	char buffer[AUDIT_STREAM_MESSAGE_MAX];
	enum audit_stream_result result;
	const char *text = NULL;
	size_t length = 0;

	while ((result = audit_stream_peek(stream, buffer, sizeof(buffer), &text, &length)) != AUDIT_STREAM_NONE) {
		if (result == AUDIT_STREAM_BROKEN)
			return false;
		if (result != AUDIT_STREAM_OVERRUN)
			audit_stream_drop(stream);
		if (result == AUDIT_STREAM_RECORD && memmem(text, length, wanted, strlen(wanted)))
			return true;
	}
	return false;
}

static bool await_record(int stream, pid_t child)
{
	const int64_t until = handover_now() + PATIENCE;
	struct pollfd ready = {.fd = stream, .events = POLLIN};
	char wanted[32];
	int64_t left;

	(void)snprintf(wanted, sizeof(wanted), PID_FIELD, child);
	while (!has_come(stream, wanted)) {
		left = until - handover_now();
		if (left <= 0 || poll(&ready, 1, (int)left) < 0)
			return false;
	}
	return true;
}

bool audit_stream_hears(int stream)
{
	pid_t child;
	bool heard;

	if (!logs_kills()) {
		errno = ENODATA;
		return false;
	}
	child = fork();
	if (child < 0)
		return false;
	if (child == 0)
		make_record();
	heard = await_record(stream, child);
	(void)waitpid(child, NULL, 0);
	errno = heard ? 0 : ENODATA;
	return heard;
}
