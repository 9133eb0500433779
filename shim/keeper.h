/*
 * The keeper holds what must not be lost, each session's listener, memory and descriptors, and
 * starts the other two roles, again where they die. It parses nothing: what comes from the broker
 * is of fixed size, and what is in a session's memory is not for it, its layout apart (area_convert). A private one has
 * no broker: its one loader speaks with it (only_loader.h).
 *
 * Under systemd everything that it holds also lies in the FD store (store.h), before a session is served. Then
 * its own end, or everybody's, is not that of the sessions: the next keeper takes them up.
 */
#ifndef AGENTSH_KEEPER_H
#define AGENTSH_KEEPER_H

#include <stdbool.h>
#include <stdint.h>

enum keeper_operation {
	KEEPER_KEEP = 1,  /* broker: a session, with its descriptors (enum keeper_descriptor), and who waits for it */
	KEEPER_KEPT,      /* keeper: it is kept, its worker starts; its loader has been told */
	KEEPER_REFUSED,   /* keeper: it is not; error says why */
	KEEPER_ENDED,     /* keeper: it has ended */
	KEEPER_KNOWN,     /* keeper, to a broker that begins: there is this session (its area comes along, and its
			     commons) */
	KEEPER_ALL_KNOWN, /* keeper, to a broker that begins: there are no others */
	KEEPER_KILLED,    /* broker: in the session's memory there are kills by the kernel to tell of */
	KEEPER_EVENTS, /* broker: it needs a descriptor for events; keeper: it comes along, error is its enum sink_kind
			*/
	KEEPER_LOST    /* broker: how many records has the kernel lost? keeper: so many, in ticket */
};

/* What comes with KEEPER_KEEP, in this order; from the fourth on where the flags say so. */
enum keeper_descriptor {
	KEPT_LISTENER,
	KEPT_AREA,
	KEPT_ROOT,
	KEPT_TARGET,
	KEPT_NOTICES,
	KEPT_COPY,
	KEPT_COMMONS,
	KEPT_READER,
	KEPT_USER,
	KEPT_COUNT /* programs of other versions have the same (store.h): what is new goes to the end */
};

struct keeper_message {
	uint32_t operation;  /* enum keeper_operation */
	uint32_t has_target; /* no pidfd of a loader that has gone, or (before Linux 6.5) in another pid namespace */
	uint32_t has_notices;
	uint32_t has_copy;
	uint32_t has_commons;
	uint32_t has_reader;
	uint32_t has_user;
	uint32_t answers; /* behind them: the loader's socket, by which it is told that its session is kept */
	int32_t error;    /* errno */
	uint32_t uid;     /* whose session it is, and what its worker keeps: struct spare_whose */
	uint64_t capabilities;
	uint64_t ticket; /* the broker's number of the session */
};

/* KEEPER_REFUSED, as its loader hears it. */
#define KEEPER_CANNOT                                                                                                  \
	"its events cannot be written, or no worker started (name a file by --events, and see the sidecar's log)"

enum keeper_order {
	KEEPER_REOPEN = 1, /* another descriptor for events comes along */
	KEEPER_END,        /* the session's supervision ends: session_end is due */
	KEEPER_LOOK        /* there are kills by the kernel to tell of */
};

/* To a worker. */
struct keeper_ordered {
	uint32_t order; /* enum keeper_order */
	uint32_t kind;  /* enum sink_kind; of KEEPER_REOPEN */
};

/* From a worker. */
enum keeper_word {
	/*
	 * Its session's first process has ended, and with it the notices. What is kept for them is closed: it may be a
	 * pipe that somebody reads to its end.
	 */
	KEEPER_NOTICES_OVER = 1,
	/* It is about to answer a call of its session's, the first: from here on it is that session's, and is over with
	   it. */
	KEEPER_SERVES,
	/*
	 * Its session is over, and it has read nothing of any process in it: it has let go of all that was the
	 * session's, and waits for another. Believed of a worker that has never said that it serves.
	 */
	KEEPER_FREE
};

struct keeper_told {
	uint32_t word; /* enum keeper_word */
};

struct keeper_options {
	bool is_private;    /* one session, over a socket that is there already */
	int socket;         /* that, or the one to listen at; owned */
	int runtimes;       /* to listen at for container runtimes; owned; -1: none */
	int given;          /* descriptors that systemd has handed over (notify_given), socket perhaps among them */
	const char *events; /* as sink_open takes it */
	const char *unlink_path;   /* of a socket that is ours to remove at the end; or NULL */
	const char *runtimes_path; /* the same */
	int lifeline;              /* of the loader that stays (lifeline.h); owned; -1: there is none */
};

/*
 * Before anybody can connect: from here on a signal waits for keeper_run, so that none ends it with its sockets left
 * behind. False: it cannot be, and errno.
 */
bool keeper_hold_signals(void);

/*
 * Confined already, but for a private one, which is so before it hears its loader. Runs until it is told to end,
 * or, private, until its session has ended. The exit status.
 */
int keeper_run(const struct keeper_options *options);

#endif
