/*
 * A container runtime's conversation with the broker: the sidecar's side of the OCI runtime specification's
 * listenerPath. The runtime connects, says one container process state, with the listener along, and does not wait
 * for an answer. What follows is as with a loader: conversation.h.
 */
#ifndef AGENTSH_RUNTIME_H
#define AGENTSH_RUNTIME_H

#include "conversation.h"

/*
 * A conversation has begun, with a runtime. NULL, or why it is not heard: it is believed in what it says of
 * processes, so it is root's, or of the keeper's own user.
 */
const char *runtime_begin(struct conversation *conversation, uid_t keeper);

/*
 * Takes what has come. As conversation_hear; with all said, the state is CONVERSATION_ASKED, the listener is there
 * already, and the peer is the container's process.
 */
const char *runtime_hear(struct conversation *conversation);

#endif
