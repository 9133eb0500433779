/*
 * pidfd_getfd(2), by which a sidecar takes a call's socket of its target. Docker's default profile refuses it without
 * CAP_SYS_PTRACE. Where that is accepted, the sidecar makes the session's sockets itself: shim/made_sockets.h.
 */
#ifndef AGENTSH_PIDFD_GETFD_H
#define AGENTSH_PIDFD_GETFD_H

#include <stdbool.h>
#include <stddef.h>

#include "policy.h"

#define PIDFD_GETFD_DEGRADATION "pidfd-getfd" /* its name in [degradation] accept */

/*
 * Is it to be had at all? Asked of ourselves, of whom everything may be taken. 0, or its errno; ours stays as it
 * is.
 */
int pidfd_getfd_try(void);

/* Does the policy have calls on sockets carried out, and accept that it is missing? */
bool pidfd_getfd_is_accepted(const struct policy *policy);

/* Is its name among those, each ended by a NUL, of what is degraded? */
bool pidfd_getfd_is_named(const char *degraded, size_t length);

#endif
