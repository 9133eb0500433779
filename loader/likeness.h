/*
 * How like two names are: for "did you mean". Pure.
 */
#ifndef AGENTSH_LIKENESS_H
#define AGENTSH_LIKENESS_H

#include <stddef.h>

#define LIKENESS_NAME_MAX 64U /* bytes with the NUL; longer names are like none */

/* Names that differ from one of that length by as much or more are not like it. */
size_t likeness_bound(size_t length);

/* By how many edits (Damerau-Levenshtein, adjacent transpositions) two names differ; bound: by as many or more. */
size_t likeness_distance(const char *a, const char *b, size_t bound);

#endif
