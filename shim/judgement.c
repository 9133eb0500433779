/*
 * May a call be made on that name? What the policy's rules say, whose socket it is, and the event that tells of it.
 */
#include <errno.h>
#include <sys/stat.h>

#include "bindings.h"
#include "mediation.h"
#include "socket_event.h"
#include "worker.h"

#define HOLD_TRIES 4U

struct question {
	struct mediation *mediation;
	const struct pinned *pinned; /* the inode; the directory, where the name is to be made; NULL: abstract */
	bool is_made;
};

/*
 * Is what the name leads to in the session's first root what was found? Asked of every target: one
 * whose root is the first may have its working directory in another mount namespace. With its
 * rights, for we may have fewer.
 */
static bool is_same_in_first(const struct question *question, const struct socket_name *name)
{
	struct mediation *mediation = question->mediation;
	bool had_taken = mediation->taken;
	size_t length = name->length;
	bool same;

	while (question->is_made && length > 1 && name->bytes[--length] != '/')
		;
	if (question->pinned && question->pinned->is_in_first)
		return true; /* that is where it was found */
	if (!question->pinned || (!had_taken && !mediation_take(mediation, 0)))
		return false;
	same = view_is_same_in_first(&mediation->worker->origin, name->bytes, length ? length : 1,
				     &question->pinned->status);
	if (!had_taken)
		mediation_return(mediation);
	return same;
}

/* An allow rule speaks of the session's first root, mount and network namespace. */
static bool confirm(void *context, const struct socket_name *name)
{
	const struct question *question = context;
	struct worker *worker = question->mediation->worker;

#ifdef AGENTSH_WEAKENED
	return true; /* whatever has the name of what is allowed */
#endif
	if (name->abstract)
		return socket_diag_knows(&worker->bindings.diag, mediation_inode(question->mediation));
	return is_same_in_first(question, name);
}

static enum socket_owner owner_of(struct mediation *mediation, const struct socket_name *name,
				  const struct stat *status)
{
	struct worker *worker = mediation->worker;
	struct bindings *bindings = &worker->bindings;

	if (name->abstract ? bindings_have_abstract(bindings, name->bytes, name->length, mediation_inode(mediation),
						    &mediation->named)
			   : status && bindings_have_path(bindings, status))
		return OWNER_SESSION;
	if (!worker->commons)
		return OWNER_OUTSIDE;
	if (name->abstract ? socket_diag_knows(&bindings->diag, mediation_inode(mediation)) &&
				 commons_have_abstract(worker->commons, &bindings->diag, name->bytes, name->length,
						       &mediation->named)
			   : status && commons_have_path(worker->commons, &bindings->diag, status))
		return OWNER_USER;
	return OWNER_OUTSIDE;
}

bool mediation_is_own(struct mediation *mediation, const struct socket_name *name)
{
	return owner_of(mediation, name, NULL) != OWNER_OUTSIDE;
}

static int hold_named(struct mediation *mediation)
{
	struct bindings *bindings = &mediation->worker->bindings;
	struct holder holder = bindings_holder(bindings, &mediation->named);
	int held;

	mediation_return(mediation);
	held = holder_take(&mediation->server->reach, &mediation->named, &holder);
	if (held >= 0)
		bindings_set_holder(bindings, &mediation->named, &holder);
	return held;
}

int mediation_hold(struct mediation *mediation, const struct socket_name *name)
{
	int held = hold_named(mediation);

	/* It may have been closed just now, and have another of the session's in its place. */
	for (unsigned i = 0; i < HOLD_TRIES && held < 0 && mediation_is_own(mediation, name); i++)
		held = hold_named(mediation);
	return held;
}

struct outcome mediation_deny_unheld(struct mediation *mediation, const struct socket_name *name)
{
	const uint64_t cookie = mediation->named.cookie;

	if (mediation_is_own(mediation, name) && mediation->named.cookie == cookie)
		return mediation_deny(mediation, "peer_changed");
	return mediation_fail(ECONNREFUSED);
}

static bool decide(struct mediation *mediation, enum socket_operation operation, const struct socket_name *name,
		   const struct pinned *pinned)
{
	const struct stat *status = pinned ? &pinned->status : NULL;
	struct question question = {.mediation = mediation, .pinned = pinned, .is_made = operation == OPERATION_BIND};
	enum socket_owner owner = operation == OPERATION_BIND ? OWNER_SESSION : owner_of(mediation, name, status);
	const struct socket_name judged = {.abstract = name->abstract,
					   .bytes = name->bytes,
					   .length = name->length,
					   .belonging = known_name_find(&mediation->server->known_names, name)};
	const struct socket_decision decision =
	    socket_rules_decide(&mediation->worker->policy, operation, &judged, owner, confirm, &question);

	mediation->is_denied = mediation->is_denied || !decision.allowed;
	mediation->is_elsewhere = !decision.allowed && !decision.rule && !confirm(&question, name);
	mediation->is_by_owner = name->abstract && owner != OWNER_OUTSIDE && !decision.rule &&
				 mediation->worker->policy.unix_socket.otherwise != SOCKET_DEFAULT_ALLOW;
	return socket_event_decided(mediation, operation, name, &decision);
}

bool mediation_allows(struct mediation *mediation, enum socket_operation operation, const struct socket_name *name,
		      const struct pinned *pinned)
{
	/* What is no socket is nobody's: the kernel says so (ECONNREFUSED, or EACCES). */
	if (operation != OPERATION_BIND && pinned && !S_ISSOCK(pinned->status.st_mode))
		return true;
	return decide(mediation, operation, name, pinned);
}
