#include "conversation.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "credentials.h"
#include "listener.h"
#include "pidfd_information.h"
#include "policy.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

#define BROKEN "what was said breaks the protocol (install the same version of loader and sidecar)"
#define KNOWN_FLAGS                                                                                                    \
	(HANDOVER_NOTICES_EACH | HANDOVER_NOTICES | HANDOVER_EVENTS | HANDOVER_POLICY_WRITABLE | HANDOVER_READER)

static const uint32_t length_limits[TEXT_COUNT] = {
    [TEXT_POLICY] = POLICY_TEXT_MAX,         [TEXT_POLICY_FILE] = PATH_MAX,
    [TEXT_COMMAND] = HANDOVER_COMMAND_MAX,   [TEXT_INHERITED] = HANDOVER_INHERITED_MAX,
    [TEXT_DEGRADED] = HANDOVER_DEGRADED_MAX,
};

/*
 * A pidfd of the peer: SO_PEERPIDFD (Linux 6.5), which no other process can have taken the number
 * of. Where there is that, its refusal means that the peer has gone, and whoever has its number is another.
 */
static int pin_peer(int socket, pid_t pid)
{
	int process = -1;
	socklen_t size = sizeof(process);

	if (getsockopt(socket, SOL_SOCKET, SO_PEERPIDFD, &process, &size) == 0)
		return process;
	if (errno != ENOPROTOOPT)
		return -1;
	return pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
}

int conversation_begin(struct conversation *conversation, int socket)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	*conversation = (struct conversation){.socket = socket,
					      .peer = {.process = -1},
					      .deadline = handover_now() + HANDOVER_DEADLINE_MS,
					      .notices = -1,
					      .copy = -1,
					      .reader = -1,
					      .listener = -1,
					      .beginning = {.area = -1, .root = -1, .user = -1}};
	if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
		return -1;
	conversation->peer = (struct conversation_peer){
	    .pid = peer.pid, .uid = peer.uid, .gid = peer.gid, .process = pin_peer(socket, peer.pid)};
	return 0;
}

static void close_one(int *descriptor)
{
	if (*descriptor >= 0)
		close(*descriptor);
	*descriptor = -1;
}

/* Of what the peer has sent. */
static void let_go(const struct conversation *conversation, int *descriptor)
{
	stranger_close(conversation->strangers, conversation->peer.uid, *descriptor);
	*descriptor = -1;
}

static void let_go_all(const struct conversation *conversation, struct message_descriptors *came)
{
	for (size_t i = 0; i < came->count; i++)
		let_go(conversation, &came->numbers[i]);
}

void conversation_end(struct conversation *conversation)
{
	close_one(&conversation->socket);
	close_one(&conversation->peer.process);
	let_go(conversation, &conversation->notices);
	let_go(conversation, &conversation->copy);
	let_go(conversation, &conversation->reader);
	close_one(&conversation->listener);
	beginning_end(&conversation->beginning);
	message_close(&conversation->along);
	free(conversation->texts);
	conversation->texts = NULL;
}

static size_t wanted_descriptors(uint32_t flags)
{
	return (flags & HANDOVER_NOTICES ? 1U : 0U) + (flags & HANDOVER_EVENTS ? 1U : 0U) +
	       (flags & HANDOVER_READER ? 1U : 0U);
}

const char *conversation_check_hello(const void *message, size_t length, size_t descriptors)
{
	struct handover_hello hello;

	if (length < sizeof(hello.head))
		return BROKEN;
	memcpy(&hello.head, message, sizeof(hello.head));
	if (hello.head.magic != HANDOVER_MAGIC)
		return BROKEN;
	if (hello.head.version != HANDOVER_VERSION)
		return "it is of another version than the loader (install the same version of both)";
	if (!handover_is(message, length, HANDOVER_HELLO, sizeof(hello)))
		return BROKEN;
	memcpy(&hello, message, sizeof(hello));
	if ((hello.flags & ~(uint32_t)KNOWN_FLAGS) || wanted_descriptors(hello.flags) != descriptors ||
	    !memchr(hello.session, '\0', sizeof(hello.session)) || !memchr(hello.loader, '\0', sizeof(hello.loader)))
		return BROKEN;
	for (size_t i = 0; i < TEXT_COUNT; i++)
		if (hello.lengths[i] > length_limits[i])
			return BROKEN;
	return NULL;
}

