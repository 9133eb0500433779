#include "crowd.h"

#define LONG_US       14U /* a call takes at least so long: of shorter ones two readers make now more, now fewer */
#define CROWDED_LOOKS 4U  /* before one more reads */
#define CALM_LOOKS    40U /* before one fewer does */

/* Have the calls since the last look been such that more readers make more of them? */
static bool are_long(struct crowd *crowd, const struct crowd_sight *sight)
{
	const uint64_t calls = sight->calls - crowd->calls;
	const int64_t spent = sight->now_us - crowd->at_us;

	crowd->calls = sight->calls;
	crowd->at_us = sight->now_us;
	return spent > 0 && calls <= (uint64_t)spent * sight->readers / LONG_US;
}

int crowd_look(struct crowd *crowd, const struct crowd_sight *sight)
{
	const bool crowded = are_long(crowd, sight) && sight->is_full;
	int more = 0;

	crowd->crowded = crowded ? crowd->crowded + 1 : 0;
	crowd->calm = crowded ? 0 : crowd->calm + 1;
	if (crowd->crowded >= CROWDED_LOOKS && sight->readers < sight->most)
		more = 1;
	else if (crowd->calm >= CALM_LOOKS && sight->readers > 1)
		more = -1;
	if (more)
		crowd->crowded = crowd->calm = 0;
	return more;
}
