#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "bindings.h"
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

/* Was it the session's own socket that was connected to? An outsider may have taken the name since. */
static bool is_still_own(const struct mediation *mediation, const struct address *address)
{
	struct socket_identity now;

	return bindings_have_abstract(&mediation->worker->bindings, address->name, address->name_length,
				      mediation_inode(mediation), &now);
}

static struct outcome deny_changed(struct mediation *mediation)
{
	(void)shutdown(mediation->socket, SHUT_RDWR);
	return mediation_deny(mediation, "peer_changed");
}

/*
 * A name that is the session's own is held meanwhile, so that it cannot become an outsider's; where it cannot be, what
 * was connected to is judged afterwards as well, and cut off.
 */
static struct outcome connect_abstract(struct mediation *mediation, const struct address *address)
{
	const struct socket_name name = {.abstract = true, .bytes = address->name, .length = address->name_length};
	bool own = is_still_own(mediation, address);
	struct outcome outcome;
	bool held;

	if (!mediation_allows(mediation, OPERATION_CONNECT, &name, NULL))
		return mediation_fail(EACCES);
	if (mediation->is_by_owner)
		mediation_hold_briefly(mediation);
	if (!mediation_take(mediation, 0))
		outcome = mediation_deny(mediation, "rights_not_to_be_had");
	else if (!begin(mediation, own))
		outcome = mediation_fail(EINTR);
	else
		outcome = carry_out(mediation, &address->local, address->length);
	held = pool_let_go(mediation->server);
	if (outcome.error == 0 && own && !held && !is_still_own(mediation, address))
		return deny_changed(mediation);
	return outcome;
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
	if ((before & BEFORE_OWN) &&
	    (address_parse(&peer, true) != 0 || peer.kind != ADDRESS_ABSTRACT || !is_still_own(mediation, &peer)))
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
