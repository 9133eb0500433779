/* The address of a call, changed while the call is being judged. */
#include "attack.h"

#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define HIGH     ((void *)0x700000000) /* its low half is zero */
#define MESSAGES 8

struct flipped {
	struct sockaddr_un address;
	socklen_t length;
	int place;
	int type;
	int socket; /* of those that send */
};

static void flip_byte(struct stage *stage, void *context)
{
	volatile char *byte = &((struct flipped *)context)->address.sun_path[((struct flipped *)context)->place];

	(void)stage;
	*byte = 'd';
	*byte = 'd';
	*byte = 'a';
}

static struct flipped *prepare(struct stage *stage, int type, bool abstract)
{
	const char *name = type == SOCK_STREAM ? "stream" : type == SOCK_DGRAM ? "dgram" : "seqpacket";
	struct flipped *flipped = attack_memory(sizeof(*flipped));

	flipped->type = type;
	flipped->place = attack_address(stage, 'a', name, abstract, &flipped->address, &flipped->length);
	flipped->socket = attack_socket(type);
	return flipped;
}

static void call_connect(struct stage *stage, void *context)
{
	const struct flipped *flipped = context;

	attack_connect(stage, flipped->type, &flipped->address, flipped->length);
}

void flip_thread(struct stage *stage)
{
	attack_race(stage, flip_byte, call_connect, prepare(stage, SOCK_STREAM, false), false);
}

void flip_process(struct stage *stage)
{
	attack_race(stage, flip_byte, call_connect, prepare(stage, SOCK_STREAM, false), true);
}

void flip_abstract(struct stage *stage)
{
	attack_race(stage, flip_byte, call_connect, prepare(stage, SOCK_STREAM, true), false);
}

void flip_seqpacket(struct stage *stage)
{
	attack_race(stage, flip_byte, call_connect, prepare(stage, SOCK_SEQPACKET, false), false);
}

void flip_dgram(struct stage *stage)
{
	attack_race(stage, flip_byte, call_connect, prepare(stage, SOCK_DGRAM, false), false);
}

static void change_family(struct stage *stage, void *context)
{
	volatile sa_family_t *family = &((struct flipped *)context)->address.sun_family;

	(void)stage;
	*family = AF_INET;
	*family = AF_UNIX;
}

/* What is of another family is not for a judge of Unix sockets. */
void flip_family(struct stage *stage)
{
	struct flipped *flipped = prepare(stage, SOCK_STREAM, false);

	flipped->address.sun_path[flipped->place] = 'd';
	attack_race(stage, change_family, call_connect, flipped, false);
}

static void count(struct stage *stage, ssize_t result)
{
	stage->done++;
	stage->answers += result >= 0;
}

static void call_sendto(struct stage *stage, void *context)
{
	const struct flipped *flipped = context;

	count(stage, sendto(flipped->socket, "x", 1, MSG_DONTWAIT,
			    (const struct sockaddr *)(const void *)&flipped->address, flipped->length));
}

void flip_sendto(struct stage *stage)
{
	attack_race(stage, flip_byte, call_sendto, prepare(stage, SOCK_DGRAM, false), false);
}

void flip_sendto_abstract(struct stage *stage)
{
	attack_race(stage, flip_byte, call_sendto, prepare(stage, SOCK_DGRAM, true), false);
}

/* A pair has a peer already, and can be addressed anew. */
void flip_pair(struct stage *stage)
{
	struct flipped *flipped = prepare(stage, SOCK_DGRAM, false);
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair) != 0)
		err(1, "socketpair");
	flipped->socket = pair[0];
	attack_race(stage, flip_byte, call_sendto, flipped, false);
}

static struct msghdr message_to(struct flipped *flipped, struct iovec *piece)
{
	*piece = (struct iovec){.iov_base = "x", .iov_len = 1};
	return (struct msghdr){
	    .msg_name = &flipped->address, .msg_namelen = flipped->length, .msg_iov = piece, .msg_iovlen = 1};
}

static void call_sendmsg(struct stage *stage, void *context)
{
	struct flipped *flipped = context;
	struct iovec piece;
	const struct msghdr message = message_to(flipped, &piece);

	count(stage, sendmsg(flipped->socket, &message, MSG_DONTWAIT));
}

void flip_sendmsg(struct stage *stage)
{
	attack_race(stage, flip_byte, call_sendmsg, prepare(stage, SOCK_DGRAM, false), false);
}

