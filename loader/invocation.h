/*
 * How agentsh-exec was called: agentsh-exec(1). Pure: argv in, struct out.
 */
#ifndef AGENTSH_INVOCATION_H
#define AGENTSH_INVOCATION_H

#include <stdbool.h>

#include "error.h"

enum invocation_form {
	INVOKED_AS_PREFIX, /* agentsh-exec [options] [--] command [arg...] */
	INVOKED_AS_SHELL,  /* argv[0] begins with '-', its name is agentsh-shell, or -c comes first */
	INVOKED_FOR_HELP,
	INVOKED_FOR_VERSION
};

/* Everything is borrowed from argv. */
struct invocation {
	enum invocation_form form;
	bool login;          /* as a shell: argv[0] began with '-' */
	const char *file;    /* -f; or NULL */
	const char *session; /* -s; or NULL */
	const char *sidecar; /* --sidecar; "auto" where it was not given */
	const char *events;  /* --events; or NULL */
	bool shim;
	bool init;
	char **arguments; /* prefix: the command and its arguments; shell: argv after argv[0]. NULL-terminated */
};

/* Returns 0, or -1 and *err where the command line is wrong. */
int invocation_parse(int argc, char **argv, struct invocation *invocation, struct error *err);

/* The text of --help. */
extern const char invocation_help[];

#endif
