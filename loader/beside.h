/*
 * Files of our own: beside the executable, so that what is built or unpacked together runs together.
 */
#ifndef AGENTSH_BESIDE_H
#define AGENTSH_BESIDE_H

#include <limits.h>
#include <stdbool.h>

/*
 * Writes the path of name: an absolute one as it is, another as seen from the folder of our own executable (proc(5),
 * /proc/self/exe). Is it there, for mode (access(2): R_OK, X_OK) and the effective ids?
 */
bool beside_find(const char *name, int mode, char path[PATH_MAX]);

#endif
