#include "services.h"

#include <string.h>

#include "likeness.h"

/* Made by scripts/services-table from conf/services.ini: services[] and names[], each of which ends with a NUL. */
#include "services_table.inc"

static bool is_one(const char *known)
{
	return known < names + sizeof(names) - 1;
}

const struct service *service_all(size_t *count)
{
	*count = sizeof(services) / sizeof(services[0]);
	return services;
}

const struct service *service_find(const char *name)
{
	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++)
		if (strcmp(services[i].name, name) == 0)
			return &services[i];
	return NULL;
}

bool service_exists(const char *name)
{
	for (const char *known = names; is_one(known); known += strlen(known) + 1)
		if (strcmp(known, name) == 0)
			return true;
	return false;
}

const char *service_nearest(const char *name)
{
	size_t best = likeness_bound(strlen(name));
	const char *nearest = NULL;

	for (const char *known = names; is_one(known) && best > 0; known += strlen(known) + 1) {
		size_t distance = likeness_distance(name, known, best);

		if (distance >= best)
			continue;
		best = distance;
		nearest = known;
	}
	return nearest;
}
