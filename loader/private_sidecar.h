/*
 * A sidecar of this session's own: agentsh-exec(1), "--sidecar=private".
 */
#ifndef AGENTSH_PRIVATE_SIDECAR_H
#define AGENTSH_PRIVATE_SIDECAR_H

#include <limits.h>

#include "error.h"

/* Writes the path of its program. 0, or -1 and *err where there is none. */
int private_sidecar_find(char path[PATH_MAX], struct error *err);

/*
 * Starts it: the agentsh-sidecar beside this program's own file, else the installed one, never
 * one found through PATH; with an empty environment, cwd "/", none of the caller's descriptors
 * (stderr excepted where events is "-"), its own session, and not as a child of the caller's.
 * lifeline: the end of one for it (borrowed), or -1. Returns the socket that leads to it (O_CLOEXEC, to be closed), or
 * -1 and *err. What fails after its execve(2) is told as REFUSED over the socket.
 */
int private_sidecar_start(const char *events, int lifeline, struct error *err);

#endif
