#include "policy_value.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "glob.h"
#include "services.h"
#include "syscall_table.h"

#define NAME_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"

struct place {
	const struct policy_key *key;
	unsigned line;
	struct diagnostics *diagnostics;
};

static int set_boolean(const struct place *at, const char *value, bool *field)
{
	static const char *const yes[] = {"true", "yes", "on"};
	static const char *const no[] = {"false", "no", "off"};

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		if (strcasecmp(value, yes[i]) == 0 || strcasecmp(value, no[i]) == 0) {
			*field = strcasecmp(value, yes[i]) == 0;
			return 0;
		}
	}
	return diagnostics_error(at->diagnostics, at->line, "%s is true or false, not '%s'", at->key->name, value);
}

static int find_word(const struct place *at, const char *value)
{
	const char *word = at->key->words;

	for (int i = 0; *word; i++) {
		size_t length = strcspn(word, POLICY_WORD_ENDS);

		if (strncmp(word, value, length) == 0 && value[length] == '\0')
			return i;
		word += length;
		word += strspn(word, POLICY_WORD_ENDS);
	}
	return diagnostics_error(at->diagnostics, at->line, "%s is one of %s, not '%s'", at->key->name, at->key->words,
				 value);
}

static int set_word(const struct place *at, const char *value, void *field)
{
	int word = find_word(at, value);
	unsigned number = (unsigned)word;

	if (word < 0)
		return -1;
	/* Every word key's field is an enum without negative members: an unsigned int to gcc and clang. */
	memcpy(field, &number, sizeof(number));
	return 0;
}

static int set_text(const struct place *at, const char *value, char **field)
{
	char *copy = strdup(value);

	if (!copy)
		return diagnostics_error(at->diagnostics, at->line, "out of memory");
	free(*field);
	*field = copy;
	return 0;
}

static int set_path(const struct place *at, const char *value, char **field)
{
	if (value[0] != '/' || value[1] == '\0')
		return diagnostics_error(at->diagnostics, at->line, "%s is an absolute path, not '%s'", at->key->name,
					 value);
	return set_text(at, value, field);
}

static int set_events(const struct place *at, const char *value, char **field)
{
	bool known = value[0] == '\0' || (value[0] == '/' && value[1]) || strcmp(value, "-") == 0 ||
		     strcmp(value, "syslog:") == 0 || strcmp(value, "journald:") == 0;

	if (!known)
		return diagnostics_error(at->diagnostics, at->line,
					 "events is empty, an absolute path, -, syslog: or journald:, not '%s'", value);
	return set_text(at, value, field);
}

int policy_value_scalar(const struct policy_key *key, const char *value, void *field, unsigned line,
			struct diagnostics *diagnostics)
{
	const struct place at = {.key = key, .line = line, .diagnostics = diagnostics};

	switch (key->kind) {
	case VALUE_BOOLEAN:
		return set_boolean(&at, value, field);
	case VALUE_WORD:
		return set_word(&at, value, field);
	case VALUE_PATH:
		return set_path(&at, value, field);
	case VALUE_EVENTS:
		return set_events(&at, value, field);
	default:
		return diagnostics_error(diagnostics, line, "%s is a list", key->name);
	}
}

static int check_syscall(const struct place *at, struct list_entry *entry)
{
	char nearest[SYSCALL_NAME_MAX];
	const char *name = entry->text;

	entry->number = syscall_number(syscall_native_arch(), name);
	if (entry->number != SYSCALL_UNKNOWN)
		return 0;
	/* Not for findings that nobody will see: a file of nothing but unknown names would take long. */
	if (at->diagnostics->count < DIAGNOSTICS_MAX && syscall_nearest(name, nearest))
		return diagnostics_error(at->diagnostics, at->line, "unknown system call '%s' (did you mean '%s'?)",
					 name, nearest);
	return diagnostics_error(at->diagnostics, at->line, "unknown system call '%s'", name);
}

