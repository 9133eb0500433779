#include "known_name.h"

#include <string.h>

static bool is_that(const struct known_name *known, const struct socket_name *name)
{
	return known->is_known && known->abstract == name->abstract && known->length == name->length &&
	       memcmp(known->bytes, name->bytes, name->length) == 0;
}

const struct socket_belonging *known_name_find(struct known_name *known, const struct socket_name *name)
{
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
