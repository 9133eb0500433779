/*
 * Patterns for the names of Unix sockets, agentsh.ini(5): bytes against bytes. Pure.
 *
 *   *      any bytes of a component        ?      one byte, no '/'
 *   **     any bytes, '/' too              [...]  one byte of a set: ranges, '!' or '^' first negates
 *   \xNN   the byte with that number       \\     a backslash
 *
 * In an abstract name there are no components: '/' is a byte as any other. The cost of a match is
 * at most the length of the pattern times that of the name, whatever either holds.
 */
#ifndef AGENTSH_GLOB_H
#define AGENTSH_GLOB_H

#include <stdbool.h>
#include <stddef.h>

#define GLOB_PATTERN_MAX 255U /* bytes; more than a line of the INI has */

enum glob_kind { GLOB_PATHNAME, GLOB_ABSTRACT };

/*
 * What is wrong with a pattern, to stand behind "'PATTERN' ": "has a '[' without its ']'". NULL:
 * nothing. *stars: how many runs of '*' it has.
 */
const char *glob_problem(enum glob_kind kind, const char *pattern, unsigned *stars);

/* Does the whole name match? A pattern that cannot be read matches nothing. */
bool glob_match(enum glob_kind kind, const char *pattern, const char *name, size_t length);

/*
 * Writes the bytes that every name begins with that the pattern matches, at most size of them.
 * Returns how many; *whole: the pattern matches these and nothing else.
 */
size_t glob_literal(const char *pattern, char *bytes, size_t size, bool *whole);

/*
 * Writes the pattern that matches these bytes and nothing else, as it can stand in a list of the
 * INI. Returns its length, or 0 where it does not fit.
 */
size_t glob_quote(const char *bytes, size_t length, char *pattern, size_t size);

/* Writes the bytes of a name written with \xNN and \\, nothing else being special. False: no good, or too long. */
bool glob_unquote(const char *text, char *bytes, size_t size, size_t *length);

/*
 * Has a path (or a pattern of one) that begins with '/' an empty, "." or ".." component? No path
 * has as the kernel resolves it.
 */
bool glob_has_odd_component(const char *path);

#endif
