#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define PIECES_AT_ONCE 64U

/* As the kernel answers a call with a pointer that leads nowhere, or what makes us deny it. */
static int judge(int error)
{
	return error == EFAULT || error == EIO || error == EINVAL || error == ENOMEM ? EFAULT : EACCES;
}

static ssize_t through_proc(const struct memory *memory, uint64_t address, void *buffer, size_t length, int writes)
{
	int descriptor = openat(memory->directory, "mem", (writes ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
	ssize_t done;
	int error;

	if (descriptor < 0)
		return -1;
	done = writes ? pwrite(descriptor, buffer, length, (off_t)address)
		      : pread(descriptor, buffer, length, (off_t)address);
	error = errno;
	close(descriptor);
	errno = error;
	return done;
}

static ssize_t transfer(const struct memory *memory, uint64_t address, void *buffer, size_t length, int writes)
{
	struct iovec ours = {.iov_base = buffer, .iov_len = length};
	struct iovec theirs = {.iov_base = (void *)(uintptr_t)address, .iov_len = length};
	ssize_t done = writes ? process_vm_writev(memory->tid, &ours, 1, &theirs, 1, 0)
			      : process_vm_readv(memory->tid, &ours, 1, &theirs, 1, 0);

	if (done < 0 && (errno == ENOSYS || errno == EPERM))
		done = through_proc(memory, address, buffer, length, writes);
	return done;
}

int memory_read(const struct memory *memory, uint64_t address, void *out, size_t length)
{
	ssize_t done = length ? transfer(memory, address, out, length, 0) : 0;

	if (done < 0)
		return judge(errno);
	return (size_t)done == length ? 0 : EFAULT;
}

int memory_write(const struct memory *memory, uint64_t address, const void *bytes, size_t length)
{
	ssize_t done = length ? transfer(memory, address, (void *)bytes, length, 1) : 0;

	if (done < 0)
		return judge(errno);
	return (size_t)done == length ? 0 : EFAULT;
}

/* The next pieces behind skip that make up at most length bytes. Returns how many. */
static size_t choose(const struct iovec *pieces, size_t count, size_t skip, size_t length, struct iovec *chosen)
{
	size_t used = 0;

	for (size_t i = 0; i < count && used < PIECES_AT_ONCE && length > 0; i++) {
		size_t size = pieces[i].iov_len;

		if (skip >= size) {
			skip -= size;
			continue;
		}
		size -= skip;
		if (size > length)
			size = length;
		chosen[used++] = (struct iovec){.iov_base = (char *)pieces[i].iov_base + skip, .iov_len = size};
		skip = 0;
		length -= size;
	}
	return used;
}

ssize_t memory_gather(const struct memory *memory, const struct iovec *pieces, size_t count, size_t skip, void *out,
		      size_t length)
{
	struct iovec chosen[PIECES_AT_ONCE];
	size_t gathered = 0;

	while (gathered < length) {
		struct iovec ours = {.iov_base = (char *)out + gathered, .iov_len = length - gathered};
		size_t used = choose(pieces, count, skip + gathered, length - gathered, chosen);
		ssize_t done;

		if (used == 0)
			break;
		done = process_vm_readv(memory->tid, &ours, 1, chosen, used, 0);
		if (done < 0 && (errno == ENOSYS || errno == EPERM))
			done = through_proc(memory, (uint64_t)(uintptr_t)chosen[0].iov_base, ours.iov_base,
					    chosen[0].iov_len, 0);
		if (done <= 0 && gathered > 0)
			break;
		if (done <= 0) {
			errno = done == 0 ? EFAULT : judge(errno);
			return -1;
		}
		gathered += (size_t)done;
	}
	return (ssize_t)gathered;
}
