#include "lint_sockets.h"

#include <limits.h>
#include <string.h>

#include "glob.h"
#include "services.h"
#include "socket_rules.h"

/* The first rule that a file has beside that of the built-in name, which each starter policy has. NULL: none. */
static const struct socket_rule *first_own(const struct policy *policy)
{
	for (size_t i = 0; i < policy->rule_count; i++)
		if (strcmp(policy->rules[i].name, POLICY_BASE_RULE) != 0)
			return &policy->rules[i];
	return NULL;
}

static void lint_effect(const struct policy *policy, struct diagnostics *diagnostics)
{
	const struct socket_rule *rule = first_own(policy);

	if (!rule)
		return;
	if (!policy->unix_socket.enabled)
		(void)diagnostics_warning(diagnostics, rule->line,
					  "Unix socket rules have no effect while unix_socket.enabled = false");
	else if (policy->unix_socket.degraded == DEGRADED_NO_UNIX)
		(void)diagnostics_warning(diagnostics, rule->line,
					  "Unix socket rules have no effect under degraded = no_unix: all are refused");
}

/* Does the earlier rule speak of every operation that the later one does? */
static bool covers_all(const struct socket_rule *earlier, const struct socket_rule *later)
{
	for (unsigned operation = OPERATION_CONNECT; operation <= OPERATION_SENDTO; operation++)
		if (socket_rule_covers(later, operation) && !socket_rule_covers(earlier, operation))
			return false;
	return true;
}

/* Tells the entries of a rule's list that an earlier rule has in the same list (at offset) already. */
static void lint_unreached(const struct policy *policy, const struct socket_rule *rule, size_t offset,
			   struct diagnostics *diagnostics)
{
	const struct list *list = (const void *)((const char *)rule + offset);

	for (size_t i = 0; i < list->count; i++) {
		for (const struct socket_rule *earlier = policy->rules; earlier < rule; earlier++) {
			const struct list *others = (const void *)((const char *)earlier + offset);
			const struct list_entry *same = list_find(others, list->entries[i].text);

			if (!same || rule->builtin || !covers_all(earlier, rule))
				continue;
			(void)diagnostics_warning(diagnostics, list->entries[i].line,
						  "%s is never reached here: rule '%s' has it already, on line %u",
						  same->text, earlier->name, same->line);
			break;
		}
	}
}

/* The directory that a pattern's sockets are in, as far as it is spelt out. False: it holds a NUL. */
static bool spelt_directory(const char *pattern, char directory[PATH_MAX])
{
	bool whole;
	size_t length = glob_literal(pattern, directory, PATH_MAX - 1, &whole);

	while (length > 1 && directory[length - 1] != '/')
		length--;
	if (length > 1)
		length--; /* the slash itself */
	directory[length] = '\0';
	return strlen(directory) == length;
}

/* An allow rule allows whatever listens there: also what the session has put in its place. */
static bool lint_writable(const char *what, unsigned line, const char *pattern, lint_can_write *can_write,
			  struct diagnostics *diagnostics)
{
	char directory[PATH_MAX];

	if (pattern[0] != '/' || !spelt_directory(pattern, directory) || !can_write(directory))
		return false;
	(void)diagnostics_warning(diagnostics, line,
				  "%s is allowed, but the session can write %s and put a socket of its own there", what,
				  directory);
	return true;
}

static bool is_literal(const char *pattern, struct socket_name *name, char bytes[GLOB_PATTERN_MAX])
{
	bool whole;

	name->abstract = pattern[0] == '@';
	name->bytes = bytes;
	name->length = glob_literal(pattern + name->abstract, bytes, GLOB_PATTERN_MAX, &whole);
	return whole;
}

/* Does the pattern match one of the service's names that are spelt out? */
static bool matches_one_of(const char *pattern, const struct service *service)
{
	enum glob_kind kind = pattern[0] == '@' ? GLOB_ABSTRACT : GLOB_PATHNAME;

	for (const char *const *candidate = service->patterns; *candidate; candidate++) {
		char bytes[GLOB_PATTERN_MAX];
		struct socket_name name;

		if (strcmp(pattern, *candidate) == 0)
			return true;
		if (is_literal(*candidate, &name, bytes) && name.abstract == (kind == GLOB_ABSTRACT) &&
		    glob_match(kind, pattern + name.abstract, name.bytes, name.length))
			return true;
	}
	return false;
}

/* The first dangerous service that a path pattern opens, or NULL. */
static const struct service *opened_by(const char *pattern)
{
	char bytes[GLOB_PATTERN_MAX];
	struct socket_name name;
	const char *unused;
	size_t count;
	const struct service *all = service_all(&count);

	if (is_literal(pattern, &name, bytes)) {
		const struct service *service = socket_rules_service(&name, &unused);

		return service && service->dangerous ? service : NULL;
	}
	for (size_t i = 0; i < count; i++)
		if (all[i].dangerous && matches_one_of(pattern, &all[i]))
			return &all[i];
	return NULL;
}

static void lint_path(const struct list_entry *path, lint_can_write *can_write, struct diagnostics *diagnostics)
{
	const struct service *service = opened_by(path->text);

	if (service)
		(void)diagnostics_warning(diagnostics, path->line, "%s is allowed, which is %s: %s", path->text,
					  service->name, service->gives);
	(void)lint_writable(path->text, path->line, path->text, can_write, diagnostics);
}

static void lint_service(const struct list_entry *entry, lint_can_write *can_write, struct diagnostics *diagnostics)
{
	const struct service *service = service_find(entry->text);

	if (service->dangerous)
		(void)diagnostics_warning(diagnostics, entry->line, "%s is allowed: %s", entry->text, service->gives);
	for (const char *const *pattern = service->patterns; *pattern; pattern++)
		if (lint_writable(entry->text, entry->line, *pattern, can_write, diagnostics))
			return;
}

void lint_sockets(const struct policy *policy, lint_can_write *can_write, struct diagnostics *diagnostics)
{
	lint_effect(policy, diagnostics);
	for (size_t r = 0; r < policy->rule_count; r++) {
		const struct socket_rule *rule = &policy->rules[r];

		lint_unreached(policy, rule, offsetof(struct socket_rule, paths), diagnostics);
		lint_unreached(policy, rule, offsetof(struct socket_rule, services), diagnostics);
		if (rule->decision != DECISION_ALLOW)
			continue;
		for (size_t i = 0; i < rule->paths.count; i++)
			lint_path(&rule->paths.entries[i], can_write, diagnostics);
		for (size_t i = 0; i < rule->services.count; i++)
			lint_service(&rule->services.entries[i], can_write, diagnostics);
	}
}
