/* Kills on their way from the broker to a worker, and the processes by which their session is found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kills.h"
#include "members.h"

static struct kills kills;
static struct members members;

static int begin(void **state)
{
	(void)state;
	memset(&kills, 0, sizeof(kills));
	memset(&members, 0, sizeof(members));
	return 0;
}

static bool put(uint64_t serial)
{
	const struct kill_record record = {.serial = serial, .pid = 7};

	return kills_put(&kills, &record);
}

static void take(uint64_t serial)
{
	struct kill_record record;

	assert_true(kills_next(&kills, &record));
	assert_int_equal(record.serial, serial);
	atomic_fetch_add(&kills.taken, 1);
}

static void in_order_and_each_once(void **state)
{
	struct kill_record record;

	(void)state;
	assert_false(kills_next(&kills, &record));
	assert_true(put(5));
	assert_true(put(5)); /* by the broker that follows */
	assert_true(put(6));
	take(5);
	take(6);
	assert_false(kills_next(&kills, &record));
	assert_true(put(6)); /* though it is taken already */
	assert_false(kills_next(&kills, &record));
}

static void what_finds_no_room(void **state)
{
	struct kill_record record;

	(void)state;
	for (uint64_t i = 1; i <= KILLS_MAX; i++)
		assert_true(put(i));
	assert_false(put(KILLS_MAX + 1));
	take(1);
	assert_true(put(KILLS_MAX + 1));
	for (uint64_t i = 2; i <= KILLS_MAX + 1; i++)
		take(i);
	assert_false(kills_next(&kills, &record));
	atomic_fetch_add(&kills.lost, 2);
	assert_int_equal(kills_lost(&kills), 2);
	atomic_fetch_add(&kills.lost_taken, 2);
	assert_int_equal(kills_lost(&kills), 0);
}

/* A worker that is no longer itself. */
static void numbers_that_make_no_sense(void **state)
{
	struct kill_record record;

	(void)state;
	assert_true(put(1));
	kills.records[0].comm_length = 1000;
	kills.records[0].exe_length = 60000;
	assert_true(kills_next(&kills, &record));
	assert_int_equal(record.comm_length, 0);
	assert_int_equal(record.exe_length, 0);
	atomic_store(&kills.taken, UINT64_MAX - 5);
	assert_true(put(2));
	assert_true(kills_next(&kills, &record));
	atomic_store(&kills.put, UINT64_MAX);
	atomic_store(&kills.taken, 3);
	assert_false(put(3));
}

static void members_are_known(void **state)
{
	uint32_t sh = members_program("/bin/sh", 7);

	(void)state;
	assert_int_equal(sh, members_program("/jail/bin/sh", 12));
	assert_int_equal(sh, members_program("sh", 2));
	assert_int_not_equal(sh, members_program("/bin/sh (deleted)", 17));
	members_note(&members, 7, 100, sh);
	assert_true(members_has(&members, 7, 100));
	assert_false(members_has(&members, 7, 101));
	assert_false(members_has(&members, 7 + MEMBERS_MAX, 100));
	assert_true(members_had(&members, 7, sh));
	assert_false(members_had(&members, 7, sh + 1));
	assert_false(members_has(&members, 0, 0));
	assert_false(members_had(&members, 0, 0));
	members_note(&members, 8, 0, sh);
	assert_false(members_had(&members, 8, sh));
	members_note(&members, 7 + MEMBERS_MAX, 200, sh);
	assert_false(members_has(&members, 7, 100));
	assert_true(members_has(&members, 7 + MEMBERS_MAX, 200));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(in_order_and_each_once, begin),
	    cmocka_unit_test_setup(what_finds_no_room, begin),
	    cmocka_unit_test_setup(numbers_that_make_no_sense, begin),
	    cmocka_unit_test_setup(members_are_known, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
