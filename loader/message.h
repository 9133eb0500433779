/*
 * Messages with descriptors over a SOCK_SEQPACKET socket: unix(7), "Ancillary messages".
 */
#ifndef AGENTSH_MESSAGE_H
#define AGENTSH_MESSAGE_H

#include <stddef.h>
#include <sys/types.h>

#define MESSAGE_DESCRIPTORS_MAX 12U

/* Descriptors that came with a message: the receiver's, each -1 or to be closed. */
struct message_descriptors {
	int numbers[MESSAGE_DESCRIPTORS_MAX];
	size_t count;
};

/*
 * Sends one message whole, with count descriptors (at most MESSAGE_DESCRIPTORS_MAX, borrowed).
 * 0, or -1 and errno (EAGAIN: the socket's timeout is over, or it does not block). Never SIGPIPE.
 */
int message_send(int socket, const void *data, size_t length, const int *descriptors, size_t count);

/*
 * Receives one message of at most size bytes. Returns its length, 0 at the end of the stream, or -1
 * and errno (EMSGSIZE: it, or what came with it, was longer, or no descriptors were left for that; data
 * has what fitted). *descriptors has what came with it,
 * O_CLOEXEC; with an error, and where descriptors is NULL, everything that came is closed.
 */
ssize_t message_receive(int socket, void *data, size_t size, struct message_descriptors *descriptors);

/* The same, but with EMSGSIZE too *descriptors has what has come of them: to close one may take long (stranger.h). */
ssize_t message_receive_all(int socket, void *data, size_t size, struct message_descriptors *descriptors);

/* As message_receive, without waiting (EAGAIN: none is there), and leaves the message there, with its descriptors. */
ssize_t message_peek(int socket, void *data, size_t size, struct message_descriptors *descriptors);

/* Closes those that have not been taken (set to -1). */
void message_close(struct message_descriptors *descriptors);

/* Takes the first that has not been taken; -1: none is left. */
int message_take(struct message_descriptors *descriptors);

#endif
