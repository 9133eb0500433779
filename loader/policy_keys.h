/*
 * The table of every section and key that agentsh.ini(5) knows: one table, read by the parser
 * (policy.c), by agentshctl flatten and by whoever prints a policy.
 */
#ifndef AGENTSH_POLICY_KEYS_H
#define AGENTSH_POLICY_KEYS_H

#include <stddef.h>

#include "policy.h"

enum value_kind {
	VALUE_BOOLEAN,  /* true, yes, on | false, no, off */
	VALUE_WORD,     /* one of words */
	VALUE_SYSCALLS, /* a list of system call names */
	VALUE_SERVICES, /* a list of names of the service catalogue */
	VALUE_PATHS,    /* a list of absolute path patterns and @names */
	VALUE_WORDS,    /* a list of words */
	VALUE_PATH,     /* an absolute path */
	VALUE_EVENTS    /* empty, an absolute path, "-", "syslog:" or "journald:" */
};

#define POLICY_WORD_ENDS " |" /* what is between two of a key's words */

struct policy_key {
	const char *section; /* RULE_SECTION for a key of [unix_socket_rules.NAME] */
	const char *name;
	const char *words;             /* as a refusal lists them, "a | b", in the order of the enum; or NULL */
	unsigned offset : 16;          /* of the field in struct policy, or in struct socket_rule */
	enum value_kind kind : 8;      /* (small: the table is a good part of the loader's size) */
	enum policy_scalar scalar : 8; /* KEY_COUNT for a key of a rule */
};

#define RULE_SECTION  "unix_socket_rules"
#define RULE_NAME_MAX 31U /* bytes; inih cuts section names of 50 and more */

/* The keys in the order of the manual page; a row with section == NULL ends them. */
const struct policy_key *policy_keys(void);

/* The key, or NULL. For a key of a rule, section is RULE_SECTION. */
const struct policy_key *policy_key_find(const char *section, const char *name);

/* Is there any key in that section? */
int policy_section_exists(const char *section);

/* Does the key take more than one value? */
int policy_key_is_list(const struct policy_key *key);

#endif
