/* YAML to INI: what comes out to the byte, that nothing is lost, and the bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "flat.h"
#include "policy.h"
#include "policy_keys.h"

static void expect_file(const char *yaml_name, const char *ini_name)
{
	char *yaml = flat_data(yaml_name);
	char *ini = flat_data(ini_name);

	flat_expect(yaml, false, ini);
	free(yaml);
	free(ini);
}

static void parse(const char *ini, struct policy *policy)
{
	struct diagnostics diagnostics;

	diagnostics_init(&diagnostics);
	assert_int_equal(policy_parse(ini, strlen(ini), policy, &diagnostics), 0);
}

static void the_documented_tree(void **state)
{
	static const char *const block[] = {"ptrace", "process_vm_readv", "process_vm_writev", "mount", "umount2"};
	char *yaml = flat_data("issue.yaml");
	char *ini = flat_good(yaml, strlen(yaml), false);
	struct policy policy;

	(void)state;
	expect_file("issue.yaml", "issue.ini");
	parse(ini, &policy);
	assert_true(policy.enabled);
	assert_int_equal(policy.mode, MODE_ENFORCE);
	assert_true(policy.unix_socket.enabled);
	assert_int_equal(policy.unix_socket.action, SOCKET_ENFORCE);
	assert_int_equal(policy.syscalls.default_action, DEFAULT_ALLOW);
	assert_int_equal(policy.syscalls.on_block, ON_BLOCK_KILL);
	assert_int_equal(policy.syscalls.allow.count, 0);
	assert_int_equal(policy.syscalls.block.count, 5);
	for (size_t i = 0; i < 5; i++)
		assert_string_equal(policy.syscalls.block.entries[i].text, block[i]);
	policy_free(&policy);
	free(ini);
	free(yaml);
}

static void every_way_of_writing(void **state)
{
	char *yaml = flat_data("everything.yaml");
	char *ini = flat_good(yaml, strlen(yaml), false);
	struct policy policy;

	(void)state;
	expect_file("everything.yaml", "everything.ini");
	parse(ini, &policy);
	assert_int_equal(policy.rule_count, 4); /* with the built-in one */
	assert_string_equal(policy.rules[0].name, "bus");
	assert_int_equal(policy.rules[0].decision, DECISION_DENY);
	assert_string_equal(policy.rules[1].name, "postgres");
	assert_string_equal(policy.rules[1].paths.entries[1].text, "@pg;1#[a]");
	assert_int_equal(policy.rules[1].operations.count, 2);
	assert_string_equal(policy.rules[2].services.entries[2].text, "cri-o");
	assert_string_equal(policy.sidecar_socket, "/run/agentsh;x/side=car #1.sock");
	policy_free(&policy);
	free(ini);
	free(yaml);
}

/* Order is what rules are about, and escapes are the pattern's own. */
static void a_list_of_rules(void **state)
{
	(void)state;
	flat_expect("unix_socket_rules:\n"
		    "- {name: z, paths: ['/a\\x20b', '@\\x00\\\\*'], operations: [bind], decision: deny}\n"
		    "- {name: base, services: [base]}\n"
		    "- {name: a, services: [docker, x11], paths: [\"/srv/\\\\x41\"], operations: []}\n",
		    false,
		    "[unix_socket_rules.z]\npaths = /a\\x20b, @\\x00\\\\*\noperations = bind\ndecision = deny\n\n"
		    "[unix_socket_rules.base]\nservices = base\n\n"
		    "[unix_socket_rules.a]\nservices = docker, x11\npaths = /srv/\\x41\noperations =\n");
}

/* The dotted section as mappings within mappings, those around it that are sections, too. Returns the depth. */
static int open_section(struct flat_text *yaml, struct flat_text *ini, const char *section)
{
	int depth = 0;

	for (const char *part = section;; depth++) {
		size_t length = strcspn(part, ".");
		char around[64];

		flat_add(yaml, "%*s%.*s:\n", 2 * depth, "", (int)length, part);
		if (part[length] == '\0')
			return depth + 1;
		part += length + 1;
		(void)snprintf(around, sizeof(around), "%.*s", (int)(part - section) - 1, section);
		if (policy_section_exists(around))
			flat_add(ini, "[%s]\n\n", around);
	}
}

