#include "mediation.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/if_xdp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "decimal.h"
#include "listener.h"
#include "socket_event.h"
#include "socket_option.h"
#include "worker.h"

#define READS   (1ULL << CAP_SYS_PTRACE) /* to read a target */
#define RESTART 512                      /* ERESTARTSYS: the kernel turns it into EINTR or begins the call again */

typedef struct outcome carry_out(struct mediation *mediation);

struct mediated_call {
	carry_out *carry_out;
	int number; /* of this architecture: a call of another is none of a session's */
	bool is_send;
	bool is_own; /* it finds its socket itself, or has none */
};

static const struct mediated_call calls[] = {
    {mediated_connect, SYS_connect, false, false},  {mediated_bind, SYS_bind, false, false},
    {mediated_sendto, SYS_sendto, true, false},     {mediated_sendmsg, SYS_sendmsg, true, false},
    {mediated_sendmmsg, SYS_sendmmsg, true, false}, {mediated_socket, SYS_socket, false, true},
    {mediated_listen, SYS_listen, false, true},
};

static const struct mediated_call *find_call(int number)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (calls[i].number == number)
			return &calls[i];
	return NULL;
}

bool mediation_is_send(int number)
{
	const struct mediated_call *call = find_call(number);

	return call && call->is_send;
}

struct outcome mediation_fail(int error)
{
	return (struct outcome){.error = error};
}

struct outcome mediation_result(int64_t value)
{
	return (struct outcome){.value = value};
}

struct outcome mediation_deny(struct mediation *mediation, const char *reason)
{
	mediation->reason = reason;
	socket_event_unread(mediation, reason);
	return mediation_fail(EACCES);
}

struct outcome mediation_deny_path(struct mediation *mediation, const struct address *address, int error)
{
	mediation->reason = socket_event_path(mediation, address->name, error);
	return mediation_fail(EACCES);
}

struct outcome mediation_deny_unreadable(struct mediation *mediation)
{
	if (!mediation_is_valid(mediation))
		return mediation_fail(EINTR);
	return mediation_deny(mediation, "unreadable_target");
}

bool mediation_read_address(struct mediation *mediation, struct address *address, struct outcome *outcome)
{
	const uint64_t *arguments = (const uint64_t *)mediation->notif->data.args;
	int error = sending_read_address(&mediation->memory, arguments[1], arguments[2], mediation->is_unix, address);

	if (error == EACCES)
		*outcome = mediation_deny_unreadable(mediation);
	else if (error)
		*outcome = mediation_fail(error);
	else if (address->kind != ADDRESS_PATH && !mediation_is_valid(mediation)) /* whose view is still to be opened */
		*outcome = mediation_fail(EINTR);
	else
		return true;
	return false;
}

bool mediation_names_descriptor(const struct mediation *mediation, const struct address *address)
{
	struct sockaddr_xdp xdp = {.sxdp_flags = 0};

	memcpy(&xdp, address->bytes, address->length < sizeof(xdp) ? address->length : sizeof(xdp));
	return mediation->domain == AF_PPPOX || (mediation->domain == AF_XDP && (xdp.sxdp_flags & XDP_SHARED_UMEM));
}

struct outcome mediation_deny_unknown(struct mediation *mediation)
{
	socket_event_unread(mediation, SOCKET_EVENT_UNKNOWN);
	return mediation_fail(EIO);
}

int mediation_error(const struct mediation *mediation, int error)
{
	if (error == EINTR && pool_interruption(mediation->server) == INTERRUPTED_BY_SIGNAL)
		return RESTART;
	return error;
}

bool mediation_is_valid(const struct mediation *mediation)
{
	return listener_is_valid(mediation->worker->listener, mediation->notif->id);
}

bool mediation_take(struct mediation *mediation, uint64_t also)
{
	if (mediation->taken && mediation->also == also)
		return true;
	mediation_return(mediation);
	mediation->also = also;
	mediation->changed =
	    credentials_differ(&mediation->credentials, mediation->foreign, also, &mediation->server->own);
	mediation->taken = !mediation->changed || credentials_take(&mediation->credentials, mediation->foreign, also,
								   &mediation->server->own) == 0;
	return mediation->taken;
}

void mediation_return(struct mediation *mediation)
{
	/* A thread that is not itself any more must serve nobody: the keeper starts another worker. */
	if (mediation->taken && mediation->changed &&
	    !credentials_return(&mediation->credentials, &mediation->server->own))
		_exit(EXIT_FAILURE);
	mediation->taken = false;
}

void mediation_release(struct server *server)
{
	if (server->reads && !credentials_return(&server->own, &server->own))
		_exit(EXIT_FAILURE); /* as in mediation_return */
	server->reads = false;
}

/*
 * Between calls of threads whose ids the server has for good it may stay without all of its own capabilities but that
 * to read: to lay them down and to take them up again costs each call as much as two others.
 */
static bool may_stay(const struct mediation *mediation)
{
	return mediation->is_settled && mediation->server->own.permitted & READS &&
	       credentials_same_ids(&mediation->credentials, &mediation->server->own);
}

