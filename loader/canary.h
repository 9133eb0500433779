/*
 * The canary: a process that gets what the whole process group gets, and nothing else.
 *
 * A signal does not say whether it was sent to a process or to its group. kill(2) and the terminal
 * serve a group's newest member first (attach_pid adds at the head of the list they walk), and the
 * canary is newer than its owner: what the owner has got as one of the group waits for the canary
 * already.
 *
 * It is a child of its owner and ends with it; all signals are blocked in it.
 */
#ifndef AGENTSH_CANARY_H
#define AGENTSH_CANARY_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

struct canary {
	pid_t pid;      /* 0: there is none */
	int descriptor; /* what it is asked through */
};

/*
 * Forks it. All signals must be blocked. Returns 0, or -1 with errno and no canary. It is not
 * dumpable where the owner is not.
 */
int canary_start(struct canary *canary);

/*
 * Did the group get this signal, which the owner has taken? Takes it from the canary. Without a
 * canary the answer is a guess: what the kernel has sent came from the terminal.
 */
bool canary_got(const struct canary *canary, const siginfo_t *info);

/*
 * Takes from it the stops and the SIGCONT that wait in it, and lets it go on where it is stopped: with the group, of
 * which its owner alone goes on. What the owner has yet of these no longer looks sent to the group.
 */
void canary_forget(const struct canary *canary);

/* Ends it, where it is there, and reaps it. */
void canary_end(struct canary *canary);

#endif
