/*
 * The memory of a target, as the pointers of its calls name it.
 */
#ifndef AGENTSH_MEMORY_H
#define AGENTSH_MEMORY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "reach.h"

struct memory {
	pid_t tid;
	struct reach *reach; /* borrowed */
};

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