static int check_name(const struct place *at, const char *name)
{
	if (name[strspn(name, NAME_CHARACTERS)] != '\0')
		return diagnostics_error(at->diagnostics, at->line, "'%s' is no name: letters, digits, '_', '.', '-'",
					 name);
	return 0;
}

static int check_path(const struct place *at, const char *pattern)
{
	enum glob_kind kind = pattern[0] == '@' ? GLOB_ABSTRACT : GLOB_PATHNAME;
	const char *problem;
	unsigned stars;

	if ((pattern[0] != '/' && pattern[0] != '@') || strcmp(pattern, "@") == 0)
		return diagnostics_error(at->diagnostics, at->line,
					 "'%s' is neither an absolute path nor an abstract @name", pattern);
	if (strcmp(pattern, "/") == 0)
		return diagnostics_error(at->diagnostics, at->line, "'/' can match nothing: it is a directory");
	if (kind == GLOB_PATHNAME && glob_has_odd_component(pattern))
		return diagnostics_error(at->diagnostics, at->line,
					 "'%s' can match nothing: a resolved path has no empty, '.' or '..' component",
					 pattern);
	problem = glob_problem(kind, pattern, &stars);
	if (problem)
		return diagnostics_error(at->diagnostics, at->line, "'%s' %s", pattern, problem);
	if (stars > POLICY_PATTERN_STARS_MAX)
		return diagnostics_error(at->diagnostics, at->line, "'%s' has too many '*' (%u, at most %u)", pattern,
					 stars, POLICY_PATTERN_STARS_MAX);
	return 0;
}

static int check_service(const struct place *at, const char *name)
{
	const char *nearest;

	if (check_name(at, name) != 0)
		return -1;
	if (service_exists(name))
		return 0;
	nearest = service_nearest(name);
	if (nearest)
		return diagnostics_error(at->diagnostics, at->line, "unknown service '%s' (did you mean '%s'?)", name,
					 nearest);
	return diagnostics_error(at->diagnostics, at->line, "unknown service '%s'", name);
}

static int check_entry(const struct place *at, struct list_entry *entry)
{
	switch (at->key->kind) {
	case VALUE_SYSCALLS:
		return check_syscall(at, entry);
	case VALUE_PATHS:
		return check_path(at, entry->text);
	case VALUE_SERVICES:
		return check_service(at, entry->text);
	case VALUE_WORDS:
		return find_word(at, entry->text) < 0 ? -1 : 0;
	default:
		return diagnostics_error(at->diagnostics, at->line, "%s is no list", at->key->name);
	}
}

static int add_entry(const struct place *at, struct list *list, const char *entry, size_t length)
{
	size_t most = at->key->kind == VALUE_PATHS ? POLICY_RULE_PATHS_MAX : POLICY_LIST_MAX;

	if (list->count == most)
		return diagnostics_error(at->diagnostics, at->line, "%s has too many entries (at most %zu)",
					 at->key->name, most);
	if (list_add(list, entry, length, at->line) != 0)
		return diagnostics_error(at->diagnostics, at->line, "out of memory");
	if (check_entry(at, &list->entries[list->count - 1]) != 0)
		return -1;
	return 0;
}

static bool is_separator(char c)
{
	return c <= ',' && (c == ',' || c == ' ' || c == '\t');
}

int policy_value_list(const struct policy_key *key, const char *value, size_t length, struct list *list, unsigned line,
		      struct diagnostics *diagnostics)
{
	const struct place at = {.key = key, .line = line, .diagnostics = diagnostics};
	const char *const end = value + length;
	int result = 0;

	while (value < end) {
		const char *entry = value;

		while (value < end && !is_separator(*value))
			value++;
		if (value == entry)
			value++;
		else if (add_entry(&at, list, entry, (size_t)(value - entry)) != 0)
			result = -1;
	}
	return result;
}
