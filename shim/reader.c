#include "reader.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include "message.h"

#define STACK_SIZE ((size_t)512 * 1024) /* a request and an answer are on it */

struct reader {
	int channel;              /* owned */
	_Atomic unsigned threads; /* one that hears, and one for each connection */
};

struct connection {
	struct reader *reader;
	int socket; /* owned */
};

struct request {
	struct reader_request head;
	char bytes[READER_BYTES_MAX];
};

struct answer {
	struct reader_answer head;
	char bytes[READER_BYTES_MAX];
};

/* Is it whole, and within the bounds? */
static bool is_request(const struct request *request, ssize_t length, const struct message_descriptors *came)
{
	size_t bytes = request->head.operation == READER_WRITE ? request->head.length : 0;

	if (length < (ssize_t)sizeof(request->head) || request->head.length > READER_BYTES_MAX ||
	    request->head.count > REACH_PIECES_MAX)
		return false;
	return (size_t)length == sizeof(request->head) + bytes &&
	       came->count == (request->head.operation == READER_TAKE ? 1U : 0U);
}

/* What the kernel says to it: bytes or a descriptor, or -1 and errno. */
static ssize_t carry_out(const struct request *request, int pidfd, char *out, int *taken)
{
	struct reach ourselves = {.channel = -1, .connection = -1};
	const struct reader_request *head = &request->head;

	switch ((enum reader_operation)head->operation) {
	case READER_READ:
		return reach_read(&ourselves, head->tid, head->pieces, head->count, out, head->length);
	case READER_WRITE:
		return reach_write(&ourselves, head->tid, (uint64_t)(uintptr_t)head->pieces[0].iov_base, request->bytes,
				   head->length);
	case READER_TAKE:
		*taken = reach_take(&ourselves, pidfd, head->number);
		return *taken < 0 ? -1 : 0;
	default:
		errno = EINVAL;
		return -1;
	}
}

/* One request. False: there will be no other. */
static bool serve_one(int socket)
{
	struct request request;
	struct answer answer;
	struct message_descriptors came;
	ssize_t length = message_receive(socket, &request, sizeof(request), &came);
	size_t size = sizeof(answer.head);
	bool sent;
	int pidfd;
	int taken = -1;
	ssize_t done;

	if (length <= 0)
		return false;
	if (!is_request(&request, length, &came)) {
		message_close(&came);
		return false;
	}
	pidfd = message_take(&came);
	done = carry_out(&request, pidfd, answer.bytes, &taken);
	answer.head = (struct reader_answer){.error = done < 0 ? errno : 0, .length = done < 0 ? 0 : (uint32_t)done};
	if (request.head.operation == READER_READ)
		size += answer.head.length;
	sent = message_send(socket, &answer, size, &taken, taken >= 0) == 0;
	if (taken >= 0)
		close(taken);
	if (pidfd >= 0)
		close(pidfd);
	return sent;
}

/* The last of the threads has the reader's memory to free. */
static void leave(struct reader *reader)
{
	if (atomic_fetch_sub(&reader->threads, 1) == 1)
		free(reader);
}

static void *attend(void *argument)
{
	struct connection *connection = argument;
	struct reader *reader = connection->reader;

	while (serve_one(connection->socket))
		;
	close(connection->socket);
	free(connection);
	leave(reader);
	return NULL;
}

static int start_thread(void *(*function)(void *), void *argument)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int error = pthread_attr_init(&attributes);

	if (error == 0)
		error = pthread_attr_setstacksize(&attributes, STACK_SIZE);
	if (error == 0)
		error = pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	if (error == 0)
		error = pthread_create(&thread, &attributes, function, argument);
	(void)pthread_attr_destroy(&attributes);
	return error;
}

static void add(struct reader *reader, int socket)
{
	struct connection *connection = malloc(sizeof(*connection));

	if (!connection || atomic_load(&reader->threads) > READER_CONNECTIONS_MAX) {
		close(socket);
		free(connection);
		return;
	}
	*connection = (struct connection){.reader = reader, .socket = socket};
	atomic_fetch_add(&reader->threads, 1);
	if (start_thread(attend, connection) == 0)
		return;
	atomic_fetch_sub(&reader->threads, 1); /* not the last: the one that hears is ours */
	close(socket);
	free(connection);
}

static void *hear(void *argument)
{
	struct reader *reader = argument;
	struct message_descriptors came;
	char byte;
	int socket;

	/* Until the sidecar has ended: its keeper has the other end for as long as it lives. */
	while (message_receive(reader->channel, &byte, sizeof(byte), &came) > 0) {
		socket = message_take(&came);
		message_close(&came);
		if (socket >= 0)
			add(reader, socket);
	}
	close(reader->channel);
	leave(reader);
	return NULL;
}

int reader_start(int channel)
{
	struct reader *reader = malloc(sizeof(*reader)); /* the threads' */
	int error;

	if (!reader)
		return -1;
	*reader = (struct reader){.channel = channel, .threads = 1};
	error = start_thread(hear, reader);
	if (error == 0)
		return 0;
	free(reader);
	errno = error;
	return -1;
}
