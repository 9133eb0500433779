#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bindings.h"
#include "mediation.h"
#include "worker.h"

#ifndef PIDFD_SIGNAL_THREAD
#define PIDFD_SIGNAL_THREAD (1U << 0)
#endif
/* What else a worker has (confinement.c), and sendmsg(2) on a Unix socket never asks for. */
#define UNUSED ((1ULL << CAP_KILL) | (1ULL << CAP_SYS_CHROOT))

static struct sender sender_of(struct mediation *mediation)
{
	return (struct sender){
	    .memory = mediation->memory,
	    .thread = mediation->thread,
	    .socket = mediation->socket,
	    .domain = mediation->domain,
	    .is_unix = mediation->is_unix,
	    .may_claim = mediation->server->may_claim,
	    .credentials = &mediation->credentials,
	    .own = &mediation->server->own,
	    .user = mediation->worker->area->session.uid,
	};
}

static bool may_send(struct mediation *mediation, const struct socket_name *name, const struct pinned *pinned)
{
	return mediation_allows(mediation, OPERATION_SENDTO, name, pinned);
}

/*
 * The rights of the target, with what it takes to read its memory as it is sent, and, on a Unix
 * socket, to show its ids to a receiver. Neither lets a message go where it could not have gone. The
 * others of ours (UNUSED) mean nothing to such a message: with them there is nothing to be changed, there and
 * back, where the thread has the target's ids already.
 */
static bool take(struct mediation *mediation)
{
	return mediation_take(mediation, (1ULL << CAP_SYS_PTRACE) | (mediation->is_unix ? SENDING_CLAIM | UNUSED : 0));
}

/* A stream that nobody reads: the target gets its SIGPIPE as from its own call. */
static void raise_pipe(struct mediation *mediation, const struct sending *sending, int error)
{
	if (error != EPIPE || (sending->flags & MSG_NOSIGNAL) || mediation_type(mediation) != SOCK_STREAM)
		return;
	if (syscall(SYS_pidfd_send_signal, mediation->thread, SIGPIPE, NULL, PIDFD_SIGNAL_THREAD) != 0)
		(void)syscall(SYS_tgkill, mediation->credentials.tgid, (pid_t)mediation->notif->pid, SIGPIPE);
}

static bool is_unlimited(const struct mediation *mediation)
{
	return !mediation->foreign &&
	       (mediation->credentials.effective & ((1ULL << CAP_SYS_ADMIN) | (1ULL << CAP_SYS_RESOURCE)));
}

/*
 * With what it takes to show the target's ids the kernel lets us have any number of descriptors in
 * flight: too_many_unix_fds. So a message of our own is tried without, first:
 * from a socket to its other end, both of which are gone afterwards. False: there are too many.
 */
static bool may_be_in_flight(struct mediation *mediation)
{
	union {
		struct cmsghdr item;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.item = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
	struct iovec piece = {.iov_base = "", .iov_len = 1};
	const struct msghdr message = {
	    .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)};
	int pair[2];
	bool apart;
	bool may;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return false;
	memcpy(CMSG_DATA(&control.item), &pair[0], sizeof(int));
	mediation_return(mediation);
	apart = mediation->server->may_claim && credentials_count_for(mediation->worker->area->session.uid);
	may = mediation_take(mediation, 0) && sendmsg(pair[0], &message, MSG_DONTWAIT | MSG_NOSIGNAL) == 1;
	mediation_return(mediation);
	if (apart)
		credentials_count_again(&mediation->server->own);
	close(pair[0]);
	close(pair[1]);
	return may;
}

static struct outcome carry_out(struct mediation *mediation, struct sending *sending, const void *address,
				socklen_t length)
{
	const struct sender sender = sender_of(mediation);
	ssize_t sent;
	int error;

	if (sending->descriptor_count > 0 && !is_unlimited(mediation) && !may_be_in_flight(mediation))
		return mediation_fail(ETOOMANYREFS);
	if (!take(mediation))
		return mediation_deny(mediation, "rights_not_to_be_had");
	if (!mediation_begin(mediation, 0))
		return mediation_fail(EINTR);
	sent = sending_send(&sender, sending, address, length);
	if (sent >= 0)
		return mediation_result(sent);
	if (sending->refusal)
		return mediation_deny(mediation, sending->refusal);
	error = errno;
	mediation_return(mediation);
	raise_pipe(mediation, sending, error);
	return mediation_fail(mediation_error(mediation, error));
}

/*
 * A socket that is shut for sending says so before it looks at the name: asked by a message to where nobody can be,
 * for no option tells.
 */
static bool is_shut(const struct mediation *mediation)
{
	const struct sockaddr_un nowhere = {.sun_family = AF_UNIX, .sun_path = "/proc/self/fd/none"};

	return sendto(mediation->socket, "", 0, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)&nowhere,
		      sizeof(nowhere)) < 0 &&
	       errno == EPIPE;
}

static struct outcome send_to_path(struct mediation *mediation, struct sending *sending)
{
	struct sockaddr_un reached;
	socklen_t length;
	struct pinned pinned;
	struct outcome outcome;
	int error = mediation_pin(mediation, &sending->address, &pinned);

