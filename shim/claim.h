/*
 * What a report claims: the session's ID, as a number that a register holds. So whoever judges it reads nothing of the
 * target's memory, which may be slow, closed to us, or another by then. Of no weight by itself: the listener
 * that the report comes from is the session.
 */
#ifndef AGENTSH_CLAIM_H
#define AGENTSH_CLAIM_H

#include <stdint.h>

#define CLAIM_NONE 0U
#define CLAIM_BASE 0xcbf29ce484222325U

/* FNV-1a. */
static inline uint64_t claim_hash(uint64_t hash, unsigned char byte)
{
	return (hash ^ byte) * 0x100000001b3U;
}

/* Of the ID; never CLAIM_NONE. */
static inline uint64_t claim_of(const char *session)
{
	uint64_t hash = CLAIM_BASE;

	while (*session)
		hash = claim_hash(hash, (unsigned char)*session++);
	return hash == CLAIM_NONE ? 1 : hash;
}

#endif
