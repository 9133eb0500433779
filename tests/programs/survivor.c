/*
 * survivor DIR UNTIL MODE        makes mediated and blocked calls in a session until the file UNTIL is there
 * survivor DIR UNTIL MODE LOADS  the kinds named on standard input, one a line, each answered by a line
 *                                "ok"; beside it LOADS processes of the first form, until that input ends
 *
 * MODE says what a blocked call (personality) is to do: "log" (EPERM), "kill" (the process dies), "audit"
 * (it goes on). In DIR, which is its own, it makes and removes sockets. The kinds: connect, abstract, wait, bind,
 * bind_abstract, sendto, sendmsg, sendmmsg, blocked, reserved.
 *
 * Each call is looked at from its other end: done once where it was answered so, not done where it was
 * denied, at most once where it answered EIO. Whatever else is found ends it with 1 and a line that says what; a
 * call that does not return within a minute, by SIGALRM. At the end each process writes DIR/totals.PID:
 * "LOW HIGH BLOCKED DENIED UNKNOWN": of the events of its socket calls the least and the most that there
 * can be, its blocked calls, those that were denied because workers had died of them, and those with EIO.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attestation.h"
#include "rules.h"

#define DEADLINE_S  60
#define MESSAGES    3U
#define QUERY       0xffffffffU /* of personality(2): changes nothing */
#define CALL_RETURN 3           /* of a child whose blocked call was denied, not killed */

struct totals {
	unsigned low;
	unsigned high;
	unsigned blocked;
	unsigned denied;
	unsigned unknown;
};

struct survivor {
	const char *directory;
	const char *until;
	const char *mode;
	int listener; /* at a path */
	int abstract; /* the same, at an abstract name */
	int receiver; /* of datagrams, at a path */
	int sender;
	struct sockaddr_un listens;
	struct sockaddr_un named;
	socklen_t named_length;
	struct sockaddr_un receives;
	uint32_t number; /* of the latest message, or of the latest name */
	struct totals totals;
};

static struct sockaddr_un path_of(const struct survivor *survivor, const char *what, uint32_t number)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%.60s/%s.%d.%u", survivor->directory, what,
		       getpid(), number);
	return address;
}

static struct sockaddr_un abstract_of(const struct survivor *survivor, uint32_t number, socklen_t *length)
{
	struct sockaddr_un address = path_of(survivor, "a", number);

	*length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(address.sun_path));
	address.sun_path[0] = '\0';
	return address;
}

/* Was the call let through? Counts what else may have become of it; ends with what may not. */
static bool is_done(struct survivor *survivor, const char *what, long result)
{
	if (result >= 0) {
		survivor->totals.low++;
		survivor->totals.high++;
		return true;
	}
	if (errno == EACCES) {
		survivor->totals.denied++;
		survivor->totals.high++;
	} else if (errno == EIO) {
		survivor->totals.unknown++;
		survivor->totals.low++;
		survivor->totals.high++;
	} else {
		err(1, "%s", what);
	}
	return false;
}

static int make_socket(int type)
{
	int made = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	if (made < 0)
		err(1, "socket");
	return made;
}

/* --- Streams --- */

