/*
 * The preload library in the target's environment: agentsh-exec(1), --shim. shim/preload.c is the library.
 */
#ifndef AGENTSH_PRELOAD_H
#define AGENTSH_PRELOAD_H

#include "error.h"

/* What the target's environment is to have; malloc'ed, and never freed: the target's execve(2) comes next. */
struct preload {
	char *report;  /* HANDOVER_REPORT_VARIABLE "=...", or NULL; not of preload_find's */
	char *library; /* "LD_PRELOAD=...": what is there, and behind it the library, once */
	char *
	    asan; /* "ASAN_OPTIONS=...": that the sanitizer's own library need not be the first; before what is there */
};

/*
 * Finds the library: beside the loader's own executable, in the folder of libraries that belongs to that one's, or
 * at the compiled-in path; never by a search path. 0, or -1 and *err: also where LD_PRELOAD cannot name its path.
 */
int preload_find(struct preload *preload, struct error *err);

#endif
