/*
 * One failure, told in one line: "WHAT: WHY (REMEDY)".
 *
 * Filled where the failure happens, printed once by the program that gives up. Nothing here
 * allocates, so that running out of memory can be told as well.
 */
#ifndef AGENTSH_ERROR_H
#define AGENTSH_ERROR_H

#include <stddef.h>

struct error {
	char text[1024]; /* NUL-terminated; cut, never overrun */
};

/*
 * Sets the text (printf format; by convention "WHAT: WHY (REMEDY)"). Always returns -1, so that
 * a caller can write "return error_set(err, ...)". A NULL err is allowed.
 */
int error_set(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * Writes "PROGRAM: TEXT\n" to the descriptor in one write(2). Control characters, which a file
 * name or an argument may hold, come out as \xNN, so that it is one line and no terminal is
 * steered by it.
 */
void error_print(int descriptor, const char *program, const struct error *err);

/*
 * Copies text to out (size bytes, NUL-terminated, cut where it must be) with control characters
 * as \xNN. Returns the length written, without the NUL.
 */
size_t error_escape(char *out, size_t size, const char *text);

#endif
