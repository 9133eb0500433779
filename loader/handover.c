#include "handover.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "message.h"

#define RETRY_MS     10  /* between tries to connect to a sidecar whose backlog is full */
#define LEAST_MS     100 /* what is left for the announcement at the least */
#define OTHER_REMEDY "--sidecar=private starts one for this session"
#define OWN_REMEDY   "see ulimit -a, /proc and /dev"

int64_t handover_now(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct handover_head handover_head(enum handover_type type)
{
	return (struct handover_head){.magic = HANDOVER_MAGIC, .version = HANDOVER_VERSION, .type = (uint16_t)type};
}

bool handover_is(const void *message, size_t length, enum handover_type type, size_t expected)
{
	struct handover_head head;

	if (length != expected || length < sizeof(head))
		return false;
	memcpy(&head, message, sizeof(head));
	return head.magic == HANDOVER_MAGIC && head.version == HANDOVER_VERSION && head.type == type;
}

/* Only root's sidecar, or the caller's own, may be believed: it is told what to enforce. */
static int check_peer(int socket, const char *path, struct error *err)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
		return error_set(err, "sidecar: %s: %m (" OTHER_REMEDY ")", path);
	if (peer.uid == 0 || peer.uid == geteuid())
		return 0;
	return error_set(err, "sidecar: %s: it belongs to uid %u, neither root nor you (" OTHER_REMEDY ")", path,
			 peer.uid);
}

/* A full backlog answers EAGAIN at once: tried again until the deadline. */
static int connect_until(int socket, const struct sockaddr_un *address, int64_t deadline)
{
	while (connect(socket, (const struct sockaddr *)address, sizeof(*address)) != 0) {
		if (errno != EAGAIN && errno != EINTR)
			return -1;
		if (handover_now() >= deadline) {
			errno = ETIMEDOUT;
			return -1;
		}
		(void)poll(NULL, 0, RETRY_MS);
	}
	return 0;
}

/* Above 0 to 2, which the caller may have closed: what is written there is for nobody, and least for the sidecar. */
static int move_up(int socket)
{
	int moved;

	if (socket < 0 || socket > STDERR_FILENO)
		return socket;
	moved = fcntl(socket, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	close(socket);
	return moved;
}

void handover_adopt(int socket, struct handover *handover)
{
	*handover = (struct handover){.socket = move_up(socket), .deadline = handover_now() + HANDOVER_DEADLINE_MS};
}

static int connect_within(const char *path, int64_t patience, struct handover *handover, struct error *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int error;

	if (strlen(path) >= sizeof(address.sun_path))
		return error_set(err, "sidecar: %s: %s (" OTHER_REMEDY ")", path, strerror(ENAMETOOLONG));
	memcpy(address.sun_path, path, strlen(path) + 1);
	handover_adopt(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), handover);
	if (handover->socket < 0)
		return error_set(err, "sidecar: socket: %m (see agentshctl doctor)");
	if (connect_until(handover->socket, &address, handover->deadline - HANDOVER_DEADLINE_MS + patience) == 0) {
		if (check_peer(handover->socket, path, err) == 0)
			return 0;
		handover_close(handover);
		return -1;
	}
	error = errno;
	handover_close(handover);
	if (error == ENOENT || error == ENOTDIR || error == ECONNREFUSED)
		return 1;
	return error_set(err, "sidecar: %s: %s (" OTHER_REMEDY ")", path, strerror(error));
}

int handover_connect(const char *path, struct handover *handover, struct error *err)
{
	return connect_within(path, HANDOVER_DEADLINE_MS, handover, err);
}

bool handover_report(const char *path, const char *session, struct handover *handover)
{
	struct handover_report report = {.head = handover_head(HANDOVER_REPORT), .begins = 1};
	struct error err;

	if (connect_within(path, 0, handover, &err) != 0)
		return false;
	memcpy(report.session, session, strlen(session));
	if (message_send(handover->socket, &report, sizeof(report), NULL, 0) == 0)
		return true;
	handover_close(handover);
	return false;
}

bool handover_again(const char *path, struct handover *handover)
{
	int64_t deadline = handover->deadline;
	struct error err;

	handover_close(handover);
	if (handover_now() >= deadline || handover_connect(path, handover, &err) != 0)
		return false;
	handover->deadline = deadline;
	return true;
}

