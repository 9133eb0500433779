/*
 * What depends on a call's number alone, as a balanced tree: an allow-list of 400 names is passed in eight
 * comparisons. Pure.
 */
#ifndef AGENTSH_NUMBER_TREE_H
#define AGENTSH_NUMBER_TREE_H

#include "bpf.h"
#include "error.h"
#include "rules.h"

/*
 * A leaf that is no action yet: what the call gets depends on its arguments, by the rule of the next stage with the
 * number behind it, less one, or one after that. To the kernel it would be SCMP_ACT_ALLOW.
 */
#define NUMBER_TREE_LATER SCMP_ACT_ALLOW

/*
 * Appends the stage list; the accumulator has the number. Of two rules for a call the first one counts, as libseccomp
 * has it. What it allows is next's to decide: a leaf of the tree is that one's action, or NUMBER_TREE_LATER and more.
 * 0, or -1 and *err: also where a rule of list looks at arguments, or a number is beyond any kernel's.
 */
int number_tree_append(const struct stage *list, const struct stage *next, struct filter *filter, struct error *err);

#endif
