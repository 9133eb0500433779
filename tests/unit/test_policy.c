/* The policy: what is taken, what is refused and on which line, and that a refusal leaves nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy.h"
#include "policy_keys.h"
#include "syscall_table.h"

static int parse(const char *text, struct policy *policy, struct diagnostics *diagnostics)
{
	diagnostics_init(diagnostics);
	return policy_parse(text, strlen(text), policy, diagnostics);
}

static void expect_good(const char *text, struct policy *policy)
{
	struct diagnostics diagnostics;

	if (parse(text, policy, &diagnostics) != 0)
		fail_msg("refused: line %u: %s\n%s", diagnostics.items[0].line, diagnostics.items[0].text, text);
}

static void expect_bad(const char *text, unsigned line, const char *part)
{
	struct policy policy;
	struct diagnostics diagnostics;
	const struct diagnostic *first;

	if (parse(text, &policy, &diagnostics) == 0) {
		policy_free(&policy);
		fail_msg("taken:\n%s", text);
	}
	first = diagnostics_first_error(&diagnostics);
	assert_non_null(first);
	if (first->line != line || !strstr(first->text, part))
		fail_msg("line %u: %s\nexpected line %u: %s\n%s", first->line, first->text, line, part, text);
	/* Nothing of it is applied. */
	assert_int_equal(policy.syscalls.block.count, 0);
	assert_null(policy.shell_program);
}

static void same_list(const struct list *a, const struct list *b)
{
	assert_int_equal(a->count, b->count);
	for (size_t i = 0; i < a->count; i++)
		assert_string_equal(a->entries[i].text, b->entries[i].text);
}

static void same_value(const struct policy_key *key, const struct policy *a, const struct policy *b)
{
	const char *left = (const char *)a + key->offset;
	const char *right = (const char *)b + key->offset;

	if (policy_key_is_list(key))
		same_list((const struct list *)(const void *)left, (const struct list *)(const void *)right);
	else if (key->kind == VALUE_PATH || key->kind == VALUE_EVENTS)
		assert_string_equal(*(char *const *)(const void *)left, *(char *const *)(const void *)right);
	else
		assert_memory_equal(left, right, key->kind == VALUE_BOOLEAN ? sizeof(bool) : sizeof(unsigned));
}

/* Reads a file of the tree; the caller frees it. */
static char *read_tree(const char *name, size_t *length)
{
	char path[4096];
	char *text = malloc(POLICY_TEXT_MAX);
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", TEST_TOP, name);
	file = fopen(path, "re");
	assert_non_null(file);
	assert_non_null(text);
	*length = fread(text, 1, POLICY_TEXT_MAX, file);
	assert_int_equal(fclose(file), 0);
	return text;
}

/* The one built-in rule stands in the file, and says the same there. */
static void same_rules(const struct policy *builtin, const struct policy *shipped)
{
	assert_int_equal(builtin->rule_count, 1);
	assert_int_equal(shipped->rule_count, 1);
	assert_true(builtin->rules[0].builtin && !shipped->rules[0].builtin);
	assert_string_equal(builtin->rules[0].name, shipped->rules[0].name);
	assert_int_equal(builtin->rules[0].decision, shipped->rules[0].decision);
	same_list(&builtin->rules[0].services, &shipped->rules[0].services);
	same_list(&builtin->rules[0].operations, &shipped->rules[0].operations);
	same_list(&builtin->rules[0].paths, &shipped->rules[0].paths);
	assert_int_equal(builtin->rules[0].services.count, 1);
}

static void defaults_equal_the_shipped_file(void **state)
{
	struct policy builtin;
	struct policy shipped;
	struct diagnostics diagnostics;
	size_t length;
	char *text = read_tree("conf/agentsh.ini", &length);

	(void)state;
	diagnostics_init(&diagnostics);
	assert_int_equal(policy_parse(text, length, &shipped, &diagnostics), 0);
	assert_int_equal(policy_defaults(&builtin), 0);
	for (const struct policy_key *key = policy_keys(); key->section; key++) {
		if (key->scalar == KEY_COUNT)
			continue;
		same_value(key, &builtin, &shipped);
		/* Every key stands in the file: else the two would agree on it by chance. */
		if (shipped.lines[key->scalar] == 0)
			fail_msg("conf/agentsh.ini lacks %s in [%s]", key->name, key->section);
	}
	same_rules(&builtin, &shipped);
	policy_free(&builtin);
	policy_free(&shipped);
	free(text);
}

