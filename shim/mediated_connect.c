#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mediation.h"
#include "worker.h"

/* connect(2) itself: may wait, in this server alone. */
static struct outcome carry_out(const struct mediation *mediation, const void *address, socklen_t length)
{
	int result;
	int error;

	mediation->slot->waits = true;
	result = connect(mediation->socket, address, length);
	error = errno;
	mediation->slot->waits = false;
	if (result == 0)
		return mediation_result(0);
	if (mediation->is_resumed && error == EALREADY)
		error = EINPROGRESS; /* what a worker that died has begun */
	return mediation_fail(mediation_error(mediation, error));
}

static bool is_connected(const struct mediation *mediation, struct address *peer)
{
	*peer = (struct address){.length = sizeof(peer->bytes) - 1};
	return getpeername(mediation->socket, &peer->any, &peer->length) == 0;
}

/* From here on it may have been done; was it before? */
static bool begin(struct mediation *mediation, bool own)
{
	struct address peer;
	uint32_t before = is_connected(mediation, &peer) ? BEFORE_TIED : 0U;

	return mediation_begin(mediation, own ? before | BEFORE_OWN : before);
}

static struct outcome connect_path(struct mediation *mediation, const struct address *address)
{
	struct sockaddr_un reached;
	socklen_t length;
	struct pinned pinned;
	struct outcome outcome;
	int error = mediation_pin(mediation, address, &pinned);

	if (error == ESRCH)
		return mediation_deny_unreadable(mediation);
	if (error)
		return mediation_fail(error);
	length = mediation_address_of(mediation->server, &pinned, &reached);
	if (!mediation_allows(mediation, OPERATION_CONNECT,
			      &(struct socket_name){.bytes = pinned.name, .length = pinned.length}, &pinned))
		outcome = mediation_fail(EACCES);
	else if (!mediation->taken && !mediation_take(mediation, 0))
		outcome = mediation_deny(mediation, "rights_not_to_be_had");
	else if (!begin(mediation, false))
		outcome = mediation_fail(EINTR);
	else
		outcome = carry_out(mediation, &reached, length);
	view_unpin(&pinned);
	return outcome;
}

/* What the peer has sent before it was cut off is not for the target. */
static struct outcome deny_changed(struct mediation *mediation)
{
	char bytes[4096];

	(void)shutdown(mediation->socket, SHUT_RDWR);
	while (recv(mediation->socket, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	return mediation_deny(mediation, "peer_changed");
}

/* own: what is connected to is to be looked at afterwards. */
static struct outcome connect_local(struct mediation *mediation, const struct address *address, bool own)
{
	if (!mediation_take(mediation, 0))
		return mediation_deny(mediation, "rights_not_to_be_had");
	if (!begin(mediation, own))
		return mediation_fail(EINTR);
	return carry_out(mediation, &address->local, address->length);
}

/*
 * Nothing can be held: the same socket has to have the name before and afterwards, for it keeps it until it is closed.
 * What was connected to is cut off otherwise.
 */
static struct outcome connect_unheld(struct mediation *mediation, const struct address *address,
				     const struct socket_name *name)
{
	const uint64_t cookie = mediation->named.cookie;
	struct outcome outcome = connect_local(mediation, address, true);

	if (outcome.error == 0 && (!mediation_is_own(mediation, name) || mediation->named.cookie != cookie))
		return deny_changed(mediation);
	return outcome;
}

/* Has it waited for as long as SO_SNDTIMEO lets it? (0: for ever.) */
static bool is_overdue(const struct mediation *mediation)
{
	struct timeval most = {0};
	socklen_t size = sizeof(most);

	if (getsockopt(mediation->socket, SOL_SOCKET, SO_SNDTIMEO, &most, &size) != 0 ||
	    (most.tv_sec == 0 && most.tv_usec == 0) || most.tv_sec > INT64_MAX / 2000000)
		return false;
	return pool_time_taken(mediation->server) >= (int64_t)most.tv_sec * 1000000 + most.tv_usec;
}

/*
 * A name that is the session's own, or the user's, is held meanwhile, so that it cannot become an outsider's. Where its
 * backlog is full that is let go of from time to time: whoever closes it meanwhile is to have closed it.
 */
static struct outcome connect_held(struct mediation *mediation, const struct address *address,
				   const struct socket_name *name)
{
	struct outcome outcome;

	for (;;) {
		int held = mediation_hold(mediation, name);

		if (held < 0)
			return mediation_deny_unheld(mediation, name);
		pool_holds(mediation->server);
		outcome = connect_local(mediation, address, false);
		pool_lets_go(mediation->server);
		close(held);
		if (outcome.error != EINTR || pool_interruption(mediation->server) != INTERRUPTED_NOT ||
		    !mediation_is_valid(mediation))
			return outcome;
		if (is_overdue(mediation))
			return mediation_fail(EAGAIN);
	}
}

static struct outcome connect_abstract(struct mediation *mediation, const struct address *address)
{
	const struct socket_name name = {.abstract = true, .bytes = address->name, .length = address->name_length};

	if (!mediation_allows(mediation, OPERATION_CONNECT, &name, NULL))
		return mediation_fail(EACCES);
	if (!mediation->is_by_owner)
		return connect_local(mediation, address, false);
	/* There none of the session's sockets can be taken. */
	if (mediation->worker->makes_sockets)
		return connect_unheld(mediation, address, &name);
	return connect_held(mediation, address, &name);
}

/* Of any other family, and what names nobody. */
static struct outcome connect_plain(struct mediation *mediation, const struct address *address)
{
	if (mediation_names_descriptor(mediation, address))
		return mediation_deny(mediation, "descriptor_in_address");
	if (!mediation_take(mediation, 0))
		return mediation_deny(mediation, "rights_not_to_be_had");
	if (!begin(mediation, false))
		return mediation_fail(EINTR);
	return carry_out(mediation, &address->any, address->length);
}

static bool is_own(struct mediation *mediation, struct address *peer)
{
	if (address_parse(peer, true) != 0 || peer->kind != ADDRESS_ABSTRACT)
		return false;
	return mediation_is_own(
	    mediation, &(struct socket_name){.abstract = true, .bytes = peer->name, .length = peer->name_length});
}

/*
 * Where a worker died in the middle, the socket itself says whether it was done. It was decided before
 * that, and nothing of the target's memory is read for it again.
 */
static bool is_done(struct mediation *mediation, struct outcome *outcome)
{
	uint32_t before = mediation->slot->before;
	struct address peer;

	if (!mediation->is_resumed || (before & BEFORE_TIED) || !is_connected(mediation, &peer))
		return false;
	*outcome = mediation_result(0);
	if ((before & BEFORE_OWN) && !is_own(mediation, &peer))
		*outcome = deny_changed(mediation);
	return true;
}

struct outcome mediated_connect(struct mediation *mediation)
{
	struct address address;
	struct outcome outcome;

	if (is_done(mediation, &outcome) || !mediation_read_address(mediation, &address, &outcome))
		return outcome;
	if (address.kind == ADDRESS_PATH)
		return connect_path(mediation, &address);
	if (address.kind == ADDRESS_ABSTRACT)
		return connect_abstract(mediation, &address);
	return connect_plain(mediation, &address);
}
