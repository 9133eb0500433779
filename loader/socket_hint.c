#include "socket_hint.h"

#include <stdio.h>
#include <string.h>

#include "glob.h"

#define NAME_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"
#define NUMBER_ROOM     6U /* bytes of a rule's name that are left for "-" and a number */

/* A name's last component, less the dots it begins with; what cannot stand in a rule's name becomes '-'. */
static void name_after(const struct socket_name *name, char out[RULE_NAME_MAX + 1])
{
	const char *slash = memrchr(name->bytes, '/', name->length);
	const char *at = slash ? slash + 1 : name->bytes;
	const char *end = name->bytes + name->length;
	size_t length = 0;

	while (at < end && *at == '.')
		at++;
	for (; at < end && length < RULE_NAME_MAX - NUMBER_ROOM; at++) {
		out[length] = '-';
		if (*at && strchr(NAME_CHARACTERS, *at))
			out[length] = *at;
		length++;
	}
	out[length] = '\0';
	if (length == 0)
		(void)snprintf(out, RULE_NAME_MAX + 1, "socket");
}

void socket_hint_rule(const struct socket_name *name, const struct service *service, socket_hint_used *used,
		      const void *context, char out[RULE_NAME_MAX + 1])
{
	char base[RULE_NAME_MAX + 1];

	if (service)
		(void)snprintf(base, sizeof(base), "%s", service->name);
	else
		name_after(name, base);
	(void)snprintf(out, RULE_NAME_MAX + 1, "%s", base);
	/* There are at most POLICY_RULES_MAX names in use, and the built-in one. */
	for (unsigned number = 2; used(context, out) && number <= POLICY_RULES_MAX + 2; number++)
		(void)snprintf(out, RULE_NAME_MAX + 1, "%.*s-%u", (int)(RULE_NAME_MAX - NUMBER_ROOM), base, number);
}

bool socket_hint_key(const struct socket_name *name, const struct service *service, char *out, size_t size)
{
	char pattern[SOCKET_HINT_PATTERN + 1];

	if (service) {
		(void)snprintf(out, size, "services = %s", service->name);
		return true;
	}
	if (glob_quote(name->bytes, name->length, pattern, sizeof(pattern) - name->abstract) == 0)
		return false;
	(void)snprintf(out, size, "paths = %s%s", name->abstract ? "@" : "", pattern);
	return true;
}

static bool used_in_policy(const void *context, const char *name)
{
	const struct policy *policy = context;

	for (size_t i = 0; i < policy->rule_count; i++)
		if (strcmp(policy->rules[i].name, name) == 0)
			return true;
	return false;
}

bool socket_hint(const struct policy *policy, const struct socket_name *name, const struct socket_decision *decision,
		 char out[SOCKET_HINT_SIZE])
{
	char rule[RULE_NAME_MAX + 1];
	char key[SOCKET_HINT_PATTERN + sizeof("services = ")];

	out[0] = '\0';
	if (decision->allowed || !socket_hint_key(name, decision->service, key, sizeof(key)))
		return false;
	socket_hint_rule(name, decision->service, used_in_policy, policy, rule);
	(void)snprintf(out, SOCKET_HINT_SIZE, "[" RULE_SECTION ".%s] %s%s%s%s", rule, key,
		       decision->rule ? ", before [" RULE_SECTION "." : "", decision->rule ? decision->rule->name : "",
		       decision->rule ? "]" : "");
	return true;
}
