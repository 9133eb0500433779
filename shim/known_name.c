#include "known_name.h"

#include <stdint.h>
#include <string.h>

/* FNV-1a. */
#define HASH_START 2166136261U
#define HASH_PRIME 16777619U

static struct known_name *place_of(const struct known_names *names, const struct socket_name *name)
{
	uint32_t hash = HASH_START;

	for (size_t i = 0; i < name->length; i++)
		hash = (hash ^ (unsigned char)name->bytes[i]) * HASH_PRIME;
	return &names->all[hash % names->count];
}

static bool is_that(const struct known_name *known, const struct socket_name *name)
{
	return known->is_known && known->abstract == name->abstract && known->length == name->length &&
	       memcmp(known->bytes, name->bytes, name->length) == 0;
}

const struct socket_belonging *known_name_find(const struct known_names *names, const struct socket_name *name)
{
	struct known_name *known = place_of(names, name);

	if (is_that(known, name))
		return &known->belonging;
	known->belonging.service = socket_rules_service(name, &known->belonging.pattern);
	known->is_known = name->length <= sizeof(known->bytes);
	known->abstract = name->abstract;
	known->length = name->length;
	if (known->is_known)
		memcpy(known->bytes, name->bytes, name->length);
	return &known->belonging;
}
