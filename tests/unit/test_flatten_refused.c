/* YAML that is refused, on which line and why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "flat.h"
#include "flatten.h"

struct bad {
	const char *yaml;
	unsigned line;
	const char *part;
};

static void refuse_all(const struct bad *bad, size_t count, bool pass)
{
	for (size_t i = 0; i < count; i++)
		flat_refuse(bad[i].yaml, pass, bad[i].line, bad[i].part);
}

static void wrong_types(void **state)
{
	static const struct bad bad[] = {
	    {SECCOMP("mode: [enforce]"), 3, "mode is one value, not a list"},
	    {SECCOMP("mode:\n      a: b"), 3, "mode is one value, not a mapping"},
	    {SECCOMP("mode:"), 3, "mode is one value, not nothing"},
	    {SECCOMP("mode: ~"), 3, "not nothing"},
	    {SECCOMP("mode: null"), 3, "not nothing"},
	    {SECCOMP("mode: true"), 3, "mode is a text, not a boolean"},
	    {SECCOMP("mode: 5"), 3, "mode is a text, not a number"},
	    {SECCOMP("mode:\n      -1.5e3"), 4, "not a number"},
	    {SECCOMP("mode: 0x1F"), 3, "not a number"},
	    {SECCOMP("mode: 0o17"), 3, "not a number"},
	    {SECCOMP("mode: .inf"), 3, "not a number"},
	    {SECCOMP("mode: 1_000"), 3, "not a number"},
	    {SECCOMP("mode: 190:20:30"), 3, "not a number"},
	    {SECCOMP("mode: .5"), 3, "not a number"},
	    /* These are texts: the policy knows better why not. */
	    {SECCOMP("mode: 1.2.3"), 3, "mode is one of enforce"},
	    {SECCOMP("mode: 0x"), 3, "mode is one of enforce"},
	    {SECCOMP("mode: 1e"), 3, "mode is one of enforce"},
	    {SECCOMP("mode: '5'"), 3, "mode is one of enforce"},
	    {SECCOMP("mode: ''"), 3, "mode is one of enforce"},
	    {SECCOMP("unix_socket:"), 3, "sandbox.seccomp.unix_socket is a mapping, not nothing"},
	    {SECCOMP("unix_socket: [a]"), 3, "is a mapping, not a list"},
	    {SECCOMP("unix_socket: yes"), 3, "is a mapping, not a boolean"},
	    {SYSCALLS("block: ptrace"), 4, "block is a list, not a text"},
	    {SYSCALLS("block: ptrace, mount"), 4, "block is a list, not a text"},
	    {SYSCALLS("block:"), 4, "block is a list, not nothing (write [NAME, ...], or [] for none)"},
	    {SYSCALLS("block: {ptrace: true}"), 4, "block is a list, not a mapping"},
	    {SYSCALLS("block:\n      - ptrace\n      - [mount]"), 6, "this is a list"},
	    {SYSCALLS("block:\n      - ptrace\n      - mount: x"), 6, "this is a mapping"},
	    {SYSCALLS("block:\n      - ptrace\n      -"), 6, "this is nothing"},
	    {SYSCALLS("block:\n      - ptrace\n      - on"), 6, "this is a boolean"},
	    {SYSCALLS("block:\n      - ptrace\n      - 7"), 6, "this is a number"},
	    {"sandbox:\n", 1, "sandbox is a mapping, not nothing"},
	    {"sandbox: []\n", 1, "sandbox is a mapping, not a list"},
	    {"sandbox: {seccomp: on}\n", 1, "sandbox.seccomp is a mapping, not a boolean"},
	    {"shell: /bin/bash\n", 1, "shell is a mapping, not a text"},
	    {"\n[sandbox]\n", 2, "the document is a mapping, not a list"},
	    {"sandbox\n", 1, "the document is a mapping, not a text"},
	    {RULES("  5: {paths: [/x]}"), 2, "a rule's name is a text, not a number (put it in quotes)"},
	    {RULES("  on: {paths: [/x]}"), 2, "a rule's name is a text, not a boolean"},
	    {"\nunix_socket_rules: /x\n", 2, "a mapping or a list of rules, not a text"},
	    {RULES("  a: [/x]"), 2, "a rule is a mapping, not a list"},
	    {RULES("- /x"), 2, "a rule is a mapping, not a text"},
	    {"sidecar:\n  events:\n", 2, "events is one value, not nothing (write \"\" for an empty one)"},
	};

	(void)state;
	refuse_all(bad, sizeof(bad) / sizeof(bad[0]), false);
	refuse_all(bad, sizeof(bad) / sizeof(bad[0]), true);
}

