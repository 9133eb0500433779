#include "policy.h"

#include <ini.h>
#include <stdlib.h>
#include <string.h>

#include "ini_lines.h"
#include "policy_keys.h"
#include "policy_value.h"

#define RULE_PREFIX  RULE_SECTION "."
#define SECTIONS_MAX 32U

/* A section or a key of a rule that has been given: for "given twice, first on line N". */
struct given {
	const char *name; /* borrowed from the table of keys */
	unsigned line;
};

struct parse {
	struct policy *policy;
	struct diagnostics *diagnostics;
	struct ini_lines lines;
	struct given sections[SECTIONS_MAX];
	size_t section_count;
	struct socket_rule *rule;              /* of the current section, or NULL */
	bool section_refused;                  /* its keys are passed over: one error is enough */
	const struct policy_key *key;          /* the current one, or NULL where it was refused */
	const struct policy_key *rule_keys[8]; /* those given in the current rule */
	unsigned rule_key_lines[8];
	size_t rule_key_count;
};

static int defaults_of_lists(struct policy *policy)
{
	static const char *const block[] = {"ptrace",     "process_vm_readv", "process_vm_writev", "personality",
					    "mount",      "umount2",          "pivot_root",        "reboot",
					    "kexec_load", "init_module",      "finit_module",      "delete_module"};

	for (size_t i = 0; i < sizeof(block) / sizeof(block[0]); i++)
		if (list_add(&policy->syscalls.block, block[i], strlen(block[i]), 0) != 0)
			return -1;
	return 0;
}

/* Every key's default, and no rule. */
static int defaults_of_keys(struct policy *policy)
{
	*policy = (struct policy){
	    .enabled = true,
	    .mode = MODE_ENFORCE,
	    .unix_socket =
		{
		    .enabled = true,
		    .action = SOCKET_ENFORCE,
		    .otherwise = SOCKET_DEFAULT_SESSION,
		    .datagram = DATAGRAM_MEDIATE,
		    .log = SOCKET_LOG_ALL,
		    .degraded = DEGRADED_REFUSE,
		},
	    .syscalls = {.default_action = DEFAULT_ALLOW, .on_block = ON_BLOCK_KILL},
	    .shell_program = strdup("/bin/bash"),
	    .user_config = USER_CONFIG_DENY,
	    .notices = NOTICES_AUTO,
	    .sidecar_socket = strdup("/run/agentsh/sidecar.sock"),
	    .events = strdup(""),
	    .on_event_loss = EVENT_LOSS_CONTINUE,
	};
	if (policy->shell_program && policy->sidecar_socket && policy->events && defaults_of_lists(policy) == 0)
		return 0;
	policy_free(policy);
	return -1;
}

/* A new rule behind the others, or NULL where memory ran out. */
static struct socket_rule *append_rule(struct policy *policy, const char *name, unsigned line)
{
	struct socket_rule *rules = reallocarray(policy->rules, policy->rule_count + 1, sizeof(*rules));
	struct socket_rule *rule;

	if (!rules)
		return NULL;
	policy->rules = rules;
	rule = &rules[policy->rule_count];
	*rule = (struct socket_rule){.name = strdup(name), .decision = DECISION_ALLOW, .line = line};
	if (!rule->name)
		return NULL;
	policy->rule_count++;
	return rule;
}

static const struct socket_rule *find_rule(const struct policy *policy, const char *name)
{
	for (size_t i = 0; i < policy->rule_count; i++)
		if (strcmp(policy->rules[i].name, name) == 0)
			return &policy->rules[i];
	return NULL;
}

/* Behind the file's own rules, so that each of them can take something out of it. */
static int add_base_rule(struct policy *policy)
{
	struct socket_rule *rule;

	if (find_rule(policy, POLICY_BASE_RULE))
		return 0;
	rule = append_rule(policy, POLICY_BASE_RULE, 0);
	if (!rule)
		return -1;
	rule->builtin = true;
	return list_add(&rule->services, POLICY_BASE_RULE, strlen(POLICY_BASE_RULE), 0);
}