static void everything_of_the_contract(void **state)
{
	struct policy policy;

	(void)state;
	expect_good("\xEF\xBB\xBF; a comment\r\n"
		    "[sandbox.seccomp]\r\nenabled = YES\t\r\nmode = audit ; inline \033;\r\n"
		    "[sandbox.seccomp.unix_socket]\nenabled=on\naction = audit\ndefault = user\n"
		    "datagram = deny\nlog = denied\ndegraded = no_unix\n"
		    "[sandbox.seccomp.syscalls]\ndefault_action = block\nblock =\n"
		    "allow = execve,exit_group\n\t# a comment within\n\tread ,, write,\n\n    mseal\n"
		    "on_block = log_and_kill\n"
		    "[unix_socket_rules.postgres]\npaths = /run/postgresql/.s.PGSQL.*\n"
		    "   @abstract, /run/[a-z]/**/x?\noperations = connect, bind sendto\ndecision = deny\n"
		    "[unix_socket_rules.other]\nservices = docker, cri-o\n"
		    "[shell]\nprogram = /bin/dash\n[loader]\nuser_config = allow\nclose_fds = yes\nisolate = yes\n"
		    "[notices]\nstderr = never\n[shim]\nenabled = true\n"
		    "[sidecar]\nsocket = /run/x\nevents = journald:\non_event_loss = deny\n"
		    "[degradation]\naccept = scope-signal\n",
		    &policy);
	assert_true(policy.enabled && policy.mode == MODE_AUDIT && policy.unix_socket.enabled);
	assert_int_equal(policy.unix_socket.action, SOCKET_AUDIT);
	assert_int_equal(policy.unix_socket.otherwise, SOCKET_DEFAULT_USER);
	assert_int_equal(policy.unix_socket.datagram, DATAGRAM_DENY);
	assert_int_equal(policy.unix_socket.log, SOCKET_LOG_DENIED);
	assert_int_equal(policy.unix_socket.degraded, DEGRADED_NO_UNIX);
	assert_int_equal(policy.syscalls.default_action, DEFAULT_BLOCK);
	assert_int_equal(policy.syscalls.block.count, 0);
	assert_int_equal(policy.syscalls.allow.count, 5);
	assert_string_equal(policy.syscalls.allow.entries[4].text, "mseal");
	assert_int_equal(policy.syscalls.allow.entries[4].line, 19);
	assert_int_equal(policy.syscalls.on_block, ON_BLOCK_LOG_AND_KILL);
	assert_int_equal(policy.rule_count, 3); /* with the built-in one */
	assert_string_equal(policy.rules[0].name, "postgres");
	assert_int_equal(policy.rules[0].paths.count, 3);
	assert_int_equal(policy.rules[0].operations.count, 3);
	assert_int_equal(policy.rules[0].decision, DECISION_DENY);
	assert_int_equal(policy.rules[1].decision, DECISION_ALLOW);
	assert_string_equal(policy.rules[1].services.entries[1].text, "cri-o");
	assert_string_equal(policy.shell_program, "/bin/dash");
	assert_int_equal(policy.user_config, USER_CONFIG_ALLOW);
	assert_true(policy.close_fds && policy.isolate && policy.shim);
	assert_int_equal(policy.notices, NOTICES_NEVER);
	assert_string_equal(policy.events, "journald:");
	assert_int_equal(policy.on_event_loss, EVENT_LOSS_DENY);
	assert_int_equal(policy.accept.count, 1);
	policy_free(&policy);
}

static void a_list_of_every_name(void **state)
{
	struct policy policy;
	char *text = malloc(POLICY_TEXT_MAX);
	size_t used = (size_t)snprintf(text, POLICY_TEXT_MAX,
				       "[sandbox.seccomp.syscalls]\ndefault_action = block\nblock =\nallow =\n");
	uint32_t arch = syscall_native_arch();
	char name[SYSCALL_NAME_MAX];
	size_t count = 0;

	(void)state;
	for (int number = 0; number <= syscall_highest(arch); number++) {
		if (!syscall_name(arch, number, name))
			continue;
		used += (size_t)snprintf(text + used, POLICY_TEXT_MAX - used, "  %s,%s", name, count % 2 ? "\n" : "");
		count++;
	}
	assert_true(count > 350);
	expect_good(text, &policy);
	assert_int_equal(policy.syscalls.allow.count, count);
	policy_free(&policy);
	free(text);
}

