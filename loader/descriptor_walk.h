/*
 * The process's open descriptors, one after the other.
 */
#ifndef AGENTSH_DESCRIPTOR_WALK_H
#define AGENTSH_DESCRIPTOR_WALK_H

#include "error.h"

/* What is done with each. 0: go on; -1: it is the last one. */
typedef int descriptor_visit(int descriptor, void *context);

/*
 * Visits all that are open, by /proc/self/fd (own_proc.h), in no order that is promised; none is to be opened or closed
 * by a visit. Nobody else may change them meanwhile. 0; -1: a visit was the last one, or (*err) it cannot be told which
 * are open.
 */
int descriptor_walk(descriptor_visit *visit, void *context, struct error *err);

#endif
