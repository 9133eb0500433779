/*
 * What a notification gets: decided from the policy and from the kernel's own copy of the call,
 * which the target cannot change any more. Pure.
 */
#ifndef AGENTSH_VERDICT_H
#define AGENTSH_VERDICT_H

#include <linux/seccomp.h>
#include <stdbool.h>

#include "event.h"
#include "policy.h"
#include "rules.h"

enum verdict_kind {
	VERDICT_RESERVED,     /* the reserved call */
	VERDICT_KILL,         /* SIGKILL, then the event */
	VERDICT_LOG_AND_KILL, /* the event, then SIGKILL */
	VERDICT_REFUSE,       /* the event, then an errno */
	VERDICT_MEDIATE,      /* carried out for the target */
	VERDICT_OBSERVE,      /* told of, then the kernel carries it out: audit mode alone */
	VERDICT_CONTINUE,     /* the event, then the kernel carries it out: audit mode alone */
	VERDICT_GO_ON         /* it has waited for the session to begin (rules_await): the kernel carries it out */
};

struct verdict {
	enum verdict_kind kind;
	enum event_type type;
	const char *reason; /* of the event */
	const char *action;
	int error;     /* VERDICT_REFUSE */
	unsigned line; /* of the policy: what decided; 0: a default */
};

/* rules: the policy's, for the native architecture and with a sidecar. */
struct verdict verdict_of(const struct policy *policy, const struct rules *rules, const struct seccomp_data *data);

/* Is the call one of another architecture: by its token, or x32's by its number? */
bool verdict_is_foreign(uint32_t native, const struct seccomp_data *data);

/* Of the call's architecture: "x86_64", ..., "x32", or "unknown". */
const char *verdict_arch_name(uint32_t native, const struct seccomp_data *data);

#endif
