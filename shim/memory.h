/*
 * The memory of a target, as the pointers of its calls name it.
 */
#ifndef AGENTSH_MEMORY_H
#define AGENTSH_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "reach.h"

#define MEMORY_PAGE 4096U /* no kernel has smaller ones */

/* A copy of one page of a target, which one call is carried out with. */
struct memory_page {
	uint64_t address;
	size_t length; /* MEMORY_PAGE; 0: there is none */
	char bytes[MEMORY_PAGE];
};

struct memory {
	pid_t tid;
	struct reach *reach;      /* borrowed */
	struct memory_page *page; /* borrowed; NULL: whatever is read is read by itself */
};

/*
 * What is about to be read at address, and what is read later of the page that it lies in, comes of one copy of that
 * page, made now, until the next look: of a message the header, the pieces, the control data and often the bytes are
 * there, and to read costs the same for a page as for a word. No other page is touched: it could be one that somebody
 * fills only after the call (userfaultfd(2), FUSE). Where the page is not to be had, or length goes beyond it, nothing
 * comes of a copy.
 */
void memory_look(const struct memory *memory, uint64_t address, size_t length);

/* Do both begin in one page? */
bool memory_share_page(uint64_t one, uint64_t other);

/* Reads length bytes. 0; EFAULT: not all of them are there; EACCES: we may not. */
int memory_read(const struct memory *memory, uint64_t address, void *out, size_t length);

/* Writes length bytes. 0, EFAULT or EACCES. */
int memory_write(const struct memory *memory, uint64_t address, const void *bytes, size_t length);

/*
 * Reads from count pieces one after the other, skipping the first skip bytes, at most length bytes.
 * Returns the bytes read before the first that is not there, or -1 with errno EFAULT or EACCES
 * where there are none.
 */
ssize_t memory_gather(const struct memory *memory, const struct iovec *pieces, size_t count, size_t skip, void *out,
		      size_t length);

#endif
