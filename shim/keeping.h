/*
 * What the keeper is given to keep of a session: KEEPER_KEEP, with the descriptors that come along (keeper.h).
 */
#ifndef AGENTSH_KEEPING_H
#define AGENTSH_KEEPING_H

#include <stddef.h>
#include <stdint.h>

#include "conversation.h"
#include "keeper.h"

struct keeping {
	struct keeper_message message;
	int descriptors[KEPT_COUNT + 1]; /* borrowed */
	size_t count;
};

/*
 * Of a conversation whose listener is announced, and which has its ticket: the session begins. flags: what the
 * conversation does not know (enum area_flag); commons: the user's table (borrowed), -1: none. 0, or -1: it cannot be
 * kept.
 */
int keeping_make(struct keeping *keeping, struct conversation *conversation, uint32_t flags, int commons);

#endif