/* One key in YAML and in INI; value is a list's single entry, or the scalar. */
static void round_trip(const struct policy_key *key, const char *value, const char *ini_value)
{
	bool of_rule = strcmp(key->section, RULE_SECTION) == 0;
	struct flat_text yaml;
	struct flat_text ini;
	int depth;

	flat_text_init(&yaml);
	flat_text_init(&ini);
	depth = open_section(&yaml, &ini, key->section);
	flat_add(&ini, of_rule ? "[%s.a.b-1]\n" : "[%s]\n", key->section);
	if (of_rule)
		flat_add(&yaml, "%*sa.b-1:\n", 2 * depth++, "");
	flat_add(&yaml, "%*s%s: %s\n", 2 * depth, "", key->name, value);
	flat_add(&ini, "%s =%s%s\n", key->name, *ini_value ? " " : "", ini_value);
	/* A rule has a path. */
	if (of_rule && (key->kind == VALUE_WORD || key->kind == VALUE_WORDS || *ini_value == '\0')) {
		const char *other = strcmp(key->name, "paths") == 0 ? "services" : "paths";

		flat_add(&yaml, "%*s%s: [%s]\n", 2 * depth, "", other, *other == 'p' ? "/x" : "docker");
		flat_add(&ini, "%s = %s\n", other, *other == 'p' ? "/x" : "docker");
	}
	/* What is started must be allowed. */
	if (key->scalar == KEY_DEFAULT_ACTION && strcmp(value, "block") == 0) {
		flat_add(&yaml, "%*sallow: [execve]\n", 2 * depth, "");
		flat_add(&ini, "allow = execve\n");
	}
	flat_expect(yaml.bytes, false, ini.bytes);
	free(yaml.bytes);
	free(ini.bytes);
}

static void round_trip_words(const struct policy_key *key)
{
	char *words = strdup(key->words);

	assert_non_null(words);
	for (char *word = strtok(words, POLICY_WORD_ENDS); word; word = strtok(NULL, POLICY_WORD_ENDS)) {
		char quoted[64];

		(void)snprintf(quoted, sizeof(quoted), key->kind == VALUE_WORDS ? "['%s']" : "%s", word);
		round_trip(key, quoted, word);
	}
	free(words);
}

static void round_trip_key(const struct policy_key *key)
{
	switch (key->kind) {
	case VALUE_BOOLEAN:
		round_trip(key, "true", "true");
		round_trip(key, "Off", "false");
		return;
	case VALUE_WORD:
	case VALUE_WORDS:
		round_trip_words(key);
		break;
	case VALUE_SYSCALLS:
		round_trip(key, "[getpid, \"mseal\"]", "getpid, mseal");
		break;
	case VALUE_SERVICES:
		round_trip(key, "[docker]", "docker");
		break;
	case VALUE_PATHS:
		round_trip(key, "['/a/**/[xy]*', '@name']", "/a/**/[xy]*, @name");
		break;
	case VALUE_PATH:
		round_trip(key, "/a path/b", "/a path/b");
		break;
	case VALUE_EVENTS:
		round_trip(key, "''", "");
		round_trip(key, "'-'", "-");
		round_trip(key, "'syslog:'", "syslog:");
		round_trip(key, "'journald:'", "journald:");
		round_trip(key, "/var/log/x", "/var/log/x");
		break;
	}
	if (policy_key_is_list(key))
		round_trip(key, "[]", "");
}

static void every_key_there_and_back(void **state)
{
	size_t keys = 0;

	(void)state;
	for (const struct policy_key *key = policy_keys(); key->section; key++, keys++)
		round_trip_key(key);
	assert_true(keys >= (size_t)KEY_COUNT);
}

static void booleans(void **state)
{
	static const char *const yes[] = {"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", "!!bool 'on'"};
	static const char *const no[] = {"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", "!!bool no"};
	static const char *const bad[] = {"tRUE",    "oN",          "y",        "n",
					  "1",       "0",           "\"true\"", "'yes'",
					  "enabled", "!!str true",  "! true",   "|-\n      true",
					  "[true]",  "{true: true}"};
	char text[128];

	(void)state;
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		(void)snprintf(text, sizeof(text), SECCOMP("enabled: %s"), yes[i]);
		flat_expect(text, false, "[sandbox.seccomp]\nenabled = true\n");
		(void)snprintf(text, sizeof(text), SECCOMP("enabled: %s"), no[i]);
		flat_expect(text, false, "[sandbox.seccomp]\nenabled = false\n");
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		(void)snprintf(text, sizeof(text), SECCOMP("enabled: %s"), bad[i]);
		flat_refuse(text, false, 3, bad[i][0] == '!' && bad[i][1] == ' ' ? "tag" : "enabled is ");
	}
}

static void check_lines(const char *ini)
{
	for (const char *line = ini; *line; line += strcspn(line, "\n") + 1)
		assert_in_range(strcspn(line, "\n"), 0, 189);
}

/* Four hundred names, first one a line, then all on one. */
static void hundreds_of_names(void **state)
{
	static const char *const before[] = {"block:\n", "block: ["};
	static const char *const item[] = {"      - rt_sigprocmask\n", "rt_sigprocmask, "};
	static const char *const after[] = {"", "]\n"};

	(void)state;
	for (size_t form = 0; form < 2; form++) {
		struct policy policy;
		struct flat_text yaml;
		char *ini;

		flat_text_init(&yaml);
		flat_add(&yaml, "sandbox:\n  seccomp:\n    syscalls:\n      %s", before[form]);
		for (size_t i = 0; i < 400; i++)
			flat_add(&yaml, "%s", item[form]);
		flat_add(&yaml, "%s", after[form]);
		ini = flat_good(yaml.bytes, yaml.length, false);
		check_lines(ini);
		parse(ini, &policy);
		assert_int_equal(policy.syscalls.block.count, 400);
		for (size_t i = 0; i < 400; i++)
			assert_string_equal(policy.syscalls.block.entries[i].text, "rt_sigprocmask");
		policy_free(&policy);
		free(ini);
		free(yaml.bytes);
	}
}

