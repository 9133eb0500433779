/*
 * System call names and numbers: libseccomp's, and those that the kernel has but libseccomp
 * 2.5.4 is too old to know. Architectures are named by their AUDIT_ARCH_* token, which is also
 * libseccomp's SCMP_ARCH_*.
 */
#ifndef AGENTSH_SYSCALL_TABLE_H
#define AGENTSH_SYSCALL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SYSCALL_UNKNOWN   (-1) /* no such name anywhere */
#define SYSCALL_ELSEWHERE (-2) /* exists, but not on that architecture */

#define SYSCALL_NAME_MAX 40U  /* bytes with the NUL: no name is longer */
#define SYSCALL_NUMBERS  640U /* more than any kernel has (470 in Linux 6.17); each costs every start something */

/* The architecture this program was built for. */
uint32_t syscall_native_arch(void);

/* "x86_64", "aarch64", ...; NULL for one that no filter can be built for. */
const char *syscall_arch_name(uint32_t arch);

/* The number of a name (>= 0), SYSCALL_UNKNOWN or SYSCALL_ELSEWHERE. */
int syscall_number(uint32_t arch, const char *name);

/* Writes the name of a number to out (SYSCALL_NAME_MAX bytes). False where it has none. */
bool syscall_name(uint32_t arch, int number, char *out);

/* The highest number that has a name: a call above it is newer than this table. */
int syscall_highest(uint32_t arch);

/* Is the number one that libseccomp itself has no name for (its name is in our table)? */
bool syscall_is_supplementary(uint32_t arch, int number);

/* Writes the known name nearest to a misspelt one to out. False where none is near. */
bool syscall_nearest(const char *name, char *out);

#endif
