/*
 * sending.h: a message is what its header says, and nothing that lay elsewhere when the header was read; whatever
 * the target does meanwhile, what is sent is one of the messages that it has written.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "sending.h"

#define PAGE  ((size_t)MEMORY_PAGE)
#define RACES 20000

/* A target, which is this process itself, with its message at the beginning of two pages. */
struct given {
	struct reach reach;
	struct memory_page page;
	struct credentials credentials;
	struct sender sender;
	int peer;
	struct sending sending;
	struct target *target;
	char received[2 * MEMORY_PAGE];
};

struct target {
	struct msghdr header;
	struct iovec pieces[4];
	char control[64];
	char bytes[64];
};

static int set_up_as(void **state, int type)
{
	struct given *given = calloc(1, sizeof(*given));
	int pair[2];

	assert_non_null(given);
	assert_int_equal(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair), 0);
	given->peer = pair[1];
	given->reach = (struct reach){.channel = -1, .connection = -1};
	given->sender = (struct sender){
	    .memory = {.tid = getpid(), .reach = &given->reach, .page = &given->page},
	    .thread = -1,
	    .socket = pair[0],
	    .domain = AF_UNIX,
	    .is_unix = true,
	    .credentials = &given->credentials,
	};
	given->target = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(given->target, MAP_FAILED);
	given->target->pieces[0] = (struct iovec){.iov_base = given->target->bytes, .iov_len = 5};
	given->target->header = (struct msghdr){.msg_iov = given->target->pieces, .msg_iovlen = 1};
	memcpy(given->target->bytes, "first, and more", 16);
	*state = given;
	return 0;
}

static int set_up(void **state)
{
	return set_up_as(state, SOCK_STREAM);
}

static int set_up_datagram(void **state)
{
	return set_up_as(state, SOCK_DGRAM);
}

static int tear_down(void **state)
{
	struct given *given = *state;

	assert_int_equal(munmap(given->target, 2 * PAGE), 0);
	close(given->sender.socket);
	close(given->peer);
	free(given);
	return 0;
}

static int copy(struct given *given)
{
	return sending_from_header(&given->sender, (uintptr_t)&given->target->header, MSG_DONTWAIT, &given->sending);
}

/* What arrives, ended by a NUL. */
static const char *send_it(struct given *given)
{
	ssize_t sent = sending_send(&given->sender, &given->sending, NULL, 0);
	ssize_t received = -1;

	if (sent == 0)
		received = 0; /* of a stream nothing arrives */
	else if (sent > 0)
		received = recv(given->peer, given->received, sizeof(given->received) - 1, MSG_DONTWAIT);
	assert_int_equal(received, sent);
	given->received[sent] = '\0';
	sending_free(&given->sending);
	return given->received;
}

/* The page of the header is of one moment, that of the header. */
static void is_of_one_moment(void **state)
{
	struct given *given = *state;

	assert_int_equal(copy(given), 0);
	memcpy(given->target->bytes, "later", 5);
	given->target->pieces[0].iov_len = 3;
	assert_string_equal(send_it(given), "first");
}

/* Nothing of a message is that of the one before: not its bytes, its pieces, its length, nor where they are. */
static void forgets(void **state)
{
	struct given *given = *state;
	struct target *target = given->target;
	char *elsewhere = (char *)target + PAGE;

	assert_int_equal(copy(given), 0);
	assert_string_equal(send_it(given), "first");
	memcpy(target->bytes, "other", 5);
	assert_int_equal(copy(given), 0);
	assert_string_equal(send_it(given), "other");
	target->pieces[0].iov_len = 2;
	assert_int_equal(copy(given), 0);
	assert_string_equal(send_it(given), "ot");
	target->pieces[0].iov_len = 64; /* as much as there is */
	memset(target->bytes, 'x', 64);
	assert_int_equal(copy(given), 0);
	assert_int_equal(strspn(send_it(given), "x"), 64);
	target->pieces[1] = (struct iovec){.iov_base = elsewhere, .iov_len = 3};
	memcpy(elsewhere, "far", 3);
	target->header.msg_iov = &target->pieces[1];
	assert_int_equal(copy(given), 0);
	assert_string_equal(send_it(given), "far");
	target->pieces[0].iov_len = 1;
	target->header = (struct msghdr){.msg_iov = target->pieces, .msg_iovlen = 2};
	assert_int_equal(copy(given), 0);
	assert_string_equal(send_it(given), "xfar");
	target->header.msg_iovlen = 0;
	assert_int_equal(copy(given), 0);
	assert_string_equal(send_it(given), "");
}