/* A path of each length around that of a line: whole, or refused. */
static void long_values(void **state)
{
	(void)state;
	for (int length = 160; length < 230; length++) {
		char path[256] = "/";
		char text[600];
		char *ini;

		memset(path + 1, 'x', (size_t)length - 1);
		path[length] = '\0';
		(void)snprintf(text, sizeof(text), "shell:\n  program: %s\n", path);
		if (length + 10 > 189) {
			flat_refuse(text, false, 2, "the value is too long");
		} else {
			ini = flat_good(text, strlen(text), false);
			assert_int_equal(strlen(ini), 8 + 10 + length + 1);
			free(ini);
		}
		(void)snprintf(text, sizeof(text), RULES("- name: a\n  paths: [%s, %s, /x]"), path, path);
		if (length + 9 > 189) {
			flat_refuse(text, false, 3, "the value is too long");
		} else {
			struct policy policy;

			ini = flat_good(text, strlen(text), false);
			check_lines(ini);
			parse(ini, &policy);
			assert_int_equal(policy.rules[0].paths.count, 3);
			assert_string_equal(policy.rules[0].paths.entries[0].text, path);
			assert_string_equal(policy.rules[0].paths.entries[1].text, path);
			assert_string_equal(policy.rules[0].paths.entries[2].text, "/x");
			policy_free(&policy);
			free(ini);
		}
	}
}

static void add_rules(struct flat_text *yaml, unsigned rules, unsigned paths)
{
	flat_add(yaml, "unix_socket_rules:\n");
	for (unsigned i = 0; i < rules; i++) {
		flat_add(yaml, "  r%u:\n    paths:\n", i);
		for (unsigned j = 0; j < paths; j++)
			flat_add(yaml, "    - /x\n");
	}
}

static void bounds(void **state)
{
	struct flat_text yaml;

	(void)state;
	flat_text_init(&yaml);
	add_rules(&yaml, POLICY_RULES_MAX, 1);
	free(flat_good(yaml.bytes, yaml.length, false));
	yaml.length = 0;
	add_rules(&yaml, POLICY_RULES_MAX + 1, 1);
	flat_refuse(yaml.bytes, false, 3 * POLICY_RULES_MAX + 2, "too many rules (at most 256)");
	yaml.length = 0;
	add_rules(&yaml, 1, POLICY_RULE_PATHS_MAX + 1);
	flat_refuse(yaml.bytes, false, POLICY_RULE_PATHS_MAX + 4, "too many entries (at most 64)");
	/* YAML within bounds, whose INI is not. */
	yaml.length = 0;
	add_rules(&yaml, POLICY_RULES_MAX, 2 * POLICY_RULE_PATHS_MAX - 20);
	if (yaml.length > POLICY_TEXT_MAX)
		fail_msg("%zu bytes of YAML", yaml.length);
	flat_refuse(yaml.bytes, false, 0, "too large as INI");
	yaml.length = 0;
	flat_add(&yaml, "shell: {}\n#%*s\n", (int)(POLICY_TEXT_MAX - 12), "");
	assert_int_equal(yaml.length, POLICY_TEXT_MAX);
	free(flat_good(yaml.bytes, yaml.length, false));
	flat_refuse_bytes(yaml.bytes, yaml.length + 1, false, 0, "too large (at most 262144 bytes)");
	free(yaml.bytes);
}

static void depth(void **state)
{
	(void)state;
	for (unsigned levels = 60; levels < 70; levels++) {
		struct flat_text yaml;

		flat_text_init(&yaml);
		flat_add(&yaml, "shell: {}\nx:\n");
		for (unsigned i = 0; i < levels; i++)
			flat_add(&yaml, " [");
		for (unsigned i = 0; i < levels; i++)
			flat_add(&yaml, " ]");
		/* The root is a level, too. */
		if (levels < 64)
			free(flat_good(yaml.bytes, yaml.length, true));
		else
			flat_refuse(yaml.bytes, true, 3, "nested too deeply (at most 64 levels)");
		free(yaml.bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_documented_tree),
	    cmocka_unit_test(every_way_of_writing),
	    cmocka_unit_test(a_list_of_rules),
	    cmocka_unit_test(every_key_there_and_back),
	    cmocka_unit_test(booleans),
	    cmocka_unit_test(hundreds_of_names),
	    cmocka_unit_test(long_values),
	    cmocka_unit_test(bounds),
	    cmocka_unit_test(depth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
