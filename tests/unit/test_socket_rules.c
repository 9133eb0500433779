/* Rules for sockets: which one decides, on which line, what default does, and what is asked before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "glob.h"
#include "known_name.h"
#include "socket_hint.h"
#include "socket_rules.h"

static void parse(const char *text, struct policy *policy)
{
	struct diagnostics diagnostics;

	diagnostics_init(&diagnostics);
	if (policy_parse(text, strlen(text), policy, &diagnostics) != 0)
		fail_msg("refused: line %u: %s", diagnostics.items[0].line, diagnostics.items[0].text);
}

static struct socket_name name_of(const char *text)
{
	return (struct socket_name){
	    .abstract = text[0] == '@', .bytes = text + (text[0] == '@'), .length = strlen(text) - (text[0] == '@')};
}

static struct socket_decision decide(const struct policy *policy, enum socket_operation operation, const char *text)
{
	struct socket_name name = name_of(text);

	return socket_rules_decide(policy, operation, &name, OWNER_OUTSIDE, NULL, NULL);
}

/* rule "": default decided. */
static void expect(const struct policy *policy, enum socket_operation operation, const char *text, bool allowed,
		   const char *rule, unsigned line)
{
	struct socket_decision decision = decide(policy, operation, text);
	const char *name = decision.rule ? decision.rule->name : "";

	if (decision.allowed != allowed || strcmp(name, rule) != 0 || decision.line != line)
		fail_msg("%s: %d by '%s' line %u", text, decision.allowed, name, decision.line);
	assert_int_equal(decision.pattern != NULL, *rule != '\0');
}

static void first_match_decides(void **state)
{
	struct policy policy;

	(void)state;
	parse("[unix_socket_rules.one]\npaths = /run/a,\n  /run/b*\noperations = connect\n"
	      "[unix_socket_rules.two]\npaths = /run/**\ndecision = deny\n"
	      "[unix_socket_rules.three]\npaths = /run/c @abs?\n",
	      &policy);
	expect(&policy, OPERATION_CONNECT, "/run/a", true, "one", 2);
	expect(&policy, OPERATION_CONNECT, "/run/bb", true, "one", 3);
	expect(&policy, OPERATION_SENDTO, "/run/a", false, "two", 6);
	expect(&policy, OPERATION_BIND, "/run/a", false, "two", 6);
	expect(&policy, OPERATION_CONNECT, "/run/c", false, "two", 6);
	expect(&policy, OPERATION_CONNECT, "/runc", false, "", 0);
	expect(&policy, OPERATION_BIND, "@absx", true, "three", 9);
	expect(&policy, OPERATION_CONNECT, "@abs", false, "", 0);
	/* A path's pattern is none of a name's, nor without its first byte. */
	expect(&policy, OPERATION_CONNECT, "@/run/a", false, "", 0);
	expect(&policy, OPERATION_CONNECT, "@run/a", false, "", 0);
	assert_string_equal(decide(&policy, OPERATION_CONNECT, "/run/bb").pattern, "/run/b*");
	policy_free(&policy);
}

static void names_are_bytes(void **state)
{
	const struct socket_name padded = {.abstract = true, .bytes = "x\0\0", .length = 3};
	const struct socket_name bare = {.abstract = true, .bytes = "x\0\0", .length = 1};
	struct policy policy;

	(void)state;
	parse("[unix_socket_rules.a]\npaths = @x\\x00* /run/a\\x0a*\n", &policy);
	assert_true(socket_rules_decide(&policy, OPERATION_CONNECT, &padded, OWNER_OUTSIDE, NULL, NULL).allowed);
	assert_false(socket_rules_decide(&policy, OPERATION_CONNECT, &bare, OWNER_OUTSIDE, NULL, NULL).allowed);
	expect(&policy, OPERATION_CONNECT, "/run/a\n\xff", true, "a", 2);
	policy_free(&policy);
}

