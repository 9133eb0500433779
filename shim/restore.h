/*
 * Sessions that a sidecar before this one left in systemd's store.
 */
#ifndef AGENTSH_RESTORE_H
#define AGENTSH_RESTORE_H

#include <stdint.h>

#include "kept.h"

/*
 * Takes them up from the descriptors that systemd has handed over (given of them; all are closed but except,
 * -1: none), as a list of sessions without workers. One that is none, or of a newer version, is let go, and why
 * is told: then its listener is closed, and its calls answer ENOSYS. *number: of the last that was stored.
 */
struct kept *restore_sessions(int given, int except, uint32_t *number);

#endif
