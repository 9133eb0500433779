/*
 * The keeper holds what must not be lost, each session's listener, memory and descriptors, and
 * starts the other two roles, again where they die. It parses nothing: what comes from the broker
 * is of fixed size, and what is in a session's memory is not for it.
 */
#ifndef AGENTSH_KEEPER_H
#define AGENTSH_KEEPER_H

#include <stdbool.h>
#include <stdint.h>

enum keeper_operation {
	KEEPER_KEEP = 1, /* broker: a session, with its descriptors (enum keeper_descriptor) */
	KEEPER_KEPT,     /* keeper: it is kept, its worker starts */
	KEEPER_REFUSED,  /* keeper: it is not; error says why */
	KEEPER_ENDED,    /* keeper: it has ended */
	KEEPER_KNOWN     /* keeper, to a broker that begins anew: there is this session (its area comes along, and its
			    commons) */
};

/* What comes with KEEPER_KEEP, in this order; the last four where the flags say so. */
enum keeper_descriptor {
	KEPT_LISTENER,
	KEPT_AREA,
	KEPT_ROOT,
	KEPT_TARGET,
	KEPT_NOTICES,
	KEPT_COPY,
	KEPT_COMMONS,
	KEPT_READER,
	KEPT_COUNT
};

struct keeper_message {
	uint32_t operation;  /* enum keeper_operation */
	uint32_t has_target; /* no pidfd of a loader that has gone, or (before Linux 6.5) in another pid namespace */
	uint32_t has_notices;
	uint32_t has_copy;
	uint32_t has_commons;
	uint32_t has_reader;
	int32_t error;   /* errno */
	uint64_t ticket; /* the broker's number of the session */
};

/* To a worker: another descriptor for its events comes along. */
struct keeper_reopened {
	uint32_t kind; /* enum sink_kind */
};

/*
 * From a worker, of any content: its session's first process has ended, and with it the notices. What
 * is kept for them is closed: it may be a pipe that somebody reads to its end.
 */
struct keeper_notices_over {
	uint32_t none;
};

struct keeper_options {
	bool is_private;         /* one session, over a socket that is there already */
	int socket;              /* that, or the one to listen at; owned */
	const char *events;      /* as sink_open takes it */
	const char *unlink_path; /* of a socket that is ours to remove at the end; or NULL */
	int lifeline;            /* of the loader that stays (lifeline.h); owned; -1: there is none */
};

/* Confined already. Runs until it is told to end, or, private, until its session has ended. The exit status. */
int keeper_run(const struct keeper_options *options);

#endif
