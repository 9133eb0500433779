/*
 * How the loader that stays learns that the session's private sidecar was killed: a pipe, of which the
 * sidecar's keeper alone has the end to write. It says that it has begun, and that the session is over;
 * one that ends between the two has left the session behind, whose calls fail from then on.
 */
#ifndef AGENTSH_LIFELINE_H
#define AGENTSH_LIFELINE_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#define LIFELINE_BEGUN 'b'
#define LIFELINE_OVER  'e'

struct lifeline {
	int descriptor; /* owned; the end to read; -1: there is none */
	bool has_begun;
	bool is_over;
	int said_to; /* owned; the target's stderr, taken when the line was cut; -1 */
};

/* Takes the descriptor over (-1: there is none): SIGIO tells from now on that there is something to hear. */
void lifeline_watch(struct lifeline *lifeline, int descriptor);

/* Is the signal that one? Then hears what there is. target: whose stderr is for what lifeline_end says. */
bool lifeline_got(struct lifeline *lifeline, const siginfo_t *info, pid_t target);

/* The target has ended: says, where it was so, that its sidecar had not lived so long. */
void lifeline_end(const struct lifeline *lifeline);

#endif
