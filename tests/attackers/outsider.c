/*
 * outsider D: what no session may reach, and decoys beside it. Makes D/door/{a,d}/..., the abstract
 * names that are those paths, D/open and D/tally, and counts who comes, until it is killed. A stream
 * counts where it has brought a byte, or where nothing at all may come.
 *
 * outsider D again: takes the names D/door/d/again and .../again.dgram whenever they are free.
 */
#include "attack.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST 16

struct listening {
	int socket;
	int type;
	char which;
};

static const struct {
	const char *name;
	int type;
} kinds[] = {{"stream", SOCK_STREAM}, {"dgram", SOCK_DGRAM}, {"seqpacket", SOCK_SEQPACKET}};

static int bind_it(const struct stage *stage, char which, const char *name, int type, bool abstract)
{
	struct sockaddr_un address;
	socklen_t length;
	int on = 1;
	int made = attack_socket(type);

	(void)attack_address(stage, which, name, abstract, &address, &length);
	if (bind(made, (const struct sockaddr *)(const void *)&address, length) != 0) {
		close(made);
		return -1;
	}
	if (!abstract)
		(void)chmod(address.sun_path, 0777);
	if (type != SOCK_DGRAM && listen(made, 4096) != 0)
		err(1, "listen");
	if (type == SOCK_DGRAM)
		(void)setsockopt(made, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
	return made;
}

static int bind_all(const struct stage *stage, struct listening *all)
{
	char path[256];
	int count = 0;

	(void)umask(0);
	(void)snprintf(path, sizeof(path), "%s/door", stage->directory);
	(void)mkdir(path, 0755);
	attack_path(stage, "", path, sizeof(path));
	(void)mkdir(path, 0777);
	for (int i = 0; i < 2; i++) {
		char which = i ? 'd' : 'a';

		(void)snprintf(path, sizeof(path), "%s/door/%c", stage->directory, which);
		(void)mkdir(path, 0755);
		for (size_t k = 0; k < 2 * sizeof(kinds) / sizeof(kinds[0]); k++) {
			struct listening *one = &all[count++];

			*one = (struct listening){.type = kinds[k / 2].type, .which = which};
			one->socket = bind_it(stage, which, kinds[k / 2].name, one->type, k % 2);
			if (one->socket < 0)
				err(1, "bind");
		}
	}
	return count;
}

static void tell(struct tally *tally, char which)
{
	(void)atomic_fetch_add(which == 'd' ? &tally->denied : &tally->allowed, 1);
}

/* False: there was none. */
static bool receive(const struct listening *one, struct tally *tally)
{
	union {
		struct cmsghdr item;
		char bytes[CMSG_SPACE(sizeof(struct ucred)) * 2];
	} control;
	char byte;
	struct iovec piece = {.iov_base = &byte, .iov_len = 1};
	struct msghdr message = {
	    .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *item;

	if (recvmsg(one->socket, &message, MSG_DONTWAIT) < 0)
		return false;
	tell(tally, one->which);
	item = CMSG_FIRSTHDR(&message);
	if (item && item->cmsg_type == SCM_CREDENTIALS &&
	    ((const struct ucred *)(const void *)CMSG_DATA(item))->uid == 0)
		(void)atomic_fetch_add(&tally->forged, 1);
	return true;
}

static bool accept_one(const struct listening *one, struct tally *tally)
{
	int came = accept4(one->socket, NULL, NULL, SOCK_CLOEXEC);

	if (came < 0)
		return false;
	close(came);
	tell(tally, one->which);
	return true;
}

static void serve(const struct listening *all, int count, struct tally *tally)
{
	struct pollfd ready[MOST];

	for (int i = 0; i < count; i++)
		ready[i] = (struct pollfd){.fd = all[i].socket, .events = POLLIN};
	for (;;) {
		if (poll(ready, (nfds_t)count, -1) < 0)
			err(1, "poll");
		for (int i = 0; i < count; i++)
			while (ready[i].revents &&
			       (all[i].type == SOCK_DGRAM ? receive(&all[i], tally) : accept_one(&all[i], tally)))
				;
	}
}

/* A connection that was seen to be somebody else's brings nothing: what comes is what was believed. */
static void hold_stream(int held, struct tally *tally)
{
	struct pollfd ready = {.fd = held, .events = POLLIN};
	int came;
	char byte;

	while (poll(&ready, 1, 2) > 0 && (came = accept4(held, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		if (recv(came, &byte, 1, 0) > 0)
			tell(tally, 'd');
		close(came);
	}
}

static void hold_dgram(int held, struct tally *tally)
{
	struct pollfd ready = {.fd = held, .events = POLLIN};
	char byte;

	while (poll(&ready, 1, 2) > 0 && recv(held, &byte, 1, MSG_DONTWAIT) >= 0)
		tell(tally, 'd');
}

static void take_again(const struct stage *stage, struct tally *tally)
{
	for (;;) {
		int stream = bind_it(stage, 'd', "again", SOCK_STREAM, true);
		int dgram = bind_it(stage, 'd', "again.dgram", SOCK_DGRAM, true);

		if (stream >= 0) {
			hold_stream(stream, tally);
			close(stream);
		}
		if (dgram >= 0) {
			hold_dgram(dgram, tally);
			close(dgram);
		}
	}
}

int main(int argc, char **argv)
{
	struct stage stage = {0};
	struct listening all[MOST];
	struct tally *tally;
	int count;

	if (argc < 2 || argc > 3)
		errx(2, "usage: outsider DIRECTORY [again]");
	stage.directory = argv[1];
	tally = attack_tally(argv[1], true);
	if (argc == 3)
		take_again(&stage, tally);
	count = bind_all(&stage, all);
	atomic_store(&tally->ready, 1);
	serve(all, count, tally);
}
