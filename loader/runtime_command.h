/*
 * What a container runtime is asked by its arguments, as far as it matters to who edits a bundle before: runc(8),
 * crun(1). Both read their options each in its own way (-root, --roo, -bDIR), so only what both take for the same is
 * let through. Pure.
 */
#ifndef AGENTSH_RUNTIME_COMMAND_H
#define AGENTSH_RUNTIME_COMMAND_H

#include "error.h"

enum runtime_command_kind {
	RUNTIME_COMMAND_OTHER, /* it begins nothing */
	RUNTIME_COMMAND_BEGIN, /* a container, of the bundle */
	RUNTIME_COMMAND_EXEC   /* a process in one that there is */
};

/* Borrowed from the arguments. */
struct runtime_command {
	enum runtime_command_kind kind;
	const char *bundle;  /* "." where none is named */
	const char *process; /* NULL: none is named */
	const char *log;     /* where the runtime's own failures are looked for, as JSON; NULL: nowhere */
};

/*
 * Reads arguments (NULL behind the last). 0, or -1 and *err: there is an option that is not known, has no value or is
 * not written out, or it is asked for what cannot be put under a policy. The log is told then as well, as far as it is
 * known.
 */
int runtime_command_read(char *const *arguments, struct runtime_command *command, struct error *err);

#endif
