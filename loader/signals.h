/*
 * Signals as the kernel counts them, 1 to 64: the C library's functions leave out 32 and 33, which
 * it uses itself and which a target may be sent or die by all the same. signal(7).
 *
 * A signal that is blocked is never ignored: it waits, whatever its disposition, also for PID 1.
 */
#ifndef AGENTSH_SIGNALS_H
#define AGENTSH_SIGNALS_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

typedef uint64_t signal_set; /* the kernel's: bit N - 1 for signal N */

#define SIGNALS_FIRST_QUEUED 32 /* from here on each is delivered as often as it was sent */
#define SIGNALS_LAST         64
#define SIGNALS_ALL          (~(signal_set)0)
#define SIGNALS_ONE(SIGNO)   ((signal_set)1 << (-1 + (SIGNO)))
#define SIGNALS_STOPPING     (SIGNALS_ONE(SIGTSTP) | SIGNALS_ONE(SIGTTIN) | SIGNALS_ONE(SIGTTOU))
#define SIGNALS_OF_JOBS      (SIGNALS_STOPPING | SIGNALS_ONE(SIGCONT))

/* Makes blocked the set of blocked signals, and returns what it was. */
signal_set signals_block(signal_set blocked);

/* Those that are blocked and waiting. */
signal_set signals_pending(void);

/*
 * Returns when each signal to a process group that has come to one of its members has come to all: kill(2) holds
 * the kernel's list of tasks while it goes through the group, and setpgid(2) waits until nobody does, also
 * where, as here, it then finds no such process.
 */
void signals_settle(void);

/* Takes one of the blocked signals. Returns its number, or 0 where none is there (wait: never 0). */
int signals_take(signal_set of, bool wait, siginfo_t *info);

/* Sets the default disposition; of no effect on SIGKILL and SIGSTOP. */
void signals_default(int signo);

/* The signal by which this child is stopped now; 0 where it is not. Its parent may ask as often as it likes. */
int signals_stopped_by(pid_t child);

/*
 * Lets the signal that is waiting have its effect. Returns where that was not the end: after a stop, or as PID 1, which
 * the signal then has passed by. All signals are blocked again.
 */
void signals_undergo(int signo);

#endif
