#include "message.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Room for more than there may be: what does not fit would be told by MSG_CTRUNC all the same. */
union control {
	struct cmsghdr header; /* aligns it */
	char bytes[CMSG_SPACE(MESSAGE_DESCRIPTORS_MAX * sizeof(int))];
};

int message_send(int socket, const void *data, size_t length, const int *descriptors, size_t count)
{
	union control control = {0};
	struct iovec part = {.iov_base = (void *)data, .iov_len = length};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	ssize_t sent;

	if (count > MESSAGE_DESCRIPTORS_MAX) {
		errno = EINVAL;
		return -1;
	}
	if (count > 0) {
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(&control.header), descriptors, count * sizeof(int));
		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(count * sizeof(int));
	}
	do {
		sent = sendmsg(socket, &message, MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return -1;
	if ((size_t)sent == length)
		return 0;
	errno = EMSGSIZE;
	return -1;
}

static void collect(struct msghdr *message, struct message_descriptors *descriptors)
{
	for (struct cmsghdr *item = CMSG_FIRSTHDR(message); item; item = CMSG_NXTHDR(message, item)) {
		size_t count;

		if (item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_RIGHTS)
			continue;
		count = (item->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		if (count > MESSAGE_DESCRIPTORS_MAX - descriptors->count)
			count = MESSAGE_DESCRIPTORS_MAX - descriptors->count; /* cannot be: the buffer has no room */
		memcpy(&descriptors->numbers[descriptors->count], CMSG_DATA(item), count * sizeof(int));
		descriptors->count += count;
	}
}

/* all: also of a message that is too long the descriptors are the caller's. */
static ssize_t receive(int socket, void *data, size_t size, struct message_descriptors *descriptors, int flags,
		       bool all)
{
	union control control;
	struct iovec part = {.iov_base = data, .iov_len = size};
	struct msghdr message = {
	    .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)};
	struct message_descriptors came = {.count = 0};
	ssize_t length;

	if (descriptors)
		descriptors->count = 0;
	do {
		length = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | flags);
	} while (length < 0 && errno == EINTR);
	if (length < 0)
		return -1;
	collect(&message, &came);
	if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		if (all)
			*descriptors = came;
		else
			message_close(&came);
		errno = EMSGSIZE;
		return -1;
	}
	if (descriptors)
		*descriptors = came;
	else
		message_close(&came);
	return length;
}

ssize_t message_receive(int socket, void *data, size_t size, struct message_descriptors *descriptors)
{
	return receive(socket, data, size, descriptors, 0, false);
}

ssize_t message_receive_all(int socket, void *data, size_t size, struct message_descriptors *descriptors)
{
	return receive(socket, data, size, descriptors, 0, true);
}

ssize_t message_peek(int socket, void *data, size_t size, struct message_descriptors *descriptors)
{
	return receive(socket, data, size, descriptors, MSG_PEEK | MSG_DONTWAIT, false);
}

void message_close(struct message_descriptors *descriptors)
{
	for (size_t i = 0; i < descriptors->count; i++)
		if (descriptors->numbers[i] >= 0)
			close(descriptors->numbers[i]);
	descriptors->count = 0;
}

int message_take(struct message_descriptors *descriptors)
{
	for (size_t i = 0; i < descriptors->count; i++) {
		int taken = descriptors->numbers[i];

		if (taken < 0)
			continue;
		descriptors->numbers[i] = -1;
		return taken;
	}
	return -1;
}
