/* Who has short turns on a processor, and who the usual ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "turn.h"

#define BEGIN 1795633306466063U

/* Makes count notifications, each a gap after the one before; what the turns then are. */
static bool after(struct turn *turn, uint64_t *now, unsigned count, uint64_t gap_us)
{
	for (unsigned i = 0; i < count; i++) {
		*now += gap_us;
		turn->is_usual = turn_is_usual(turn, *now);
	}
	return turn->is_usual;
}

static void now_and_then(void **state)
{
	struct turn turn = {0};
	uint64_t now = BEGIN;

	(void)state;
	assert_false(after(&turn, &now, 1, 0));
	assert_false(after(&turn, &now, 1000, 300000));
	assert_false(after(&turn, &now, 1000, 20000)); /* 50 in a second */
}

static void without_a_pause(void **state)
{
	struct turn turn = {0};
	uint64_t now = BEGIN;

	(void)state;
	assert_false(after(&turn, &now, 63, 10));
	assert_true(after(&turn, &now, 1, 10));
	assert_true(after(&turn, &now, 10000, 10));
	assert_true(after(&turn, &now, 10000, 6000)); /* each waits for a processor */
	assert_false(after(&turn, &now, 1, 300000));
	assert_false(after(&turn, &now, 62, 10));
	assert_true(after(&turn, &now, 64, 10));
	assert_false(after(&turn, &now, 128, 100000)); /* fewer, without a pause */
}

static void a_clock_that_was_set_back(void **state)
{
	struct turn turn = {0};
	uint64_t now = BEGIN;

	(void)state;
	assert_true(after(&turn, &now, 200, 10));
	now -= 3600000000U;
	assert_false(after(&turn, &now, 1, 10));
	assert_true(after(&turn, &now, 64, 10));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(now_and_then),
	    cmocka_unit_test(without_a_pause),
	    cmocka_unit_test(a_clock_that_was_set_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
