/*
 * The socket that an event says was tried, as a rule would have to name it. Nothing in the event is believed. Pure.
 */
#ifndef AGENTSH_TRIED_SOCKET_H
#define AGENTSH_TRIED_SOCKET_H

#include <cjson/cJSON.h>

#include "socket_rules.h"

/* Why no rule can be written. */
enum tried_problem {
	TRIED_GOOD,
	TRIED_UNKNOWN,    /* the event has no address that can be read */
	TRIED_UNNAMED,    /* an unnamed address */
	TRIED_CUT,        /* what was cut is another name */
	TRIED_UNRESOLVED, /* no path as the kernel resolves one */
	TRIED_OPERATION,  /* none that a rule speaks of; a rule without operations would allow all */
	TRIED_PROBLEMS
};

struct tried_socket {
	struct socket_name name;         /* its bytes lie in: */
	char *bytes;                     /* owned; NULL: none */
	enum socket_operation operation; /* if it is good */
};

/* Reads the socket of an event. Free with tried_socket_free, whatever it returns. */
enum tried_problem tried_socket_read(struct tried_socket *tried, const cJSON *event);
void tried_socket_free(struct tried_socket *tried);

/* The problem in words: "its address has no name". */
const char *tried_problem_text(enum tried_problem problem);

#endif