static const char *hear_hello(struct conversation *conversation, const char *message, size_t length,
			      struct message_descriptors *came)
{
	const char *wrong = conversation_check_hello(message, length, came->count);
	struct handover_hello *hello = &conversation->hello;

	if (wrong)
		return wrong;
	memcpy(hello, message, sizeof(*hello));
	if (hello->flags & HANDOVER_NOTICES)
		conversation->notices = message_take(came);
	if (hello->flags & HANDOVER_EVENTS)
		conversation->copy = message_take(came);
	if (hello->flags & HANDOVER_READER)
		conversation->reader = message_take(came);
	for (size_t i = 0; i < TEXT_COUNT; i++)
		conversation->texts_due += hello->lengths[i];
	conversation->texts = malloc(conversation->texts_due + 1);
	if (!conversation->texts)
		return "it is out of memory (try again)";
	conversation->state = conversation->texts_due ? CONVERSATION_TEXT : CONVERSATION_ASKED;
	return NULL;
}

static const char *hear_text(struct conversation *conversation, const char *message, size_t length)
{
	size_t used = length - sizeof(struct handover_head);

	if (length <= sizeof(struct handover_head) || !handover_is(message, length, HANDOVER_TEXT, length) ||
	    used > conversation->texts_due - conversation->texts_length)
		return BROKEN;
	memcpy(conversation->texts + conversation->texts_length, message + sizeof(struct handover_head), used);
	conversation->texts_length += used;
	if (conversation->texts_length == conversation->texts_due)
		conversation->state = CONVERSATION_ASKED;
	return NULL;
}

bool conversation_is_there(const struct conversation_peer *peer)
{
	return peer->process >= 0 && (syscall(SYS_pidfd_send_signal, peer->process, 0, NULL, 0) == 0 || errno == EPERM);
}

/* As /proc has it. The number was its own all the time, if it is there still. */
static bool read_ids(const struct conversation_peer *peer, struct credentials *ids)
{
	char path[32];
	int directory;
	int error;

	(void)snprintf(path, sizeof(path), "/proc/%d", peer->pid);
	directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	error = directory < 0 ? errno : credentials_read(directory, ids);
	if (directory >= 0)
		close(directory);
	credentials_free(ids);
	return !error && conversation_is_there(peer);
}

static bool learn_ids(const struct conversation_peer *peer, struct credentials *ids)
{
	struct pidfd_information information = {.mask = PIDFD_INFORMATION_IDS};

	if (ioctl(peer->process, PIDFD_INFORMATION, &information) != 0 || !(information.mask & PIDFD_INFORMATION_IDS))
		return read_ids(peer, ids);
	*ids = (struct credentials){
	    .ruid = information.ruid, .euid = information.euid, .suid = information.suid, .fsuid = information.fsuid};
	return true;
}

/*
 * Is it still the user's process that connected? It may have executed a set-user-ID program since,
 * with a copy of the socket elsewhere: what that program holds is not for its caller to announce.
 */
static bool is_still_theirs(const struct conversation_peer *peer)
{
	struct credentials ids = {0};

	return peer->process >= 0 && peer->pid > 0 && learn_ids(peer, &ids) && credentials_are_of(&ids, peer->uid);
}

/* The listener's descriptor, by number or as it came along. */
static int take_listener(const struct conversation *conversation, int number, struct message_descriptors *came)
{
	int taken;

	if (conversation->by_rights)
		return message_take(came);
	taken = (int)syscall(SYS_pidfd_getfd, conversation->peer.process, number, 0);
	if (taken >= 0 && !is_still_theirs(&conversation->peer))
		let_go(conversation, &taken);
	return taken;
}

static const char *hear_listener(struct conversation *conversation, const char *message, size_t length,
				 struct message_descriptors *came)
{
	struct handover_listener announced;

	if (!handover_is(message, length, HANDOVER_LISTENER, sizeof(announced)))
		return BROKEN;
	memcpy(&announced, message, sizeof(announced));
	conversation->listener = take_listener(conversation, announced.number, came);
	conversation->wait_killable = announced.wait_killable == 1;
	if (conversation->listener < 0)
		return "the listener cannot be taken (see agentshctl doctor)";
	if (!listener_is_one(conversation->listener)) {
		let_go(conversation, &conversation->listener);
		return "what was announced is no listener (install the same version of loader and sidecar)";
	}
	conversation->state = CONVERSATION_ANNOUNCED;
	return NULL;
}

