/*
 * The hand-over, the sidecar's side: any messages, with any descriptors, leave a conversation that is in
 * a state of its own, within its bounds, and no descriptor behind. The input is messages, each of them
 * two bytes of length, one that says what comes along, and its bytes.
 */
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conversation.h"
#include "policy.h"

#define OPEN_MAX_LOOKED 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned count_open(void)
{
	unsigned count = 0;

	for (int descriptor = 0; descriptor < OPEN_MAX_LOOKED; descriptor++)
		if (fcntl(descriptor, F_GETFD) >= 0)
			count++;
	return count;
}

/* What every message must leave true, whatever it was. */
static void check(const struct conversation *conversation)
{
	size_t due = 0;

	if (conversation->state == CONVERSATION_HELLO)
		return;
	for (size_t i = 0; i < TEXT_COUNT; i++) {
		if (conversation->hello.lengths[i] > POLICY_TEXT_MAX)
			abort();
		due += conversation->hello.lengths[i];
	}
	if (due != conversation->texts_due || conversation->texts_length > due ||
	    !memchr(conversation->hello.session, '\0', sizeof(conversation->hello.session)) ||
	    (conversation->state != CONVERSATION_TEXT && conversation->texts_length != due))
		abort();
	/* One that is no listener is kept until the end; nothing else is announced. */
	if (conversation->state == CONVERSATION_ANNOUNCED && conversation->listener < 0)
		abort();
	/* Every text is there to be read, where anything has been said. */
	for (size_t i = 0; i < TEXT_COUNT && conversation->texts && conversation->state != CONVERSATION_TEXT; i++) {
		const char *text = conversation_text(conversation, (enum handover_text)i);

		if (text + conversation->hello.lengths[i] > conversation->texts + due)
			abort();
	}
}

/* Sends the next message. False: there is none. */
static bool send_next(int socket, int null, const uint8_t **data, size_t *size)
{
	int descriptors[MESSAGE_DESCRIPTORS_MAX];
	size_t length;
	size_t count;

	if (*size < 3)
		return false;
	length = (size_t)((*data)[0] | (*data)[1] << 8);
	count = (*data)[2] % (MESSAGE_DESCRIPTORS_MAX + 1);
	*data += 3;
	*size -= 3;
	if (length > *size)
		length = *size;
	for (size_t i = 0; i < count; i++)
		descriptors[i] = null;
	(void)message_send(socket, *data, length, descriptors, count);
	*data += length;
	*size -= length;
	return true;
}

static void converse(int socket, int null, struct conversation *conversation, const uint8_t *data, size_t size)
{
	const char *wrong = NULL;

	while (!wrong && send_next(socket, null, &data, &size)) {
		wrong = conversation_hear(conversation);
		check(conversation);
		if (wrong)
			conversation_refuse(conversation, wrong);
		else if (conversation->state == CONVERSATION_ASKED)
			conversation_welcome(conversation, 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned before = count_open();
	struct conversation conversation;
	int ends[2];
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)conversation_check_hello(data, size, size % 3);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0 ||
	    conversation_begin(&conversation, ends[1]) != 0)
		abort();
	converse(ends[0], null, &conversation, data, size);
	close(ends[0]);
	close(null);
	conversation_end(&conversation);
	if (count_open() != before)
		abort();
	return 0;
}
