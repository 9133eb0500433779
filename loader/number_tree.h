/*
 * A stage that looks at a call's number alone, as a balanced tree: an allow-list of 400 names is passed in eight
 * comparisons. Pure.
 */
#ifndef AGENTSH_NUMBER_TREE_H
#define AGENTSH_NUMBER_TREE_H

#include "bpf.h"
#include "error.h"
#include "rules.h"

/*
 * Appends it; the accumulator has the number. Of two rules for a call the first one counts, as libseccomp has it.
 * 0, or -1 and *err: also where a rule looks at arguments, or its number is beyond any kernel's.
 */
int number_tree_append(const struct stage *stage, struct filter *filter, struct error *err);

#endif
