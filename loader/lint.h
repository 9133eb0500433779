/*
 * What is allowed by a policy's words but hardly meant: warnings, no errors. Pure.
 */
#ifndef AGENTSH_LINT_H
#define AGENTSH_LINT_H

#include "diagnostics.h"
#include "policy.h"

/* Adds warnings: a blocked call with an open sibling, a name given twice, a key without effect. */
void lint(const struct policy *policy, struct diagnostics *diagnostics);

#endif
