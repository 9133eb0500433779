/* memory.h: what is read of a page that was looked at is the copy made then, whole or not at all; all else is read
 * anew. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "memory.h"

#define PAGE ((size_t)MEMORY_PAGE)

struct given {
	struct reach reach;
	struct memory_page page;
	struct memory memory;
	char *theirs; /* three pages; the last is not to be read */
};

static int set_up(void **state)
{
	struct given *given = calloc(1, sizeof(*given));

	assert_non_null(given);
	given->reach = (struct reach){.channel = -1, .connection = -1};
	given->memory = (struct memory){.tid = getpid(), .reach = &given->reach, .page = &given->page};
	given->theirs = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(given->theirs, MAP_FAILED);
	memset(given->theirs, 'a', 2 * PAGE);
	assert_int_equal(munmap(given->theirs + 2 * PAGE, PAGE), 0);
	*state = given;
	return 0;
}

static int tear_down(void **state)
{
	struct given *given = *state;

	assert_int_equal(munmap(given->theirs, 2 * PAGE), 0);
	free(given);
	return 0;
}

static void look(struct given *given, size_t place, size_t length)
{
	memory_look(&given->memory, (uintptr_t)given->theirs + place, length);
}

/* That many bytes, from that place on, are all that character. */
static void assert_reads(struct given *given, size_t place, size_t length, char expected)
{
	char *out = malloc(length);

	assert_non_null(out);
	assert_int_equal(memory_read(&given->memory, (uintptr_t)given->theirs + place, out, length), 0);
	for (size_t i = 0; i < length; i++)
		assert_int_equal(out[i], expected);
	free(out);
}

static int error_of(struct given *given, size_t place, size_t length)
{
	char out[64];

	return memory_read(&given->memory, (uintptr_t)given->theirs + place, out, length);
}

static void copies(void **state)
{
	struct given *given = *state;

	look(given, 100, 56);
	memset(given->theirs, 'b', 2 * PAGE);
	assert_reads(given, 100, 56, 'a');
	assert_reads(given, 0, PAGE, 'a');
	assert_reads(given, PAGE - 1, 1, 'a');
	look(given, 100, 56);
	assert_reads(given, 100, 56, 'b');
}

static void reads_anew(void **state)
{
	struct given *given = *state;

	look(given, 100, 56);
	memset(given->theirs, 'b', 2 * PAGE);
	assert_reads(given, PAGE, 10, 'b');     /* the next page */
	assert_reads(given, PAGE - 5, 10, 'b'); /* one byte beyond is all of it */
	assert_reads(given, PAGE - 1, 2, 'b');
}

/* Pieces of which one is elsewhere are of one moment, as they always were. */
static void gathers(void **state)
{
	struct given *given = *state;
	const struct iovec within[] = {{given->theirs + 8, 4}, {NULL, 0}, {given->theirs, 4}};
	const struct iovec partly[] = {{given->theirs + 8, 4}, {given->theirs + PAGE, 4}};
	char out[8];

	look(given, 0, 1);
	memset(given->theirs, 'b', 2 * PAGE);
	assert_int_equal(memory_gather(&given->memory, within, 3, 0, out, 8), 8);
	assert_memory_equal(out, "aaaaaaaa", 8);
	assert_int_equal(memory_gather(&given->memory, within, 3, 5, out, 8), 3);
	assert_memory_equal(out, "aaa", 3);
	assert_int_equal(memory_gather(&given->memory, partly, 2, 0, out, 8), 8);
	assert_memory_equal(out, "bbbbbbbb", 8);
}

static void looks_in_vain(void **state)
{
	struct given *given = *state;

	look(given, 0, 1);
	memset(given->theirs, 'b', 2 * PAGE);
	look(given, PAGE - 8, 9); /* goes beyond the page: and the copy of before is gone */
	assert_reads(given, 0, 8, 'b');
	look(given, 0, 1);
	memset(given->theirs, 'c', 2 * PAGE);
	look(given, 2 * PAGE, 1); /* is not there */
	assert_reads(given, 0, 8, 'c');
	assert_int_equal(error_of(given, 2 * PAGE, 1), EFAULT);
	assert_int_equal(error_of(given, 2 * PAGE - 1, 2), EFAULT);
}

static void stays_within_numbers(void **state)
{
	struct given *given = *state;
	char out[8];
	const struct iovec far = {(void *)UINTPTR_MAX, 8};
	const struct iovec before = {given->theirs - 4, 8};

	look(given, 0, 1);
	assert_int_equal(memory_gather(&given->memory, &far, 1, 0, out, 8), -1);
	assert_int_equal(errno, EFAULT);
	(void)memory_gather(&given->memory, &before, 1, 0, out, 8); /* whatever is there: not the copy's neighbour */
	memory_look(&given->memory, UINT64_MAX, 1);
	memory_look(&given->memory, UINT64_MAX, UINT64_MAX);
	assert_int_equal(given->page.length, 0);
}

static void goes_without(void **state)
{
	struct given *given = *state;

	given->memory.page = NULL;
	look(given, 0, 1);
	memset(given->theirs, 'b', 2 * PAGE);
	assert_reads(given, 0, 8, 'b');
}

/* Nobody who waits for a page that the call does not name is waited for. */
static void touches_one_page(void **state)
{
	struct given *given = *state;
	unsigned char there[2];

	assert_int_equal(madvise(given->theirs, 2 * PAGE, MADV_DONTNEED), 0);
	look(given, PAGE - 100, 56);
	assert_int_equal(mincore(given->theirs, 2 * PAGE, there), 0);
	assert_int_equal(given->page.length, PAGE);
	assert_int_equal(there[0] & 1, 1);
	assert_int_equal(there[1] & 1, 0);
}

static void shares_a_page(void **state)
{
	(void)state;
	assert_true(memory_share_page(0x1000, 0x1fff));
	assert_false(memory_share_page(0x1fff, 0x2000));
	assert_false(memory_share_page(0, UINT64_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(copies, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(reads_anew, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(gathers, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(looks_in_vain, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(stays_within_numbers, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(goes_without, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(touches_one_page, set_up, tear_down),
	    cmocka_unit_test(shares_a_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
