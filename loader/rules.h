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

/*
 * The reserved call: prctl(RESERVED_CALL, operation, ...). The kernel knows no such option and
 * answers EINVAL; in a session it is a notification, which attests where the caller is. Chosen
 * far from the kernel's own numbers, which are small, and from the PR_SET_MM-like magic ones.
 */
#define RESERVED_CALL 0x41475348 /* "AGSH" */

/* What a filter is built for, beside the policy. All zero: a filter of its own, without a sidecar. */
struct rules_setting {
	bool sidecar;               /* blocked calls are notifications; the reserved call is trapped */
	bool makes_sockets;         /* the sidecar makes them: shim/made_sockets.h */
	const struct policy *outer; /* inside a session: its policy, which goes on deciding; or NULL */
};

enum rule_reason {
	RULE_BLOCK_LIST,   /* named in block */
	RULE_ALLOW_LIST,   /* named in allow */
	RULE_NOT_LISTED,   /* default_action = block, and allow does not name it */
	RULE_NO_UNIX,      /* degraded = no_unix */
	RULE_IO_URING,     /* io_uring would go around the sockets stage */
	RULE_NEWER,        /* newer than the table: ENOSYS under an allow-list */
	RULE_MEDIATED,     /* carried out by the sidecar */
	RULE_FOREIGN_ARCH, /* of another architecture */
	RULE_KEEPER,       /* would touch the sidecar's keeper */
	RULE_OUTER,        /* left to the session that this one is in */
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
	size_t room; /* for so many */
};

struct rules {
	uint32_t arch;
	struct stage list;    /* block or allow */
	struct stage sockets; /* no_unix, mediation, the keeper; otherwise is always SCMP_ACT_ALLOW */
	int highest;          /* calls above answer ENOSYS; -1: no such limit (default_action = allow) */
	uint32_t foreign;     /* the action of a call of another architecture; SCMP_ACT_ALLOW: the outer session's */
	bool reserved;        /* the reserved call has an action of its own, before all else: ... */
	uint32_t answered;    /* ... a notification, or in a session, whose own filter notifies, SCMP_ACT_ALLOW */
};

/*
 * The rulings of a policy on an architecture. Returns 0 (free with rules_free) or -1 and *err:
 * an architecture that no filter can be built for, execve blocked, or no memory.
 * For a policy without a filter (policy_filters() false) everything is allowed.
 */
int rules_build(const struct policy *policy, uint32_t arch, struct rules *rules, struct error *err);

/* The same for a setting; rules_build is that of a setting that is all zero. */
int rules_build_for(const struct policy *policy, const struct rules_setting *setting, uint32_t arch,
		    struct rules *rules, struct error *err);

/* Adds that the session must not touch that process (0: none), a sidecar's keeper. 0, or -1 and *err. */
int rules_guard(struct rules *rules, int keeper, struct error *err);
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

/* The action a blocked call gets from the kernel: kill, errno, or, for the sidecar, a notification. */
uint32_t rules_block_action(const struct policy *policy, bool sidecar);

/* Does the policy block the call, whatever its arguments are? What the sidecar answers by. */
bool rules_block(const struct rules *rules, int number);

/* Is the call one that the sidecar carries out, with some arguments at least? */
bool rules_mediate(const struct rules *rules, int number);

/*
 * Does the call give its caller another root, or another mount or user namespace, by which sockets are judged? A
 * container's process is looked at when its runtime has begun it already: it waits with such a call until that is done.
 */
bool rules_await(uint32_t arch, int number);

/* The names of those; NULL ends them. */
extern const char *const rules_awaited[];

#endif
