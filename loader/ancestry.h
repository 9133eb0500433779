/*
 * Who may read a process of the caller's: ptrace(2), "Ptrace access mode checking", and
 * "/proc/sys/kernel/yama/ptrace_scope".
 */
#ifndef AGENTSH_ANCESTRY_H
#define AGENTSH_ANCESTRY_H

enum ancestry {
	ANCESTRY_ANYBODY,  /* whoever has the same rights: so without Yama */
	ANCESTRY_ANCESTOR, /* of those only an ancestor */
	ANCESTRY_NOBODY
};

/*
 * Finds it out by trying, in a child that ends with it: where Yama is and restricts. Elsewhere, or
 * where there can be no child, it is ANYBODY.
 */
enum ancestry ancestry_probe(void);

#endif
