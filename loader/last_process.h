/*
 * The end of PID 1, with which the kernel ends all that is in its pid namespace: pid_namespaces(7). A private
 * sidecar is in there too, and has the session's end to write first.
 */
#ifndef AGENTSH_LAST_PROCESS_H
#define AGENTSH_LAST_PROCESS_H

#include "lifeline.h"

/*
 * To be called by PID 1, all signals blocked, where it is about to end. Ends by SIGKILL, as the kernel would in a
 * moment, every other process but the private sidecar's, and returns when that has said that its session is over. It
 * returns as well where there is none, where it has gone, where some process may not be killed, and at the latest after
 * three seconds.
 */
void last_process_end(struct lifeline *lifeline);

#endif
