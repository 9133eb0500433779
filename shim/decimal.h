/*
 * A number in decimal digits, where printf(3) would take as long as a system call does. Pure.
 */
#ifndef AGENTSH_DECIMAL_H
#define AGENTSH_DECIMAL_H

#include <stddef.h>
#include <stdint.h>

#define DECIMAL_MAX 21U /* bytes of the longest, with its NUL */

/* Writes it to text, DECIMAL_MAX bytes, with a NUL. Returns how many digits there are. */
size_t decimal_put(uint64_t value, char *text);

#endif
