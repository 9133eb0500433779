/*
 * The system calls that each role of the sidecar may make: a filter of its own, loaded before
 * anything of a session is read.
 */
#ifndef AGENTSH_ROLE_FILTER_H
#define AGENTSH_ROLE_FILTER_H

#include "confinement.h"
#include "error.h"

/*
 * Loads it; no_new_privs must be set. A call that is not listed answers ENOSYS, one of another
 * architecture ends the process. What the keeper starts begins under the keeper's filter, which
 * therefore has every call of the others, and those with which a program begins. 0, or -1 and *err.
 */
int role_filter_load(enum confined_role role, struct error *err);

#endif
