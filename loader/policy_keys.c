#include "policy_keys.h"

#include <string.h>

static const char mode_words[] = "enforce | audit | disabled";
static const char socket_action_words[] = "enforce | audit";
static const char socket_default_words[] = "session | user | allow | deny";
static const char datagram_words[] = "mediate | deny";
static const char log_words[] = "all | denied | none";
static const char degraded_words[] = "refuse | no_unix";
static const char default_action_words[] = "allow | block";
static const char on_block_words[] = "kill | log_and_kill | errno | log";
static const char allow_words[] = "deny | allow";
static const char decision_words[] = "allow | deny";
static const char notices_words[] = "auto | always | never";
static const char event_loss_words[] = "continue | deny";
/* The shortfalls of a host that a policy may accept, by the names that doctor gives them. */
static const char accept_words[] = "wait-killable | pidfd-getfd | scope-signal";
static const char operation_words[] = "connect | bind | sendto";

#define POLICY(field) offsetof(struct policy, field)
#define RULE(field)   offsetof(struct socket_rule, field)

#define SECCOMP  "sandbox.seccomp"
#define UNIX     "sandbox.seccomp.unix_socket"
#define SYSCALLS "sandbox.seccomp.syscalls"

/* clang-format off */
static const struct policy_key keys[] = {
	{SECCOMP, "enabled", NULL, POLICY(enabled), VALUE_BOOLEAN, KEY_ENABLED},
	{SECCOMP, "mode", mode_words, POLICY(mode), VALUE_WORD, KEY_MODE},
	{UNIX, "enabled", NULL, POLICY(unix_socket.enabled), VALUE_BOOLEAN, KEY_UNIX_ENABLED},
	{UNIX, "action", socket_action_words, POLICY(unix_socket.action), VALUE_WORD, KEY_UNIX_ACTION},
	{UNIX, "default", socket_default_words, POLICY(unix_socket.otherwise), VALUE_WORD, KEY_UNIX_DEFAULT},
	{UNIX, "datagram", datagram_words, POLICY(unix_socket.datagram), VALUE_WORD, KEY_UNIX_DATAGRAM},
	{UNIX, "log", log_words, POLICY(unix_socket.log), VALUE_WORD, KEY_UNIX_LOG},
	{UNIX, "degraded", degraded_words, POLICY(unix_socket.degraded), VALUE_WORD, KEY_UNIX_DEGRADED},
	{SYSCALLS, "default_action", default_action_words, POLICY(syscalls.default_action), VALUE_WORD, KEY_DEFAULT_ACTION},
	{SYSCALLS, "block", NULL, POLICY(syscalls.block), VALUE_SYSCALLS, KEY_BLOCK},
	{SYSCALLS, "allow", NULL, POLICY(syscalls.allow), VALUE_SYSCALLS, KEY_ALLOW},
	{SYSCALLS, "on_block", on_block_words, POLICY(syscalls.on_block), VALUE_WORD, KEY_ON_BLOCK},
	{RULE_SECTION, "paths", NULL, RULE(paths), VALUE_PATHS, KEY_COUNT},
	{RULE_SECTION, "services", NULL, RULE(services), VALUE_SERVICES, KEY_COUNT},
	{RULE_SECTION, "operations", operation_words, RULE(operations), VALUE_WORDS, KEY_COUNT},
	{RULE_SECTION, "decision", decision_words, RULE(decision), VALUE_WORD, KEY_COUNT},
	{"shell", "program", NULL, POLICY(shell_program), VALUE_PATH, KEY_SHELL_PROGRAM},
	{"loader", "user_config", allow_words, POLICY(user_config), VALUE_WORD, KEY_USER_CONFIG},
	{"loader", "close_fds", NULL, POLICY(close_fds), VALUE_BOOLEAN, KEY_CLOSE_FDS},
	{"loader", "isolate", NULL, POLICY(isolate), VALUE_BOOLEAN, KEY_ISOLATE},
	{"notices", "stderr", notices_words, POLICY(notices), VALUE_WORD, KEY_NOTICES},
	{"shim", "enabled", NULL, POLICY(shim), VALUE_BOOLEAN, KEY_SHIM},
	{"sidecar", "socket", NULL, POLICY(sidecar_socket), VALUE_PATH, KEY_SIDECAR_SOCKET},
	{"sidecar", "events", NULL, POLICY(events), VALUE_EVENTS, KEY_EVENTS},
	{"sidecar", "on_event_loss", event_loss_words, POLICY(on_event_loss), VALUE_WORD, KEY_ON_EVENT_LOSS},
	{"degradation", "accept", accept_words, POLICY(accept), VALUE_WORDS, KEY_ACCEPT},
	{NULL, NULL, NULL, 0, VALUE_BOOLEAN, KEY_COUNT},
};
/* clang-format on */

const struct policy_key *policy_keys(void)
{
	return keys;
}

const struct policy_key *policy_key_find(const char *section, const char *name)
{
	for (const struct policy_key *key = keys; key->section; key++)
		if (strcmp(key->section, section) == 0 && strcmp(key->name, name) == 0)
			return key;
	return NULL;
}

int policy_section_exists(const char *section)
{
	for (const struct policy_key *key = keys; key->section; key++)
		if (strcmp(key->section, section) == 0)
			return 1;
	return 0;
}

int policy_key_is_list(const struct policy_key *key)
{
	return key->kind == VALUE_SYSCALLS || key->kind == VALUE_SERVICES || key->kind == VALUE_PATHS ||
	       key->kind == VALUE_WORDS;
}
