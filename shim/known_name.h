/*
 * The name that was judged last, and what the catalogue of services says of it, which is the same always: a program
 * connects to one name over and over, and to look through the catalogue costs as much as two system calls. Pure.
 */
#ifndef AGENTSH_KNOWN_NAME_H
#define AGENTSH_KNOWN_NAME_H

#include <stdbool.h>
#include <stddef.h>

#include "socket_rules.h"

#define KNOWN_NAME_MAX 256U /* a longer one is looked for each time */

struct known_name {
	bool is_known;
	bool abstract;
	size_t length;
	char bytes[KNOWN_NAME_MAX];
	struct socket_belonging belonging;
};

/* What the name belongs to: the table's, until the next call. */
const struct socket_belonging *known_name_find(struct known_name *known, const struct socket_name *name);

#endif