static void services(void **state)
{
	struct policy policy;
	struct socket_decision decision;

	(void)state;
	parse("[unix_socket_rules.more]\nservices = postgres,\n systemd\npaths = /srv/x\n", &policy);
	expect(&policy, OPERATION_CONNECT, "/run/postgresql/.s.PGSQL.5432", true, "more", 2);
	expect(&policy, OPERATION_CONNECT, "/run/systemd/private", true, "more", 3);
	expect(&policy, OPERATION_CONNECT, "/srv/x", true, "more", 4);
	/* It is the journal's, and so base's, which is special; systemd is whatever else is there. */
	expect(&policy, OPERATION_CONNECT, "/run/systemd/journal/socket", true, "base", 0);
	expect(&policy, OPERATION_CONNECT, "/run/docker.sock", false, "", 0);
	decision = decide(&policy, OPERATION_CONNECT, "/run/docker.sock");
	assert_string_equal(decision.service->name, "docker");
	assert_string_equal(decision.service->gives, "root on this host");
	decision = decide(&policy, OPERATION_CONNECT, "/run/postgresql/.s.PGSQL.5432");
	assert_string_equal(decision.pattern, "/run/postgresql/.s.PGSQL.*");
	assert_null(decide(&policy, OPERATION_CONNECT, "/srv/x").service);
	policy_free(&policy);
}

static void base_is_last_unless_the_file_has_it(void **state)
{
	struct policy policy;

	(void)state;
	parse("", &policy);
	assert_int_equal(policy.rule_count, 1);
	assert_true(policy.rules[0].builtin);
	expect(&policy, OPERATION_CONNECT, "/run/nscd/socket", true, "base", 0);
	expect(&policy, OPERATION_SENDTO, "/dev/log", true, "base", 0);
	policy_free(&policy);
	parse("[unix_socket_rules.quiet]\npaths = /dev/log\ndecision = deny\n", &policy);
	expect(&policy, OPERATION_SENDTO, "/dev/log", false, "quiet", 2);
	expect(&policy, OPERATION_CONNECT, "/run/nscd/socket", true, "base", 0);
	policy_free(&policy);
	parse("[unix_socket_rules.base]\nservices = base\noperations = sendto\n"
	      "[unix_socket_rules.x]\npaths = /dev/*\ndecision = deny\n",
	      &policy);
	assert_int_equal(policy.rule_count, 2);
	assert_false(policy.rules[0].builtin || policy.rules[1].builtin);
	expect(&policy, OPERATION_SENDTO, "/dev/log", true, "base", 2);
	expect(&policy, OPERATION_CONNECT, "/dev/log", false, "x", 5);
	expect(&policy, OPERATION_CONNECT, "/run/nscd/socket", false, "", 0);
	policy_free(&policy);
}

/* What default says, by word, operation and owner. */
static void defaults(void **state)
{
	static const struct {
		const char *word;
		bool connect[3]; /* by enum socket_owner */
		bool bind;
	} rows[] = {
	    {"session", {[OWNER_SESSION] = true}, true},
	    {"user", {[OWNER_SESSION] = true, [OWNER_USER] = true}, true},
	    {"allow", {true, true, true}, true},
	    {"deny", {false, false, false}, false},
	};
	const struct socket_name name = name_of("/srv/x");

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct policy policy;
		char text[80];

		(void)snprintf(text, sizeof(text), "\n[sandbox.seccomp.unix_socket]\ndefault = %s\n", rows[i].word);
		parse(text, &policy);
		for (unsigned owner = OWNER_OUTSIDE; owner <= OWNER_SESSION; owner++) {
			for (unsigned operation = OPERATION_CONNECT; operation <= OPERATION_SENDTO; operation++) {
				bool wanted = operation == OPERATION_BIND ? rows[i].bind : rows[i].connect[owner];
				struct socket_decision decision =
				    socket_rules_decide(&policy, operation, &name, owner, NULL, NULL);

				if (decision.allowed != wanted)
					fail_msg("%s, %s, owner %u", rows[i].word, socket_operation_name(operation),
						 owner);
				assert_null(decision.rule);
				assert_int_equal(decision.line, 3);
			}
		}
		policy_free(&policy);
	}
}

struct question {
	unsigned asked;
	bool answer;
};

