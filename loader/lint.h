/*
 * What is allowed by a policy's words but hardly meant: warnings, no errors. Pure.
 */
#ifndef AGENTSH_LINT_H
#define AGENTSH_LINT_H

#include <stdbool.h>

#include "diagnostics.h"
#include "policy.h"

/* Can what runs behind the policy write that directory (an absolute path)? writable.h asks the host. */
typedef bool lint_can_write(const char *directory);

/*
 * Adds warnings: a blocked call with an open sibling, a name given twice, a key without effect, and
 * what lint_sockets.h says of rules for sockets.
 */
void lint(const struct policy *policy, lint_can_write *can_write, struct diagnostics *diagnostics);

#endif
