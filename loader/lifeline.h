/*
 * How the loader that stays learns what becomes of the session's private sidecar: a pipe, of which the
 * sidecar's keeper alone has the end to write. It says that it has begun, and that the session is over;
 * one that ends between the two has left the session behind, whose calls fail from then on.
 */
#ifndef AGENTSH_LIFELINE_H
#define AGENTSH_LIFELINE_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum lifeline_words {
	LIFELINE_SILENT = 's', /* the loader's, before there is a sidecar: nobody is to be told where it is cut */
	LIFELINE_BEGUN = 'b',
	LIFELINE_OVER = 'e'
};

/* Each is written whole: pipe(7), PIPE_BUF. */
struct lifeline_word {
	int32_t word;   /* enum lifeline_words */
	int32_t keeper; /* BEGUN: its pid */
};

struct lifeline {
	int descriptor; /* owned; the end to read; -1: there is none */
	pid_t keeper;   /* of the sidecar that has begun; 0: none has */
	bool is_silent;
	bool is_over;
	bool is_cut;
	int said_to; /* owned; the target's stderr, taken when the line was cut; -1 */
};

/* Takes the descriptor over (-1: there is none): SIGIO tells from now on that there is something to hear. */
void lifeline_watch(struct lifeline *lifeline, int descriptor);

/* Hears what there is, without waiting. */
void lifeline_hear(struct lifeline *lifeline);

/* Is the signal that one? Then hears what there is. target: whose stderr is for what lifeline_end says. */
bool lifeline_got(struct lifeline *lifeline, const siginfo_t *info, pid_t target);

/* The target has ended: says, where it was so, that its sidecar had not lived so long. */
void lifeline_end(const struct lifeline *lifeline);

#endif
