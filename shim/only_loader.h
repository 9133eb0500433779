/*
 * The loader of a private sidecar, the only one that it ever has. What the broker does for others, who may be anybody,
 * the keeper of a private one does itself, once, before it holds anything: that loader is of the same user, and waits.
 * What it says is checked as the broker checks it, and none of it is parsed (admission.h has one exception).
 */
#ifndef AGENTSH_ONLY_LOADER_H
#define AGENTSH_ONLY_LOADER_H

#include "keeper.h"
#include "message.h"

/* Whom it calls, and how, while the loader loads its filter, and nobody waits. */
struct only_loader_pause {
	void (*use)(void *context);
	void *context;
};

/*
 * Hears it, until its listener is here: at most HANDOVER_DEADLINE_MS. The socket is taken over. 0, with what is to be
 * kept and its descriptors, the caller's; the loader's socket is the last of them. -1: it has been refused, or has
 * gone.
 */
int only_loader_hear(int socket, const struct only_loader_pause *pause, struct keeper_message *message,
		     struct message_descriptors *came);

#endif