static void unknown_and_twice(void **state)
{
	static const struct bad bad[] = {
	    {SECCOMP("enabled: true\n    enforce: true"), 4, "unknown key 'enforce' in sandbox.seccomp"},
	    {SECCOMP("syscalls:\n      blocked: []"), 4, "unknown key 'blocked' in sandbox.seccomp.syscalls"},
	    {"shell: {prog: /x}\n", 1, "unknown key 'prog' in shell"},
	    {"shell: {[a]: /x}\n", 1, "unknown key '(not a name)' in shell"},
	    {SECCOMP("syscalls.block: []"), 3, "unknown key 'syscalls.block'"},
	    {SECCOMP("\"mode\\0\": enforce"), 3, "unknown key 'mode'"},
	    {RULES("  a:\n    paths: [/x]\n    name: b"), 4, "unknown key 'name' in unix_socket_rules"},
	    {RULES("- name: a\n  path: /x"), 3, "unknown key 'path' in unix_socket_rules"},
	    {"sandbox.seccomp:\n  enabled: false\n", 1, "'sandbox.seccomp' with dots"},
	    {"sandbox:\n  seccomp.syscalls:\n    block: []\n", 2, "'seccomp.syscalls' with dots"},
	    {"unix_socket_rules.a: {paths: [/x]}\n", 1, "with dots"},
	    {SECCOMP("mode: audit\n    enabled: true\n    mode: enforce"), 5, "mode is given twice, first on line 3"},
	    {SECCOMP("mode: audit\n    \"mo\\x64e\": enforce"), 4, "mode is given twice, first on line 3"},
	    {SECCOMP("syscalls: {}\n    syscalls: {}"), 4, "syscalls is given twice, first on line 3"},
	    {"sandbox: {}\nsandbox: {}\n", 2, "sandbox is given twice, first on line 1"},
	    {"shell: {}\n\nshell: {}\n", 3, "shell is given twice, first on line 1"},
	    {RULES("  a: {paths: [/x]}\n  b: {paths: [/x]}\n  a: {paths: [/x]}"), 4,
	     "rule 'a' is given twice, first on line 2"},
	    {RULES("- {name: a, paths: [/x]}\n- paths: [/x]\n  name: a"), 4,
	     "rule 'a' is given twice, first on line 2"},
	    {RULES("- {name: a, name: b, paths: [/x]}"), 2, "name is given twice"},
	    {RULES("- name: a\n  paths: [/x]\n- paths: [/x]"), 4, "this has none"},
	    {RULES("  a b: {paths: [/x]}"), 2, "a rule's name is 1 to 31"},
	    {RULES("  '': {paths: [/x]}"), 2, "a rule's name is 1 to 31"},
	    {RULES("  \"a\\0\": {paths: [/x]}"), 2, "a rule's name is 1 to 31"},
	    {RULES("  a2345678901234567890123456789012: {paths: [/x]}"), 2, "a rule's name is 1 to 31"},
	    {RULES("- name: [a]\n  paths: [/x]"), 2, "a rule's name is a text, not a list"},
	};

	(void)state;
	refuse_all(bad, sizeof(bad) / sizeof(bad[0]), false);
	refuse_all(bad, sizeof(bad) / sizeof(bad[0]), true);
	flat_expect(RULES("  a234567890123456789012345678901: {paths: [/x]}"), false,
		    "[unix_socket_rules.a234567890123456789012345678901]\npaths = /x\n");
	/* A rule whose name ends like a key of another. */
	flat_expect(RULES("  a: {paths: [/x]}\n  a.paths: {paths: [/x]}"), false,
		    "[unix_socket_rules.a]\npaths = /x\n\n[unix_socket_rules.a.paths]\npaths = /x\n");
}

