/*
 * A path as a process with another working directory can use it.
 */
#ifndef AGENTSH_ABSOLUTE_H
#define AGENTSH_ABSOLUTE_H

#include <limits.h>

/* Writes it: path itself, or behind the working directory. Symlinks and ".." stay. 0, or -1 and errno. */
int absolute_path(const char *path, char absolute[PATH_MAX]);

#endif