int policy_defaults(struct policy *policy)
{
	if (defaults_of_keys(policy) == 0 && add_base_rule(policy) == 0)
		return 0;
	policy_free(policy);
	return -1;
}

static void free_rule(struct socket_rule *rule)
{
	free(rule->name);
	list_clear(&rule->paths);
	list_clear(&rule->services);
	list_clear(&rule->operations);
}

void policy_free(struct policy *policy)
{
	list_clear(&policy->syscalls.block);
	list_clear(&policy->syscalls.allow);
	list_clear(&policy->accept);
	for (size_t i = 0; i < policy->rule_count; i++)
		free_rule(&policy->rules[i]);
	free(policy->rules);
	free(policy->shell_program);
	free(policy->sidecar_socket);
	free(policy->events);
	*policy = (struct policy){0};
}

static int refuse_section(struct parse *parse, unsigned line, const char *problem, const char *name)
{
	parse->section_refused = true;
	return diagnostics_error(parse->diagnostics, line, problem, name);
}

static int add_rule(struct parse *parse, const char *name, unsigned line)
{
	const struct socket_rule *first = find_rule(parse->policy, name);

	if (first)
		return diagnostics_error(parse->diagnostics, line,
					 "section [" RULE_PREFIX "%s] is given twice, first on line %u", name,
					 first->line);
	if (parse->policy->rule_count == POLICY_RULES_MAX)
		return diagnostics_error(parse->diagnostics, line, "too many rules (at most %u)", POLICY_RULES_MAX);
	parse->rule = append_rule(parse->policy, name, line);
	return parse->rule ? 0 : diagnostics_error(parse->diagnostics, line, "out of memory");
}

static int begin_rule(struct parse *parse, const char *name, unsigned line)
{
	parse->rule_key_count = 0;
	if (*name == '\0' || strlen(name) > RULE_NAME_MAX)
		return refuse_section(parse, line, "a rule's name has 1 to 31 characters, not '%s'", name);
	parse->section_refused = add_rule(parse, name, line) != 0;
	return 0;
}

static int begin_known_section(struct parse *parse, const char *name, unsigned line)
{
	for (size_t i = 0; i < parse->section_count; i++) {
		if (strcmp(parse->sections[i].name, name) != 0)
			continue;
		parse->section_refused = true;
		return diagnostics_error(parse->diagnostics, line, "section [%s] is given twice, first on line %u",
					 name, parse->sections[i].line);
	}
	for (const struct policy_key *key = policy_keys(); key->section; key++) {
		if (strcmp(key->section, name) != 0)
			continue;
		/* There are fewer sections in the table than SECTIONS_MAX, and each is added once. */
		parse->sections[parse->section_count++] = (struct given){.name = key->section, .line = line};
		return 0;
	}
	return -1;
}

/* The reader calls this for every section head, before inih sees it. */
static void begin_section(void *context, const char *name, unsigned line)
{
	struct parse *parse = context;

	parse->rule = NULL;
	parse->key = NULL;
	parse->section_refused = false;
	if (strncmp(name, RULE_PREFIX, strlen(RULE_PREFIX)) == 0)
		(void)begin_rule(parse, name + strlen(RULE_PREFIX), line);
	else if (strcmp(name, RULE_SECTION) == 0)
		(void)refuse_section(parse, line, "a rule's section is written [%s.NAME]", name);
	else if (!policy_section_exists(name))
		(void)refuse_section(parse, line, "unknown section [%s]", name);
	else
		(void)begin_known_section(parse, name, line);
}

static void *field_of(struct parse *parse, const struct policy_key *key)
{
	char *base = parse->rule ? (char *)parse->rule : (char *)parse->policy;

	return base + key->offset;
}

