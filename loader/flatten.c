#include "flatten.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flatten_value.h"
#include "ini_writer.h"
#include "policy.h"
#include "policy_keys.h"
#include "yaml_reader.h"

#define PATH_SIZE       (INI_WRITER_NAME_MAX + 1)
#define GIVEN_MAX       16U /* keys and mappings of ours in one mapping */
#define RULE_PREFIX     RULE_SECTION "."
#define NAME_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"

/*
 * Each take_ function begins with its node in the reader and returns at that node's end: 0, also
 * after an error told, or -1 where nothing more can be read.
 */
struct flatten {
	struct yaml_reader reader;
	struct ini_writer writer;
	struct diagnostics *diagnostics;
	bool pass_foreign;
	bool passed; /* something foreign was passed over */
	size_t rules;
};

/* What a key of a mapping is. */
enum key_kind {
	KIND_FOREIGN, /* none of ours */
	KIND_VALUE,   /* a key of agentsh.ini(5) */
	KIND_PREFIX,  /* the mapping "sandbox", which is no section itself */
	KIND_SECTION, /* a mapping that is a section */
	KIND_RULES,   /* the mapping or list of rules */
	KIND_RULE,    /* a rule, by its name */
	KIND_NAME     /* the name of a rule in a list */
};

struct key {
	enum key_kind kind;
	char path[PATH_SIZE]; /* dotted; of a rule, its name alone */
	char shown[80];       /* the name, for messages: cut where it must be */
	unsigned line;
	const struct policy_key *policy; /* of KIND_VALUE */
};

/* A mapping that is being read. */
struct place {
	const char *path; /* dotted; "" for the root; RULE_SECTION for a rule */
	bool rules;       /* its keys are the names of rules */
	bool in_list;     /* a rule whose name is a key of its own */
	bool open;        /* it holds others' keys as well */
	size_t section;   /* of the writer */
	size_t given_count;
	struct {
		char path[PATH_SIZE];
		unsigned line;
	} given[GIVEN_MAX];
};

static int take_mapping(struct flatten *flatten, struct place *place);

static enum key_kind kind_of_path(const char *path)
{
	size_t length = strlen(path);

	if (strcmp(path, RULE_SECTION) == 0)
		return KIND_RULES;
	if (policy_section_exists(path))
		return KIND_SECTION;
	for (const struct policy_key *key = policy_keys(); key->section; key++)
		if (strncmp(key->section, path, length) == 0 && key->section[length] == '.')
			return KIND_PREFIX;
	return KIND_FOREIGN;
}

/* Writes place.name to path, cut where it must be: then it is none of ours. */
static void join(char path[PATH_SIZE], const struct place *place, const char *name)
{
	int length = snprintf(path, PATH_SIZE, "%s%s%s", place->path, *place->path ? "." : "", name);

	if (length < 0 || (size_t)length >= PATH_SIZE)
		path[0] = '\0';
}

static void resolve(const struct place *place, const struct node *node, struct key *key)
{
	key->kind = KIND_FOREIGN;
	/* "sandbox\0x" is not "sandbox", and "sandbox.seccomp" no mapping within a mapping. */
	if (strlen(node->text) != node->length || strchr(node->text, '.'))
		return;
	join(key->path, place, node->text);
	key->policy = policy_key_find(place->path, node->text);
	if (key->policy)
		key->kind = KIND_VALUE;
	else if (place->in_list && strcmp(node->text, "name") == 0)
		key->kind = KIND_NAME;
	else
		key->kind = kind_of_path(key->path);
}

/* A key of others' that is passed over, or an error. Never taken. */
static bool refuse_foreign(struct flatten *flatten, const struct place *place, const struct key *key)
{
	char head[PATH_SIZE];
	char path[PATH_SIZE];

	if (!place->open) {
		(void)diagnostics_error(flatten->diagnostics, key->line, "unknown key '%s' in %s", key->shown,
					place->path);
		return false;
	}
	(void)snprintf(head, sizeof(head), "%.*s", (int)strcspn(key->shown, "."), key->shown);
	join(path, place, head);
	if (strlen(head) != strlen(key->shown) && kind_of_path(path) != KIND_FOREIGN)
		/* Else "sandbox.seccomp: ..." would be lost without a word. */
		(void)diagnostics_error(flatten->diagnostics, key->line,
					"'%s' with dots in it is no key: write mappings within mappings", key->shown);
	else if (!flatten->pass_foreign)
		(void)diagnostics_error(flatten->diagnostics, key->line,
					"'%s%s%s' is no section of ours (--ignore-other passes over such)", place->path,
					*place->path ? "." : "", key->shown);
	else
		flatten->passed = true;
	return false;
}

