/*
 * A policy written in YAML, as INI: agentshctl(1), "flatten". Pure: text in, text out.
 */
#ifndef AGENTSH_FLATTEN_H
#define AGENTSH_FLATTEN_H

#include <stdbool.h>
#include <stddef.h>

#include "diagnostics.h"

/*
 * Turns length bytes of YAML into INI: a section per mapping, a key per scalar, a list's values
 * separated by commas, all in the order of the YAML. The root holds "sandbox: {seccomp: ...}" and
 * the other sections of agentsh.ini(5) by their names; unix_socket_rules is a mapping from names
 * to rules, or a list of rules with a name each.
 *
 * Nothing is lost and nothing altered. An error, with its line, is: an unknown key, a wrong type
 * (null too, and a plain number or boolean where a text is meant), a key given twice, an anchor,
 * an alias, a merge key, a tag other than !!str, !!bool, !!seq and !!map where they agree, a
 * second document, no document, and a value that cannot stand in the INI as it is. What is neither
 * in sandbox.seccomp nor in a section of ours is an error as well, unless pass_foreign is set:
 * then it is passed over, whatever it holds; a file in which nothing is ours stays an error.
 *
 * Returns 0 and *out (malloc'ed, NUL-terminated, no longer than POLICY_TEXT_MAX), which
 * policy_parse() takes; or -1 with at least one error in *diagnostics, sorted by line, and *out
 * NULL. An error of policy_parse() has the line in the YAML.
 */
int flatten_yaml(const char *text, size_t length, bool pass_foreign, char **out, struct diagnostics *diagnostics);

#endif
