/*
 * What a policy means for system calls, one ruling a call: the step between struct policy and
 * BPF. Pure. filter.c compiles it, agentshctl explain prints it.
 *
 * Two stages, tried in order; the first that does not allow decides, so that a blocked call is
 * blocked whatever the sockets stage would do with it, and no rule of one stage can displace a
 * rule of the other (libseccomp drops the later of two rules for one call without a word).
 */
#ifndef AGENTSH_RULES_H
#define AGENTSH_RULES_H

#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "policy.h"

#define RULE_COMPARISONS_MAX 2U

enum rule_reason {
	RULE_BLOCK_LIST,   /* named in block */
	RULE_ALLOW_LIST,   /* named in allow */
	RULE_NOT_LISTED,   /* default_action = block, and allow does not name it */
	RULE_NO_UNIX,      /* degraded = no_unix */
	RULE_IO_URING,     /* io_uring would go around the sockets stage */
	RULE_NEWER,        /* newer than the table: ENOSYS under an allow-list */
	RULE_MEDIATED,     /* carried out by the sidecar */
	RULE_FOREIGN_ARCH, /* of another architecture */
	RULE_DEFAULT_ALLOW /* nothing names it */
};

/* A call, what its arguments must be (none: whatever they are), and what it then gets. */
struct rule {
	int number;
	uint32_t action; /* SCMP_ACT_*, numerically SECCOMP_RET_* */
	unsigned comparisons;
	struct scmp_arg_cmp compare[RULE_COMPARISONS_MAX]; /* all must hold */
	enum rule_reason reason;
	unsigned line; /* of the name in the file; 0: of a default */
};

struct stage {
	uint32_t otherwise; /* the action of a call that no rule matches */
	struct rule *rules; /* owned */
	size_t count;
};

struct rules {
	uint32_t arch;
	struct stage list;    /* block or allow */
	struct stage sockets; /* no_unix, mediation; otherwise is always SCMP_ACT_ALLOW */
	int highest;          /* calls above answer ENOSYS; -1: no such limit (default_action = allow) */
};

/*
 * The rulings of a policy on an architecture. Returns 0 (free with rules_free) or -1 and *err:
 * an architecture that no filter can be built for, execve blocked, or no memory.
 * For a policy without a filter (policy_filters() false) everything is allowed.
 */
int rules_build(const struct policy *policy, uint32_t arch, struct rules *rules, struct error *err);
void rules_free(struct rules *rules);

/* What a call gets whatever its arguments are; *conditional is set where it also depends on them. */
struct ruling {
	uint32_t action;
	enum rule_reason reason;
	unsigned line;
	bool conditional;             /* some arguments get *exception instead */
	const struct rule *exception; /* the first such rule; valid as long as the rules */
};
struct ruling rules_of_call(const struct rules *rules, int number);

/* The action a blocked call gets from the kernel: kill or errno. */
uint32_t rules_block_action(const struct policy *policy);

#endif
