/* The descriptor of a call, changed while the call is being judged. */
#include "attack.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RING 40 /* an inherited one: tests/programs/with_ring.c */

struct swapped {
	struct sockaddr_un address;
	socklen_t length;
	int place;
	int local;  /* AF_UNIX */
	int remote; /* what nobody judges: AF_INET, or a connected stream */
	int used;
	bool flips;
	int cpu;
	struct msghdr message;
	struct iovec piece;
};

static struct swapped *prepare(struct stage *stage, int type)
{
	struct swapped *swapped = attack_memory(sizeof(*swapped));

	swapped->place = attack_address(stage, 'd', type == SOCK_STREAM ? "stream" : "dgram", false, &swapped->address,
					&swapped->length);
	swapped->local = attack_socket(type);
	swapped->remote = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	swapped->used = dup(swapped->local);
	if (swapped->remote < 0 || swapped->used < 0)
		err(1, "socket");
	return swapped;
}

static void swap(struct stage *stage, void *context)
{
	struct swapped *swapped = context;
	volatile char *byte = &swapped->address.sun_path[swapped->place];

	(void)stage;
	(void)dup2(swapped->remote, swapped->used);
	if (swapped->flips)
		*byte = 'a';
	(void)dup2(swapped->local, swapped->used);
	if (swapped->flips)
		*byte = 'd';
}

static void call_sendto(struct stage *stage, void *context)
{
	const struct swapped *swapped = context;

	stage->done++;
	stage->answers += sendto(swapped->used, "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL,
				 (const struct sockaddr *)(const void *)&swapped->address, swapped->length) == 1;
}

void dup_swap(struct stage *stage)
{
	attack_race(stage, swap, call_sendto, prepare(stage, SOCK_DGRAM), false);
}

void dup_flip(struct stage *stage)
{
	struct swapped *swapped = prepare(stage, SOCK_DGRAM);

	swapped->flips = true;
	attack_race(stage, swap, call_sendto, swapped, false);
}

/*
 * A message to nobody in particular, on a stream, by a thread that is seldom on the CPU: long after
 * the answer it becomes a datagram with an address.
 */
static void change_message(struct stage *stage, void *context)
{
	struct swapped *swapped = context;

	(void)stage;
	for (int i = 0; i < 2000; i++)
		*(volatile socklen_t *)&swapped->message.msg_namelen = 0;
	(void)dup2(swapped->local, swapped->used);
	for (int i = 0; i < 20000; i++)
		*(volatile socklen_t *)&swapped->message.msg_namelen = swapped->length;
	(void)dup2(swapped->remote, swapped->used);
}

struct late {
	_Atomic bool ends;
	int cpu;
};

static void stay_on(int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET((size_t)cpu, &one);
	if (sched_setaffinity(0, sizeof(one), &one) != 0)
		err(1, "sched_setaffinity");
}

static void *fill_the_cpu(void *argument)
{
	struct late *late = argument;

	stay_on(late->cpu);
	while (!atomic_load(&late->ends))
		;
	return NULL;
}

/* The first call is made by an ordinary thread, which has started the others by then. */
static void call_sendmsg(struct stage *stage, void *context)
{
	const struct sched_param none = {0};
	struct swapped *swapped = context;

	if (stage->done++ == 0) {
		stay_on(swapped->cpu);
		if (sched_setscheduler(0, SCHED_IDLE, &none) != 0)
			err(1, "SCHED_IDLE");
	}
	stage->answers += sendmsg(swapped->used, &swapped->message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

void late_thread(struct stage *stage)
{
	struct late late = {.cpu = sched_getcpu()};
	struct swapped *swapped = prepare(stage, SOCK_DGRAM);
	pthread_t busy;
	int pair[2];

	attack_slow(stage, 3, 300);
	swapped->cpu = late.cpu;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0 || dup2(pair[0], swapped->remote) < 0)
		err(1, "socketpair");
	swapped->piece = (struct iovec){.iov_base = "x", .iov_len = 1};
	swapped->message = (struct msghdr){.msg_name = &swapped->address, .msg_iov = &swapped->piece, .msg_iovlen = 1};
	if (pthread_create(&busy, NULL, fill_the_cpu, &late) != 0)
		errx(1, "no thread");
	attack_race(stage, change_message, call_sendmsg, swapped, false);
	atomic_store(&late.ends, true);
	(void)pthread_join(busy, NULL);
}

/* What is done in a ring no filter sees: none is to be had, and one that is there already is of no use. */
void ring(struct stage *stage)
{
	char parameters[256] = {0};
	const long results[] = {
	    syscall(SYS_io_uring_setup, 8, parameters) < 0 ? errno : 0,
	    syscall(SYS_io_uring_enter, RING, 0, 0, 0, NULL, 0) < 0 ? errno : 0,
	    syscall(SYS_io_uring_register, RING, 8 /* IORING_REGISTER_PROBE */, parameters, 0) < 0 ? errno : 0,
	};

	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
		stage->done++;
		stage->answers += results[i] != ENOSYS;
	}
}
