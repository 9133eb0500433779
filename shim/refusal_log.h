/*
 * What a system sidecar says on stderr about loaders that it refuses: no more than so many lines a second, however
 * many come.
 */
#ifndef AGENTSH_REFUSAL_LOG_H
#define AGENTSH_REFUSAL_LOG_H

#include <stdint.h>

#include "conversation.h"

struct refusal_log {
	int64_t second;
	unsigned logged;
	unsigned unlogged; /* in that second */
};

/* A line, or, of one too many, no more than that it was so. */
void refusal_log_say(struct refusal_log *log, const struct conversation_peer *peer, const char *reason);

#endif