static struct outcome take_by_number(struct mediation *mediation, int number)
{
	mediation->socket = reach_take(&mediation->server->reach, mediation->thread, number);
	if (mediation->socket >= 0)
		return mediation_result(0);
	mediation->is_gone = errno == ESRCH && mediation->wishes & KNOWN_UNSEEN;
	if (errno == EBADF || mediation->is_gone)
		return mediation_fail(errno);
	return mediation_deny_unreadable(mediation);
}

/*
 * The target's socket, as a descriptor of ours that the call owns. Asked for here alone.
 */
static struct outcome take_socket(struct mediation *mediation)
{
	int number = (int)(uint32_t)mediation->notif->data.args[0];
	struct outcome outcome = mediation_fail(EBADF);
	int domain;

	if (number >= 0)
		outcome = mediation->worker->makes_sockets ? made_socket_find(mediation, number)
							   : take_by_number(mediation, number);
	if (outcome.error)
		return outcome;
	domain = socket_option(mediation->socket, SO_DOMAIN);
	if (domain < 0)
		return mediation_fail(errno == ENOTSOCK || errno == EBADF ? errno : EACCES);
	mediation->domain = domain;
	mediation->is_unix = domain == AF_UNIX;
	return mediation_result(0);
}

int mediation_type(struct mediation *mediation)
{
	if (mediation->type == 0)
		mediation->type = socket_option(mediation->socket, SO_TYPE);
	return mediation->type;
}

ino_t mediation_inode(const struct mediation *mediation)
{
	struct stat status;

	return fstat(mediation->socket, &status) == 0 ? status.st_ino : 0;
}

bool mediation_is_call(const struct mediation *mediation, int number)
{
	return mediation->notif->data.nr == number;
}

/*
 * Without CAP_SYS_PTRACE, which pidfd_getfd(2) is refused for want of, a target of another user is read by one that has
 * its ids. Neither is with fewer capabilities then: it has none itself, as a rule.
 */
static bool take_ids(struct mediation *mediation)
{
	return credentials_same_ids(&mediation->credentials, &mediation->server->own) || mediation_take(mediation, 0);
}

/* What the call asks of the thread: bind alone makes a file, and nearly all take a socket of it first. */
static unsigned wishes_of(const struct mediation *mediation)
{
	bool takes = !mediation->worker->makes_sockets && !(mediation->call && mediation->call->is_own);

	return (mediation_is_call(mediation, SYS_bind) ? KNOWN_MASK : 0U) | (takes ? KNOWN_UNSEEN : 0U);
}

static struct outcome open_known(struct mediation *mediation)
{
	pid_t tid = (pid_t)mediation->notif->pid;
	const struct known_thread *thread = known_thread_find(&mediation->server->known, tid, mediation->wishes);

	if (!thread || !thread->is_settled || !credentials_same_ids(&thread->credentials, &mediation->server->own))
		mediation_release(mediation->server);
	if (!thread) /* it has gone, or cannot be read */
		return mediation_deny_unreadable(mediation);
	mediation->directory = thread->directory;
	mediation->thread = thread->pidfd;
	if (thread->is_settled && !credentials_adopt(&thread->credentials, &mediation->server->own))
		_exit(EXIT_FAILURE); /* as in mediation_return */
	mediation->credentials = thread->credentials;
	mediation->foreign = thread->is_foreign;
	mediation->is_settled = thread->is_settled;
	mediation->server->page.length = 0; /* what the last call had there means nothing to this one */
	mediation->memory =
	    (struct memory){.tid = tid, .reach = &mediation->server->reach, .page = &mediation->server->page};
	mediation->taken = mediation->changed = mediation->server->reads;
	mediation->also = mediation->taken ? READS : 0;
	mediation->server->reads = false;
	if (mediation->worker->makes_sockets && !take_ids(mediation))
		return mediation_deny(mediation, "rights_not_to_be_had");
	return mediation->call && mediation->call->is_own ? mediation_result(0) : take_socket(mediation);
}

/* Everything of the target that the call is carried out with. */
static struct outcome open_target(struct mediation *mediation)
{
	struct outcome outcome;

	mediation->wishes = wishes_of(mediation);
	outcome = open_known(mediation);
	if (!mediation->is_gone)
		return outcome;
	/* Its number is another's by now, which is to be got to know first. */
	mediation_return(mediation);
	known_thread_forget(&mediation->server->known, (pid_t)mediation->notif->pid);
	mediation->wishes &= ~(unsigned)KNOWN_UNSEEN;
	return open_known(mediation);
}

static void close_target(struct mediation *mediation)
{
	mediation->server->reads =
	    mediation->taken && mediation->changed && mediation->also == READS && may_stay(mediation);
	if (!mediation->server->reads)
		mediation_return(mediation);
	if (mediation->socket >= 0)
		close(mediation->socket);
}

static struct mediation begin(struct worker *worker, struct server *server, struct area_slot *slot)
{
	return (struct mediation){.worker = worker,
				  .server = server,
				  .slot = slot,
				  .notif = &slot->notif,
				  .call = find_call(slot->notif.data.nr),
				  .is_resumed = slot->begun == slot->done + 1,
				  .directory = -1,
				  .thread = -1,
				  .socket = -1};
}