	if (error == ESRCH)
		return mediation_deny_unreadable(mediation);
	if (error)
		return mediation_fail(is_shut(mediation) ? EPIPE : error);
	length = mediation_address_of(mediation->server, &pinned, &reached);
	if (!may_send(mediation, &(struct socket_name){.bytes = pinned.name, .length = pinned.length}, &pinned))
		outcome = mediation_fail(EACCES);
	else
		outcome = carry_out(mediation, sending, &reached, length);
	view_unpin(&pinned);
	return outcome;
}

/* A datagram cannot be called back: a name that is the session's own is held while it is sent. */
static struct outcome send_to_abstract(struct mediation *mediation, struct sending *sending)
{
	const struct address *address = &sending->address;
	const struct socket_name name = {.abstract = true, .bytes = address->name, .length = address->name_length};
	struct outcome outcome;
	int held;

	if (!may_send(mediation, &name, NULL))
		return mediation_fail(EACCES);
	held = mediation->is_by_owner ? mediation_hold(mediation, &name) : -1;
	if (mediation->is_by_owner && held < 0)
		return mediation_deny_unheld(mediation, &name);
	outcome = carry_out(mediation, sending, &address->local, address->length);
	if (held >= 0)
		close(held);
	return outcome;
}

static struct outcome send_out(struct mediation *mediation, struct sending *sending)
{
	const struct address *address = &sending->address;

	if (address->kind == ADDRESS_PATH)
		return send_to_path(mediation, sending);
	if (address->kind == ADDRESS_ABSTRACT)
		return send_to_abstract(mediation, sending);
	return carry_out(mediation, sending, &address->any, address->length);
}

/* From the copy to the answer; error: of the copying. */
static struct outcome finish(struct mediation *mediation, struct sending *sending, int error)
{
	/* Else it is asked before anything is done: a path's view is still to be opened, and mediation_begin() comes.
	 */
	bool is_asked = error || sending->address.kind == ADDRESS_ABSTRACT;
	struct outcome outcome;

	if (is_asked && !mediation_is_valid(mediation))
		outcome = mediation_fail(EINTR);
	else if (error == EACCES)
		outcome = mediation_deny_unreadable(mediation);
	else if (error)
		outcome = mediation_fail(error);
	else
		outcome = send_out(mediation, sending);
	mediation_return(mediation);
	sending_free(sending);
	return outcome;
}

struct outcome mediated_sendto(struct mediation *mediation)
{
	const uint64_t *arguments = (const uint64_t *)mediation->notif->data.args;
	const struct sender sender = sender_of(mediation);
	struct sending sending;
	int error = sending_from_buffer(&sender, arguments[1], arguments[2], (int)(uint32_t)arguments[3], arguments[4],
					arguments[5], &sending);

	return finish(mediation, &sending, error);
}

static struct outcome send_header(struct mediation *mediation, uint64_t header, int flags)
{
	const struct sender sender = sender_of(mediation);
	struct sending sending;
	int error = sending_from_header(&sender, header, flags, &sending);

	return finish(mediation, &sending, error);
}

struct outcome mediated_sendmsg(struct mediation *mediation)
{
	return send_header(mediation, mediation->notif->data.args[1], (int)(uint32_t)mediation->notif->data.args[2]);
}

static uint64_t header_of(const struct mediation *mediation, unsigned number)
{
	return mediation->notif->data.args[1] + number * sizeof(struct mmsghdr);
}

/* How much of the latest message was sent, where the target looks for it. 0, or an errno. */
static int tell_sent(const struct mediation *mediation)
{
	const struct area_slot *slot = mediation->slot;

	return memory_write(&mediation->memory,
			    header_of(mediation, slot->done - 1) + offsetof(struct mmsghdr, msg_len), &slot->sent,
			    sizeof(slot->sent));
}

/* The next message. It is over with it at once: a worker that follows goes on behind it. */
static struct outcome send_next(struct mediation *mediation)
{
	struct area_slot *slot = mediation->slot;
	int flags = (int)(uint32_t)mediation->notif->data.args[3];
	struct outcome outcome = send_header(mediation, header_of(mediation, slot->done), flags);

	if (outcome.error)
		return outcome;
	slot->sent = (uint32_t)outcome.value;
	atomic_signal_fence(memory_order_seq_cst);
	slot->done++;
	return mediation_fail(tell_sent(mediation));
}

struct outcome mediated_sendmmsg(struct mediation *mediation)
{
	const struct area_slot *slot = mediation->slot;
	unsigned count = (unsigned)(uint32_t)mediation->notif->data.args[2];
	struct outcome outcome = mediation_fail(slot->done ? tell_sent(mediation) : 0);
	unsigned told =
	    outcome.error ? slot->done - 1 : slot->done; /* a message that could not be told counts for none */

	if (count > SENDING_PIECES_MAX)
		count = SENDING_PIECES_MAX; /* as the kernel does: UIO_MAXIOV */
	while (!outcome.error && slot->done < count) {
		outcome = send_next(mediation);
		if (!outcome.error)
			told = slot->done;
	}
	return told ? mediation_result(told) : outcome;
}
