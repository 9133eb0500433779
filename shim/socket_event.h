/*
 * The events of the rules for Unix sockets: one for each decision, identical repeats folded.
 */
#ifndef AGENTSH_SOCKET_EVENT_H
#define AGENTSH_SOCKET_EVENT_H

#include <stdbool.h>

#include "socket_rules.h"

struct mediation;
struct worker;

/* Reasons that are more than text: whatever became of a call that had been begun; a binding that is not remembered. */
#define SOCKET_EVENT_UNKNOWN   "outcome_unknown"
#define SOCKET_EVENT_BINDINGS  "too_many_bindings"
#define SOCKET_EVENT_TOO_MANY  "too_many_calls"
#define SOCKET_EVENT_ELSEWHERE "other_root_or_namespace"

/*
 * Tells of a decision, as the policy's log asks. Returns whether the call may go on: as decided, in
 * audit mode always; not where an allowed one could not be told and on_event_loss = deny.
 */
bool socket_event_decided(struct mediation *mediation, enum socket_operation operation, const struct socket_name *name,
			  const struct socket_decision *decision);

/* Tells of a denial that no rule made: reason says what could not be had of the target. Or of a binding (above). */
void socket_event_unread(struct mediation *mediation, const char *reason);

/*
 * Tells of a path, as it was given, that no rule can speak of: it is denied, in audit mode it would be. error: why, as
 * view.h has it. Returns the event's reason.
 */
const char *socket_event_path(struct mediation *mediation, const char *path, int error);

#endif
