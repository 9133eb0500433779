/* Messages with descriptors: whole or not at all, and none of a descriptor's is left behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "message.h"

struct pair {
	int ends[2];
	int null;
	size_t open; /* descriptors, with these */
};

static size_t count_open(void)
{
	size_t count = 0;

	for (int descriptor = 0; descriptor < 1024; descriptor++)
		if (fcntl(descriptor, F_GETFD) >= 0)
			count++;
	return count;
}

static int set_up(void **state)
{
	static struct pair pair;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair.ends) != 0)
		return -1;
	pair.null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	pair.open = count_open();
	*state = &pair;
	return 0;
}

static int tear_down(void **state)
{
	struct pair *pair = *state;

	close(pair->ends[0]);
	close(pair->ends[1]);
	close(pair->null);
	return 0;
}

static void test_message_and_descriptors(void **state)
{
	struct pair *pair = *state;
	int sent[MESSAGE_DESCRIPTORS_MAX];
	struct message_descriptors came;
	char data[8];
	int taken;

	for (size_t i = 0; i < MESSAGE_DESCRIPTORS_MAX; i++)
		sent[i] = pair->null;
	assert_int_equal(message_send(pair->ends[0], "hello", 5, sent, MESSAGE_DESCRIPTORS_MAX), 0);
	assert_int_equal(message_receive(pair->ends[1], data, sizeof(data), &came), 5);
	assert_memory_equal(data, "hello", 5);
	assert_int_equal(came.count, MESSAGE_DESCRIPTORS_MAX);
	taken = message_take(&came);
	assert_true(fcntl(taken, F_GETFD) & FD_CLOEXEC);
	message_close(&came);
	assert_int_equal(came.count, 0);
	assert_int_equal(message_take(&came), -1);
	/* What was taken is the taker's. */
	assert_int_equal(close(taken), 0);
	assert_int_equal(count_open(), pair->open);
}

static void test_too_many_to_send(void **state)
{
	struct pair *pair = *state;
	int sent[MESSAGE_DESCRIPTORS_MAX + 1] = {0};

	assert_int_equal(message_send(pair->ends[0], "x", 1, sent, MESSAGE_DESCRIPTORS_MAX + 1), -1);
	assert_int_equal(errno, EINVAL);
}

static void test_too_long(void **state)
{
	struct pair *pair = *state;
	struct message_descriptors came;
	char data[4];

	assert_int_equal(message_send(pair->ends[0], "hello", 5, &pair->null, 1), 0);
	assert_int_equal(message_receive(pair->ends[1], data, sizeof(data), &came), -1);
	assert_int_equal(errno, EMSGSIZE);
	assert_int_equal(came.count, 0);
	assert_memory_equal(data, "hell", 4);
	assert_int_equal(count_open(), pair->open);
}

/* By hand, as message_send() does not. */
static void send_many(int socket, int descriptor, size_t count)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(64 * sizeof(int))];
	} control = {0};
	struct iovec part = {.iov_base = (void *)"x", .iov_len = 1};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = control.bytes,
				 .msg_controllen = CMSG_SPACE(count * sizeof(int))};

	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
	for (size_t i = 0; i < count; i++)
		memcpy(CMSG_DATA(&control.header) + i * sizeof(int), &descriptor, sizeof(int));
	assert_int_equal(sendmsg(socket, &message, 0), 1);
}

static void test_too_many_came(void **state)
{
	struct pair *pair = *state;
	struct message_descriptors came;
	char data[4];

	for (size_t count = MESSAGE_DESCRIPTORS_MAX + 1; count <= 64; count++) {
		send_many(pair->ends[0], pair->null, count);
		assert_int_equal(message_receive(pair->ends[1], data, sizeof(data), &came), -1);
		assert_int_equal(errno, EMSGSIZE);
		assert_int_equal(count_open(), pair->open);
	}
}

static void test_not_wanted(void **state)
{
	struct pair *pair = *state;
	char data[4];

	assert_int_equal(message_send(pair->ends[0], "x", 1, &pair->null, 1), 0);
	assert_int_equal(message_receive(pair->ends[1], data, sizeof(data), NULL), 1);
	assert_int_equal(count_open(), pair->open);
}

/* An empty message reads like the end, but what it brings is there. */
static void test_empty(void **state)
{
	struct pair *pair = *state;
	struct message_descriptors came;
	char data[4];

	assert_int_equal(message_send(pair->ends[0], "", 0, &pair->null, 1), 0);
	assert_int_equal(message_receive(pair->ends[1], data, sizeof(data), &came), 0);
	assert_int_equal(came.count, 1);
	message_close(&came);
	assert_int_equal(count_open(), pair->open);
}

static void test_nothing_and_the_end(void **state)
{
	struct pair *pair = *state;
	struct message_descriptors came;
	char data[4];

	assert_int_equal(message_receive(pair->ends[1], data, sizeof(data), &came), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(shutdown(pair->ends[0], SHUT_WR), 0);
	assert_int_equal(message_receive(pair->ends[1], data, sizeof(data), &came), 0);
	assert_int_equal(came.count, 0);
	assert_int_equal(shutdown(pair->ends[1], SHUT_RD), 0);
	/* A SIGPIPE would end the test. */
	assert_int_equal(message_send(pair->ends[0], "x", 1, NULL, 0), -1);
	assert_int_equal(errno, EPIPE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_message_and_descriptors, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_too_many_to_send, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_too_long, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_too_many_came, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_not_wanted, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_empty, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_nothing_and_the_end, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
