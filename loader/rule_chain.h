/*
 * What a call gets by its arguments: rule after rule, the first that matches decides. Pure.
 */
#ifndef AGENTSH_RULE_CHAIN_H
#define AGENTSH_RULE_CHAIN_H

#include "bpf.h"
#include "error.h"
#include "rules.h"

/*
 * Appends what the stage's rules say of the call with that number, and what the call gets where none matches.
 * Comparisons: SCMP_CMP_MASKED_EQ of an argument's low 32 bits, and SCMP_CMP_NE of all 64 with a number of 32. 0, or
 * -1 and *err: also where a rule has another one.
 */
int rule_chain_append(const struct stage *stage, int number, struct filter *filter, struct error *err);

#endif