static bool answer(void *context, const struct socket_name *name)
{
	struct question *question = context;

	assert_int_equal(name->length, 6);
	question->asked++;
	return question->answer;
}

static void ask(const char *text, enum socket_owner owner, bool says, bool allowed, const char *rule, unsigned asked)
{
	const struct socket_name name = name_of("/srv/x");
	struct question question = {.answer = says};
	struct socket_decision decision;
	struct policy policy;

	parse(text, &policy);
	decision = socket_rules_decide(&policy, OPERATION_CONNECT, &name, owner, answer, &question);
	if (decision.allowed != allowed || strcmp(decision.rule ? decision.rule->name : "", rule) != 0 ||
	    question.asked != asked)
		fail_msg("%s%d by '%s', asked %u times", text, decision.allowed,
			 decision.rule ? decision.rule->name : "", question.asked);
	policy_free(&policy);
}

static void what_allows_is_asked_for_once(void **state)
{
	static const char allow_allow_deny[] = "[unix_socket_rules.a]\npaths = /srv/x\n"
					       "[unix_socket_rules.b]\npaths = /srv/*\n"
					       "[unix_socket_rules.c]\npaths = /srv/**\ndecision = deny\n";
	static const char deny[] = "[unix_socket_rules.a]\npaths = /srv/x\ndecision = deny\n";
	static const char others[] = "[unix_socket_rules.a]\npaths = /srv/y\n";
	static const char by_default[] = "[sandbox.seccomp.unix_socket]\ndefault = allow\n";
	static const char both[] =
	    "[sandbox.seccomp.unix_socket]\ndefault = allow\n[unix_socket_rules.a]\npaths = /srv/x\n";

	(void)state;
	ask(allow_allow_deny, OWNER_OUTSIDE, true, true, "a", 1);
	ask(allow_allow_deny, OWNER_OUTSIDE, false, false, "c", 1);
	ask(deny, OWNER_OUTSIDE, true, false, "a", 0);
	ask(others, OWNER_OUTSIDE, true, false, "", 0);
	ask(by_default, OWNER_OUTSIDE, true, true, "", 1);
	ask(by_default, OWNER_OUTSIDE, false, false, "", 1);
	ask(both, OWNER_OUTSIDE, false, false, "", 1);
	/* What this session has bound it reaches, by whatever name. */
	ask(by_default, OWNER_SESSION, false, true, "", 0);
}

static void hint_of(const char *text, const char *name_text, const char *wanted)
{
	struct policy policy;
	struct socket_name name = name_of(name_text);
	struct socket_decision decision;
	char hint[SOCKET_HINT_SIZE];

	parse(text, &policy);
	decision = decide(&policy, OPERATION_CONNECT, name_text);
	assert_int_equal(socket_hint(&policy, &name, &decision, hint), *wanted != '\0');
	assert_string_equal(hint, wanted);
	policy_free(&policy);
}

static void hints(void **state)
{
	char long_name[300] = "/";

	(void)state;
	hint_of("", "/run/docker.sock", "[unix_socket_rules.docker] services = docker");
	hint_of("", "/srv/.a b*c", "[unix_socket_rules.a-b-c] paths = /srv/.a\\x20b\\x2ac");
	hint_of("", "@/x/", "[unix_socket_rules.socket] paths = @/x/");
	hint_of("", "/x/base", "[unix_socket_rules.base-2] paths = /x/base");
	hint_of("[unix_socket_rules.x]\npaths = /srv/*\ndecision = deny\n[unix_socket_rules.x-2]\npaths=/a\n", "/srv/x",
		"[unix_socket_rules.x-3] paths = /srv/x, before [unix_socket_rules.x]");
	hint_of("", "/dev/log", "");
	memset(long_name + 1, 'a', 250);
	hint_of("", long_name, "");
}

