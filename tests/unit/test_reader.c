/*
 * reader.h and reach.h against each other: what is read through the reader is what one reads
 * oneself, and who breaks its protocol or takes more than its share is closed, others unharmed.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "memory.h"
#include "message.h"
#include "reader.h"

#define PAGE        ((size_t)4096)
#define LONG_ENOUGH ((size_t)150000)

static int start(void)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(reader_start(ends[1]), 0);
	return ends[0];
}

static struct reach reach_of(int channel)
{
	return (struct reach){.channel = channel, .connection = -1};
}

static unsigned char *pattern(size_t length)
{
	unsigned char *bytes = malloc(length);

	assert_non_null(bytes);
	for (size_t i = 0; i < length; i++)
		bytes[i] = (unsigned char)(i % 251);
	return bytes;
}

static void reads(void **state)
{
	int channel = start();
	struct reach reach = reach_of(channel);
	const struct memory memory = {.tid = getpid(), .reach = &reach};
	unsigned char *theirs = pattern(LONG_ENOUGH);
	unsigned char *ours = calloc(1, LONG_ENOUGH);
	const struct iovec pieces[] = {{.iov_base = theirs, .iov_len = 3},
				       {.iov_base = theirs + 3, .iov_len = 0},
				       {.iov_base = theirs + 3, .iov_len = LONG_ENOUGH - 3}};

	(void)state;
	assert_non_null(ours);
	assert_int_equal(memory_read(&memory, (uintptr_t)theirs, ours, LONG_ENOUGH), 0);
	assert_memory_equal(ours, theirs, LONG_ENOUGH);
	memset(ours, 0, LONG_ENOUGH);
	assert_int_equal(memory_gather(&memory, pieces, 3, 1, ours, LONG_ENOUGH), LONG_ENOUGH - 1);
	assert_memory_equal(ours, theirs + 1, LONG_ENOUGH - 1);
	assert_int_equal(memory_read(&memory, 16, ours, 1), EFAULT);
	reach_end(&reach);
	close(channel);
	free(ours);
	free(theirs);
}

static void writes(void **state)
{
	int channel = start();
	struct reach reach = reach_of(channel);
	const struct memory memory = {.tid = getpid(), .reach = &reach};
	unsigned char *ours = pattern(LONG_ENOUGH);
	unsigned char *theirs = calloc(1, LONG_ENOUGH);

	(void)state;
	assert_non_null(theirs);
	assert_int_equal(memory_write(&memory, (uintptr_t)theirs, ours, LONG_ENOUGH), 0);
	assert_memory_equal(theirs, ours, LONG_ENOUGH);
	assert_int_equal(memory_write(&memory, 16, ours, 1), EFAULT);
	reach_end(&reach);
	close(channel);
	free(ours);
	free(theirs);
}

/* The second page is nobody's to read: what is before it counts. Where none is, a new thread of ours could make one. */
static void reads_up_to_a_hole(void **state)
{
	int channel = start();
	struct reach reach = reach_of(channel);
	const struct memory memory = {.tid = getpid(), .reach = &reach};
	char *pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const struct iovec piece = {.iov_base = pages, .iov_len = 2 * PAGE};
	char ours[2 * PAGE];

	(void)state;
	assert_ptr_not_equal(pages, MAP_FAILED);
	assert_int_equal(mprotect(pages + PAGE, PAGE, PROT_NONE), 0);
	assert_int_equal(memory_gather(&memory, &piece, 1, 0, ours, sizeof(ours)), PAGE);
	assert_int_equal(memory_read(&memory, (uintptr_t)pages, ours, sizeof(ours)), EFAULT);
	assert_int_equal(munmap(pages, 2 * PAGE), 0);
	reach_end(&reach);
	close(channel);
}

/* Sends that over a connection of its own: the answer's length; 0: closed. */
static ssize_t answer_to(int channel, const void *message, size_t length, int along)
{
	int ends[2];
	char answer[256];
	ssize_t received;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(message_send(channel, "", 1, &ends[1], 1), 0);
	close(ends[1]);
	assert_int_equal(message_send(ends[0], message, length, &along, along >= 0), 0);
	received = message_receive(ends[0], answer, sizeof(answer), NULL);
	close(ends[0]);
	return received < 0 ? 0 : received;
}

