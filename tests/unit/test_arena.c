/*
 * The static loader's malloc(3), under names of its own: this program has its C library's.
 */
#define malloc  arena_malloc
#define free    arena_free
#define calloc  arena_calloc
#define realloc arena_realloc
#define strndup arena_strndup
#include "arena.c"
#undef malloc
#undef free
#undef calloc
#undef realloc
#undef strndup

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>

#include <cmocka.h>

#define BLOCKS 3000
#define STEPS  20000

static void aligned_and_apart(void **state)
{
	static unsigned char *blocks[BLOCKS];
	static size_t sizes[BLOCKS];

	(void)state;
	for (size_t i = 0; i < BLOCKS; i++) {
		sizes[i] = i * 7 % 5000;
		blocks[i] = arena_malloc(sizes[i]);
		assert_non_null(blocks[i]);
		assert_int_equal((uintptr_t)blocks[i] % alignof(max_align_t), 0);
		memset(blocks[i], (int)(i % 251), sizes[i]);
	}
	for (size_t i = 0; i < BLOCKS; i++) {
		for (size_t at = 0; at < sizes[i]; at++)
			assert_int_equal(blocks[i][at], i % 251);
		arena_free(blocks[i]);
	}
}

/* At random; what is in a block stays there. */
static void used_again(void **state)
{
	static unsigned char *blocks[100];
	static size_t sizes[100];

	(void)state;
	srandom(1);
	for (int step = 0; step < STEPS; step++) {
		size_t i = (size_t)random() % 100;
		size_t size = (size_t)random() % 3000 + 1;
		unsigned char *moved = arena_realloc(blocks[i], size);
		size_t kept = sizes[i] < size ? sizes[i] : size;

		assert_non_null(moved);
		for (size_t at = 0; at < kept; at++)
			assert_int_equal(moved[at], i);
		memset(moved, (int)i, size);
		blocks[i] = moved;
		sizes[i] = size;
		if (random() % 3 == 0) {
			arena_free(blocks[i]);
			blocks[i] = NULL;
			sizes[i] = 0;
		}
	}
}

static void zeroed(void **state)
{
	static const unsigned char nothing[1000];
	unsigned char *dirty = arena_malloc(1000);

	(void)state;
	memset(dirty, 1, 1000);
	arena_free(dirty);
	assert_memory_equal(arena_calloc(10, 100), nothing, 1000); /* that block again */
	assert_memory_equal(arena_calloc(10, 100), nothing, 1000); /* one that nobody has used */
	arena_free(NULL);
	assert_non_null(arena_realloc(NULL, 0));
}

static void copied(void **state)
{
	static const char text[] = "process_vm_readv, process_vm_writev";

	(void)state;
	for (size_t most = 0; most < sizeof(text) + 2; most++) {
		char *copy = arena_strndup(text, most);

		assert_non_null(copy);
		assert_int_equal(strlen(copy), most < strlen(text) ? most : strlen(text));
		assert_memory_equal(copy, text, strlen(copy));
		arena_free(copy);
	}
}

static void too_much(void **state)
{
	static const size_t sizes[] = {(1U << 24) - 15, 1U << 24, SIZE_MAX / 2, SIZE_MAX - 8, SIZE_MAX};
	void *block = arena_malloc(1);

	(void)state;
	assert_non_null(arena_malloc((1U << 24) - 16));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		errno = 0;
		assert_null(arena_malloc(sizes[i]));
		assert_int_equal(errno, ENOMEM);
		assert_null(arena_realloc(block, sizes[i]));
	}
	errno = 0;
	assert_null(arena_calloc(SIZE_MAX / 2, 3));
	assert_int_equal(errno, ENOMEM);
	arena_free(block);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(aligned_and_apart),
	    cmocka_unit_test(used_again),
	    cmocka_unit_test(zeroed),
	    cmocka_unit_test(copied),
	    cmocka_unit_test(too_much),
	};

	return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
