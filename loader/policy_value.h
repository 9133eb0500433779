/*
 * The values of keys: text to typed field, with every bad value told. Pure.
 */
#ifndef AGENTSH_POLICY_VALUE_H
#define AGENTSH_POLICY_VALUE_H

#include "diagnostics.h"
#include "policy_keys.h"

/*
 * Sets the scalar at field (of the type that key->kind and key->offset say) from a value.
 * 0, or -1 with an error in *diagnostics and the field as it was.
 */
int policy_value_scalar(const struct policy_key *key, const char *value, void *field, unsigned line,
			struct diagnostics *diagnostics);

/* Appends the entries of length bytes of a list value, of one line. 0, or -1 with each bad entry told. */
int policy_value_list(const struct policy_key *key, const char *value, size_t length, struct list *list, unsigned line,
		      struct diagnostics *diagnostics);

#endif