/* What ends with the page, what goes a byte beyond it, and what begins before it. */
static void knows_the_bounds(void **state)
{
	struct given *given = *state;
	struct target *target = given->target;
	char *end = (char *)target + PAGE;

	memcpy(end - 4, "abcdefgh", 8);
	target->pieces[0] = (struct iovec){.iov_base = end - 4, .iov_len = 4};
	assert_int_equal(copy(given), 0);
	memcpy(end - 4, "ABCDEFGH", 8);
	assert_string_equal(send_it(given), "abcd");
	target->pieces[0].iov_len = 5;
	assert_int_equal(copy(given), 0);
	memcpy(end - 4, "ijklmnop", 8);
	assert_string_equal(send_it(given), "ijklm");             /* all of it anew, and nothing of the copy */
	memcpy(end - 8, &target->header, sizeof(target->header)); /* over two pages */
	assert_int_equal(sending_from_header(&given->sender, (uintptr_t)(end - 8), 0, &given->sending), 0);
	assert_memory_equal(&given->sending.pieces[0], &target->pieces[0], sizeof(struct iovec));
	sending_free(&given->sending);
}

static void faults_as_before(void **state)
{
	struct given *given = *state;
	struct target *target = given->target;
	char *second = (char *)target + PAGE;

	assert_int_equal(mprotect(second, PAGE, PROT_NONE), 0);
	target->pieces[0] = (struct iovec){.iov_base = second - 4, .iov_len = 5};
	assert_int_equal(copy(given), 0);
	assert_int_equal(sending_send(&given->sender, &given->sending, NULL, 0), -1);
	assert_int_equal(errno, EFAULT);
	sending_free(&given->sending);
	target->header.msg_iov = (struct iovec *)(void *)(second - 8);
	assert_int_equal(copy(given), EFAULT);
	sending_free(&given->sending);
	target->header.msg_iov = target->pieces;
	target->header.msg_control = second;
	target->header.msg_controllen = 1;
	assert_int_equal(copy(given), EFAULT);
	sending_free(&given->sending);
	assert_int_equal(sending_from_header(&given->sender, (uintptr_t)second, 0, &given->sending), EFAULT);
	sending_free(&given->sending);
	assert_int_equal(sending_from_header(&given->sender, (uintptr_t)(second - 8), 0, &given->sending), EFAULT);
	sending_free(&given->sending);
	assert_int_equal(mprotect(second, PAGE, PROT_READ | PROT_WRITE), 0);
}

/* Of each length around what there is room for without an allocation: the control data as it stands there. */
static void has_room_for_control(void **state)
{
	struct given *given = *state;
	struct target *target = given->target;
	char *there = (char *)target + 1024;
	const struct cmsghdr other = {.cmsg_len = sizeof(other), .cmsg_level = SOL_SOCKET + 1};

	given->sender.may_claim = true;
	given->credentials = (struct credentials){.tgid = getpid(), .ruid = getuid(), .rgid = getgid()};
	for (size_t length = 0; length <= 2 * SENDING_CONTROL_FEW; length += sizeof(other)) {
		for (size_t i = 0; i < length; i += sizeof(other))
			memcpy(there + i, &other, sizeof(other)); /* which are left out */
		target->header.msg_control = there;
		target->header.msg_controllen = length;
		assert_int_equal(copy(given), 0);
		assert_int_equal(given->sending.control_length, CMSG_SPACE(sizeof(struct ucred)));
		assert_string_equal(send_it(given), "first");
	}
}

