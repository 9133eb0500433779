/*
 * The process's open descriptors, one after the other.
 */
#ifndef AGENTSH_DESCRIPTOR_WALK_H
#define AGENTSH_DESCRIPTOR_WALK_H

/* What is done with each. 0: go on. */
typedef int descriptor_visit(int descriptor, void *context);

/*
 * Visits all that are open, by /proc/self/fd, in no order that is promised; none is to be opened or closed by a visit.
 * Nobody else may change them meanwhile. Returns what the last visit did; -1 and errno where it cannot be told which
 * are open, with *failed set.
 */
int descriptor_walk(descriptor_visit *visit, void *context, int *failed);

#endif
