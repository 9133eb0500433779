/*
 * The sidecar's processes are one program: which it is, its first argument says. Each is
 * executed afresh, with the descriptors of its role at fixed numbers and no others.
 */
#ifndef AGENTSH_ROLE_H
#define AGENTSH_ROLE_H

#include <stddef.h>
#include <sys/types.h>

#include "init.h"

#define ROLE_BROKER "--role=broker"
#define ROLE_WORKER "--role=worker"
#define ROLE_WAITER "--role=waiter" /* a worker that has no session yet; as long as the other */
#define ROLE_INIT   INIT_ROLE       /* the loader that stays, with a reader */

#define ROLE_DESCRIPTORS_MAX 5U

/* The broker's descriptors. */
enum broker_descriptor {
	BROKER_KEEPER = 3, /* to the keeper */
	BROKER_SOCKET,     /* listening for loaders */
	BROKER_RUNTIMES,   /* listening for container runtimes, where that is asked for */
	BROKER_STREAM,     /* of the kernel's audit records; where there is one */
	BROKER_MEMORY,     /* struct audit_memory; a system sidecar's */
	BROKER_END
};

/* The worker's descriptors. All others come from the keeper; its end is ours. */
enum worker_start {
	WORKER_KEEPER = 3, /* to the keeper */
	WORKER_FILTER,     /* role_filter_prepare(); where it has been made */
	WORKER_START_END
};

/* Those that come with its session (spare.h). */
enum worker_descriptor {
	WORKER_LISTENER,
	WORKER_AREA,
	WORKER_EVENTS,
	WORKER_ROOT,    /* of the session's beginning: O_PATH */
	WORKER_TARGET,  /* a pidfd of the session's first process; where one could be had */
	WORKER_NOTICES, /* where area says so */
	WORKER_COPY,    /* where area says so */
	WORKER_COMMONS, /* where area says so */
	WORKER_READER,  /* where only an ancestor may read the session's processes: reader.h */
	WORKER_USER,    /* of a container: its user namespace, where that is another */
	WORKER_DESCRIPTORS
};

/* A worker's exit status, beside EXIT_SUCCESS (the session is over): it goes on, and another worker may follow. */
#define WORKER_LEFT 3

/*
 * Starts a role: executes this program again, in a child, with arguments (argv[0] included), count
 * descriptors (borrowed; -1: none) at 3, 4, ... Returns its pid, or -1 and errno.
 */
pid_t role_start(char *const *arguments, const int *descriptors, size_t count);

/* The same, but it is executed no sooner than there is something to be heard at the first of its descriptors. */
pid_t role_start_later(char *const *arguments, const int *descriptors, size_t count);

int broker_main(int argc, char **argv);
int worker_main(int argc, char **argv);
int ancestor_main(int argc, char **argv);

#endif
