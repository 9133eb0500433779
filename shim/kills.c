#include "kills.h"

#include <stddef.h>

bool kills_put(struct kills *kills, const struct kill_record *record)
{
	uint64_t put = atomic_load(&kills->put);

	if (put > 0 && kills->records[(put - 1) % KILLS_MAX].serial == record->serial)
		return true; /* by a broker that has died since */
	if (put - atomic_load(&kills->taken) >= KILLS_MAX)
		return false;
	kills->records[put % KILLS_MAX] = *record;
	atomic_store(&kills->put, put + 1);
	return true;
}

bool kills_next(const struct kills *kills, struct kill_record *record)
{
	uint64_t taken = atomic_load(&kills->taken);

	if (taken == atomic_load(&kills->put))
		return false;
	*record = kills->records[taken % KILLS_MAX];
	if (record->comm_length > sizeof(record->comm))
		record->comm_length = 0;
	if (record->exe_length > sizeof(record->exe))
		record->exe_length = 0;
	return true;
}

uint64_t kills_lost(const struct kills *kills)
{
	return atomic_load(&kills->lost) - atomic_load(&kills->lost_taken);
}
