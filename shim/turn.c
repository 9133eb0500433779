#include "turn.h"

#include <sys/syscall.h>
#include <unistd.h>

#define SHORT_NS 100000U /* the least that the kernel takes */
#define USUAL_NS 0U      /* what others have */

#define MANY     64U      /* notifications ... */
#define SOON_US  1000000U /* ... within this: without a pause, where each waits for a processor */
#define PAUSE_US 250000U

/* The kernel's struct sched_attr in its first version: newer C libraries have it by that name. */
struct turn_attributes {
	uint32_t size;
	uint32_t policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime; /* ns; of a normal policy: the turn, its slice */
	uint64_t deadline;
	uint64_t period;
};

/* Read first: nice and policy stay what they are. */
static void ask_for(uint64_t nanoseconds)
{
	struct turn_attributes attributes = {.size = sizeof(attributes)};

	if (syscall(SYS_sched_getattr, 0, &attributes, sizeof(attributes), 0) != 0)
		return;
	attributes.flags = 0;
	attributes.runtime = nanoseconds;
	(void)syscall(SYS_sched_setattr, 0, &attributes, 0);
}

bool turn_is_usual(struct turn *turn, uint64_t now_us)
{
	bool paused = now_us - turn->last_us > PAUSE_US;
	bool many;

	turn->last_us = now_us;
	if (paused || turn->count == 0) {
		turn->since_us = now_us;
		turn->count = 1;
		return turn->is_usual && !paused;
	}
	if (++turn->count < MANY)
		return turn->is_usual;
	many = now_us - turn->since_us < SOON_US;
	turn->count = 0;
	return many;
}

void turn_begin(struct turn *turn)
{
	*turn = (struct turn){0};
	ask_for(SHORT_NS);
}

void turn_count(struct turn *turn, uint64_t now_us)
{
	bool wanted = turn_is_usual(turn, now_us);

	if (wanted == turn->is_usual)
		return;
	turn->is_usual = wanted;
	ask_for(wanted ? USUAL_NS : SHORT_NS);
}