/* More pieces than there is room for without an allocation, and more bytes. */
static void has_room_for_more(void **state)
{
	struct given *given = *state;
	struct target *target = given->target;
	struct iovec *pieces = (struct iovec *)(void *)((char *)target + 2048);

	for (size_t count = SENDING_PIECES_FEW - 1; count <= SENDING_PIECES_FEW + 1; count++) {
		for (size_t i = 0; i < count; i++)
			pieces[i] = (struct iovec){.iov_base = target->bytes, .iov_len = 1};
		target->header = (struct msghdr){.msg_iov = pieces, .msg_iovlen = count};
		assert_int_equal(copy(given), 0);
		assert_int_equal(strspn(send_it(given), "f"), count);
	}
	target->header = (struct msghdr){.msg_iov = target->pieces, .msg_iovlen = 2};
	for (size_t more = 0; more <= 2; more++) {
		char *bytes = (char *)target;

		target->pieces[0] = (struct iovec){.iov_base = bytes + 1024, .iov_len = SENDING_BYTES_FEW - 1};
		target->pieces[1] = (struct iovec){.iov_base = bytes + 1024, .iov_len = more};
		memset(bytes + 1024, 'y', SENDING_BYTES_FEW);
		assert_int_equal(copy(given), 0);
		assert_int_equal(strspn(send_it(given), "y"), SENDING_BYTES_FEW - 1 + more);
	}
}

/* sendto(2): the address and the bytes, in one page or in two. */
static void sends_from_a_buffer(void **state)
{
	struct given *given = *state;
	struct target *target = given->target;
	const struct sockaddr_un named = {.sun_family = AF_UNIX, .sun_path = "/nowhere"};
	char *places[] = {(char *)target + 512, (char *)target + PAGE - 8, (char *)target + PAGE};

	memcpy(target->control, &named, 12);
	for (size_t i = 0; i < 3; i++) {
		memcpy(places[i], "bytes", 5);
		assert_int_equal(sending_from_buffer(&given->sender, (uintptr_t)places[i], 5, MSG_DONTWAIT,
						     (uintptr_t)target->control, 12, &given->sending),
				 0);
		assert_int_equal(given->sending.address.kind, ADDRESS_PATH);
		assert_string_equal(given->sending.address.name, "/nowhere");
		assert_string_equal(send_it(given), "bytes");
	}
}

/* Turns the header to the one message and to the other, and changes what only the one has, as fast as it can. */
struct turning {
	struct target *target;
	_Atomic bool over;
};

static void *turn(void *argument)
{
	struct turning *turning = argument;
	struct iovec *volatile *which = &turning->target->header.msg_iov;

	for (unsigned i = 0; !atomic_load(&turning->over); i++) {
		*which = &turning->target->pieces[i % 2];
		if (i % 256 == 0)
			(void)
			    sched_yield(); /* valgrind lets one thread run at a time, for as long as it does not wait */
	}
	return NULL;
}

/* Two messages of the same page, or of two, of other lengths and bytes: either is sent whole. */
static void race(struct given *given, char *one, char *other)
{
	struct turning turning = {.target = given->target};
	unsigned seen[2] = {0, 0};
	pthread_t thread;

	memcpy(one, "aaa", 3);
	memcpy(other, "bbbbb", 5);
	given->target->pieces[0] = (struct iovec){.iov_base = one, .iov_len = 3};
	given->target->pieces[1] = (struct iovec){.iov_base = other, .iov_len = 5};
	assert_int_equal(pthread_create(&thread, NULL, turn, &turning), 0);
	for (unsigned i = 0; i < RACES; i++) {
		const char *sent;

		assert_int_equal(copy(given), 0);
		sent = send_it(given);
		assert_true(strcmp(sent, "aaa") == 0 || strcmp(sent, "bbbbb") == 0);
		seen[sent[0] == 'b']++;
	}
	atomic_store(&turning.over, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(seen[0] + seen[1], RACES);
}

static void is_one_of_two(void **state)
{
	struct given *given = *state;
	char *bytes = given->target->bytes;

	race(given, bytes, bytes + 8);
	race(given, bytes, (char *)given->target + PAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(is_of_one_moment, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(forgets, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(knows_the_bounds, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(faults_as_before, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(has_room_for_control, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(has_room_for_more, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(sends_from_a_buffer, set_up_datagram, tear_down),
	    cmocka_unit_test_setup_teardown(is_one_of_two, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