static void properties(void **state)
{
	static const struct bad bad[] = {
	    {SECCOMP("mode: &m enforce"), 3, "an anchor is refused"},
	    {SECCOMP("&m mode: enforce"), 3, "an anchor is refused"},
	    {SECCOMP("mode: *m"), 3, "an alias is refused"},
	    {SECCOMP("*m : enforce"), 3, "an alias is refused"},
	    {SYSCALLS("block: &b [ptrace]"), 4, "an anchor is refused"},
	    {SYSCALLS("block: [ptrace, &b mount]"), 4, "an anchor is refused"},
	    {SYSCALLS("block:\n      - ptrace\n      - *b"), 6, "an alias is refused"},
	    {"sandbox: &s {}\n", 1, "an anchor is refused"},
	    {"&r\nsandbox: {}\n", 1, "an anchor is refused"},
	    {RULES("- &a {name: a, paths: [/x]}\n- *a"), 2, "an anchor is refused"},
	    {RULES("  &a a: {paths: [/x]}"), 2, "an anchor is refused"},
	    {RULES("- name: &a a\n  paths: [/x]"), 2, "an anchor is refused"},
	    {SECCOMP("<<: {mode: audit}"), 3, "a merge key is refused"},
	    {RULES("  <<: {a: {paths: [/x]}}"), 2, "a merge key is refused"},
	    {SECCOMP("mode: !mine enforce"), 3, "a tag is refused"},
	    {SECCOMP("mode: !!binary ZW5mb3JjZQ=="), 3, "a tag is refused"},
	    {SECCOMP("mode: !!bool enforce"), 3, "a tag is refused"},
	    {SECCOMP("mode: !!int 5"), 3, "a tag is refused"},
	    {SECCOMP("mode: !!null ''"), 3, "a tag is refused"},
	    {SECCOMP("mode: !!seq enforce"), 3, "a tag is refused"},
	    {SECCOMP("mode: !!bool true"), 3, "mode is a text, not a boolean"},
	    {SECCOMP("!!bool mode: audit"), 3, "a tag is refused"},
	    {SYSCALLS("block: !!set {ptrace}"), 4, "a tag is refused"},
	    {SYSCALLS("block: !!map [ptrace]"), 4, "a tag is refused"},
	    {SYSCALLS("block: [!!binary cHRyYWNl]"), 4, "a tag is refused"},
	    {"!!omap\nsandbox: {}\n", 1, "a tag is refused"},
	    {"%TAG !! tag:example.org,2026:\n---\nsandbox: !!map {}\n", 3, "a tag is refused"},
	    /* Any of these might be "sandbox", or bring it in, also where others' keys are passed over. */
	    {"x: &s sandbox\n*s : {seccomp: {enabled: false}}\nshell: {}\n", 2, "an alias is refused"},
	    {"<<: {sandbox: {seccomp: {enabled: false}}}\nshell: {}\n", 1, "a merge key is refused"},
	    {"!!binary c2FuZGJveA==: {}\nshell: {}\n", 1, "a tag is refused"},
	};

	(void)state;
	refuse_all(bad, sizeof(bad) / sizeof(bad[0]), true);
	flat_expect("%TAG ! tag:yaml.org,2002:\n---\nshell: !map {program: !<tag:yaml.org,2002:str> /x}\n", false,
		    "[shell]\nprogram = /x\n");
}

static void others(void **state)
{
	static const struct bad bad[] = {
	    {"logging: {level: debug}\n", 1, "'logging' is no section of ours (--ignore-other"},
	    {"shell: {}\n2: x\n", 2, "'2' is no section of ours"},
	    {"sandbox:\n  seccomp: {}\n  network: off\n", 3, "'sandbox.network' is no section of ours"},
	    {"shell: {}\n? [a, b]\n: c\n", 2, "'(not a name)' is no section of ours"},
	};
	static const char foreign[] = "logging: &l {level: debug, <<: *l, level: [*x, !odd {? [a] : !!int b}]}\n"
				      "&k x.y: !thing\n"
				      "? {sandbox: z}\n"
				      ": - - - *l\n"
				      "sandbox:\n"
				      "  network: |\n"
				      "    enabled: false\n"
				      "  seccomp: {mode: audit}\n"
				      "  [sandbox]: 1\n"
				      "  network: twice\n"
				      "\"sandbox\\0\": {seccomp: 5}\n"
				      "shell: {program: /x}\n";

	(void)state;
	refuse_all(bad, sizeof(bad) / sizeof(bad[0]), false);
	flat_expect(foreign, true, "[sandbox.seccomp]\nmode = audit\n\n[shell]\nprogram = /x\n");
	flat_refuse("logging: {}\n", true, 0, "nothing in the file is a policy of ours");
	flat_refuse("sandbox: {network: {}}\n", true, 0, "nothing in the file is a policy of ours");
	/* What is ours is judged as ever. */
	flat_refuse("logging: {}\nsandbox:\n  seccomp:\n    mod: x\n", true, 4, "unknown key 'mod'");
}

