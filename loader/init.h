/*
 * The loader that stays: a minimal init above the target. agentsh-exec(1), "The loader that stays".
 *
 * Nobody outside should see a difference: not the shell that waits for it, not timeout(1), not
 * "docker stop", not Ctrl-Z.
 */
#ifndef AGENTSH_INIT_H
#define AGENTSH_INIT_H

#include <sys/types.h>

#include "error.h"

#define INIT_ROLE "--role=init" /* the first argument of what a successor executes */

/* What the parent executes in its own place: a program that calls init_attend. */
struct init_successor {
	const char *path;
	int channel; /* of a service that it is to do beside; borrowed */
};

/*
 * Forks. Returns 0 in the child, which is to become the target: same process group and terminal,
 * the signal mask and dispositions that the caller had, SIGKILL as its parent-death signal.
 * Returns -1 and *err where that cannot be had; nothing has been forked then.
 *
 * The parent does not return. It is not dumpable, holds no descriptor (0, 1 and 2 excepted, which
 * it needs no longer either and so gives up; lifeline, borrowed, or -1: lifeline.h), reaps every orphan below it
 * (PR_SET_CHILD_SUBREAPER where it is not PID 1), hands on every signal that was sent to it alone (one that the whole
 * process group got has reached the child already), stops where the child has stopped and goes on
 * where it is told to, and ends as the child ended: with its exit status, or by its signal (as
 * PID 1, which no signal ends: 128 + its number; and with last_process_end before).
 */
int init_stay(const struct init_successor *successor, int lifeline, struct error *err);

/* Serves that channel (taken over) in threads of its own. 0, or -1 and errno. */
typedef int init_service(int channel);

/*
 * The same for a successor (NULL above: there is none): it gets INIT_ROLE and "TARGET GO CHANNEL
 * LIFELINE", decimal (the last -1: there is none), as its arguments, an empty environment, all signals blocked, and
 * whatever descriptors the caller had, of which nothing is left then. Where the service cannot be had it says so on
 * stderr, and the target ends, without having run.
 */
_Noreturn void init_attend(pid_t target, int go, int channel, int lifeline, init_service *serve);

#endif