static void closes_rubbish(void **state)
{
	int channel = start();
	struct reach reach = reach_of(channel);
	const struct memory memory = {.tid = getpid(), .reach = &reach};
	const struct reader_request good = {.operation = READER_READ, .tid = getpid()};
	struct reader_request request = good;
	char byte = 'a';
	char seen = 0;

	(void)state;
	assert_int_equal(answer_to(channel, &good, sizeof(good), -1), sizeof(struct reader_answer));
	assert_int_equal(answer_to(channel, &good, sizeof(good) - 1, -1), 0);
	assert_int_equal(answer_to(channel, &good, sizeof(good), STDERR_FILENO), 0);
	assert_int_equal(answer_to(channel, "", 1, -1), 0);
	request.length = READER_BYTES_MAX + 1;
	assert_int_equal(answer_to(channel, &request, sizeof(request), -1), 0);
	request = good;
	request.count = REACH_PIECES_MAX + 1;
	assert_int_equal(answer_to(channel, &request, sizeof(request), -1), 0);
	request = good;
	request.operation = READER_WRITE;
	request.length = 1; /* and no byte behind it */
	assert_int_equal(answer_to(channel, &request, sizeof(request), -1), 0);
	request.operation = READER_TAKE;
	assert_int_equal(answer_to(channel, &request, sizeof(request), -1), 0);
	assert_int_equal(memory_read(&memory, (uintptr_t)&byte, &seen, 1), 0);
	assert_int_equal(seen, 'a');
	reach_end(&reach);
	close(channel);
}

static void bounds_connections(void **state)
{
	int channel = start();
	struct reach reach[READER_CONNECTIONS_MAX + 1];
	char byte = 'a';
	char seen = 0;
	const struct iovec piece = {.iov_base = &byte, .iov_len = 1};

	(void)state;
	for (size_t i = 0; i <= READER_CONNECTIONS_MAX; i++)
		reach[i] = reach_of(channel);
	for (size_t i = 0; i < READER_CONNECTIONS_MAX; i++)
		assert_int_equal(reach_read(&reach[i], getpid(), &piece, 1, &seen, 1), 1);
	assert_int_equal(reach_read(&reach[READER_CONNECTIONS_MAX], getpid(), &piece, 1, &seen, 1), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(reach_read(&reach[0], getpid(), &piece, 1, &seen, 1), 1);
	for (size_t i = 0; i < READER_CONNECTIONS_MAX; i++)
		reach_end(&reach[i]);
	/* Its thread may take a moment to end: one more is served again then. */
	while (reach_read(&reach[READER_CONNECTIONS_MAX], getpid(), &piece, 1, &seen, 1) != 1)
		assert_int_equal(errno, EPERM);
	reach_end(&reach[READER_CONNECTIONS_MAX]);
	close(channel);
}

static void denies_without_reader(void **state)
{
	int ends[2];
	struct reach reach;
	char byte = 'a';
	const struct memory memory = {.tid = getpid(), .reach = &reach};

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	close(ends[1]);
	reach = reach_of(ends[0]);
	assert_int_equal(memory_read(&memory, (uintptr_t)&byte, &byte, 1), EACCES);
	assert_int_equal(reach_take(&reach, -1, 0), -1);
	assert_int_not_equal(errno, EBADF);
	close(ends[0]);
}

/*
 * The reader's threads end by themselves: what they hold, valgrind counts until then. Those of a test that has
 * failed do not.
 */
static int threads_end(void **state)
{
	struct stat tasks;

	(void)state;
	for (int tries = 0; tries < 60000; tries++) {
		assert_int_equal(stat("/proc/self/task", &tasks), 0);
		if (tasks.st_nlink <= 3)
			return 0;
		usleep(1000);
	}
	return -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads),
	    cmocka_unit_test(writes),
	    cmocka_unit_test(reads_up_to_a_hole),
	    cmocka_unit_test(closes_rubbish),
	    cmocka_unit_test(bounds_connections),
	    cmocka_unit_test(denies_without_reader),
	};

	return cmocka_run_group_tests(tests, NULL, threads_end);
}
