#include "spare.h"

#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include "message.h"

_Static_assert(WORKER_DESCRIPTORS <= MESSAGE_DESCRIPTORS_MAX, "all of a session goes into one message");

bool spare_start(struct spare *spare, bool later)
{
	char *const arguments[] = {(char *)"agentsh-sidecar", (char *)ROLE_WAITER, NULL};
	int descriptors[WORKER_START_END - WORKER_KEEPER];
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
		return false;
	descriptors[WORKER_KEEPER - WORKER_KEEPER] = ends[1];
	descriptors[WORKER_FILTER - WORKER_KEEPER] = spare->filter;
	spare->worker = later ? role_start_later(arguments, descriptors, WORKER_START_END - WORKER_KEEPER)
			      : role_start(arguments, descriptors, WORKER_START_END - WORKER_KEEPER);
	spare->control = ends[0];
	close(ends[1]);
	if (spare->worker > 0)
		return true;
	spare_forget(spare);
	return false;
}

bool spare_give(struct spare *spare, const struct spare_session *session, const int *descriptors, pid_t *worker,
		int *control)
{
	struct spare_session message = *session;
	int along[WORKER_DESCRIPTORS];
	size_t count = 0;

	message.has = 0;
	for (size_t i = 0; i < WORKER_DESCRIPTORS; i++) {
		if (descriptors[i] < 0)
			continue;
		message.has |= 1U << i;
		along[count++] = descriptors[i];
	}
	if (message_send(spare->control, &message, sizeof(message), along, count) != 0) {
		spare_forget(spare);
		return false;
	}
	*worker = spare->worker;
	*control = spare->control;
	spare->worker = 0;
	spare->control = -1;
	return true;
}

void spare_forget(struct spare *spare)
{
	if (spare->control >= 0)
		close(spare->control);
	spare->worker = 0;
	spare->control = -1;
}