static void bytes(void **state)
{
	static const struct bad bad[] = {
	    {"shell:\n  program: \"/a\\nb\"\n", 2, "a line end, which cannot stand in the INI"},
	    {"shell:\n  program: |\n    /a\n", 2, "a line end"},
	    {"shell:\n  program: >\n    /a\n", 2, "a line end"},
	    {"shell:\n  program: \"/a\\0b\"\n", 2, "a control character, which"},
	    {"shell:\n  program: \"/a\\eb\"\n", 2, "a control character, which"},
	    {"shell:\n  program: \"/a\\x7F\"\n", 2, "a control character, which"},
	    {"shell:\n  program: \"/a\\tb\"\n", 2, "a control character, which"},
	    {"shell:\n  program: '/a ;b'\n", 2, "would begin a comment"},
	    {"shell:\n  program: ';/a'\n", 2, "would begin a comment"},
	    {"shell:\n  program: '/a '\n", 2, "a space at one end"},
	    {"shell:\n  program: ' /a'\n", 2, "a space at one end"},
	    {SYSCALLS("block: ['ptrace, mount']"), 4, "a comma"},
	    {RULES("- name: a\n  paths:\n  - /x\n  - /a b"), 5,
	     "a space, which cannot stand in the INI (\\xNN in its place can)"},
	    {RULES("- name: a\n  services:\n  - docker\n  - dokcer"), 5,
	     "unknown service 'dokcer' (did you mean 'docker'?)"},
	    {RULES("- name: a\n  paths:\n  - /x\n  - /a[b/c]"), 5, "can match nothing"},
	    {RULES("- name: a\n  services: docker"), 3, "services is a list, not a text"},
	    {RULES("- name: a\n  decision: deny"), 2, "rule 'a' has no path"},
	    {SYSCALLS("block: ['ptrace mount']"), 4, "a space"},
	    {SYSCALLS("block: [ptrace\n        mount]"), 4, "a space"},
	    {SYSCALLS("block: ['']"), 4, "no text"},
	    {SYSCALLS("block:\n      - ptrace\n      - '#mount'"), 6, "a '#' or '[' first"},
	    {SYSCALLS("block:\n      - ptrace\n      - '[mount]'"), 6, "a '#' or '[' first"},
	    {SYSCALLS("block:\n      - ptrace\n      - ';mount'"), 6, "would begin a comment"},
	    {SYSCALLS("block:\n      - ptrace\n      - \"mou\\nnt\""), 6, "a line end"},
	    {SYSCALLS("block:\n      - ptrace\n      - \"mount\\0\""), 6, "a control character"},
	    {SYSCALLS("block:\n      - |\n        ptrace"), 5, "a line end"},
	};

	(void)state;
	refuse_all(bad, sizeof(bad) / sizeof(bad[0]), false);
	flat_expect("shell: {program: '/a;b #c'}\n", false, "[shell]\nprogram = /a;b #c\n");
	flat_expect("shell: {program: \"/\\u00e9\"}\n", false, "[shell]\nprogram = /\xC3\xA9\n");
	flat_expect("shell:\n  program: /a\n    b\n", false, "[shell]\nprogram = /a b\n");
	flat_expect(SYSCALLS("block:\n      - >-\n        ptrace"), false,
		    "[sandbox.seccomp]\n\n[sandbox.seccomp.syscalls]\n"
		    "block = ptrace\n");
}