/* Notes that a key of ours is given here. False where it was before. */
static bool note_given(struct flatten *flatten, struct place *place, const struct key *key)
{
	for (size_t i = 0; i < place->given_count; i++) {
		if (strcmp(place->given[i].path, key->path) != 0)
			continue;
		(void)diagnostics_error(flatten->diagnostics, key->line, "%s is given twice, first on line %u",
					key->shown, place->given[i].line);
		return false;
	}
	if (place->given_count == GIVEN_MAX) {
		(void)diagnostics_error(flatten->diagnostics, key->line, "too many keys (at most %u)", GIVEN_MAX);
		return false;
	}
	(void)snprintf(place->given[place->given_count].path, PATH_SIZE, "%s", key->path);
	place->given[place->given_count++].line = key->line;
	return true;
}

/* Writes the section's name of the rule that the current scalar names to path. False: told. */
static bool name_rule(struct flatten *flatten, char path[PATH_SIZE])
{
	const struct node *node = &flatten->reader.node;
	const struct ini_writer_section *first;

	if (node->kind != NODE_SCALAR || node->type != SCALAR_STRING) {
		(void)diagnostics_error(flatten->diagnostics, node->line, "a rule's name is a text, not %s%s",
					flatten_kind(node), node->kind == NODE_SCALAR ? " (put it in quotes)" : "");
		return false;
	}
	if (node->length == 0 || node->length > RULE_NAME_MAX || strspn(node->text, NAME_CHARACTERS) != node->length) {
		(void)diagnostics_error(flatten->diagnostics, node->line,
					"a rule's name is 1 to %u letters, digits, '_', '.', '-', not '%.80s'",
					RULE_NAME_MAX, node->text);
		return false;
	}
	(void)snprintf(path, PATH_SIZE, RULE_PREFIX "%.*s", (int)RULE_NAME_MAX, node->text);
	first = ini_writer_find(&flatten->writer, path);
	if (first)
		(void)diagnostics_error(flatten->diagnostics, node->line, "rule '%s' is given twice, first on line %u",
					node->text, first->line);
	return !first;
}

/* Fills *key from the current node. False: it is not to be taken, which is told where it is an error. */
static bool judge_key(struct flatten *flatten, struct place *place, struct key *key)
{
	const struct node *node = &flatten->reader.node;
	bool scalar = node->kind == NODE_SCALAR;

	*key = (struct key){.line = node->line};
	(void)snprintf(key->shown, sizeof(key->shown), "%s", scalar ? node->text : "(not a name)");
	/* Among others' keys, too: any of these might be, or bring in, a key of ours. */
	if (scalar && node->merge) {
		(void)diagnostics_error(flatten->diagnostics, node->line,
					"a merge key is refused: write out what it merges");
		return false;
	}
	if (node->kind == NODE_ALIAS || (scalar && node->bad_tag)) {
		(void)flatten_refuse_properties(&flatten->reader);
		return false;
	}
	if (!scalar)
		return refuse_foreign(flatten, place, key);
	if (place->rules) {
		key->kind = KIND_RULE;
		return flatten_refuse_properties(&flatten->reader) == 0 && name_rule(flatten, key->path);
	}
	resolve(place, node, key);
	if (key->kind == KIND_FOREIGN)
		return refuse_foreign(flatten, place, key);
	return flatten_refuse_properties(&flatten->reader) == 0 && note_given(flatten, place, key);
}

static bool expect_mapping(struct flatten *flatten, const char *what, unsigned line)
{
	const struct node *node = &flatten->reader.node;

	if (node->kind == NODE_MAPPING)
		return true;
	(void)diagnostics_error(flatten->diagnostics, line, "%s is a mapping, not %s", what, flatten_kind(node));
	return false;
}

