/*
 * A policy: what a configuration says, checked and typed. See agentsh.ini(5).
 *
 * Pure: text in, struct out. No file is opened and no system call is made here; config.h finds
 * and reads the text, filter.h turns the struct into a program for seccomp(2).
 */
#ifndef AGENTSH_POLICY_H
#define AGENTSH_POLICY_H

#include <stdbool.h>
#include <stddef.h>

#include "diagnostics.h"
#include "list.h"

/* Bounds. Beyond any of them the configuration is refused, nothing is cut. */
#define POLICY_TEXT_MAX          ((size_t)256 * 1024) /* bytes of INI text */
#define POLICY_LIST_MAX          1024U                /* entries in one list */
#define POLICY_RULES_MAX         256U                 /* [unix_socket_rules.*] sections */
#define POLICY_RULE_PATHS_MAX    64U                  /* paths in one rule */
#define POLICY_PATTERN_STARS_MAX 8U                   /* runs of '*' in one path pattern: what a match may cost */

enum policy_mode { MODE_ENFORCE, MODE_AUDIT, MODE_DISABLED };
enum socket_action { SOCKET_ENFORCE, SOCKET_AUDIT };
enum socket_default { SOCKET_DEFAULT_SESSION, SOCKET_DEFAULT_USER, SOCKET_DEFAULT_ALLOW, SOCKET_DEFAULT_DENY };
enum socket_datagram { DATAGRAM_MEDIATE, DATAGRAM_DENY };
enum socket_log { SOCKET_LOG_ALL, SOCKET_LOG_DENIED, SOCKET_LOG_NONE };
enum socket_degraded { DEGRADED_REFUSE, DEGRADED_NO_UNIX };
enum default_action { DEFAULT_ALLOW, DEFAULT_BLOCK };
enum on_block { ON_BLOCK_KILL, ON_BLOCK_LOG_AND_KILL, ON_BLOCK_ERRNO, ON_BLOCK_LOG };
enum decision { DECISION_ALLOW, DECISION_DENY };
enum user_config { USER_CONFIG_DENY, USER_CONFIG_ALLOW };
enum notices { NOTICES_AUTO, NOTICES_ALWAYS, NOTICES_NEVER };
enum event_loss { EVENT_LOSS_CONTINUE, EVENT_LOSS_DENY };

/* The rule that is there unless a file has one of that name: the services of that name. */
#define POLICY_BASE_RULE "base"

/* [unix_socket_rules.NAME] */
struct socket_rule {
	char *name;             /* owned */
	struct list paths;      /* absolute patterns and @names */
	struct list services;   /* names of the service catalogue */
	struct list operations; /* connect, bind, sendto; empty: all of them */
	enum decision decision;
	unsigned line; /* of the section's head; 0: of a built-in rule */
	bool builtin;  /* in no file: it stands behind the file's own */
};

/* Every scalar key: its place in policy.lines[]. KEY_COUNT last. */
enum policy_scalar {
	KEY_ENABLED,
	KEY_MODE,
	KEY_UNIX_ENABLED,
	KEY_UNIX_ACTION,
	KEY_UNIX_DEFAULT,
	KEY_UNIX_DATAGRAM,
	KEY_UNIX_LOG,
	KEY_UNIX_DEGRADED,
	KEY_DEFAULT_ACTION,
	KEY_BLOCK,
	KEY_ALLOW,
	KEY_ON_BLOCK,
	KEY_SHELL_PROGRAM,
	KEY_USER_CONFIG,
	KEY_CLOSE_FDS,
	KEY_ISOLATE,
	KEY_NOTICES,
	KEY_SHIM,
	KEY_SIDECAR_SOCKET,
	KEY_EVENTS,
	KEY_ON_EVENT_LOSS,
	KEY_ACCEPT,
	KEY_COUNT
};

struct policy {
	bool enabled;
	enum policy_mode mode;
	struct {
		bool enabled;
		enum socket_action action;
		enum socket_default otherwise; /* the key "default" */
		enum socket_datagram datagram;
		enum socket_log log;
		enum socket_degraded degraded;
	} unix_socket;
	struct {
		enum default_action default_action;
		struct list block;
		struct list allow;
		enum on_block on_block;
	} syscalls;
	struct socket_rule *rules; /* owned; in file order, then the built-in one unless the file has its name */
	size_t rule_count;
	char *shell_program; /* owned; absolute */
	enum user_config user_config;
	bool close_fds;
	bool isolate;
	enum notices notices;
	bool shim;
	char *sidecar_socket; /* owned; absolute */
	char *events;         /* owned; may be empty */
	enum event_loss on_event_loss;
	struct list accept;
	unsigned lines[KEY_COUNT]; /* where each key was given; 0: it has its default */
};

/*
 * Fills *policy with the built-in defaults (those of conf/agentsh.ini). Returns 0, or -1 where
 * memory ran out; *policy is then empty and safe to free.
 */
int policy_defaults(struct policy *policy);

/*
 * Parses length bytes of INI text. Returns 0 and fills *policy (free it with policy_free), or
 * returns -1 with at least one error in *diagnostics; *policy is then empty and safe to free.
 * Nothing of a text with an error is ever applied. Warnings are not looked for here: lint.h.
 */
int policy_parse(const char *text, size_t length, struct policy *policy, struct diagnostics *diagnostics);

void policy_free(struct policy *policy);

/* Is any filter installed at all? Not where enabled = false or mode = disabled. */
bool policy_filters(const struct policy *policy);

/* Are socket calls told of and then left to the kernel: audit mode, of all or of Unix sockets alone? */
bool policy_observes_sockets(const struct policy *policy);

/* Are calls on Unix sockets carried out, or reported, by a sidecar? */
bool policy_mediates(const struct policy *policy);

/* Carried out, and not only reported? */
bool policy_carries_out(const struct policy *policy);

/*
 * Why this policy cannot be applied without a sidecar: a short text that names the key and its
 * value, with the line in *line (0: a default) and what runs without one in *remedy.
 * NULL: it needs none. This is the one place that says so.
 */
const char *policy_needs_sidecar(const struct policy *policy, unsigned *line, const char **remedy);

#endif