/* A rule made of the longest name that is taken is one that a policy can have. */
static void the_longest_hint_is_a_rule(void **state)
{
	char text[SOCKET_HINT_PATTERN + 1] = "/";
	char policy_text[SOCKET_HINT_SIZE + 32];
	char key[SOCKET_HINT_SIZE];
	struct socket_name name;
	struct policy policy;

	(void)state;
	memset(text + 1, 'a', SOCKET_HINT_PATTERN - 1);
	name = name_of(text);
	assert_true(socket_hint_key(&name, NULL, key, sizeof(key)));
	(void)snprintf(policy_text, sizeof(policy_text), "[unix_socket_rules.a]\n%s\n", key);
	parse(policy_text, &policy);
	expect(&policy, OPERATION_CONNECT, text, true, "a", 2);
	policy_free(&policy);
}

/* --- The catalogue --- */

/* A name that the pattern matches: every star stands for "Zz", a set for its first byte. */
static size_t sample(const char *pattern, char out[256])
{
	size_t length = 0;

	for (const char *at = pattern + (*pattern == '@'); *at; at++) {
		if (*at != '*')
			out[length++] = *at;
		else if (at[1] != '*')
			out[length++] = 'Z';
	}
	return length;
}

static void each_pattern_is_its_own_services(void **state)
{
	size_t count;
	const struct service *all = service_all(&count);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		assert_ptr_equal(service_find(all[i].name), &all[i]);
		assert_true(service_exists(all[i].name));
		assert_true(all[i].gives[0] != '\0' && strlen(all[i].gives) < 100);
		for (const char *const *pattern = all[i].patterns; *pattern; pattern++) {
			enum glob_kind kind = **pattern == '@' ? GLOB_ABSTRACT : GLOB_PATHNAME;
			struct socket_name name = {.abstract = kind == GLOB_ABSTRACT};
			char bytes[256];
			const char *matched;
			unsigned stars;

			assert_true(**pattern == '@' || (**pattern == '/' && !glob_has_odd_component(*pattern)));
			assert_null(strpbrk(*pattern, "?[\\"));
			assert_null(glob_problem(kind, *pattern, &stars));
			assert_in_range(stars, 0, POLICY_PATTERN_STARS_MAX);
			name.bytes = bytes;
			name.length = sample(*pattern, bytes);
			/* Else it would never be asked, or stand there twice. */
			if (socket_rules_service(&name, &matched) != &all[i] || matched != *pattern)
				fail_msg("%s of %s belongs to %s", *pattern, all[i].name, matched);
		}
	}
	assert_false(service_exists("") || service_exists("dock"));
	assert_null(service_find("dock"));
	assert_string_equal(service_nearest("dokcer"), "docker");
	assert_null(service_nearest("frobnicator"));
	assert_null(service_nearest(""));
}

