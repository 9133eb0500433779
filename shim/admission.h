/*
 * May this loader, or this runtime, have a session of what it asks for? Its policy stands the same test as in the
 * loader, and what it needs is to be had here. A private sidecar reads no policy where all there is to need is to be
 * had.
 */
#ifndef AGENTSH_ADMISSION_H
#define AGENTSH_ADMISSION_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "conversation.h"

#define ADMISSION_NAMESPACE_SIZE 32U /* of a name as "pid:[4026531836]" */

struct admission {
	bool is_private; /* the keeper asks; else the broker, its child */
	uid_t uid;       /* the keeper's: the broker's own may be another (system_user.h) */
	pid_t keeper;
	int takes; /* 0: descriptors of targets can be taken here; the errno of pidfd_getfd(2) */
	char pid_namespace[ADMISSION_NAMESPACE_SIZE]; /* ours, as its link in /proc has it; "": not to be had */
};

/* What is to be had here: asked before the broker is confined. */
void admission_begin(struct admission *admission, bool is_private);

/*
 * NULL, or why not ("WHY (REMEDY)"; it may be in reason, of size bytes). What the policy asks for is told to the
 * conversation.
 */
const char *admission_refuses(const struct admission *admission, struct conversation *conversation, char *reason,
			      size_t size);

/* Is it of the broker's own user, where that is another than the keeper's? It could stop the broker, and all others'
 * sessions with it. */
bool admission_is_own_user(const struct admission *admission, const struct conversation_peer *peer);

/* The keeper, where the session could signal it: of the same user (or root), by the same number. 0: it could not. */
pid_t admission_keeper_at_risk(const struct admission *admission, const struct conversation_peer *peer);

#endif
