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

/*
 * The same of a role whose filter has been made for it (a descriptor of role_filter_prepare, borrowed); where it has
 * not, as above.
 */
int role_filter_load_prepared(enum confined_role role, int prepared, struct error *err);

/*
 * Makes a role's filter, once for all of them that there will be: to make it takes each longer than to load it. A
 * memfd (O_CLOEXEC) that nobody can change; -1: there is none, and each makes its own.
 */
int role_filter_prepare(enum confined_role role);

#endif
