/*
 * What a policy says of Unix sockets: one decision for one operation on one address. Pure; used by
 * the worker that enforces it and by agentshctl explain.
 */
#ifndef AGENTSH_SOCKET_RULES_H
#define AGENTSH_SOCKET_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include "policy.h"
#include "services.h"

enum socket_operation { OPERATION_CONNECT, OPERATION_BIND, OPERATION_SENDTO };

/* What the catalogue says of a name: always the same. */
struct socket_belonging {
	const struct service *service; /* the first with a pattern for it; NULL: none */
	const char *pattern;           /* that; NULL: none */
};

/* An address as it is judged: a pathname as the kernel resolves it, or an abstract name. */
struct socket_name {
	bool abstract;
	const char *bytes; /* pathname: absolute, no "." or ".." or link in it; abstract: without its first NUL */
	size_t length;     /* any bytes, NUL included in an abstract name */
	const struct socket_belonging *belonging; /* borrowed; NULL: it is still to be looked for */
};

/* Whose socket is there already: what "default" asks for. */
enum socket_owner {
	OWNER_OUTSIDE, /* bound by nobody of this session, nor (user) of this user's with this policy */
	OWNER_USER,    /* by another session of the same user and policy */
	OWNER_SESSION  /* by this session */
};

struct socket_decision {
	bool allowed;
	const struct socket_rule *rule; /* that decided; NULL: default did */
	const char *pattern;            /* of the rule, or of its service; NULL with rule */
	unsigned line;                  /* of the pattern, service or default in the file; 0: a built-in one */
	const struct service *service;  /* that the address belongs to, whoever decided; NULL: none known */
};

/*
 * Does what allows by name count for this address? Asked before an allow rule that matches, or
 * default = allow, decides, at most once for a decision: outside of the session's first root and
 * mount namespace only the same inode is the same socket. A rule that does not count is passed
 * over. NULL: every match counts. Deny rules are never asked for.
 */
typedef bool socket_rules_confirm(void *context, const struct socket_name *name);

/*
 * Rules in order, the first that matches decides; where none does, default does: under all but
 * deny, binding is allowed, and so is what this session has bound. A rule's services match the
 * names that belong to one of them. An unnamed address is nothing to ask about here.
 */
struct socket_decision socket_rules_decide(const struct policy *policy, enum socket_operation operation,
					   const struct socket_name *name, enum socket_owner owner,
					   socket_rules_confirm *confirm, void *context);

/* The service that a name belongs to: the first of the catalogue with a pattern for it. *pattern: that. NULL: none. */
const struct service *socket_rules_service(const struct socket_name *name, const char **pattern);

/* "connect", "bind", "sendto". */
const char *socket_operation_name(enum socket_operation operation);

/* The operation of that name; false: none is. */
bool socket_operation_find(const char *text, enum socket_operation *operation);

/* Does the rule speak of that operation? */
bool socket_rule_covers(const struct socket_rule *rule, enum socket_operation operation);

#endif