#define SYSCALLS "[sandbox.seccomp.syscalls]\n"

struct bad {
	const char *text;
	unsigned line;
	const char *part;
};

static const struct bad bad[] = {
    {"[sandbox]\nx = 1\n", 1, "unknown section [sandbox]"},
    {"\n[sandbox.secomp]\n", 2, "unknown section"},
    {"[unix_socket_rules]\n", 1, "[unix_socket_rules.NAME]"},
    {"[unix_socket_rules.]\npaths = /x\n", 1, "a rule's name"},
    {"[sandbox.seccomp]\nenable = true\n", 2, "unknown key 'enable'"},
    {"[sandbox.seccomp]\nblock = ptrace\n", 2, "unknown key 'block'"},
    {"[sandbox.seccomp]\nenabled = maybe\n", 2, "true or false"},
    {"[sandbox.seccomp]\nenabled =\n", 2, "true or false"},
    {"[sandbox.seccomp]\nmode = Enforce\n", 2, "enforce | audit | disabled"},
    {"[sandbox.seccomp]\nmode = enforce, audit\n", 2, "mode is one of"},
    {"[sandbox.seccomp]\nmode = enforce\n  audit\n", 3, "one value"},
    {"[sandbox.seccomp]\nmode = enforce\nmode = enforce\n", 3, "given twice, first on line 2"},
    {"[sandbox.seccomp]\nmode = enforce\n[shim]\n[sandbox.seccomp]\n", 4, "given twice, first on line 1"},
    {SYSCALLS "block = ptrase\n", 2, "did you mean 'ptrace'"},
    {SYSCALLS "block = mount,\n  umount2,\n  pivot_rot\n", 4, "did you mean 'pivot_root'"},
    {SYSCALLS "block = open_tree_atr\n", 2, "did you mean 'open_tree_attr'"},
    {SYSCALLS "block = qqqqqqqqqqqqqq\n", 2, "unknown system call"},
    {SYSCALLS "block = 101\n", 2, "unknown system call"},
    {SYSCALLS "block = ptrace\nblock = mount\n", 3, "block is given twice"},
    {SYSCALLS "block = ptrace\nallow = mount, ptrace\n", 3, "both allow and block"},
    {SYSCALLS "allow = execve,\n mount\n", 3, "default of block"},
    {SYSCALLS "default_action = block\n", 2, "execve"},
    {SYSCALLS "block = execve\n", 2, "execve is blocked"},
    {SYSCALLS "block = ptrace # comment\n", 2, "unknown system call '#'"},
    {SYSCALLS "block = ptrace,\n  on_block = kill\n", 3, "a key begins in the first column"},
    {SYSCALLS "block = ptrace\n  [shim]\n", 3, "a section begins in the first column"},
    {SYSCALLS "  ptrace\n", 2, "no key to continue"},
    {"  ptrace\n", 1, "no key to continue"},
    {SYSCALLS "block: ptrace\n", 2, "expected [section], key = value"},
    {SYSCALLS "block\n", 2, "expected [section], key = value"},
    {SYSCALLS "= ptrace\n", 2, "expected [section], key = value"},
    {"mode = enforce\n", 1, "before the first [section]"},
    {"[sandbox.seccomp\nmode = x\n", 1, "a section is written [name]"},
    {"[sandbox.seccomp] x\n", 1, "a section is written [name]"},
    {"[]\n", 1, "a section is written [name]"},
    {"[aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]\nx = 1\n", 1, "name is too long (60 bytes"},
    {"[shim]\naaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa = 1\n", 2, "name is too long (60 bytes"},
    {"[shim]\nenabled = tr\033ue\n", 2, "control character"},
    {"[shim]\nenabled = true\r\r\n", 2, "control character"},
    {"[shim]\nenabled = tr\rue ; \r\n", 2, "control character"},
    {"[shell]\nprogram = bash\n", 2, "absolute path"},
    {"[shell]\nprogram =\n", 2, "absolute path"},
    {"[sidecar]\nevents = stdout\n", 2, "events is empty"},
    {"[degradation]\naccept = everything\n", 2, "accept is one of"},
    {"[unix_socket_rules.a]\ndecision = allow\n", 1, "rule 'a' has no path"},
    {"[unix_socket_rules.a]\npaths =\n", 1, "rule 'a' has no path"},
    {"[unix_socket_rules.a]\npaths = /x\n[unix_socket_rules.a]\npaths = /y\n", 3, "given twice, first on line 1"},
    {"[unix_socket_rules.a]\npaths = /x\npaths = /y\n", 3, "paths is given twice, first on line 2"},
    {"[unix_socket_rules.a]\npaths = x\n", 2, "neither an absolute path"},
    {"[unix_socket_rules.a]\npaths = @\n", 2, "neither an absolute path"},
    {"[unix_socket_rules.a]\npaths = /a/../b\n", 2, "can match nothing"},
    {"[unix_socket_rules.a]\npaths = /a//b\n", 2, "can match nothing"},
    {"[unix_socket_rules.a]\npaths = /a/\n", 2, "can match nothing"},
    {"[unix_socket_rules.a]\npaths = /a/./b\n", 2, "can match nothing"},
    {"[unix_socket_rules.a]\npaths = /a[bc\n", 2, "without its ']'"},
    {"[unix_socket_rules.a]\npaths = /*/*/*/*/*/*/*/*/*\n", 2, "too many '*' (9, at most 8)"},
    {"[unix_socket_rules.a]\npaths = /x\noperations = connect, listen\n", 3, "connect | bind | sendto"},
    {"[unix_socket_rules.a]\nservices = a/b\n", 2, "no name"},
    {"[unix_socket_rules.a]\nservices = base,\n  dokcer\n", 3, "unknown service 'dokcer' (did you mean 'docker'?)"},
    {"[unix_socket_rules.a]\nservices = frobnicator\n", 2, "unknown service 'frobnicator'"},
    {"[unix_socket_rules.a]\npaths = /a\\n\n", 2, "neither \\xNN nor"},
    {"[unix_socket_rules.a]\npaths = /a[b/c]\n", 2, "can match nothing"},
    {"[unix_socket_rules.a]\npaths = /a[z-b]\n", 2, "range"},
    {"[unix_socket_rules.a]\npaths = /x\nmode = enforce\n", 3, "unknown key 'mode'"},
};

