#include "policy_keys.h"

#include <string.h>

static const char *const mode_words[] = {"enforce", "audit", "disabled", NULL};
static const char *const socket_action_words[] = {"enforce", "audit", NULL};
static const char *const socket_default_words[] = {"session", "user", "allow", "deny", NULL};
static const char *const datagram_words[] = {"mediate", "deny", NULL};
static const char *const log_words[] = {"all", "denied", "none", NULL};
static const char *const degraded_words[] = {"refuse", "no_unix", NULL};
static const char *const default_action_words[] = {"allow", "block", NULL};
static const char *const on_block_words[] = {"kill", "log_and_kill", "errno", "log", NULL};
static const char *const allow_words[] = {"deny", "allow", NULL};
static const char *const decision_words[] = {"allow", "deny", NULL};
static const char *const notices_words[] = {"auto", "always", "never", NULL};
static const char *const event_loss_words[] = {"continue", "deny", NULL};
/* The shortfalls of a host that a policy may accept, by the names that doctor gives them. */
static const char *const accept_words[] = {"scope-signal", NULL};
static const char *const operation_words[] = {"connect", "bind", "sendto", NULL};

#define POLICY(field) offsetof(struct policy, field)
#define RULE(field)   offsetof(struct socket_rule, field)

#define SECCOMP  "sandbox.seccomp"
#define UNIX     "sandbox.seccomp.unix_socket"
#define SYSCALLS "sandbox.seccomp.syscalls"

/* clang-format off */
static const struct policy_key keys[] = {
	{SECCOMP, "enabled", VALUE_BOOLEAN, NULL, POLICY(enabled), KEY_ENABLED},
	{SECCOMP, "mode", VALUE_WORD, mode_words, POLICY(mode), KEY_MODE},
	{UNIX, "enabled", VALUE_BOOLEAN, NULL, POLICY(unix_socket.enabled), KEY_UNIX_ENABLED},
	{UNIX, "action", VALUE_WORD, socket_action_words, POLICY(unix_socket.action), KEY_UNIX_ACTION},
	{UNIX, "default", VALUE_WORD, socket_default_words, POLICY(unix_socket.otherwise), KEY_UNIX_DEFAULT},
	{UNIX, "datagram", VALUE_WORD, datagram_words, POLICY(unix_socket.datagram), KEY_UNIX_DATAGRAM},
	{UNIX, "log", VALUE_WORD, log_words, POLICY(unix_socket.log), KEY_UNIX_LOG},
	{UNIX, "degraded", VALUE_WORD, degraded_words, POLICY(unix_socket.degraded), KEY_UNIX_DEGRADED},
	{SYSCALLS, "default_action", VALUE_WORD, default_action_words, POLICY(syscalls.default_action), KEY_DEFAULT_ACTION},
	{SYSCALLS, "block", VALUE_SYSCALLS, NULL, POLICY(syscalls.block), KEY_BLOCK},
	{SYSCALLS, "allow", VALUE_SYSCALLS, NULL, POLICY(syscalls.allow), KEY_ALLOW},
	{SYSCALLS, "on_block", VALUE_WORD, on_block_words, POLICY(syscalls.on_block), KEY_ON_BLOCK},
	{RULE_SECTION, "paths", VALUE_PATHS, NULL, RULE(paths), KEY_COUNT},
	{RULE_SECTION, "services", VALUE_SERVICES, NULL, RULE(services), KEY_COUNT},
	{RULE_SECTION, "operations", VALUE_WORDS, operation_words, RULE(operations), KEY_COUNT},
	{RULE_SECTION, "decision", VALUE_WORD, decision_words, RULE(decision), KEY_COUNT},
	{"shell", "program", VALUE_PATH, NULL, POLICY(shell_program), KEY_SHELL_PROGRAM},
	{"loader", "user_config", VALUE_WORD, allow_words, POLICY(user_config), KEY_USER_CONFIG},
	{"loader", "close_fds", VALUE_BOOLEAN, NULL, POLICY(close_fds), KEY_CLOSE_FDS},
	{"loader", "isolate", VALUE_BOOLEAN, NULL, POLICY(isolate), KEY_ISOLATE},
	{"notices", "stderr", VALUE_WORD, notices_words, POLICY(notices), KEY_NOTICES},
	{"shim", "enabled", VALUE_BOOLEAN, NULL, POLICY(shim), KEY_SHIM},
	{"sidecar", "socket", VALUE_PATH, NULL, POLICY(sidecar_socket), KEY_SIDECAR_SOCKET},
	{"sidecar", "events", VALUE_EVENTS, NULL, POLICY(events), KEY_EVENTS},
	{"sidecar", "on_event_loss", VALUE_WORD, event_loss_words, POLICY(on_event_loss), KEY_ON_EVENT_LOSS},
	{"degradation", "accept", VALUE_WORDS, accept_words, POLICY(accept), KEY_ACCEPT},
	{NULL, NULL, VALUE_BOOLEAN, NULL, 0, KEY_COUNT},
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
