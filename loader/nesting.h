/*
 * A policy inside a session that has one already: what is left to do. Pure.
 */
#ifndef AGENTSH_NESTING_H
#define AGENTSH_NESTING_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "policy.h"

enum nesting {
	NESTING_SAME, /* the session's own policy, or none: nothing is added */
	NESTING_ADD,  /* the part that the kernel enforces by itself is added */
	NESTING_NEVER /* it needs notifications, and the session's listener is the only one there can be */
};

/*
 * Decides for the inner policy (and its text) inside the outer one. Calls that both block are the
 * outer's: it answers them as its own on_block says. What only the inner blocks is added to the
 * kernel's part, where on_block is kill or errno. NESTING_NEVER with *err: WHAT: WHY (REMEDY).
 */
enum nesting nesting_decide(const struct policy *outer, const char *outer_text, size_t outer_length,
			    const struct policy *inner, const char *inner_text, size_t inner_length, uint32_t arch,
			    struct error *err);

#endif