static void every_bad_one_has_its_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect_bad(bad[i].text, bad[i].line, bad[i].part);
}

static void a_line_of_the_limit_and_one_more(void **state)
{
	struct policy policy;
	char text[400];
	int comment = 198 - (int)strlen("stderr = never;");

	(void)state;
	/* What is left after the comment counts: 198 bytes. */
	(void)snprintf(text, sizeof(text), "[notices]\nstderr =%*s\n", 198 - 8, "never");
	expect_good(text, &policy);
	policy_free(&policy);
	(void)snprintf(text, sizeof(text), "[notices]\nstderr =%*s\n", 199 - 8, "never");
	expect_bad(text, 2, "too long (199 bytes, at most 198)");
	(void)snprintf(text, sizeof(text), "[notices]\nstderr = never ;%*s\n", comment + 100, "x");
	expect_good(text, &policy);
	policy_free(&policy);
}

static void a_nul_byte_is_refused(void **state)
{
	static const char text[] = "[shim]\nenabled = true\0\nx\n";
	struct policy policy;
	struct diagnostics diagnostics;

	(void)state;
	diagnostics_init(&diagnostics);
	assert_int_equal(policy_parse(text, sizeof(text) - 1, &policy, &diagnostics), -1);
	assert_int_equal(diagnostics.items[0].line, 2);
}

