/*
 * What each role of the sidecar gives up before it serves anybody: capabilities, dumpability, new
 * privileges, and system calls that it has no use for.
 */
#ifndef AGENTSH_CONFINEMENT_H
#define AGENTSH_CONFINEMENT_H

#include "error.h"

enum confined_role { CONFINED_KEEPER, CONFINED_BROKER, CONFINED_WORKER };

/* 0, or -1 and *err. */
int confinement_enter(enum confined_role role, struct error *err);

#endif
