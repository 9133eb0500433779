/*
 * What is wrong with a configuration text, finding by finding: "FILE:LINE: message".
 *
 * Bounded: the first DIAGNOSTICS_MAX findings are kept, the rest only counted.
 */
#ifndef AGENTSH_DIAGNOSTICS_H
#define AGENTSH_DIAGNOSTICS_H

#include <stddef.h>
#include <stdio.h>

#define DIAGNOSTICS_MAX 100

enum severity { SEVERITY_ERROR, SEVERITY_WARNING };

struct diagnostic {
	enum severity severity;
	unsigned line; /* from 1; 0: of the file as a whole */
	char text[240];
};

struct diagnostics {
	size_t count;    /* of items in use */
	size_t errors;   /* all that were found, kept or not */
	size_t warnings; /* likewise */
	struct diagnostic items[DIAGNOSTICS_MAX];
};

void diagnostics_init(struct diagnostics *diagnostics);

/* Adds an error or a warning. Returns -1, for "return diagnostics_error(...)". */
int diagnostics_error(struct diagnostics *diagnostics, unsigned line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int diagnostics_warning(struct diagnostics *diagnostics, unsigned line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Sorts the findings by line; equal lines stay in the order they were found in. */
void diagnostics_sort(struct diagnostics *diagnostics);

/* The first error by line, or NULL. */
const struct diagnostic *diagnostics_first_error(const struct diagnostics *diagnostics);

/* Prints "FILE:LINE: message" a line ("warning: " before a warning's), and how many more. */
void diagnostics_print(FILE *stream, const char *file, const struct diagnostics *diagnostics);

#endif