static int take_section(struct flatten *flatten, const struct key *key)
{
	struct place place = {.path = key->path, .open = key->kind == KIND_PREFIX};

	if (!expect_mapping(flatten, key->path, key->line))
		return yaml_reader_skip(&flatten->reader);
	if (key->kind == KIND_SECTION) {
		if (flatten_told(flatten->diagnostics, ini_writer_section(&flatten->writer, key->path, key->line),
				 key->line) != 0)
			return -1;
		place.section = flatten->writer.count - 1;
	}
	return take_mapping(flatten, &place);
}

/* section: the name of the rule's section; "": the rule is in a list and says its name itself. */
static int take_rule(struct flatten *flatten, const char *section, unsigned line)
{
	struct place place = {.path = RULE_SECTION, .in_list = *section == '\0'};

	if (!expect_mapping(flatten, "a rule", line))
		return yaml_reader_skip(&flatten->reader);
	if (flatten->rules == POLICY_RULES_MAX) {
		(void)diagnostics_error(flatten->diagnostics, line, "too many rules (at most %u)", POLICY_RULES_MAX);
		return yaml_reader_skip(&flatten->reader);
	}
	if (flatten_told(flatten->diagnostics, ini_writer_section(&flatten->writer, section, line), line) != 0)
		return -1;
	flatten->rules++;
	place.section = flatten->writer.count - 1;
	if (take_mapping(flatten, &place) != 0)
		return -1;
	for (size_t i = 0; place.in_list && i < place.given_count; i++)
		if (strcmp(place.given[i].path, RULE_PREFIX "name") == 0)
			return 0;
	if (place.in_list)
		(void)diagnostics_error(flatten->diagnostics, line, "a rule in a list has a name: this has none");
	return 0;
}

static int take_rule_list(struct flatten *flatten)
{
	const struct node *node = &flatten->reader.node;

	for (;;) {
		if (yaml_reader_next(&flatten->reader) != 0)
			return -1;
		if (node->kind == NODE_END)
			return 0;
		if (flatten_refuse_properties(&flatten->reader) != 0) {
			if (yaml_reader_skip(&flatten->reader) != 0)
				return -1;
		} else if (take_rule(flatten, "", node->line) != 0) {
			return -1;
		}
	}
}

static int take_rules(struct flatten *flatten, const struct key *key)
{
	struct place place = {.path = RULE_SECTION, .rules = true};
	const struct node *node = &flatten->reader.node;

	if (node->kind == NODE_LIST)
		return take_rule_list(flatten);
	if (node->kind == NODE_MAPPING)
		return take_mapping(flatten, &place);
	(void)diagnostics_error(flatten->diagnostics, key->line,
				RULE_SECTION " is a mapping or a list of rules, not %s", flatten_kind(node));
	return 0;
}

static int take_rule_name(struct flatten *flatten, const struct place *place)
{
	char section[PATH_SIZE];

	if (name_rule(flatten, section))
		ini_writer_name(&flatten->writer, place->section, section);
	return yaml_reader_skip(&flatten->reader);
}

static int take_value(struct flatten *flatten, const struct place *place, const struct key *key)
{
	if (flatten_refuse_properties(&flatten->reader) != 0)
		return yaml_reader_skip(&flatten->reader);
	switch (key->kind) {
	case KIND_VALUE:
		return flatten_value(&flatten->reader, &flatten->writer, place->section, key->policy, key->line);
	case KIND_PREFIX:
	case KIND_SECTION:
		return take_section(flatten, key);
	case KIND_RULES:
		return take_rules(flatten, key);
	case KIND_RULE:
		return take_rule(flatten, key->path, key->line);
	case KIND_NAME:
		return take_rule_name(flatten, place);
	case KIND_FOREIGN:
		break;
	}
	return diagnostics_error(flatten->diagnostics, key->line, "'%s' cannot be placed", key->shown);
}

