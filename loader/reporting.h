/*
 * Reports of a session that has no listener: a plain connection to the system's sidecar, by which the loader tells of
 * the session, and the preload library of each program. agentsh-exec(1), THE PRELOAD LIBRARY; handover.h.
 */
#ifndef AGENTSH_REPORTING_H
#define AGENTSH_REPORTING_H

#include <stdbool.h>

#include "handover.h"
#include "policy.h"

/*
 * Tells the policy's sidecar, if one is there, without waiting for it; the connection, in *handover, is to be left open
 * until the target's execve(2). Returns what the library is to be told (HANDOVER_REPORT_VARIABLE "=...", malloc'ed and
 * never freed); or NULL: nobody is there to be told, or a report could be the end of a program, as the policy does
 * not allow its calls outright, or there is a filter around us already, as in a container.
 */
char *reporting_begin(const struct policy *policy, const char *session, struct handover *handover);

#endif
