/*
 * What is put together of a session before its listener is there: its memory, its root and its user namespace. A loader
 * that has been welcomed loads its filter meanwhile, and need not wait for that any more.
 */
#ifndef AGENTSH_BEGINNING_H
#define AGENTSH_BEGINNING_H

#include <stdint.h>

struct conversation;

struct beginning {
	int area;              /* owned; -1: nothing has been put together */
	int root;              /* owned; -1: the same */
	int user;              /* owned; the user namespace of a container that has another than ours; -1: it is none */
	uint64_t capabilities; /* of the area's session */
};

/*
 * Of a conversation in which all has been said, where there is none yet. What it says of the peer is what it was
 * then. 0, or -1: there is none, and it may be tried again.
 */
int beginning_make(struct conversation *conversation);

/* The session begins, with those flags (enum area_flag). 0, or -1 and errno. */
int beginning_complete(const struct beginning *beginning, uint32_t flags);

void beginning_end(struct beginning *beginning);

#endif