static int take_mapping(struct flatten *flatten, struct place *place)
{
	struct yaml_reader *reader = &flatten->reader;

	for (;;) {
		struct key key;
		bool taken;

		if (yaml_reader_next(reader) != 0)
			return -1;
		if (reader->node.kind == NODE_END)
			return 0;
		taken = judge_key(flatten, place, &key);
		if (yaml_reader_skip(reader) != 0 || yaml_reader_next(reader) != 0)
			return -1;
		if ((taken ? take_value(flatten, place, &key) : yaml_reader_skip(reader)) != 0)
			return -1;
	}
}

static int take_root(struct flatten *flatten)
{
	struct place place = {.path = "", .open = true};

	if (flatten_refuse_properties(&flatten->reader) != 0)
		return -1;
	if (!expect_mapping(flatten, "the document", flatten->reader.node.line))
		return -1;
	if (take_mapping(flatten, &place) != 0 || yaml_reader_finish(&flatten->reader) != 0)
		return -1;
	if (flatten->passed && flatten->writer.count == 0)
		return diagnostics_error(flatten->diagnostics, 0, "nothing in the file is a policy of ours");
	return 0;
}

static unsigned source_line(const struct ini_written *written, size_t line)
{
	return line > 0 && line <= written->line_count ? written->lines[line - 1] : 0;
}

/* Tells a finding in the INI as one in the YAML; "on line N" at its end is a line of the INI, too. */
static void retell(const struct diagnostic *finding, const struct ini_written *written, struct diagnostics *diagnostics)
{
	static const char mark[] = " on line ";
	unsigned line = source_line(written, finding->line);
	const char *number = NULL;
	char *end = NULL;
	unsigned long other = 0;

	for (const char *found = strstr(finding->text, mark); found; found = strstr(number, mark))
		number = found + strlen(mark);
	if (number)
		other = strtoul(number, &end, 10);
	/* Nowhere else does a finding end like this: the words of a file stand in quotes. */
	if (number && end != number && (*end == '\0' || strcmp(end, ")") == 0))
		(void)diagnostics_error(diagnostics, line, "%.*s%u%s", (int)(number - finding->text), finding->text,
					source_line(written, other), end);
	else
		(void)diagnostics_error(diagnostics, line, "%s", finding->text);
}

/* Only a text that the loader would take is handed out. */
static int check_written(const struct ini_written *written, struct diagnostics *diagnostics)
{
	struct policy policy;
	struct diagnostics found;

	if (written->length > POLICY_TEXT_MAX)
		return diagnostics_error(diagnostics, 0, "too large as INI (%zu bytes, at most %zu)", written->length,
					 POLICY_TEXT_MAX);
	diagnostics_init(&found);
	if (policy_parse(written->text, written->length, &policy, &found) == 0) {
		policy_free(&policy);
		return 0;
	}
	for (size_t i = 0; i < found.count; i++)
		retell(&found.items[i], written, diagnostics);
	diagnostics->errors += found.errors + found.warnings - found.count;
	return -1;
}

static int write_out(const struct ini_writer *writer, char **out, struct diagnostics *diagnostics)
{
	struct ini_written written;

	if (ini_writer_finish(writer, &written) != 0)
		return diagnostics_error(diagnostics, 0, "out of memory");
	if (check_written(&written, diagnostics) != 0) {
		ini_written_free(&written);
		return -1;
	}
	*out = written.text;
	written.text = NULL;
	ini_written_free(&written);
	return 0;
}

int flatten_yaml(const char *text, size_t length, bool pass_foreign, char **out, struct diagnostics *diagnostics)
{
	struct flatten flatten = {.diagnostics = diagnostics, .pass_foreign = pass_foreign};
	size_t before = diagnostics->errors;
	int result;

	*out = NULL;
	if (yaml_reader_open(&flatten.reader, text, length, diagnostics) != 0)
		return -1;
	result = take_root(&flatten);
	yaml_reader_close(&flatten.reader);
	if (result == 0 && diagnostics->errors == before)
		result = write_out(&flatten.writer, out, diagnostics);
	ini_writer_free(&flatten.writer);
	diagnostics_sort(diagnostics);
	return result == 0 && diagnostics->errors == before ? 0 : -1;
}
