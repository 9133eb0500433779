/*
 * What a policy says of Unix sockets: one decision for one operation on one address. Pure; used by
 * the worker that enforces it and by agentshctl explain.
 */
#ifndef AGENTSH_SOCKET_RULES_H
#define AGENTSH_SOCKET_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include "policy.h"

enum socket_operation { OPERATION_CONNECT, OPERATION_BIND, OPERATION_SENDTO };

/* An address as it is judged: a pathname as the kernel resolves it, or an abstract name. */
struct socket_name {
	bool abstract;
	const char *bytes; /* pathname: absolute, no "." or ".." or link in it; abstract: without its first NUL */
	size_t length;     /* any bytes, NUL included in an abstract name */
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
	const char *pattern;            /* of the rule, or of its service */
	unsigned line;                  /* of the pattern or service in the file; 0: a built-in default */
	const struct service *service;  /* that the address belongs to, whoever decided; NULL: none known */
};

/*
 * Does an allow rule's pattern count for this address? Asked for each that matches by name before
 * it decides: outside of the session's first root and mount namespace only the same inode is the
 * same socket. NULL: every match counts.
 */
typedef bool socket_rules_confirm(void *context, const struct socket_name *name);

/* Rules in file order, the first that matches decides; where none does, default does. */
struct socket_decision socket_rules_decide(const struct policy *policy, enum socket_operation operation,
					   const struct socket_name *name, enum socket_owner owner,
					   socket_rules_confirm *confirm, void *context);

/* "connect", "bind", "sendto". */
const char *socket_operation_name(enum socket_operation operation);

#endif