/* Notes that the key is given here. -1: it has been given before. */
static int note_given(struct parse *parse, const struct policy_key *key, unsigned line)
{
	unsigned first = 0;

	if (parse->rule) {
		for (size_t i = 0; i < parse->rule_key_count; i++)
			if (parse->rule_keys[i] == key)
				first = parse->rule_key_lines[i];
	} else {
		first = parse->policy->lines[key->scalar];
	}
	if (first)
		return diagnostics_error(parse->diagnostics, line, "%s is given twice, first on line %u", key->name,
					 first);
	if (!parse->rule) {
		parse->policy->lines[key->scalar] = line;
		return 0;
	}
	parse->rule_keys[parse->rule_key_count] = key;
	parse->rule_key_lines[parse->rule_key_count++] = line;
	return 0;
}

static int take_key(struct parse *parse, const char *section, const char *name, const char *value, unsigned line)
{
	const struct policy_key *key = policy_key_find(parse->rule ? RULE_SECTION : section, name);

	parse->key = NULL;
	if (!key)
		return diagnostics_error(parse->diagnostics, line, "unknown key '%s' in [%s]", name, section);
	if (note_given(parse, key, line) != 0)
		return -1;
	parse->key = key;
	if (!policy_key_is_list(key))
		return policy_value_scalar(key, value, field_of(parse, key), line, parse->diagnostics);
	list_clear(field_of(parse, key));
	return policy_value_list(key, value, strlen(value), field_of(parse, key), line, parse->diagnostics);
}

/* The reader calls this for every line that continues a value, in place of inih. */
static void take_continuation(void *context, const char *value, size_t length, unsigned line)
{
	struct parse *parse = context;

	if (!parse->key)
		return;
	if (policy_key_is_list(parse->key))
		(void)policy_value_list(parse->key, value, length, field_of(parse, parse->key), line,
					parse->diagnostics);
	else
		(void)diagnostics_error(parse->diagnostics, line, "%s takes one value, on one line", parse->key->name);
}

/* The ini_handler of inih(3): 1 goes on, 0 is an error; which ones, *diagnostics knows. */
static int take_value(void *context, const char *section, const char *name, const char *value)
{
	struct parse *parse = context;
	unsigned line = parse->lines.line;

	if (parse->section_refused)
		return 1;
	return take_key(parse, section, name, value, line) == 0;
}

static void check_lists(const struct policy *policy, struct diagnostics *diagnostics)
{
	const struct list *block = &policy->syscalls.block;

	for (size_t i = 0; i < policy->syscalls.allow.count; i++) {
		const struct list_entry *allowed = &policy->syscalls.allow.entries[i];
		const struct list_entry *blocked = list_find(block, allowed->text);

		if (!blocked)
			continue;
		if (blocked->line)
			(void)diagnostics_error(diagnostics, allowed->line,
						"%s is in both allow and block (block names it on line %u)",
						allowed->text, blocked->line);
		else
			(void)diagnostics_error(diagnostics, allowed->line,
						"%s is in both allow and block (the default of block names it; "
						"an empty 'block =' clears that)",
						allowed->text);
	}
}

/* The command itself is started by execve, after the filter is loaded. */
static void check_execve(const struct policy *policy, struct diagnostics *diagnostics)
{
	const struct list_entry *blocked = list_find(&policy->syscalls.block, "execve");

	if (blocked)
		(void)diagnostics_error(diagnostics, blocked->line,
					"execve is blocked: no command could ever be started");
	else if (policy->syscalls.default_action == DEFAULT_BLOCK && !list_find(&policy->syscalls.allow, "execve"))
		(void)diagnostics_error(diagnostics, policy->lines[KEY_DEFAULT_ACTION],
					"execve is not in allow: no command could ever be started");
}

static void check_rules(const struct policy *policy, struct diagnostics *diagnostics)
{
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct socket_rule *rule = &policy->rules[i];

		if (rule->paths.count == 0 && rule->services.count == 0)
			(void)diagnostics_error(diagnostics, rule->line, "rule '%s' has no path", rule->name);
	}
}

