#include "admission.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "diagnostics.h"
#include "pidfd_getfd.h"
#include "policy.h"
#include "role.h"
#include "session.h"

/* Does the session's policy stand the same test as in the loader? Why not is written to reason. */
static bool judge_policy(struct conversation *conversation, char *reason, size_t size)
{
	struct diagnostics diagnostics;
	const struct diagnostic *first;
	struct policy policy;
	bool filters;

	diagnostics_init(&diagnostics);
	if (policy_parse(conversation_text(conversation, TEXT_POLICY), conversation->hello.lengths[TEXT_POLICY],
			 &policy, &diagnostics) != 0) {
		first = diagnostics_first_error(&diagnostics);
		(void)snprintf(reason, size, "the policy's line %u: %s (mend it)", first ? first->line : 0,
			       first ? first->text : "refused");
		return false;
	}
	filters = policy_filters(&policy);
	conversation->shares = policy.unix_socket.enabled && policy.unix_socket.otherwise == SOCKET_DEFAULT_USER;
	conversation->mediates = policy_carries_out(&policy);
	if (!filters)
		(void)snprintf(reason, size,
			       "a policy without a filter: it cannot be served (install the same version of "
			       "both)");
	policy_free(&policy);
	return filters;
}

/* Are the session's sockets to be made for it? */
static bool makes_sockets(const struct conversation *conversation)
{
	return pidfd_getfd_is_named(conversation_text(conversation, TEXT_DEGRADED),
				    conversation->hello.lengths[TEXT_DEGRADED]);
}

/*
 * A call on a socket is carried out on a copy of its target's descriptor: without one each would be denied, those of
 * every other family as well. Or on one of a socket that was made here.
 */
static bool can_mediate(const struct admission *admission, const struct conversation *conversation, char *reason,
			size_t size)
{
	if (!conversation->mediates || admission->takes == 0 || makes_sockets(conversation))
		return true;
	(void)snprintf(
	    reason, size,
	    "Unix sockets cannot be mediated: pidfd_getfd: %s (docker run --cap-add=SYS_PTRACE, a sidecar of "
	    "the host's, accept = " PIDFD_GETFD_DEGRADATION
	    ", or degraded = no_unix: see CONTAINERS in agentsh-exec(1))",
	    strerror(admission->takes));
	return false;
}

const char *admission_refuses(const struct admission *admission, struct conversation *conversation, char *reason,
			      size_t size)
{
	char id[SESSION_ID_SIZE];

	if (session_id(conversation->hello.session, "", id, NULL) != 0 || conversation->hello.session[0] == '\0')
		return "its session ID is none (1 to 64 of A-Z a-z 0-9 _ . -)";
	/* What a system sidecar acts on it reads itself. */
	if (conversation->reader >= 0 && !admission->is_private)
		return "a reader is for a private sidecar (leave it out)";
	if (makes_sockets(conversation) && !admission->is_private)
		return "sockets are made by a private sidecar (leave it out)";
	/* One of its own user has read it already, and nothing here depends on it. */
	if (admission->is_private && admission->takes == 0)
		return NULL;
	if (!judge_policy(conversation, reason, size) || !can_mediate(admission, conversation, reason, size))
		return reason;
	return NULL;
}

bool admission_is_own_user(const struct admission *admission, const struct conversation_peer *peer)
{
	return peer->uid == geteuid() && peer->uid != admission->uid;
}

/* One that cannot be read is not known to be another. */
static bool other_pid_namespace(const struct admission *admission, pid_t pid)
{
	char path[64];
	char theirs[ADMISSION_NAMESPACE_SIZE] = "";

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/pid", pid);
	return admission->pid_namespace[0] && readlink(path, theirs, sizeof(theirs) - 1) > 0 &&
	       strcmp(admission->pid_namespace, theirs) != 0;
}

pid_t admission_keeper_at_risk(const struct admission *admission, const struct conversation_peer *peer)
{
	bool could = peer->uid == admission->uid || peer->uid == 0;

	return could && peer->pid > 0 && !other_pid_namespace(admission, peer->pid) ? admission->keeper : 0;
}

void admission_begin(struct admission *admission, bool is_private)
{
	admission->is_private = is_private;
	admission->uid = geteuid();
	admission->keeper = is_private ? getpid() : getppid();
	admission->takes = pidfd_getfd_try();
	if (readlink("/proc/self/ns/pid", admission->pid_namespace, sizeof(admission->pid_namespace) - 1) < 0)
		admission->pid_namespace[0] = '\0';
}