static void what_belongs_to_whom(void **state)
{
	static const struct {
		const char *name;
		const char *service; /* NULL: none */
		bool dangerous;
	} rows[] = {
	    {"/run/docker.sock", "docker", true},
	    {"/var/run/docker.sock", "docker", true},
	    {"/run/containerd/containerd.sock", "containerd", true},
	    {"/run/podman/podman.sock", "podman", true},
	    {"/run/user/1000/podman/podman.sock", "podman", true},
	    {"/run/crio/crio.sock", "cri-o", true},
	    {"/run/libvirt/libvirt-sock", "libvirt", true},
	    {"/var/snap/lxd/common/lxd/unix.socket", "lxd", true},
	    {"/run/snapd.socket", "snapd", true},
	    {"/run/systemd/private", "systemd", true},
	    {"/run/user/1000/systemd/private", "systemd-user", true},
	    {"/run/dbus/system_bus_socket", "dbus-system", true},
	    {"/run/user/1000/bus", "dbus-session", true},
	    {"/tmp/ssh-XXabcd/agent.12", "ssh-agent", true},
	    {"/run/user/1000/gnupg/S.gpg-agent", "gpg-agent", true},
	    {"/run/user/1000/gnupg/S.gpg-agent.ssh", "ssh-agent", true},
	    {"/tmp/.X11-unix/X0", "x11", true},
	    {"@/tmp/.X11-unix/X0", "x11", true},
	    {"/run/user/1000/wayland-0", "wayland", true},
	    {"/run/user/1000/pulse/native", "pulseaudio", true},
	    {"/run/user/1000/pipewire-0", "pipewire", true},
	    {"/tmp/tmux-1000/default", "tmux", true},
	    {"/run/screen/S-me/1.pts", "screen", true},
	    {"/run/user/1000/emacs/server", "emacs", true},
	    {"/tmp/vscode-ipc-1.sock", "vscode", true},
	    {"/run/user/1000/vscode-git-1.sock", "vscode", true},
	    {"/run/postgresql/.s.PGSQL.5432", "postgres", false},
	    {"/run/mysqld/mysqld.sock", "mysql", false},
	    {"/run/redis/redis-server.sock", "redis", false},
	    {"/run/nscd/socket", "base", false},
	    {"/var/lib/sss/pipes/nss", "base", false},
	    {"/var/lib/sss/pipes/private/pam", "sssd", true},
	    {"/run/systemd/userdb/io.systemd.Multiplexer", "base", false},
	    {"/run/systemd/resolve/io.systemd.Resolve", "base", false},
	    {"/run/systemd/journal/dev-log", "base", false},
	    {"/run/systemd/journal/stdout", "base", false},
	    {"/run/systemd/journal/io.systemd.journal", "systemd", true},
	    {"/dev/log", "base", false},
	    {"/srv/x", NULL, false},
	    {"@docker", NULL, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct socket_name name = name_of(rows[i].name);
		const char *pattern;
		const struct service *service = socket_rules_service(&name, &pattern);

		if (!service != !rows[i].service || (service && (strcmp(service->name, rows[i].service) != 0 ||
								 service->dangerous != rows[i].dangerous)))
			fail_msg("%s belongs to %s", rows[i].name, service ? service->name : "none");
	}
}

static unsigned known_count(const struct known_names *names)
{
	unsigned count = 0;

	for (size_t i = 0; i < names->count; i++)
		count += names->all[i].is_known;
	return count;
}

/* In turns, and each twice in a row: what was judged before is never taken for another name, nor a longer one, nor
 * its kind. */
static void known_names(void **state)
{
	static const char *const names[] = {"/run/docker.sock", "@docker",           "/docker",  "/run/docker.soc",
					    "/run/docker.sock", "/run/docker.sock2", "/dev/log", "@/dev/log"};
	const size_t count = sizeof(names) / sizeof(names[0]);
	struct known_name places[32] = {{.is_known = false}};
	const struct known_names known = {.all = places, .count = 32};

	(void)state;
	for (size_t i = 0; i < 4 * count; i++) {
		struct socket_name name = name_of(names[i < 2 * count ? i / 2 : i % count]);
		const char *pattern;
		const struct service *service = socket_rules_service(&name, &pattern);
		const struct socket_belonging *belonging = known_name_find(&known, &name);

		assert_ptr_equal(belonging->service, service);
		assert_ptr_equal(belonging->pattern, pattern);
	}
	assert_true(known_count(&known) > 4); /* some may share a place */
}

static void the_longest_known_name(void **state)
{
	char longest[KNOWN_NAME_MAX + 2] = "/run/user/1/";

	(void)state;
	memset(longest + strlen(longest), 'x', sizeof(longest) - 1 - strlen(longest));
	for (size_t length = KNOWN_NAME_MAX + 1; length >= KNOWN_NAME_MAX; length--) {
		struct known_name place = {.is_known = false};
		const struct known_names known = {.all = &place, .count = 1};
		struct socket_name name = {.bytes = longest, .length = length};

		assert_null(known_name_find(&known, &name)->service);
		assert_int_equal(known_count(&known), length == KNOWN_NAME_MAX ? 1 : 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(first_match_decides),
	    cmocka_unit_test(names_are_bytes),
	    cmocka_unit_test(services),
	    cmocka_unit_test(base_is_last_unless_the_file_has_it),
	    cmocka_unit_test(defaults),
	    cmocka_unit_test(what_allows_is_asked_for_once),
	    cmocka_unit_test(hints),
	    cmocka_unit_test(the_longest_hint_is_a_rule),
	    cmocka_unit_test(each_pattern_is_its_own_services),
	    cmocka_unit_test(known_names),
	    cmocka_unit_test(the_longest_known_name),
	    cmocka_unit_test(what_belongs_to_whom),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
