/*
 * isolate = yes: a Landlock domain without file rules, whose processes can neither signal nor
 * trace anything outside of it. landlock(7).
 */
#ifndef AGENTSH_ISOLATION_H
#define AGENTSH_ISOLATION_H

#include <stdbool.h>

#include "error.h"

#define ISOLATION_DEGRADATION "scope-signal" /* its name in [degradation] accept */

/* The domain's ruleset, a descriptor that is O_CLOEXEC (close it); -1 and errno where the kernel has none. */
int isolation_ruleset(void);

/*
 * Enters the domain; no_new_privs must be set. With accept, a kernel that has no such scope
 * (before Linux 6.12) is no error. 0, or -1 and *err.
 */
int isolation_enter(bool accept, struct error *err);

/* Does this kernel have it? */
bool isolation_is_possible(void);

#endif