static void call_sendmmsg(struct stage *stage, void *context)
{
	struct flipped *flipped = context;
	struct mmsghdr messages[MESSAGES] = {0};
	struct iovec piece;

	for (int i = 0; i < MESSAGES; i++)
		messages[i].msg_hdr = message_to(flipped, &piece);
	count(stage, sendmmsg(flipped->socket, messages, MESSAGES, MSG_DONTWAIT));
}

void flip_sendmmsg(struct stage *stage)
{
	attack_slow(stage, 200, 1000);
	attack_race(stage, flip_byte, call_sendmmsg, prepare(stage, SOCK_DGRAM, false), false);
}

static void call_dissolved(struct stage *stage, void *context)
{
	const struct flipped *flipped = context;
	const struct sockaddr none = {.sa_family = AF_UNSPEC};
	struct sockaddr_un allowed = flipped->address;

	allowed.sun_path[flipped->place] = 'a';
	(void)connect(flipped->socket, (const struct sockaddr *)(const void *)&allowed, flipped->length);
	(void)connect(flipped->socket, &none, sizeof(none));
	call_sendto(stage, context);
}

void flip_dissolved(struct stage *stage)
{
	attack_race(stage, flip_byte, call_dissolved, prepare(stage, SOCK_DGRAM, false), false);
}

/* Every argument with bits that the kernel does not look at, or that a 32-bit comparison does not. */
static void call_high(struct stage *stage, void *context)
{
	const struct flipped *flipped = context;
	const long bits = 7L << 32;

	count(stage, syscall(SYS_sendto, flipped->socket | bits, "x", 1L, MSG_DONTWAIT | bits, &flipped->address,
			     (long)flipped->length | bits));
}

void flip_high(struct stage *stage)
{
	struct flipped *flipped = prepare(stage, SOCK_DGRAM, false);
	struct flipped *high =
	    mmap(HIGH, sizeof(*high), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (high != HIGH)
		err(1, "mmap");
	*high = *flipped;
	attack_race(stage, flip_byte, call_high, high, false);
}

/* A thread whose descriptors are not its leader's: the same number is another socket there. */
struct own_table {
	struct stage *stage;
	struct flipped *flipped;
};

static void *with_own_table(void *argument)
{
	const struct own_table *own = argument;
	int made = attack_socket(SOCK_DGRAM);

	if (unshare(CLONE_FILES) != 0 || dup2(made, own->flipped->socket) < 0)
		err(1, "unshare");
	attack_race(own->stage, flip_byte, call_sendto, own->flipped, false);
	return NULL;
}

void flip_files(struct stage *stage)
{
	struct own_table own = {.stage = stage, .flipped = prepare(stage, SOCK_DGRAM, false)};
	int plain = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	pthread_t thread;

	if (dup2(plain, own.flipped->socket) < 0 || pthread_create(&thread, NULL, with_own_table, &own) != 0)
		err(1, "thread");
	(void)pthread_join(thread, NULL);
}

/* --- Whose message it is --- */

struct claim {
	struct flipped *flipped;
	union {
		struct cmsghdr item;
		char bytes[CMSG_SPACE(sizeof(struct ucred))];
	};
};

static volatile struct ucred *claimed(struct claim *claim)
{
	return (struct ucred *)(void *)CMSG_DATA(&claim->item);
}

static void claim_root(struct stage *stage, void *context)
{
	(void)stage;
	claimed(context)->uid = 0;
	claimed(context)->uid = getuid();
}

static void call_claimed(struct stage *stage, void *context)
{
	struct claim *claim = context;
	struct iovec piece;
	struct msghdr message = message_to(claim->flipped, &piece);

	message.msg_control = claim->bytes;
	message.msg_controllen = sizeof(claim->bytes);
	count(stage, sendmsg(claim->flipped->socket, &message, MSG_DONTWAIT));
}

void forged_credentials(struct stage *stage)
{
	struct claim *claim = attack_memory(sizeof(*claim));

	if (getuid() == 0)
		errx(77, "root may say that it is root");
	claim->flipped = prepare(stage, SOCK_DGRAM, false);
	claim->item = (struct cmsghdr){
	    .cmsg_len = CMSG_LEN(sizeof(struct ucred)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_CREDENTIALS};
	claimed(claim)->pid = getpid();
	claimed(claim)->gid = getgid();
	attack_race(stage, claim_root, call_claimed, claim, false);
}
