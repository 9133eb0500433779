/*
 * What each role of the sidecar gives up before it reads anything of anybody: capabilities,
 * dumpability, new privileges, limits that were its starter's, and system calls that it has no use for.
 */
#ifndef AGENTSH_CONFINEMENT_H
#define AGENTSH_CONFINEMENT_H

#include <stdint.h>

#include "error.h"

enum confined_role { CONFINED_KEEPER, CONFINED_BROKER, CONFINED_WORKER };

/*
 * The first thing that the program does: until then a process of the same user can trace it. (Not
 * even that where the file is not readable for that user, as make install has it.) And the name, by
 * which ps(1) and systemd tell of it.
 */
void confinement_begin(void);

/* All the rest; with the role's filter as role_filter_load_prepared() has it. 0, or -1 and *err. */
int confinement_enter(enum confined_role role, int prepared, struct error *err);

/*
 * A worker whose session is a container's goes into that one's user namespace (borrowed, -1: it has none of its own),
 * in which it may do what it can nowhere else: take a target's root and ids. Only where it has no capabilities, as a
 * plain user's: its own count for more. Where the namespace is not its user's, it stays. Before confinement_limit, with
 * one thread.
 */
void confinement_follow(int user_namespace);

/*
 * A worker that has read what its session's loader was permitted: that, and what a worker works
 * with, which alone is effective until a call is carried out (all of it where CAP_SYS_PTRACE is not
 * among it). 0, or -1 and *err.
 */
int confinement_limit(uint64_t session, struct error *err);

#endif
