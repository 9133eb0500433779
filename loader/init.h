/*
 * The loader that stays: a minimal init above the target. agentsh-exec(1), "The loader that stays".
 *
 * Nobody outside should see a difference: not the shell that waits for it, not timeout(1), not
 * "docker stop", not Ctrl-Z.
 */
#ifndef AGENTSH_INIT_H
#define AGENTSH_INIT_H

#include "error.h"

/*
 * Forks. Returns 0 in the child, which is to become the target: same process group and terminal,
 * the signal mask and dispositions that the caller had, SIGKILL as its parent-death signal.
 * Returns -1 and *err where that cannot be had; nothing has been forked then.
 *
 * The parent does not return. It is not dumpable, holds no descriptor (0, 1 and 2 excepted, which
 * it needs no longer either and so gives up), reaps every orphan below it (PR_SET_CHILD_SUBREAPER
 * where it is not PID 1), hands on every signal that was sent to it alone (one that the whole
 * process group got has reached the child already), stops where the child has stopped and goes on
 * where it is told to, and ends as the child ended: with its exit status, or by its signal (as
 * PID 1, which no signal ends: 128 + its number).
 */
int init_stay(struct error *err);

#endif