static const char *hear_report(struct conversation *conversation, const char *message)
{
	struct handover_report *report = &conversation->report;
	char id[SESSION_ID_SIZE];

	memcpy(report, message, sizeof(*report));
	if (!memchr(report->session, '\0', sizeof(report->session)) ||
	    (report->session[0] && session_id(report->session, "", id, NULL) != 0))
		return BROKEN;
	conversation->state = CONVERSATION_REPORTED;
	return NULL;
}

static bool is_report(const char *message, size_t length)
{
	return handover_is(message, length, HANDOVER_REPORT, sizeof(struct handover_report));
}

static const char *hear(struct conversation *conversation, const char *message, size_t length,
			struct message_descriptors *came)
{
	switch (conversation->state) {
	case CONVERSATION_HELLO:
		if (is_report(message, length))
			return hear_report(conversation, message);
		return hear_hello(conversation, message, length, came);
	case CONVERSATION_TEXT:
		return hear_text(conversation, message, length);
	case CONVERSATION_WELCOMED:
		return hear_listener(conversation, message, length, came);
	case CONVERSATION_ASKED:
	case CONVERSATION_ANNOUNCED:
	case CONVERSATION_REPORTED:
	case CONVERSATION_TOLD:
	case CONVERSATION_OVER:
	default:
		return BROKEN;
	}
}

const char *conversation_hear(struct conversation *conversation)
{
	char message[sizeof(struct handover_head) + HANDOVER_CHUNK_MAX];
	struct message_descriptors came;
	ssize_t length = message_receive_all(conversation->socket, message, sizeof(message), &came);
	const char *wrong;

	if (length < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return NULL;
	if (length < 0 && errno != EMSGSIZE)
		return "";
	/* An empty message reads like the end, and may have brought descriptors all the same. */
	if (length < 0) {
		wrong = BROKEN;
	} else if (length == 0 && conversation->state == CONVERSATION_REPORTED) {
		conversation->state = CONVERSATION_TOLD;
		wrong = NULL;
	} else {
		wrong = length == 0 ? "" : hear(conversation, message, (size_t)length, &came);
	}
	let_go_all(conversation, &came);
	return wrong;
}

const char *conversation_hold_back(struct conversation *conversation)
{
	if (conversation->notices >= 0 && !stranger_is_prompt(conversation->notices)) {
		let_go(conversation, &conversation->notices);
		conversation->hello.flags &= ~(uint32_t)(HANDOVER_NOTICES | HANDOVER_NOTICES_EACH);
	}
	if (conversation->copy >= 0 && !stranger_is_prompt(conversation->copy))
		return "a copy of its events cannot go to a file that a process serves, or that is in no file system "
		       "of the sidecar's (--events: name another)";
	return NULL;
}

const char *conversation_text(const struct conversation *conversation, enum handover_text which)
{
	const char *place = conversation->texts;

	for (size_t i = 0; i < (size_t)which; i++)
		place += conversation->hello.lengths[i];
	return place;
}

/* Can a descriptor of the loader's be taken? Tried on the one that it names for that. */
static bool can_take(const struct conversation *conversation)
{
	int taken = -1;

	if (is_still_theirs(&conversation->peer))
		taken = (int)syscall(SYS_pidfd_getfd, conversation->peer.process, conversation->hello.probe, 0);
	if (taken < 0)
		return false;
	let_go(conversation, &taken);
	return true;
}

void conversation_welcome(struct conversation *conversation, pid_t keeper)
{
	struct handover_welcome welcome = {.head = handover_head(HANDOVER_WELCOME), .keeper = keeper};

	conversation->by_rights = !can_take(conversation);
	welcome.by_rights = conversation->by_rights;
	conversation->state = CONVERSATION_WELCOMED;
	if (message_send(conversation->socket, &welcome, sizeof(welcome), NULL, 0) != 0)
		conversation->state = CONVERSATION_OVER;
}

void conversation_say_refused(int socket, const char *reason)
{
	struct handover_refused refused = {.head = handover_head(HANDOVER_REFUSED)};

	(void)snprintf(refused.reason, sizeof(refused.reason), "%.*s", (int)sizeof(refused.reason) - 1, reason);
	(void)message_send(socket, &refused, sizeof(refused), NULL, 0);
}

void conversation_refuse(struct conversation *conversation, const char *reason)
{
	conversation->state = CONVERSATION_OVER;
	if (!conversation->is_runtime)
		conversation_say_refused(conversation->socket, reason);
}
