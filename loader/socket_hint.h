/*
 * The rule that would allow what was denied, in the words of agentsh.ini(5). Pure.
 */
#ifndef AGENTSH_SOCKET_HINT_H
#define AGENTSH_SOCKET_HINT_H

#include "policy_keys.h"
#include "socket_rules.h"

#define SOCKET_HINT_SIZE    512U /* bytes: enough for any */
#define SOCKET_HINT_PATTERN 185U /* bytes of a pattern at most: a line of the INI has 198 */

/* Is a section of that name in use? */
typedef bool socket_hint_used(const void *context, const char *name);

/*
 * Writes a name for a rule about a name: its service's or made from its last component; with a number
 * behind it where that is in use.
 */
void socket_hint_rule(const struct socket_name *name, const struct service *service, socket_hint_used *used,
		      const void *context, char out[RULE_NAME_MAX + 1]);

/*
 * Writes "services = docker", or "paths = /run/x" (@name) where the name belongs to no service.
 * False: the name is too long for a line of the INI.
 */
bool socket_hint_key(const struct socket_name *name, const struct service *service, char *out, size_t size);

/*
 * Writes "[unix_socket_rules.docker] services = docker", with ", before [unix_socket_rules.x]"
 * where a rule denies it. False: no rule can name it, or it is allowed; *out is then empty.
 */
bool socket_hint(const struct policy *policy, const struct socket_name *name, const struct socket_decision *decision,
		 char out[SOCKET_HINT_SIZE]);

#endif