int policy_parse(const char *text, size_t length, struct policy *policy, struct diagnostics *diagnostics)
{
	struct parse parse = {.policy = policy, .diagnostics = diagnostics};
	size_t before = diagnostics->errors;
	int first_bad;

	if (defaults_of_keys(policy) != 0)
		return diagnostics_error(diagnostics, 0, "out of memory");
	if (length > POLICY_TEXT_MAX) {
		policy_free(policy);
		return diagnostics_error(diagnostics, 0, "the file is too large (at most %zu bytes)", POLICY_TEXT_MAX);
	}
	ini_lines_init(&parse.lines, text, length, diagnostics);
	parse.lines.section = begin_section;
	parse.lines.continuation = take_continuation;
	parse.lines.context = &parse;
	first_bad = ini_parse_stream(ini_lines_read, &parse.lines, take_value, &parse);
	if (first_bad != 0 && diagnostics->errors == before)
		/* Nothing that our reader hands out is refused by inih; should it ever be, fail closed. */
		(void)diagnostics_error(diagnostics, parse.lines.line, "the INI parser refused the file");
	if (diagnostics->errors == before) {
		check_lists(policy, diagnostics);
		check_execve(policy, diagnostics);
		check_rules(policy, diagnostics);
	}
	if (diagnostics->errors == before && add_base_rule(policy) != 0)
		(void)diagnostics_error(diagnostics, 0, "out of memory");
	if (diagnostics->errors == before)
		return 0;
	diagnostics_sort(diagnostics);
	policy_free(policy);
	return -1;
}

bool policy_observes_sockets(const struct policy *policy)
{
	return policy->mode == MODE_AUDIT || policy->unix_socket.action == SOCKET_AUDIT;
}

bool policy_filters(const struct policy *policy)
{
	return policy->enabled && policy->mode != MODE_DISABLED;
}

/* A condition under which a policy needs the sidecar, and what runs without. */
struct need {
	bool holds;
	enum policy_scalar key;
	const char *what;
	const char *remedy;
};

/* The first that holds, or NULL. */
static const char *first_need(const struct policy *policy, const struct need *needs, size_t count, unsigned *line,
			      const char **remedy)
{
	if (!policy_filters(policy))
		return NULL;
	for (size_t i = 0; i < count; i++) {
		if (!needs[i].holds)
			continue;
		*line = policy->lines[needs[i].key];
		*remedy = needs[i].remedy;
		return needs[i].what;
	}
	return NULL;
}

bool policy_mediates(const struct policy *policy)
{
	return policy->unix_socket.enabled &&
	       (policy->unix_socket.degraded == DEGRADED_REFUSE || policy->unix_socket.action == SOCKET_AUDIT);
}

bool policy_carries_out(const struct policy *policy)
{
	return policy_mediates(policy) && !policy_observes_sockets(policy);
}

const char *policy_needs_sidecar(const struct policy *policy, unsigned *line, const char **remedy)
{
	const struct need needs[] = {
	    {policy->mode == MODE_AUDIT, KEY_MODE, "mode = audit", "mode = enforce"},
	    {policy->syscalls.on_block == ON_BLOCK_LOG, KEY_ON_BLOCK, "on_block = log", "on_block = errno"},
	    {policy->syscalls.on_block == ON_BLOCK_LOG_AND_KILL, KEY_ON_BLOCK, "on_block = log_and_kill",
	     "on_block = kill"},
	    {policy->unix_socket.enabled && policy->unix_socket.action == SOCKET_AUDIT, KEY_UNIX_ACTION,
	     "unix_socket.action = audit", "action = enforce with degraded = no_unix"},
	    {policy->unix_socket.enabled && policy->unix_socket.degraded == DEGRADED_REFUSE, KEY_UNIX_ENABLED,
	     "unix_socket.enabled = true", "degraded = no_unix, which refuses every Unix socket"},
	    {policy->events[0] != '\0', KEY_EVENTS, "[sidecar] events", "an empty 'events ='"},
	    {policy->on_event_loss == EVENT_LOSS_DENY, KEY_ON_EVENT_LOSS, "on_event_loss = deny",
	     "on_event_loss = continue"},
	};

	return first_need(policy, needs, sizeof(needs) / sizeof(needs[0]), line, remedy);
}
