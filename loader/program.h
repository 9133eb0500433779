/*
 * The program to be executed: looked up as execvp(3) does it, but before the filter is loaded.
 */
#ifndef AGENTSH_PROGRAM_H
#define AGENTSH_PROGRAM_H

#include <limits.h>
#include <stdbool.h>

#include "error.h"

#define PROGRAM_NAME "agentsh-exec"

#define STATUS_FAILED         125 /* nothing ran */
#define STATUS_NOT_EXECUTABLE 126 /* found, but cannot be executed */
#define STATUS_NOT_FOUND      127

struct program {
	bool binary;  /* begins as an ELF file does: never given to /bin/sh */
	bool foreign; /* a binary of the 32-bit sibling: behind a filter its first system call is its last */
	char path[PATH_MAX];
};

/*
 * Finds the program of that name: with a slash as it is, else along search (a PATH; NULL: the
 * system's default, as confstr(3) has it). Looks at its head as well, where it can be read: a
 * script whose interpreter is missing is passed over, as execvp(3) passes over its ENOENT.
 * Returns 0, or STATUS_NOT_FOUND or STATUS_NOT_EXECUTABLE and *err.
 */
int program_find(const char *name, const char *search, struct program *program, struct error *err);

#endif
