/*
 * The descriptors that a session lends its sidecar to write to: stderr for notices, a file of the
 * caller's for a copy of the events.
 */
#ifndef AGENTSH_OUTLET_H
#define AGENTSH_OUTLET_H

#include <limits.h>
#include <stdbool.h>

#include "error.h"
#include "policy.h"

/*
 * Where notices go: a descriptor (to be given to outlet_close), or -1 where there are to be none.
 * *each: a line for each denial. A pipe or a terminal is opened anew with O_NONBLOCK where that can
 * be done, so that the flag is the sidecar's alone.
 */
void outlet_open_notices(const struct policy *policy, int *descriptor, bool *each);

/* The same for --events=FILE|- under a sidecar that has its own trail. 0, or -1 and *err. */
int outlet_open_events(const char *events, int *descriptor, struct error *err);

void outlet_close(int descriptor);

/* events as a sidecar with another working directory can use it. 0, or -1 and *err. */
int outlet_absolute(const char *events, char absolute[PATH_MAX], struct error *err);

#endif
