/*
 * The broker's connections: of loaders and of container runtimes, each kind with room of its own, so that neither keeps
 * the other out. Pure.
 */
#ifndef AGENTSH_CONNECTIONS_H
#define AGENTSH_CONNECTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conversation.h"
#include "registry.h"

#define CONNECTIONS_OF_RUNTIMES 256U
#define CONNECTIONS_MAX         (REGISTRY_WAITING_MAX + CONNECTIONS_OF_RUNTIMES)

struct connections {
	struct conversation *all[CONNECTIONS_MAX]; /* owned */
	size_t count;
	size_t of_runtimes; /* of them */
};

/* May one more of that kind be accepted? */
bool connections_have_room(const struct connections *connections, bool is_runtime);

/* Takes it over; there has to be room. */
void connections_add(struct connections *connections, struct conversation *conversation);

/* That one is the caller's from now on; the last is in its place. */
void connections_remove(struct connections *connections, size_t which);

/* The one that is announced as that session's; NULL: none is. */
struct conversation *connections_announced(const struct connections *connections, uint64_t ticket);

/* The first deadline, ms, of theirs and other (-1: none); -1: there is none. */
int64_t connections_deadline(const struct connections *connections, int64_t other);

#endif
