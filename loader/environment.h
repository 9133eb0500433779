/*
 * The target's environment.
 */
#ifndef AGENTSH_ENVIRONMENT_H
#define AGENTSH_ENVIRONMENT_H

#include <stddef.h>

/*
 * A copy of the environment in which each of count settings ("NAME=VALUE") stands once, at the
 * end, in place of any other of that name. The strings are borrowed, the array is malloc'ed.
 * NULL where memory ran out.
 */
char **environment_with(char *const *environment, char *const *settings, size_t count);

#endif