/* So many connections wait there, and no more. */
static unsigned count_connections(int listener)
{
	unsigned count = 0;
	int accepted;

	while ((accepted = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		count++;
		close(accepted);
	}
	return count;
}

static void try_connect(struct survivor *survivor, int listener, const struct sockaddr_un *address, socklen_t length)
{
	int one = make_socket(SOCK_STREAM);
	bool done = is_done(survivor, "connect", connect(one, (const struct sockaddr *)address, length));
	bool may = done || errno == EIO;
	unsigned count = count_connections(listener);

	if (count > 1 || (done && count == 0) || (!may && count > 0))
		errx(1, "connect: answered %s, and there are %u connections", done ? "ok" : "an error", count);
	close(one);
}

static void do_connect(struct survivor *survivor)
{
	try_connect(survivor, survivor->listener, &survivor->listens, sizeof(survivor->listens));
}

static void do_abstract(struct survivor *survivor)
{
	try_connect(survivor, survivor->abstract, &survivor->named, survivor->named_length);
}

static int bound(struct survivor *survivor, int type, const struct sockaddr_un *address, socklen_t length)
{
	int made = make_socket(type);

	if (is_done(survivor, "bind", bind(made, (const struct sockaddr *)address, length)))
		return made;
	close(made);
	return -1;
}

static bool is_socket(const char *path)
{
	struct stat status;

	return lstat(path, &status) == 0 && S_ISSOCK(status.st_mode);
}

/* Accepts one, where the child has not ended before it came to that. */
static void make_room(int listener, pid_t child)
{
	struct pollfd ready[] = {{.fd = listener, .events = POLLIN},
				 {.fd = (int)syscall(SYS_pidfd_open, child, 0), .events = POLLIN}};

	(void)poll(ready, 2, -1);
	if (ready[0].revents)
		close(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
	close(ready[1].fd);
}

/* A connect that waits until there is room for it. */
static void do_wait(struct survivor *survivor)
{
	struct sockaddr_un address = path_of(survivor, "w", ++survivor->number);
	int listener = bound(survivor, SOCK_STREAM, &address, sizeof(address));
	int status;
	pid_t child;

	if (listener < 0) {
		(void)unlink(address.sun_path);
		return;
	}
	if (listen(listener, 0) != 0 || (child = fork()) < 0)
		err(1, "listen, fork");
	if (child == 0) {
		(void)alarm(DEADLINE_S);
		for (int i = 0; i < 2; i++)
			if (connect(make_socket(SOCK_STREAM), (struct sockaddr *)&address, sizeof(address)) != 0)
				_exit(errno == EACCES ? 2 : errno == EIO ? 4 : 1);
		_exit(0);
	}
	make_room(listener, child);
	(void)waitpid(child, &status, 0);
	if (!WIFEXITED(status) || WEXITSTATUS(status) == 1)
		errx(1, "a connect that waits: status %x", (unsigned)status);
	survivor->totals.high += 2;
	survivor->totals.low += WEXITSTATUS(status) ? 0 : 2;
	survivor->totals.denied += WEXITSTATUS(status) == 2;
	survivor->totals.unknown += WEXITSTATUS(status) == 4;
	close(listener);
	(void)unlink(address.sun_path);
}

static void do_bind(struct survivor *survivor)
{
	struct sockaddr_un address = path_of(survivor, "b", ++survivor->number);
	int made = bound(survivor, SOCK_STREAM, &address, sizeof(address));
	bool may = made >= 0 || errno == EIO;

	if ((made >= 0 && !is_socket(address.sun_path)) || (!may && is_socket(address.sun_path)))
		errx(1, "bind: answered %s, and the node says otherwise", made >= 0 ? "ok" : "an error");
	/* It is the session's own, whatever has become of the worker since. */
	if (made >= 0) {
		if (listen(made, 8) != 0 || fcntl(made, F_SETFL, O_NONBLOCK) != 0)
			err(1, "listen");
		try_connect(survivor, made, &address, sizeof(address));
		close(made);
	}
	(void)unlink(address.sun_path);
}

static void do_bind_abstract(struct survivor *survivor)
{
	socklen_t length;
	struct sockaddr_un address = abstract_of(survivor, ++survivor->number, &length);
	int made = bound(survivor, SOCK_STREAM, &address, length);

	if (made < 0)
		return;
	if (listen(made, 8) != 0 || fcntl(made, F_SETFL, O_NONBLOCK) != 0)
		err(1, "listen");
	try_connect(survivor, made, &address, length);
	close(made);
}

/* --- Datagrams --- */

/* How often each of these messages has come: seen[0] is first's. Descriptors that came along are closed and counted. */
static void receive(struct survivor *survivor, uint32_t first, unsigned seen[MESSAGES], unsigned *descriptors)
{
	union {
		struct cmsghdr item;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	uint32_t number;
	struct iovec piece = {.iov_base = &number, .iov_len = sizeof(number)};
	struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};

	*descriptors = 0;
	memset(seen, 0, MESSAGES * sizeof(seen[0]));
	for (;;) {
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		if (recvmsg(survivor->receiver, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) < 0)
			return;
		if (number - first >= MESSAGES)
			errx(1, "message %u has come, and %u was sent", number, first);
		seen[number - first]++;
		if (message.msg_controllen > 0) {
			int came;

			memcpy(&came, CMSG_DATA(&control.item), sizeof(came));
			close(came);
			(*descriptors)++;
		}
	}
}

/* One message: it came once where it was answered so, else not, or where nobody knows at most once. */
static void look_for(struct survivor *survivor, const char *what, bool done, unsigned with)
{
	bool may = done || errno == EIO;
	unsigned seen[MESSAGES];
	unsigned descriptors;

	receive(survivor, survivor->number, seen, &descriptors);
	if (seen[0] > 1 || seen[1] + seen[2] > 0 || (done && seen[0] == 0) || (!may && seen[0] > 0))
		errx(1, "%s: answered %s, and has come %u times", what, done ? "ok" : "an error", seen[0]);
	if (descriptors != seen[0] * with)
		errx(1, "%s: %u descriptors came with %u messages", what, descriptors, seen[0]);
}

static void do_sendto(struct survivor *survivor)
{
	uint32_t number = ++survivor->number;
	ssize_t sent = sendto(survivor->sender, &number, sizeof(number), 0, (struct sockaddr *)&survivor->receives,
			      sizeof(survivor->receives));

	look_for(survivor, "sendto", is_done(survivor, "sendto", sent), 0);
}

/* With a descriptor. */
static void do_sendmsg(struct survivor *survivor)
{
	union {
		struct cmsghdr item;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.item = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
	uint32_t number = ++survivor->number;
	struct iovec piece = {.iov_base = &number, .iov_len = sizeof(number)};
	const struct msghdr message = {.msg_name = &survivor->receives,
				       .msg_namelen = sizeof(survivor->receives),
				       .msg_iov = &piece,
				       .msg_iovlen = 1,
				       .msg_control = control.bytes,
				       .msg_controllen = sizeof(control.bytes)};

	memcpy(CMSG_DATA(&control.item), &survivor->listener, sizeof(int));
	look_for(survivor, "sendmsg", is_done(survivor, "sendmsg", sendmsg(survivor->sender, &message, 0)), 1);
}

/* Which of them came, held against how many are said to have been sent. */
static void look_for_several(struct survivor *survivor, uint32_t first, int sent)
{
	bool unknown = sent < 0 && errno == EIO;
	unsigned seen[MESSAGES];
	unsigned descriptors;

	receive(survivor, first, seen, &descriptors);
	for (unsigned i = 0; i < MESSAGES; i++)
		if (seen[i] > 1 || (!unknown && seen[i] != (sent > 0 && i < (unsigned)sent)) ||
		    (i > 0 && seen[i] > seen[i - 1]))
			errx(1, "sendmmsg: answered %d, and message %u has come %u times", sent, i, seen[i]);
}

static void do_sendmmsg(struct survivor *survivor)
{
	struct mmsghdr headers[MESSAGES] = {0};
	struct iovec pieces[MESSAGES];
	uint32_t numbers[MESSAGES];
	uint32_t first = survivor->number + 1;
	int sent;

	for (unsigned i = 0; i < MESSAGES; i++) {
		numbers[i] = ++survivor->number;
		pieces[i] = (struct iovec){.iov_base = &numbers[i], .iov_len = sizeof(numbers[i])};
		headers[i].msg_hdr = (struct msghdr){.msg_name = &survivor->receives,
						     .msg_namelen = sizeof(survivor->receives),
						     .msg_iov = &pieces[i],
						     .msg_iovlen = 1};
	}
	sent = sendmmsg(survivor->sender, headers, MESSAGES, 0);
	(void)is_done(survivor, "sendmmsg", sent);
	look_for_several(survivor, first, sent);
	for (int i = 0; i < sent; i++)
		if (headers[i].msg_len != sizeof(uint32_t))
			errx(1, "sendmmsg: message %d is said to have been sent with %u bytes", i, headers[i].msg_len);
	if (strcmp(survivor->mode, "audit") == 0)
		return; /* the first is told of, alone */
	survivor->totals.low += sent > 1 ? (unsigned)sent - 1 : 0;
	survivor->totals.high += MESSAGES - 1;
}

/* --- Calls that are blocked, and the reserved one --- */

static void do_killed(struct survivor *survivor)
{
	pid_t child = fork();
	int status;

	if (child < 0)
		err(1, "fork");
	if (child == 0) {
		(void)alarm(DEADLINE_S);
		_exit(personality(QUERY) < 0 && errno == EPERM ? CALL_RETURN : 1);
	}
	if (waitpid(child, &status, 0) != child)
		err(1, "waitpid");
	/* Denied where workers had died of it. */
	if (WIFEXITED(status) && WEXITSTATUS(status) == CALL_RETURN)
		survivor->totals.denied++;
	else if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		errx(1, "a blocked call: status %x", (unsigned)status);
}

static void do_blocked(struct survivor *survivor)
{
	int result;

	survivor->totals.blocked++;
	if (strcmp(survivor->mode, "kill") == 0) {
		do_killed(survivor);
		return;
	}
	result = personality(QUERY);
	if (strcmp(survivor->mode, "audit") == 0 ? result < 0 : result >= 0 || errno != EPERM)
		err(1, "a blocked call: %d", result);
}

static void do_reserved(struct survivor *survivor)
{
	int expected = dup(STDERR_FILENO); /* the lowest that is free */
	long given;

	close(expected);
	(void)survivor;
	/* 0: of a worker that was killed while it gave, nothing has been given; attestation.c. */
	do
		given = syscall(SYS_prctl, (long)RESERVED_CALL, (long)RESERVED_ATTEST, 0L, 0L, 0L);
	while (given == 0 && expected != 0);
	if (given < 0 && errno == EPERM)
		return; /* workers had died of it */
	if (given != expected || fcntl((int)given, F_GETFD) != FD_CLOEXEC)
		err(1, "the reserved call: %ld, not %d", given, expected);
	close((int)given);
	if (dup(STDERR_FILENO) != expected)
		errx(1, "the reserved call: a descriptor too many");
	close(expected);
}

/* --- All of it --- */

struct kind {
	const char *name;
	void (*carry_out)(struct survivor *survivor);
};

static const struct kind kinds[] = {
    {"connect", do_connect},   {"abstract", do_abstract},
    {"bind", do_bind},         {"bind_abstract", do_bind_abstract},
    {"sendto", do_sendto},     {"sendmsg", do_sendmsg},
    {"sendmmsg", do_sendmmsg}, {"wait", do_wait},
    {"reserved", do_reserved}, {"blocked", do_blocked},
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static void begin(struct survivor *survivor)
{
	(void)alarm(DEADLINE_S);
	survivor->totals = (struct totals){0};
	survivor->listens = path_of(survivor, "l", 0);
	survivor->receives = path_of(survivor, "r", 0);
	survivor->named = abstract_of(survivor, 0, &survivor->named_length);
	survivor->sender = make_socket(SOCK_DGRAM);
	/* Where workers had died of one, it is tried again. */
	do
		survivor->listener = bound(survivor, SOCK_STREAM, &survivor->listens, sizeof(survivor->listens));
	while (survivor->listener < 0 && unlink(survivor->listens.sun_path) + 2 > 0);
	do
		survivor->receiver = bound(survivor, SOCK_DGRAM, &survivor->receives, sizeof(survivor->receives));
	while (survivor->receiver < 0 && unlink(survivor->receives.sun_path) + 2 > 0);
	do
		survivor->abstract = bound(survivor, SOCK_STREAM, &survivor->named, survivor->named_length);
	while (survivor->abstract < 0);
	if (listen(survivor->listener, 8) != 0 || listen(survivor->abstract, 8) != 0 ||
	    fcntl(survivor->listener, F_SETFL, O_NONBLOCK) != 0 || fcntl(survivor->abstract, F_SETFL, O_NONBLOCK) != 0)
		err(1, "listen");
}

static void end(struct survivor *survivor)
{
	const struct totals *totals = &survivor->totals;
	char path[256];
	FILE *file;

	(void)unlink(survivor->listens.sun_path);
	(void)unlink(survivor->receives.sun_path);
	(void)snprintf(path, sizeof(path), "%s/totals.%d", survivor->directory, getpid());
	file = fopen(path, "we");
	if (!file ||
	    fprintf(file, "%u %u %u %u %u\n", totals->low, totals->high, totals->blocked, totals->denied,
		    totals->unknown) < 0 ||
	    fclose(file) != 0)
		err(1, "%s", path);
}

static bool is_there(const char *path)
{
	return access(path, F_OK) == 0;
}

static int run(struct survivor *survivor)
{
	begin(survivor);
	for (size_t i = (size_t)getpid(); !is_there(survivor->until); i++) {
		(void)alarm(DEADLINE_S);
		kinds[i % KINDS].carry_out(survivor);
		(void)usleep(500);
	}
	end(survivor);
	return 0;
}

static void obey(struct survivor *survivor, const char *name)
{
	for (size_t i = 0; i < KINDS; i++)
		if (strcmp(kinds[i].name, name) == 0) {
			kinds[i].carry_out(survivor);
			(void)puts("ok");
			return;
		}
	errx(1, "%s: no such kind", name);
}

static int serve(struct survivor *survivor, unsigned loads)
{
	char line[64];
	int status;
	int made;

	for (unsigned i = 0; i < loads; i++)
		if (fork() == 0)
			_exit(run(survivor));
	begin(survivor);
	(void)alarm(0); /* who asks has a deadline of its own */
	(void)setvbuf(stdout, NULL, _IOLBF, 256);
	(void)printf("%d\n", getpid());
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		obey(survivor, line);
	}
	made = open(survivor->until, O_CREAT | O_CLOEXEC | O_WRONLY, 0600);
	if (made < 0)
		err(1, "%s", survivor->until);
	close(made);
	while (wait(&status) > 0)
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
			errx(1, "a load has ended with %x", (unsigned)status);
	end(survivor);
	return 0;
}

int main(int argc, char **argv)
{
	struct survivor survivor = {.number = 0};

	if (argc != 4 && argc != 5)
		errx(2, "usage: survivor DIR UNTIL MODE [LOADS]");
	survivor.directory = argv[1];
	survivor.until = argv[2];
	survivor.mode = argv[3];
	return argc == 4 ? run(&survivor) : serve(&survivor, (unsigned)strtoul(argv[4], NULL, 10));
}
