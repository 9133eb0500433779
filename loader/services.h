/*
 * The service catalogue: which sockets belong to what, and what reaching them gives. Made from
 * conf/services.ini when the programs are built, so that none of them needs a file beside it.
 */
#ifndef AGENTSH_SERVICES_H
#define AGENTSH_SERVICES_H

#include <stdbool.h>
#include <stddef.h>

struct service {
	const char *name;
	const char *const *patterns; /* NULL-terminated; as in a rule's paths */
	const char *gives;           /* one line: "root on this host", "uses your keys", ...; "" for the harmless */
	bool dangerous;              /* reaching it leads out of the session, or further */
};

const struct service *service_find(const char *name);

/* All of them; *count says how many. */
const struct service *service_all(size_t *count);

/*
 * Is there a service of that name; which is it likely to be (NULL: none)? These know names and
 * nothing else: the loader, which asks no more, carries no patterns.
 */
bool service_exists(const char *name);
const char *service_nearest(const char *name);

#endif
