/*
 * What people are told on the session's stderr: agentsh-exec(1), "Notices". Best effort: nobody is
 * ever made to wait for it.
 */
#ifndef AGENTSH_NOTICE_H
#define AGENTSH_NOTICE_H

#include <stdbool.h>
#include <stddef.h>

#include "area.h"
#include "sink.h"
#include "tracee.h"

#define NOTICE_POINTER_SIZE 320U

struct notice {
	int descriptor;           /* owned; -1: none are wanted, or they are over */
	bool each;                /* a line for each denial; else one at the end */
	const struct sink *trail; /* borrowed: what a summary points to, but for a copy (NULL: there is none) */
	const struct sink *copy;
};

/* One denial: "agentsh-exec: killed gdb (pid 123): ptrace is blocked (FILE:LINE)". */
void notice_denial(const struct notice *notice, const char *action, const struct tracee *tracee, const char *call,
		   const char *rule);

/*
 * The session's first process has ended: says in one line what was blocked, where no line was said
 * for each, and closes the descriptor, so that whoever reads a pipe to its end is not kept waiting
 * by us.
 */
void notice_end(struct notice *notice, struct area *area, uint32_t arch);

/*
 * Where more is told: by agentshctl(1), with the trail's name where it would look for another. trail: its path; NULL:
 * no file has it. uid: the session's. Pure.
 */
void notice_pointer(const char *trail, uid_t uid, char out[NOTICE_POINTER_SIZE]);

/* The line of notice_end, without its newline; its length, 0 where nothing was blocked. Pure. */
size_t notice_summary(const struct area_counts *counts, uint32_t arch, const char *pointer, char *out, size_t size);

#endif
