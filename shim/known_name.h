/*
 * The names that were judged last, and what the catalogue of services says of each, which is the same always: programs
 * connect to a few names over and over, and to look through the catalogue costs as much as a notification does. Pure.
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

/* Each name has one place, which it shares with others. */
struct known_names {
	struct known_name *all; /* borrowed; all zero: none is known */
	unsigned count;         /* at least one */
};

/* What the name belongs to: the table's, until the next call. */
const struct socket_belonging *known_name_find(const struct known_names *names, const struct socket_name *name);

#endif
