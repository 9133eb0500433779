/*
 * The processes that have reported to a session's worker: what remains of them when the kernel has killed one, and
 * its parent has buried it. In the session's memory, which the broker reads. Pure.
 *
 * A report is a notification, so it attests that the process is under the session's filter, and whoever is below it
 * is too. A process is known by its number and by when it began; once it is gone, by its number and its program.
 */
#ifndef AGENTSH_MEMBERS_H
#define AGENTSH_MEMBERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define MEMBERS_MAX 4096U /* one of the same number, modulo this, takes another's place */

struct member {
	_Atomic uint32_t pid;     /* 0: nobody */
	_Atomic uint32_t program; /* members_program() */
	_Atomic uint64_t began;   /* tracee_began() */
};

struct members {
	_Atomic uint64_t any; /* 0: there are none, and nothing of the rest has been touched, which costs memory */
	struct member places[MEMBERS_MAX];
};

/* Of a program, by the last component of its path: a process that has changed its root sees another beginning. */
uint32_t members_program(const char *exe, size_t length);

/* Notes a process, in place of what was known of it. began == 0 (not known): nothing. */
void members_note(struct members *members, pid_t pid, uint64_t began, uint32_t program);

/* Is it the process of that number that began then? */
bool members_has(const struct members *members, pid_t pid, uint64_t began);

/* Was there a process of that number that executed that program? */
bool members_had(const struct members *members, pid_t pid, uint32_t program);

#endif
