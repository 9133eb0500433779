/*
 * What is hardly meant of the rules for Unix sockets: warnings. Pure.
 */
#ifndef AGENTSH_LINT_SOCKETS_H
#define AGENTSH_LINT_SOCKETS_H

#include "lint.h"

/*
 * Adds warnings: rules without effect; a path or service that an earlier rule has already; a
 * dangerous service that is allowed, by its name or by a path; what is allowed in a directory that
 * the session can write.
 */
void lint_sockets(const struct policy *policy, lint_can_write *can_write, struct diagnostics *diagnostics);

#endif
