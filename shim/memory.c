#include "memory.h"

#include <errno.h>
#include <string.h>

/* As the kernel answers a call with a pointer that leads nowhere, or what makes us deny it. */
static int judge(int error)
{
	return error == EFAULT || error == EIO || error == EINVAL || error == ENOMEM ? EFAULT : EACCES;
}

static uint64_t page_of(uint64_t address)
{
	return address & ~(uint64_t)(MEMORY_PAGE - 1);
}

bool memory_share_page(uint64_t one, uint64_t other)
{
	return page_of(one) == page_of(other);
}

void memory_look(const struct memory *memory, uint64_t address, size_t length)
{
	struct memory_page *page = memory->page;
	struct iovec piece;

	if (!page)
		return;
	page->address = page_of(address);
	page->length = 0;
	piece = (struct iovec){.iov_base = (void *)(uintptr_t)page->address, .iov_len = MEMORY_PAGE};
	if (length <= MEMORY_PAGE - (address - page->address) &&
	    reach_read(memory->reach, memory->tid, &piece, 1, page->bytes, MEMORY_PAGE) == (ssize_t)MEMORY_PAGE)
		page->length = MEMORY_PAGE;
}

/* All of these pieces, of the copy. False: it has not all of them, and *out means nothing. */
static bool copy_pieces(const struct memory_page *page, const struct iovec *pieces, size_t count, char *out)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t place = (uint64_t)(uintptr_t)pieces[i].iov_base - page->address;

		if (place > page->length || pieces[i].iov_len > page->length - place)
			return false;
		memcpy(out, page->bytes + place, pieces[i].iov_len);
		out += pieces[i].iov_len;
	}
	return true;
}

static size_t length_of(const struct iovec *pieces, size_t count)
{
	size_t length = 0;

	for (size_t i = 0; i < count; i++)
		length += pieces[i].iov_len;
	return length;
}

/* As reach_read: pieces have at most length bytes. */
static ssize_t read_pieces(const struct memory *memory, const struct iovec *pieces, size_t count, char *out,
			   size_t length)
{
	if (memory->page && memory->page->length > 0 && copy_pieces(memory->page, pieces, count, out))
		return (ssize_t)length_of(pieces, count);
	return reach_read(memory->reach, memory->tid, pieces, count, out, length);
}

int memory_read(const struct memory *memory, uint64_t address, void *out, size_t length)
{
	const struct iovec piece = {.iov_base = (void *)(uintptr_t)address, .iov_len = length};
	ssize_t done = length ? memory_gather(memory, &piece, 1, 0, out, length) : 0;

	if (done < 0)
		return errno;
	return (size_t)done == length ? 0 : EFAULT;
}

int memory_write(const struct memory *memory, uint64_t address, const void *bytes, size_t length)
{
	size_t written = 0;

	while (written < length) {
		ssize_t done = reach_write(memory->reach, memory->tid, address + written, (const char *)bytes + written,
					   length - written);

		if (done < 0)
			return judge(errno);
		if (done == 0)
			return EFAULT;
		written += (size_t)done;
	}
	return 0;
}

/* The next pieces behind skip that make up at most length bytes. Returns how many. */
static size_t choose(const struct iovec *pieces, size_t count, size_t skip, size_t length, struct iovec *chosen)
{
	size_t used = 0;

	for (size_t i = 0; i < count && used < REACH_PIECES_MAX && length > 0; i++) {
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
	struct iovec chosen[REACH_PIECES_MAX];
	size_t gathered = 0;

	while (gathered < length) {
		size_t used = choose(pieces, count, skip + gathered, length - gathered, chosen);
		ssize_t done;

		if (used == 0)
			break;
		done = read_pieces(memory, chosen, used, (char *)out + gathered, length - gathered);
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
