#include "socket_rules.h"

#include <string.h>

#include "glob.h"

/* One decision in the making. */
struct asking {
	enum socket_operation operation;
	const struct socket_name *name;
	socket_rules_confirm *confirm;
	void *context;
	bool asked; /* confirm has been, and said: */
	bool confirmed;
	struct socket_belonging belonging;
};

static const char *const operation_names[] = {
    [OPERATION_CONNECT] = "connect",
    [OPERATION_BIND] = "bind",
    [OPERATION_SENDTO] = "sendto",
};

const char *socket_operation_name(enum socket_operation operation)
{
	return operation_names[operation];
}

bool socket_operation_find(const char *text, enum socket_operation *operation)
{
	for (unsigned i = 0; i < sizeof(operation_names) / sizeof(operation_names[0]); i++) {
		if (strcmp(operation_names[i], text) != 0)
			continue;
		*operation = i;
		return true;
	}
	return false;
}

bool socket_rule_covers(const struct socket_rule *rule, enum socket_operation operation)
{
	return rule->operations.count == 0 || list_find(&rule->operations, operation_names[operation]);
}

static bool matches(const char *pattern, const struct socket_name *name)
{
	if (name->abstract)
		return pattern[0] == '@' && glob_match(GLOB_ABSTRACT, pattern + 1, name->bytes, name->length);
	return pattern[0] == '/' && glob_match(GLOB_PATHNAME, pattern, name->bytes, name->length);
}

const struct service *socket_rules_service(const struct socket_name *name, const char **pattern)
{
	size_t count;
	const struct service *all = service_all(&count);

	for (size_t i = 0; i < count; i++) {
		for (const char *const *candidate = all[i].patterns; *candidate; candidate++) {
			if (!matches(*candidate, name))
				continue;
			*pattern = *candidate;
			return &all[i];
		}
	}
	*pattern = NULL;
	return NULL;
}

/* The first pattern of the rule that matches, or the service's; in *line where it stands. NULL: none. */
static const char *match_rule(const struct asking *asking, const struct socket_rule *rule, unsigned *line)
{
	const struct list_entry *service;

	for (size_t i = 0; i < rule->paths.count; i++) {
		if (!matches(rule->paths.entries[i].text, asking->name))
			continue;
		*line = rule->paths.entries[i].line;
		return rule->paths.entries[i].text;
	}
	service = asking->belonging.service ? list_find(&rule->services, asking->belonging.service->name) : NULL;
	if (!service)
		return NULL;
	*line = service->line;
	return asking->belonging.pattern;
}

static bool counts(struct asking *asking)
{
	if (!asking->confirm)
		return true;
	if (!asking->asked)
		asking->confirmed = asking->confirm(asking->context, asking->name);
	asking->asked = true;
	return asking->confirmed;
}

static bool allowed_by_default(struct asking *asking, enum socket_default otherwise, enum socket_owner owner)
{
	if (otherwise == SOCKET_DEFAULT_DENY)
		return false;
	if (asking->operation == OPERATION_BIND || owner == OWNER_SESSION)
		return true;
	if (otherwise == SOCKET_DEFAULT_USER)
		return owner == OWNER_USER;
	return otherwise == SOCKET_DEFAULT_ALLOW && counts(asking);
}

struct socket_decision socket_rules_decide(const struct policy *policy, enum socket_operation operation,
					   const struct socket_name *name, enum socket_owner owner,
					   socket_rules_confirm *confirm, void *context)
{
	struct asking asking = {.operation = operation, .name = name, .confirm = confirm, .context = context};
	struct socket_decision decision = {0};

	if (name->belonging)
		asking.belonging = *name->belonging;
	else
		asking.belonging.service = socket_rules_service(name, &asking.belonging.pattern);
	decision.service = asking.belonging.service;
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct socket_rule *rule = &policy->rules[i];

		if (!socket_rule_covers(rule, operation))
			continue;
		decision.pattern = match_rule(&asking, rule, &decision.line);
		if (!decision.pattern || (rule->decision == DECISION_ALLOW && !counts(&asking)))
			continue;
		decision.rule = rule;
		decision.allowed = rule->decision == DECISION_ALLOW;
		return decision;
	}
	decision.pattern = NULL;
	decision.line = policy->lines[KEY_UNIX_DEFAULT];
	decision.allowed = allowed_by_default(&asking, policy->unix_socket.otherwise, owner);
	return decision;
}