void handover_close(struct handover *handover)
{
	if (handover->socket >= 0)
		close(handover->socket);
	handover->socket = -1;
}

/* Waits until the socket is ready for that. False: the deadline is over. */
static bool wait_for(const struct handover *handover, short events)
{
	struct pollfd ready = {.fd = handover->socket, .events = events};

	for (;;) {
		int64_t left = handover->deadline - handover_now();
		int result = poll(&ready, 1, left > 0 ? (int)left : 0);

		if (result > 0)
			return true;
		if (result == 0 || errno != EINTR)
			return false;
	}
}

static int tell_ended(const struct handover *handover, struct error *err)
{
	return error_set(err, "sidecar: it ended without an answer (%s)",
			 handover->is_own ? OWN_REMEDY : "see its log, or " OTHER_REMEDY);
}

static int say(const struct handover *handover, const void *data, size_t length, const int *descriptors, size_t count,
	       struct error *err)
{
	while (message_send(handover->socket, data, length, descriptors, count) != 0) {
		if (errno != EAGAIN)
			return tell_ended(handover, err);
		if (!wait_for(handover, POLLOUT))
			return error_set(err, "sidecar: it does not answer (restart it, or " OTHER_REMEDY ")");
	}
	return 0;
}

/* All texts, one behind the other, in as few messages as they go into. */
static int say_texts(const struct handover *handover, const struct handover_request *request, struct error *err)
{
	struct {
		struct handover_head head;
		char bytes[HANDOVER_CHUNK_MAX];
	} chunk;
	size_t used = 0;

	chunk.head = handover_head(HANDOVER_TEXT);
	for (size_t i = 0; i < TEXT_COUNT; i++) {
		const struct handover_part *part = &request->parts[i];

		for (size_t done = 0, length; done < part->length; done += length) {
			if (used == sizeof(chunk.bytes)) {
				if (say(handover, &chunk, sizeof(chunk), NULL, 0, err) != 0)
					return -1;
				used = 0;
			}
			length = part->length - done;
			if (length > sizeof(chunk.bytes) - used)
				length = sizeof(chunk.bytes) - used;
			memcpy(chunk.bytes + used, part->bytes + done, length);
			used += length;
		}
	}
	return used == 0 ? 0 : say(handover, &chunk, sizeof(chunk.head) + used, NULL, 0, err);
}

static int say_hello(const struct handover *handover, const struct handover_request *request, struct error *err)
{
	struct handover_hello hello = {
	    .head = handover_head(HANDOVER_HELLO), .probe = handover->socket, .loader = AGENTSH_VERSION};
	int descriptors[3];
	size_t count = 0;

	if (request->notices >= 0) {
		hello.flags |= HANDOVER_NOTICES;
		descriptors[count++] = request->notices;
	}
	if (request->events >= 0) {
		hello.flags |= HANDOVER_EVENTS;
		descriptors[count++] = request->events;
	}
	if (request->reader >= 0) {
		hello.flags |= HANDOVER_READER;
		descriptors[count++] = request->reader;
	}
	if (request->notices_each)
		hello.flags |= HANDOVER_NOTICES_EACH;
	if (request->policy_writable)
		hello.flags |= HANDOVER_POLICY_WRITABLE;
	for (size_t i = 0; i < TEXT_COUNT; i++)
		hello.lengths[i] = (uint32_t)request->parts[i].length;
	memcpy(hello.command_whole, &request->command_whole, sizeof(hello.command_whole));
	(void)snprintf(hello.session, sizeof(hello.session), "%s", request->session);
	return say(handover, &hello, sizeof(hello), descriptors, count, err);
}

/* Any of the sidecar's answers. */
union answer {
	struct handover_head head;
	struct handover_welcome welcome;
	struct handover_refused refused;
	struct handover_accepted accepted;
};