bool mediation_begin(struct mediation *mediation, uint32_t before)
{
	struct area_slot *slot = mediation->slot;

	if (!mediation->taken || !mediation_is_valid(mediation))
		return false;
	if (slot->begun == slot->done + 1)
		return true; /* what was before is known from the first time */
	slot->before = before;
	atomic_signal_fence(memory_order_seq_cst);
	slot->begun = slot->done + 1;
	return true;
}

bool mediation_would_allow(struct worker *worker, struct server *server, struct area_slot *slot)
{
	struct mediation mediation = begin(worker, server, slot);

	if (open_target(&mediation).error == 0 && mediation.is_unix)
		observed_call(&mediation);
	close_target(&mediation);
	mediation_release(server);
	return !mediation.is_denied;
}

struct outcome mediation_deny_busy(struct worker *worker, struct server *server, struct area_slot *slot)
{
	struct mediation mediation = begin(worker, server, slot);

	mediation_release(server);
	socket_event_unread(&mediation, SOCKET_EVENT_TOO_MANY);
	return mediation_fail(EAGAIN);
}

bool mediation_observe(struct worker *worker, struct server *server, struct area_slot *slot)
{
	struct mediation mediation = begin(worker, server, slot);

	if (open_target(&mediation).error == 0 && mediation.is_unix)
		observed_call(&mediation);
	close_target(&mediation);
	mediation_release(server);
	return !mediation.is_untold;
}

struct outcome mediation_carry_out(struct worker *worker, struct server *server, struct area_slot *slot)
{
	struct mediation mediation = begin(worker, server, slot);
	const struct mediated_call *call = mediation.call;
	struct outcome outcome = open_target(&mediation);

	/* connect(2) looks at the address before it looks whether it is a socket. */
	if (outcome.error == ENOTSOCK && mediation_is_call(&mediation, SYS_connect))
		(void)mediation_read_address(&mediation, &(struct address){.length = 0}, &outcome);
	/* Whether a send that was begun has arrived nobody can say, and twice must it not. */
	if (mediation.is_resumed && call && call->is_send)
		outcome = mediation_is_valid(&mediation) ? mediation_deny_unknown(&mediation) : mediation_fail(EINTR);
	else if (outcome.error == 0)
		outcome = call ? call->carry_out(&mediation) : mediation_fail(EACCES);
	if (worker->makes_sockets)
		made_socket_used(&mediation, &outcome);
	close_target(&mediation);
	return outcome;
}

int mediation_enter(struct mediation *mediation, struct view *view)
{
	if (mediation->server->pool->shares_files && !view->is_ours)
		return EACCES;
	mediation_return(mediation); /* to take a root takes rights of ours */
	if (view_enter(view) != 0)
		return EACCES;
	if (mediation_take(mediation, 0))
		return 0;
	mediation_leave(mediation, view);
	return EACCES;
}

void mediation_leave(struct mediation *mediation, const struct view *view)
{
	mediation_return(mediation);
	if (!view_leave(view))
		_exit(EXIT_FAILURE);
}

static int pin_in_view(struct mediation *mediation, const struct address *address, struct view *view,
		       struct pinned *pinned)
{
	int error = mediation_enter(mediation, view);

	if (error)
		return mediation_deny(mediation, "rights_not_to_be_had").error;
	error = view_pin(view, address->name, false, pinned);
	mediation->server->walks = error == 0 && strcmp(pinned->name, address->name) == 0;
	if (error || !view->is_ours)
		mediation_leave(mediation, view);
	return error < 0 ? mediation_deny_path(mediation, address, error).error : error;
}

/* A path without a link, as the last one was: with the right to read beside the target's own, which is kept then. */
static bool pin_straight(struct mediation *mediation, const struct address *address, const struct view *view,
			 struct pinned *pinned)
{
	if (!view->is_ours || !mediation->server->walks || !may_stay(mediation) || !mediation_take(mediation, READS))
		return false;
	mediation->server->walks = view_pin_straight(view, address->name, &mediation->server->naming, pinned);
	return mediation->server->walks;
}

int mediation_pin(struct mediation *mediation, const struct address *address, struct pinned *pinned)
{
	struct view view;
	int error = view_open(&mediation->worker->origin, mediation->directory, mediation->is_settled, VIEW_NO_MASK,
			      address->name, &view);

	if (error)
		return ESRCH;
	error = mediation_is_valid(mediation) ? 0 : EINTR;
	if (error == 0 && !pin_straight(mediation, address, &view, pinned))
		error = pin_in_view(mediation, address, &view, pinned);
	view_close(&view);
	return error;
}

socklen_t mediation_address_of(const struct server *server, const struct pinned *pinned, struct sockaddr_un *address)
{
	static const char folder[] = "/proc/self/fd/";
	size_t length = 0;

	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (!server->has_place) {
		memcpy(address->sun_path, folder, sizeof(folder));
		length = sizeof(folder) - 1;
	}
	length += decimal_put((unsigned)pinned->descriptor, address->sun_path + length);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
}
