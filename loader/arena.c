/*
 * malloc(3) for the static loader, in place of musl's: that one asks the kernel for each group of blocks and gives
 * it back, which takes longer than all that the loader does with them. This one keeps what it has, in lists by size;
 * the process is over in a moment. For one thread at a time: the loader's second one allocates nothing.
 */
#include <errno.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define SMALLEST 32U
#define CLASSES  16U           /* each twice the one before: the largest is a MiB */
#define FIRST    (64U * 1024U) /* of the program's own memory: nothing is asked for where that is enough */
#define MORE     (2U << 20)    /* twice the largest */

/* Before each block, so that what follows is aligned for anything. */
struct block {
	alignas(max_align_t) size_t class;
	struct block *next; /* while it is free */
};

/* The state of malloc(3), which has no argument for it. */
static struct {
	alignas(max_align_t) unsigned char first[FIRST];
	unsigned char *at;
	size_t left;
	struct block *free[CLASSES];
} arena;

#define HEAD offsetof(struct block, next)

static size_t size_of(size_t class)
{
	return (size_t)SMALLEST << class;
}

static struct block *cut(size_t class)
{
	struct block *block;

	if (!arena.at) {
		arena.at = arena.first;
		arena.left = FIRST;
	}
	if (arena.left < size_of(class)) {
		void *more = mmap(NULL, MORE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (more == MAP_FAILED)
			return NULL;
		arena.at = more;
		arena.left = MORE;
	}
	block = (struct block *)arena.at;
	block->class = class;
	arena.at += size_of(class);
	arena.left -= size_of(class);
	return block;
}

void *malloc(size_t size)
{
	struct block *block;
	size_t class = 0;

	while (class < CLASSES && (size > size_of(class) || size_of(class) - size < HEAD))
		class ++;
	block = class < CLASSES ? arena.free[class] : NULL;
	if (block)
		arena.free[class] = block->next;
	else if (class < CLASSES)
		block = cut(class);
	if (!block) {
		errno = ENOMEM;
		return NULL;
	}
	return (unsigned char *)block + HEAD;
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

	if (__builtin_mul_overflow(count, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	memory = malloc(bytes);
	return memory ? memset(memory, 0, bytes) : NULL;
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