static int judge(const struct handover *handover, union answer *answer, ssize_t length, enum handover_type wanted,
		 size_t size, struct error *err)
{
	if (length > 0 && handover_is(answer, (size_t)length, wanted, size))
		return 0;
	if (length > 0 && handover_is(answer, (size_t)length, HANDOVER_REFUSED, sizeof(answer->refused))) {
		answer->refused.reason[HANDOVER_REASON_MAX - 1] = '\0';
		return error_set(err, "sidecar: %s", answer->refused.reason);
	}
	if (length == 0 || (length < 0 && (errno == ECONNRESET || errno == EPIPE)))
		return tell_ended(handover, err);
	if (length < 0 && (errno == EAGAIN || errno == ETIMEDOUT))
		return error_set(err, "sidecar: it does not answer (restart it, or " OTHER_REMEDY ")");
	if (length >= (ssize_t)sizeof(answer->head) && answer->head.magic == HANDOVER_MAGIC &&
	    answer->head.version != HANDOVER_VERSION)
		return error_set(err,
				 "sidecar: it speaks version %u, this loader %u (install the same version of both)",
				 answer->head.version, HANDOVER_VERSION);
	return error_set(err, "sidecar: what answers is none (" OTHER_REMEDY ")");
}

int handover_say(const struct handover *handover, const struct handover_request *request, struct error *err)
{
	return say_hello(handover, request, err) == 0 ? say_texts(handover, request, err) : -1;
}

/* Where it has ended with something of ours unread, the kernel tells that first, and once. */
static ssize_t hear(const struct handover *handover, union answer *answer)
{
	ssize_t length = message_receive(handover->socket, answer, sizeof(*answer), NULL);

	if (length < 0 && errno == ECONNRESET)
		length = message_receive(handover->socket, answer, sizeof(*answer), NULL);
	return length;
}

int handover_welcome(struct handover *handover, int said, struct error *err)
{
	union answer answer = {.welcome = {.keeper = 0}};
	ssize_t length = -1;
	bool ended;

	errno = EAGAIN;
	/* One that has gone may have left its reason. */
	if (said != 0 || wait_for(handover, POLLIN))
		length = hear(handover, &answer);
	ended = length == 0 || (length < 0 && (errno == ECONNRESET || errno == EPIPE));
	if (said != 0 && length <= 0)
		return ended ? 1 : -1;
	if (judge(handover, &answer, length, HANDOVER_WELCOME, sizeof(answer.welcome), err) != 0)
		return ended ? 1 : -1;
	handover->keeper = answer.welcome.keeper;
	handover->by_rights = answer.welcome.by_rights != 0;
	return 0;
}

int handover_arm(const struct handover *handover, struct error *err)
{
	int64_t left = handover->deadline - handover_now();
	struct timeval limit;

	if (left < LEAST_MS)
		left = LEAST_MS;
	limit = (struct timeval){.tv_sec = left / 1000, .tv_usec = (left % 1000) * 1000};
	/* The socket's only flag is O_NONBLOCK. */
	if (fcntl(handover->socket, F_SETFL, 0) == 0 &&
	    setsockopt(handover->socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0 &&
	    setsockopt(handover->socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) == 0)
		return 0;
	return error_set(err, "sidecar: setsockopt: %m (see agentshctl doctor)");
}

static bool is_left_alone(const struct rules *rules, int number)
{
	return rules_of_call(rules, number).action == SCMP_ACT_ALLOW;
}

bool handover_is_direct(const struct handover *handover, const struct rules *rules)
{
	/* A rule of the sockets stage for sendto is for one with an address, of which there is none here. */
	int sends = handover->by_rights ? SYS_sendmsg : SYS_sendto;

	if (handover->by_rights && rules_of_call(rules, SYS_sendmsg).conditional)
		return false;
	return is_left_alone(rules, sends) && is_left_alone(rules, SYS_read);
}

int handover_announce(const struct handover *handover, int listener, bool wait_killable, struct error *err)
{
	const struct handover_listener announcement = {
	    .head = handover_head(HANDOVER_LISTENER), .number = listener, .wait_killable = wait_killable};
	union answer answer;
	ssize_t length;

	if (handover->by_rights)
		length = message_send(handover->socket, &announcement, sizeof(announcement), &listener, 1);
	else
		do
			length = send(handover->socket, &announcement, sizeof(announcement), MSG_NOSIGNAL);
		while (length < 0 && errno == EINTR);
	/* A socket with a timeout answers EINTR to a stop and its end, also where no handler is set: signal(7). */
	if (length >= 0)
		do
			length = read(handover->socket, &answer, sizeof(answer));
		while (length < 0 && errno == EINTR);
	return judge(handover, &answer, length, HANDOVER_ACCEPTED, sizeof(answer.accepted), err);
}
