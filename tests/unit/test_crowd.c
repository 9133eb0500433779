/* How many servers of a session read at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "crowd.h"

#define TICK 5000

/* So many looks, a tick apart, with so many calls between: the sum of what they say. */
static int looks(struct crowd *crowd, unsigned count, struct crowd_sight sight, uint64_t calls)
{
	int sum = 0;

	for (unsigned i = 0; i < count; i++) {
		sight.now_us = crowd->at_us + TICK;
		sight.calls = crowd->calls + calls;
		sum += crowd_look(crowd, &sight);
	}
	return sum;
}

static void long_calls_of_many(void **state)
{
	struct crowd crowd = {0};
	struct crowd_sight sight = {.is_full = true, .readers = 1, .most = 2};

	(void)state;
	assert_int_equal(looks(&crowd, 3, sight, 250), 0);
	assert_int_equal(looks(&crowd, 1, sight, 250), 1);
	sight.readers = 2;
	assert_int_equal(looks(&crowd, 100, sight, 500), 0); /* as many as may be */
	sight.most = 4;
	assert_int_equal(looks(&crowd, 1, sight, 500), 1);
}

static void short_calls(void **state)
{
	struct crowd crowd = {0};
	const struct crowd_sight sight = {.is_full = true, .readers = 1, .most = 4};

	(void)state;
	assert_int_equal(looks(&crowd, 100, sight, 2000), 0);
	assert_int_equal(looks(&crowd, 100, sight, 400), 0); /* 12 us each, as a connect takes */
}

static void one_target(void **state)
{
	struct crowd crowd = {0};
	const struct crowd_sight sight = {.readers = 1, .most = 4};

	(void)state;
	assert_int_equal(looks(&crowd, 100, sight, 250), 0);
}

static void now_and_then_is_no_crowd(void **state)
{
	struct crowd crowd = {0};
	struct crowd_sight sight = {.readers = 1, .most = 4};

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		sight.is_full = true;
		assert_int_equal(looks(&crowd, 3, sight, 250), 0);
		sight.is_full = false;
		assert_int_equal(looks(&crowd, 1, sight, 250), 0);
	}
}

static void it_has_gone(void **state)
{
	struct crowd crowd = {0};
	struct crowd_sight sight = {.readers = 3, .most = 4};

	(void)state;
	assert_int_equal(looks(&crowd, 39, sight, 10), 0);
	assert_int_equal(looks(&crowd, 1, sight, 10), -1);
	sight.readers = 2;
	assert_int_equal(looks(&crowd, 40, sight, 0), -1);
	sight.readers = 1;
	assert_int_equal(looks(&crowd, 100, sight, 0), 0);
}

/* Two looks at the same time, as where the watch is woken. */
static void no_time_between(void **state)
{
	struct crowd crowd = {.at_us = 1000};
	const struct crowd_sight sight = {.now_us = 1000, .is_full = true, .readers = 1, .most = 4};

	(void)state;
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(crowd_look(&crowd, &sight), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(long_calls_of_many), cmocka_unit_test(short_calls),
	    cmocka_unit_test(one_target),         cmocka_unit_test(now_and_then_is_no_crowd),
	    cmocka_unit_test(it_has_gone),        cmocka_unit_test(no_time_between),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
