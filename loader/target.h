/*
 * The target: the program that is to be executed, its arguments and environment, made before the
 * filter is loaded. agentsh-exec(1).
 */
#ifndef AGENTSH_TARGET_H
#define AGENTSH_TARGET_H

#include <stdbool.h>

#include "error.h"
#include "invocation.h"
#include "policy.h"
#include "preload.h"
#include "program.h"
#include "session.h"

#define TARGET_FALLBACK "/bin/sh" /* for a file that execve(2) answers ENOEXEC to: execvp(3) */

struct target {
	char **arguments;
	char shell[sizeof(TARGET_FALLBACK)];
	char **shell_arguments; /* the shell, the file, its arguments */
	char **environment;
	char session[sizeof(SESSION_VARIABLE "=") + SESSION_ID_SIZE];
	char *shell_setting; /* "SHELL=..."; or NULL */
	struct program program;
};

/*
 * Finds the program, along PATH as execvp(3) does, or the policy's shell, and makes its arguments,
 * with argv[0] as called translated for a shell. filtered: a 32-bit program is refused, its first
 * system call would be its last. Returns 0, or the exit status and *err. Nothing is ever freed:
 * the target's execve(2) comes next, or the end.
 */
int target_find(const struct invocation *invocation, const char *called, const struct policy *policy,
		struct target *target, struct error *err);

/* Makes its environment: the caller's, with the session's ID and what preload has. 0, or the exit status and *err. */
int target_set_session(struct target *target, const char *session, const struct preload *preload, struct error *err);

/*
 * execve(2), and nothing else unless that fails. Then a line, where write(2) may be called, and
 * the end: STATUS_NOT_EXECUTABLE where exit_group(2) may, else SIGSYS.
 */
_Noreturn void target_execute(const struct target *target, bool may_write);

/* The end of a loader that has loaded its filter, by whatever the filter leaves it. */
_Noreturn void target_give_up(int status);

#endif
