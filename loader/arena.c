/*
 * malloc(3) for the static loader, in place of musl's: that one asks the kernel for each group of blocks and gives
 * it back, which takes longer than all that the loader does with them. This one keeps what it has, in lists by size;
 * the process is over in a moment. For one thread at a time: the loader's second one allocates nothing.
 * Compiled with -fno-builtin: a compiler that knows what calloc(3) is would make calloc's own lines a call of it.
 */
#include <errno.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define SMALLEST 32U
#define CLASSES  20U                 /* each twice the one before: the largest is 16 MiB, as no arguments can be */
#define FIRST    ((size_t)64 * 1024) /* of the program's own memory: nothing is asked for where that is enough */
#define MORE     FIRST

struct block {
	alignas(max_align_t) size_t class;
	alignas(max_align_t) struct block *next; /* while it is free; else the caller's memory begins here */
};

static alignas(max_align_t) unsigned char first[FIRST];

/* The state of malloc(3), which has no argument for it. */
static struct {
	unsigned char *at;
	size_t left;
	struct block *free[CLASSES];
} arena = {.at = first, .left = FIRST};

#define HEAD offsetof(struct block, next)

static size_t size_of(size_t class)
{
	return (size_t)SMALLEST << class;
}

static void *map(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

/* A new block, or NULL. A large one has a mapping of its own. */
static struct block *cut(size_t class)
{
	size_t size = size_of(class);
	struct block *block;

	if (size >= MORE)
		return map(size);
	if (arena.left < size) {
		unsigned char *more = map(MORE);

		if (!more)
			return NULL;
		arena.at = more;
		arena.left = MORE;
	}
	block = (struct block *)arena.at;
	arena.at += size;
	arena.left -= size;
	return block;
}

/* fresh: the caller's memory has never been used, and so is the kernel's zeros. */
static void *take(size_t size, bool *fresh)
{
	struct block *block;
	size_t class = 0;

	while (class < CLASSES && (size > size_of(class) || size_of(class) - size < HEAD))
		class ++;
	block = class < CLASSES ? arena.free[class] : NULL;
	*fresh = !block;
	if (block)
		arena.free[class] = block->next;
	else if (class < CLASSES)
		block = cut(class);
	if (!block) {
		errno = ENOMEM;
		return NULL;
	}
	block->class = class;
	return (unsigned char *)block + HEAD;
}

void *malloc(size_t size)
{
	bool fresh;

	return take(size, &fresh);
}

static struct block *block_of(void *memory)
{
	return (struct block *)((unsigned char *)memory - HEAD);
}

void free(void *memory)
{
	struct block *block;

	if (!memory)
		return;
	block = block_of(memory);
	block->next = arena.free[block->class];
	arena.free[block->class] = block;
}

void *calloc(size_t count, size_t size)
{
	size_t bytes;
	void *memory;
	bool fresh;

	if (__builtin_mul_overflow(count, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	memory = take(bytes, &fresh);
	return memory && !fresh ? memset(memory, 0, bytes) : memory;
}

void *realloc(void *memory, size_t size)
{
	size_t held = memory ? size_of(block_of(memory)->class) - HEAD : 0;
	void *moved;

	if (memory && size <= held)
		return memory;
	moved = malloc(size);
	if (moved && memory) {
		memcpy(moved, memory, held);
		free(memory);
	}
	return moved;
}

/* Of names: musl's memcpy(3), made for what is long, takes longer than all else that is done with one. */
char *strndup(const char *text, size_t most)
{
	size_t left = 0;
	char *copy;
	char *to;

	while (left < most && text[left])
		left++;
	copy = malloc(left + 1);
	to = copy;
	if (!copy)
		return NULL;
	for (; left >= sizeof(uint64_t); left -= sizeof(uint64_t)) {
		__builtin_memcpy(to, text, sizeof(uint64_t));
		to += sizeof(uint64_t);
		text += sizeof(uint64_t);
	}
	while (left-- > 0)
		*to++ = *text++;
	*to = '\0';
	return copy;
}
