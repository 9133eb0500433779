/*
 * Rules in the making: what the events of a run tried, gathered by service or name, as INI for
 * people to read and keep. agentshctl(1), "suggest". Nothing in an event is believed; what an event
 * says of its service is looked up again.
 */
#ifndef AGENTSH_SUGGESTION_H
#define AGENTSH_SUGGESTION_H

#include <stdio.h>

#include <cjson/cJSON.h>

#include "policy.h"
#include "services.h"
#include "tried_socket.h"

#define SUGGESTION_CALLS_MAX 512U /* system calls: more than there are */

/* Sockets that one rule would allow. */
struct suggestion_target {
	const struct service *service; /* NULL: of no service, and then: */
	char *bytes;                   /* owned; without an abstract name's first NUL */
	size_t length;
	bool abstract;
	bool operations[3]; /* by enum socket_operation; one at least, for none in a rule would mean all */
	char comm[72];      /* of the first that tried; can be printed */
	unsigned long count;
};

struct suggestion_call {
	char name[64];
	unsigned long count;
};

/* All zero is an empty one. Free with suggestion_free. */
struct suggestion {
	struct suggestion_target *targets; /* owned */
	size_t target_count;
	struct suggestion_call *calls; /* owned */
	size_t call_count;
	unsigned long events;                  /* that counted */
	unsigned long refused[TRIED_PROBLEMS]; /* for which there is no rule */
	unsigned long over;                    /* that would have been a rule, or a call, beyond the bounds */
};

/* Takes an event, if it is one that a policy would have denied. 0, or -1 where memory ran out. */
int suggestion_take(struct suggestion *suggestion, const cJSON *event);

/* Writes a policy without an error: each rule with what it allows; those of dangerous services as comments. */
void suggestion_write(const struct suggestion *suggestion, FILE *stream);

void suggestion_free(struct suggestion *suggestion);

#endif
