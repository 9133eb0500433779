/*
 * The sessions that the keeper has, each with its worker: taken in, stored, given a worker again where that dies, and
 * let go. The broker is told of each that ends.
 */
#ifndef AGENTSH_SESSIONS_H
#define AGENTSH_SESSIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "broker_child.h"
#include "kept.h"
#include "message.h"
#include "spare.h"

struct sessions {
	struct kept *first; /* owned */
	int workers;        /* owned; epoll(7): the workers' channels, by ticket; readable: sessions_hear */
	struct spares spares;
	bool spare_is_due;                 /* there is to be one, as soon as nobody waits for anything else */
	bool is_private;                   /* there is one session, and no other comes */
	bool has_store;                    /* systemd's */
	uint32_t stored;                   /* the number of the last that went there */
	const char *events;                /* as sink_open takes it */
	const struct broker_child *broker; /* who is told */
};

/*
 * A new session, of KEEPER_KEEP, of which herald tells. 0, or an errno, and it has told nothing. Stored first: from its
 * first call on, it is not lost with us.
 */
int sessions_keep(struct sessions *sessions, const struct keeper_message *message, struct message_descriptors *came,
		  const struct kept_herald *herald);

/* What a worker says. */
void sessions_hear(struct sessions *sessions);

/* There are kills by the kernel to tell of: its worker hears so, and is not waited for. */
void sessions_look(const struct sessions *sessions, uint64_t ticket);

/* Each worker gets a new descriptor for events. */
void sessions_reopen_events(const struct sessions *sessions);

/*
 * A child has ended (waitpid(2)), which may be a worker. was_killed: from outside, which is no trouble of its own for
 * which others wait. True: a session has come to its own end.
 */
bool sessions_child_ended(struct sessions *sessions, pid_t child, int status, bool was_killed);

/* Starts what is due. A session whose worker will not live is given up: its calls answer ENOSYS. */
void sessions_start_due(struct sessions *sessions, int64_t now);

/* ms: when the next worker is; -1: none is. */
int64_t sessions_due(const struct sessions *sessions);

/* Where it cannot be had a session starts its worker itself, or hears why not. */
void sessions_start_spare(struct sessions *sessions);

/*
 * The end. Workers are told to write session_end, or, where the sessions stay in the store, to leave: what is said by
 * the end of their channel comes after that, as it may have been full.
 */
void sessions_tell_end(struct sessions *sessions, bool they_stay);

/* Those whose worker has ended are let go. */
void sessions_part(struct sessions *sessions, bool they_stay);

/* All that are left are, and whoever waits for our end finds nothing of them. */
void sessions_end(struct sessions *sessions, bool they_stay);

/*
 * Ends a child, and waits for that, a second at most: one that waits for a file's server (stranger.h) dies of no
 * signal. 0: there is none. One that was our starter's is not ours to wait for.
 */
void sessions_kill_child(pid_t child);

#endif
