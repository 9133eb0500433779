/*
 * What a container runtime says of a process whose filter has a listener: the container process state of the OCI
 * runtime specification (config-linux.md, "The container process state"), one JSON object. Pure.
 */
#ifndef AGENTSH_CONTAINER_STATE_H
#define AGENTSH_CONTAINER_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "handover.h"
#include "session.h"

#define CONTAINER_STATE_MAX ((size_t)1024 * 1024) /* bytes of JSON: a policy, escaped, and what else there is */

struct container_state {
	pid_t pid;                       /* that has the filter, as the runtime numbers it; 0: it does not say */
	size_t listener;                 /* which of the descriptors that came along is the listener */
	char session[SESSION_ID_SIZE];   /* the container's ID, cut; '_' for what a session's cannot have */
	char version[HANDOVER_NAME_MAX]; /* "oci ", and the specification's version, cut */
	char *policy;                    /* owned; listenerMetadata: the policy's text; empty: the built-in one */
	size_t policy_length;
};

/* How far an object has come that comes in pieces. All zero: nothing has. */
struct container_scan {
	size_t depth; /* of brackets that are open */
	bool in_string;
	bool is_escaped; /* the next byte of a string */
};

/* Goes on with the next piece. True: no more is to come: the object has ended, or what has come begins none. */
bool container_state_ends(struct container_scan *scan, const char *piece, size_t length);

/*
 * Reads one, with which so many descriptors came. NULL (free with container_state_free), or "WHY (REMEDY)".
 * What the specification does not name is passed over.
 */
const char *container_state_read(const char *text, size_t length, size_t descriptors, struct container_state *state);
void container_state_free(struct container_state *state);

#endif
