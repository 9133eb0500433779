/*
 * SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, from Linux 5.19 on: seccomp(2), seccomp_unotify(2). A listener that is made
 * with it keeps signals, but those that kill, from a call that has been received. Without it a call that the sidecar
 * has carried out may be made again: a message arrives twice, and a connect(2) that has succeeded answers EISCONN.
 */
#ifndef AGENTSH_WAIT_KILLABLE_H
#define AGENTSH_WAIT_KILLABLE_H

#include <stdbool.h>

#include "policy.h"

#define WAIT_KILLABLE_DEGRADATION "wait-killable" /* its name in [degradation] accept */

/* Are there calls that a sidecar carries out? */
bool wait_killable_is_used(const struct policy *policy);

/* The same, and the policy does not accept that it is missing. */
bool wait_killable_is_needed(const struct policy *policy);

/* Does this kernel have it? Loads nothing. */
bool wait_killable_is_possible(void);

#endif