static void not_yaml(void **state)
{
	static const struct bad bad[] = {
	    {"", 1, "the file holds no policy"},
	    {"# nothing\n\n", 3, "the file holds no policy"},
	    {"---\n", 2, "the document is a mapping, not nothing"},
	    {"shell: {}\n---\nshell: {}\n", 2, "a second document"},
	    {"shell: {}\n...\n---\nnotices: {}\n", 3, "a second document"},
	    {"shell: {}\n...\nnotices: {}\n", 3, "expected <document start>"},
	    {"shell: {program: /x\n", 1, "flow mapping"},
	    {"shell:\n\tprogram: /x\n", 2, "cannot start any token"},
	    {RULES("  a:\n    paths: [@name]"), 3, "an abstract @name is written in quotes"},
	    {"sidecar:\n  events: syslog:\n", 2, "mapping values are not allowed"},
	    {"%YAML 3.0\n---\nshell: {}\n", 1, "incompatible"},
	    {"shell: {}\n# \x01\n", 2, "control characters"},
	    {"# ok\nshell: {program: /\xff}\n", 2, "invalid leading UTF-8"},
	    {"\xFF\xFEs\x01", 1, "UTF-8"},
	    {"shell: {}\n# a\rnotices: {}\n", 2, "a line ends with LF or CRLF"},
	    {"shell: {}\n# a\xE2\x80\xA8notices: {}\n", 2, "a line ends with LF or CRLF"},
	    {"shell: {}\n# a\xE2\x80\xA9notices: {}\n", 2, "a line ends with LF or CRLF"},
	    {"shell: {}\n# a\xC2\x85notices: {}\n", 2, "a line ends with LF or CRLF"},
	    {"shell: {}\r", 1, "a line ends with LF or CRLF"},
	};

	(void)state;
	refuse_all(bad, sizeof(bad) / sizeof(bad[0]), false);
	refuse_all(bad, sizeof(bad) / sizeof(bad[0]), true);
	flat_refuse_bytes("shell: {}\n\0", 11, false, 2, "control characters");
	flat_expect("{}", false, "");
	flat_expect("sandbox: {}\n", false, "");
	flat_expect("\xEF\xBB\xBFshell: {}\nnotices: {}\n", false, "[shell]\n\n[notices]\n");
	flat_expect("shell:\r\n  program: /x # y\r\nnotices: {}\r\n", false, "[shell]\nprogram = /x\n\n[notices]\n");
}

/* What only the policy's own parser finds is told with the line in the YAML. */
static void findings_of_the_policy(void **state)
{
	static const struct bad bad[] = {
	    {SECCOMP("enabled: true\n    # a comment\n\n    mode: strict"), 6,
	     "mode is one of enforce | audit | disabled"},
	    {SYSCALLS("block:\n      - mount\n      # no\n      - ptrase\n      - reboot"), 7, "did you mean 'ptrace'"},
	    {SYSCALLS("block: [mount, reboot,\n        ptrase]"), 5, "did you mean 'ptrace'"},
	    {SYSCALLS("block:\n      - mount\n      - reboot\n      allow: [getpid,\n        reboot]"), 8,
	     "reboot is in both allow and block (block names it on line 6)"},
	    {SYSCALLS("allow: [reboot]"), 4, "(the default of block names it"},
	    {SYSCALLS("block:\n      - mount\n      - execve"), 6, "execve is blocked"},
	    {SYSCALLS("allow: []\n      default_action: block"), 5, "execve is not in allow"},
	    {RULES("  a: {paths: [/x]}\n  b:\n    decision: deny"), 3, "rule 'b' has no path"},
	    {RULES("- name: a\n  paths: [/x]\n- paths: []\n  name: b"), 4, "rule 'b' has no path"},
	    {RULES("- name: a\n  paths:\n  - /x\n  - x"), 5, "'x' is neither an absolute path"},
	    {"shell: {}\nsidecar:\n  socket: 'x on line 1'\n", 3, "not 'x on line 1'"},
	    {SECCOMP("unix_socket: {enabled: true, log: some}"), 3, "log is one of"},
	};

	(void)state;
	refuse_all(bad, sizeof(bad) / sizeof(bad[0]), false);
}

static void findings_are_told_all(void **state)
{
	static const char yaml[] = "shell: {prog: x}\nlogging: {}\nsandbox:\n  seccomp: {mode: 5, enabled: 'x'}\n";
	static const unsigned lines[] = {1, 2, 4, 4};
	struct diagnostics diagnostics;
	char *ini;

	(void)state;
	diagnostics_init(&diagnostics);
	assert_int_equal(flatten_yaml(yaml, strlen(yaml), false, &ini, &diagnostics), -1);
	assert_int_equal(diagnostics.errors, 4);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(diagnostics.items[i].line, lines[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(wrong_types),
	    cmocka_unit_test(unknown_and_twice),
	    cmocka_unit_test(properties),
	    cmocka_unit_test(others),
	    cmocka_unit_test(bytes),
	    cmocka_unit_test(not_yaml),
	    cmocka_unit_test(findings_of_the_policy),
	    cmocka_unit_test(findings_are_told_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
