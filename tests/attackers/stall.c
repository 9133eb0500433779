/*
 * What takes the worker's time for ever, or as much of it as can be had: it is the session's own. Each
 * of these starts what it can, says "stalled" and lasts until it is killed.
 */
#include "attack.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define THREADS     80 /* more than a worker serves at once: AREA_SLOTS */
#define DESCRIPTORS 253
#define PIECES      1024
#define MESSAGES    1024

struct stalled {
	struct stage *stage;
	struct sockaddr_un address;
	socklen_t length;
	char *page; /* that nobody provides */
	int faults;
};

static void last(struct stalled *stalled, void *(*call)(void *))
{
	for (int i = 0; i < THREADS; i++) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, call, stalled) != 0)
			errx(1, "no thread");
	}
	(void)puts("stalled");
	(void)fflush(stdout);
	for (;;)
		pause();
}

/* Once all but one of the worker's threads are kept, the last keeps none: EAGAIN. */
static _Noreturn void refused(void)
{
	if (errno != EAGAIN)
		err(1, "refused");
	for (;;)
		pause();
}

static void *connect_blocking(void *argument)
{
	const struct stalled *stalled = argument;

	for (;;) {
		int made = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (made >= 0 &&
		    connect(made, (const struct sockaddr *)(const void *)&stalled->address, stalled->length) == 0)
			continue;
		refused();
	}
}

/* A server of the session's own that accepts nothing. */
void stall_backlog(struct stage *stage)
{
	static struct stalled stalled;
	int server = attack_socket(SOCK_STREAM);

	stalled.stage = stage;
	stalled.address.sun_family = AF_UNIX;
	attack_path(stage, "stalled", stalled.address.sun_path, sizeof(stalled.address.sun_path));
	stalled.length = sizeof(stalled.address);
	if (bind(server, (const struct sockaddr *)(const void *)&stalled.address, stalled.length) != 0 ||
	    listen(server, 1) != 0)
		err(1, "%s", stalled.address.sun_path);
	last(&stalled, connect_blocking);
}

static void watch_page(struct stalled *stalled)
{
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register range = {.mode = UFFDIO_REGISTER_MODE_MISSING};
	size_t size = (size_t)sysconf(_SC_PAGESIZE);

	stalled->page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	stalled->faults = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	range.range.start = (uintptr_t)stalled->page;
	range.range.len = size;
	if (stalled->page == MAP_FAILED || stalled->faults < 0 || ioctl(stalled->faults, UFFDIO_API, &api) != 0 ||
	    ioctl(stalled->faults, UFFDIO_REGISTER, &range) != 0)
		err(77, "userfaultfd");
}

/* A message with the descriptor that alone could provide its bytes: whoever copies it holds that open. */
static void *send_unreadable(void *argument)
{
	const struct stalled *stalled = argument;
	union {
		struct cmsghdr item;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.item = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
	struct iovec piece = {.iov_base = stalled->page, .iov_len = 1};
	const struct msghdr message = {
	    .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)};
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		err(1, "socketpair");
	memcpy(CMSG_DATA(&control.item), &stalled->faults, sizeof(int));
	if (sendmsg(pair[0], &message, 0) >= 0)
		errx(1, "a page that is not there was sent");
	refused();
}

void stall_userfault(struct stage *stage)
{
	static struct stalled stalled;

	stalled.stage = stage;
	watch_page(&stalled);
	last(&stalled, send_unreadable);
}

/* --- As much as a call may ask for --- */

static void *send_descriptors(void *argument)
{
	static _Atomic bool told;
	union {
		struct cmsghdr item;
		char bytes[CMSG_SPACE(DESCRIPTORS * sizeof(int))];
	} control = {.item = {.cmsg_len = CMSG_LEN(DESCRIPTORS * sizeof(int)),
			      .cmsg_level = SOL_SOCKET,
			      .cmsg_type = SCM_RIGHTS}};
	struct iovec piece = {.iov_base = "x", .iov_len = 1};
	const struct msghdr message = {
	    .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)};

	(void)argument;
	for (;;) {
		int pair[2];
		int numbers[DESCRIPTORS];

		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
			err(1, "socketpair");
		for (int i = 0; i < DESCRIPTORS; i++)
			numbers[i] = pair[i % 2];
		memcpy(CMSG_DATA(&control.item), numbers, sizeof(numbers));
		while (sendmsg(pair[0], &message, MSG_DONTWAIT) > 0)
			;
		if (errno == ETOOMANYREFS && !atomic_exchange(&told, true)) {
			(void)puts(strerrordesc_np(errno));
			(void)fflush(stdout);
		}
		/* Each is held by messages to itself: the kernel is in no hurry to find that nobody else has it. */
		close(pair[0]);
		close(pair[1]);
	}
}

void flood_descriptors(struct stage *stage)
{
	struct stalled stalled = {.stage = stage};

	last(&stalled, send_descriptors);
}

static void *send_pieces(void *argument)
{
	static char room[256 * 1024];
	struct iovec pieces[PIECES];
	const struct msghdr message = {.msg_iov = pieces, .msg_iovlen = PIECES};
	int pair[2];

	(void)argument;
	for (int i = 0; i < PIECES; i++)
		pieces[i] = (struct iovec){.iov_base = room, .iov_len = sizeof(room)};
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		err(1, "socketpair");
	for (;;) {
		(void)sendmsg(pair[0], &message, MSG_DONTWAIT);
		while (recv(pair[1], room, sizeof(room), MSG_DONTWAIT) > 0)
			;
	}
}

void flood_pieces(struct stage *stage)
{
	struct stalled stalled = {.stage = stage};

	last(&stalled, send_pieces);
}

static void *send_messages(void *argument)
{
	static struct mmsghdr messages[MESSAGES];
	static struct iovec piece = {.iov_base = "x", .iov_len = 1};
	char byte;
	int pair[2];

	(void)argument;
	for (int i = 0; i < MESSAGES; i++)
		messages[i].msg_hdr = (struct msghdr){.msg_iov = &piece, .msg_iovlen = 1};
	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair) != 0)
		err(1, "socketpair");
	for (;;) {
		(void)sendmmsg(pair[0], messages, MESSAGES, MSG_DONTWAIT);
		while (recv(pair[1], &byte, 1, MSG_DONTWAIT) > 0)
			;
	}
}

void flood_messages(struct stage *stage)
{
	struct stalled stalled = {.stage = stage};

	last(&stalled, send_messages);
}

/* --- Who is not to notice any of it --- */

static int by_size(const void *a, const void *b)
{
	long one = *(const long *)a;
	long other = *(const long *)b;

	return (one > other) - (one < other);
}

static long now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000L + now.tv_nsec;
}

/* Calls that are carried out, and the median of what each took: ns. */
void neighbour(struct stage *stage)
{
	static long took[1000];
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	socklen_t length;
	const int count = (int)(sizeof(took) / sizeof(took[0]));

	(void)attack_address(stage, 'a', "stream", false, &address, &length);
	for (int i = 0; i < count; i++) {
		int made = attack_socket(SOCK_STREAM);
		long before = now_ns();

		if (connect(made, (const struct sockaddr *)(const void *)&address, length) != 0)
			err(1, "connect");
		took[i] = now_ns() - before;
		close(made);
	}
	qsort(took, (size_t)count, sizeof(took[0]), by_size);
	printf("median %ld\n", took[count / 2]);
	stage->done = stage->answers = count;
}
