/*
 * For the probes themselves: running one in a child, and the processes that it looks at.
 */
#ifndef AGENTSH_PROBE_CHILD_H
#define AGENTSH_PROBE_CHILD_H

#include <stdint.h>
#include <sys/types.h>

#include "probe.h"

/* Runs in the child, and says what it found by one of the three functions below. context: what it is about. */
typedef void probe_function(const void *context, struct probe_result *result);

/*
 * Forks, runs the function in a child of the child and returns its result; both have ended and are
 * reaped, as is whatever they started.
 */
struct probe_result probe_run(probe_function *function, const void *context);

/* The same within a probe, in a child of it: what that starts is left to the probe's own end. */
struct probe_result probe_run_within(probe_function *function, const void *context);

void probe_yes(struct probe_result *result, long value);
void probe_no(struct probe_result *result, const char *call, int error);
void probe_failed(struct probe_result *result, const char *call, int error);

/*
 * A process to look at: it does nothing until it is let go. Its memory differs from ours in one
 * place, *mark, where it has BYSTANDER_MARK.
 */
#define BYSTANDER_MARK 0x6279737461646572U

struct bystander {
	pid_t pid;
	int descriptor; /* what prepare returned, in its table */
	pid_t child;    /* itself, or the child of ours whose child it is */
	int hold;       /* it lives until this is closed */
};

/*
 * Starts one, generations below us: 1 for a child, 2 for a child of a child. It calls prepare
 * (may be NULL) first. Returns 0 (end it with bystander_end), or -1 and *result.
 */
int bystander_start(struct bystander *bystander, unsigned generations, uint64_t *mark, int (*prepare)(void),
		    struct probe_result *result);
void bystander_end(const struct bystander *bystander);

/*
 * Sets no_new_privs and loads a filter with the flags of seccomp(2), which answers one reserved
 * call with the action and allows the rest. What seccomp(2) returns; -1 and errno.
 */
int probe_load_filter(uint32_t action, unsigned long flags);

/* Waits for a child: its status as of waitpid(2), or -1. */
int probe_wait(pid_t child);

#endif