static void the_bounds(void **state)
{
	struct policy policy;
	struct diagnostics diagnostics;
	char *text = malloc(POLICY_TEXT_MAX + 2);
	size_t used = 0;

	(void)state;
	assert_non_null(text);
	memset(text, '\n', POLICY_TEXT_MAX + 1);
	diagnostics_init(&diagnostics);
	assert_int_equal(policy_parse(text, POLICY_TEXT_MAX, &policy, &diagnostics), 0);
	policy_free(&policy);
	assert_int_equal(policy_parse(text, POLICY_TEXT_MAX + 1, &policy, &diagnostics), -1);
	for (unsigned i = 0; i <= POLICY_RULES_MAX; i++)
		used +=
		    (size_t)snprintf(text + used, POLICY_TEXT_MAX - used, "[unix_socket_rules.r%u]\npaths = /x\n", i);
	expect_bad(text, 2 * POLICY_RULES_MAX + 1, "too many rules (at most 256)");
	used = (size_t)snprintf(text, POLICY_TEXT_MAX, SYSCALLS "block =\n");
	for (unsigned i = 0; i <= POLICY_LIST_MAX; i++)
		used += (size_t)snprintf(text + used, POLICY_TEXT_MAX - used, " mount\n");
	expect_bad(text, POLICY_LIST_MAX + 3, "too many entries (at most 1024)");
	used = (size_t)snprintf(text, POLICY_TEXT_MAX, "[unix_socket_rules.r]\npaths =\n");
	for (unsigned i = 0; i <= POLICY_RULE_PATHS_MAX; i++)
		used += (size_t)snprintf(text + used, POLICY_TEXT_MAX - used, " /x\n");
	expect_bad(text, POLICY_RULE_PATHS_MAX + 3, "too many entries (at most 64)");
	free(text);
}

static void findings_are_bounded_and_counted(void **state)
{
	struct policy policy;
	struct diagnostics diagnostics;
	char *text = malloc(POLICY_TEXT_MAX);
	size_t used = 0;

	(void)state;
	for (unsigned i = 0; i < 3 * DIAGNOSTICS_MAX; i++)
		used += (size_t)snprintf(text + used, POLICY_TEXT_MAX - used, "[x%u]\n", i);
	assert_int_equal(parse(text, &policy, &diagnostics), -1);
	assert_int_equal(diagnostics.count, DIAGNOSTICS_MAX);
	assert_int_equal(diagnostics.errors, 3 * DIAGNOSTICS_MAX);
	free(text);
}

struct need_case {
	const char *text;
	const char *what; /* NULL: nothing */
};

/* Asked of each: what is told names the key, its line, and what runs in its place. */
static void ask(const char *(*question)(const struct policy *, unsigned *, const char **),
		const struct need_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct policy policy;
		const char *remedy = NULL;
		const char *what;
		unsigned line = 0;

		expect_good(cases[i].text, &policy);
		what = question(&policy, &line, &remedy);
		assert_true((what != NULL) == (cases[i].what != NULL));
		if (what) {
			assert_non_null(strstr(what, cases[i].what));
			assert_non_null(remedy);
			assert_true(line > 1);
		}
		policy_free(&policy);
	}
}

#define OPEN "[sandbox.seccomp.unix_socket]\nenabled = false\n"

static void what_needs_a_sidecar(void **state)
{
	static const struct need_case cases[] = {
	    {OPEN "[shim]\nenabled = true\n", NULL},
	    {"[sandbox.seccomp]\nmode = audit\n", "mode = audit"},
	    {SYSCALLS "on_block = log\n", "on_block = log"},
	    {SYSCALLS "on_block = log_and_kill\n", "on_block = log_and_kill"},
	    {OPEN SYSCALLS "on_block = errno\n", NULL},
	    {"[sandbox.seccomp.unix_socket]\nenabled = true\n", "unix_socket.enabled = true"},
	    {"[sandbox.seccomp.unix_socket]\nenabled = true\ndegraded = no_unix\n", NULL},
	    {"[sandbox.seccomp.unix_socket]\ndegraded = no_unix\naction = audit\n", "action = audit"},
	    {OPEN "action = audit\n", NULL},
	    {OPEN "[sidecar]\nevents = /x\n", "[sidecar] events"},
	    {OPEN "[sidecar]\non_event_loss = deny\n", "on_event_loss = deny"},
	    {"[sandbox.seccomp]\nmode = disabled\n" SYSCALLS "on_block = log\n", NULL},
	    {"[sandbox.seccomp]\nenabled = false\nmode = audit\n", NULL},
	};

	(void)state;
	ask(policy_needs_sidecar, cases, sizeof(cases) / sizeof(cases[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(defaults_equal_the_shipped_file),
	    cmocka_unit_test(everything_of_the_contract),
	    cmocka_unit_test(a_list_of_every_name),
	    cmocka_unit_test(every_bad_one_has_its_line),
	    cmocka_unit_test(a_line_of_the_limit_and_one_more),
	    cmocka_unit_test(a_nul_byte_is_refused),
	    cmocka_unit_test(the_bounds),
	    cmocka_unit_test(findings_are_bounded_and_counted),
	    cmocka_unit_test(what_needs_a_sidecar),
	};

	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
