/*
 * The threads that serve a session. One of them reads notifications at a time; each handles what it
 * has read itself. Where the reader is kept by one (memory behind userfaultfd, a full backlog, a slow
 * file system), another becomes the reader: that costs the ordinary call nothing, and nobody but
 * this session is ever behind it. Where calls of several targets wait all the time, and there is a processor for it,
 * more than one reads.
 */
#ifndef AGENTSH_POOL_H
#define AGENTSH_POOL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "area.h"
#include "credentials.h"
#include "crowd.h"
#include "known_name.h"
#include "known_thread.h"
#include "memory.h"
#include "reach.h"
#include "turn.h"
#include "view.h"

#define POOL_TICK_MS 5   /* how long a reader may be kept before another takes over */
#define POOL_HOLD_MS 50  /* how long a name is held by a call that waits */
#define POOL_READING 2U  /* servers that read, most of the time: they know more than the others */
#define POOL_NAMES   32U /* that each of them knows */

struct worker;
struct pool;

enum interruption { INTERRUPTED_NOT, INTERRUPTED_GONE, INTERRUPTED_BY_SIGNAL, INTERRUPTED_HOLDING };

/* One thread. It has a slot, a root, a working directory and a umask of its own. */
struct server {
	struct pool *pool;
	unsigned index;
	pthread_t thread;
	struct area_slot *slot;
	struct credentials own; /* the thread's rights when it carries nothing out */
	bool may_claim;         /* the ids of targets to receivers of a Unix socket: sending.h */
	bool reads;             /* it has but the right to read targets: mediation_release() gives it its own */
	bool walks;             /* the last path had no link in it, or none has been tried */
	struct reach reach;     /* how it gets at targets */
	struct known_threads known;
	struct known_name known_name; /* of one that seldom reads */
	struct known_names known_names;
	struct naming naming;
	bool has_place;          /* its working directory is its own, and is where view_settle() has put it */
	struct memory_page page; /* of the target, while a call of it is carried out */
	struct turn turn;
	_Atomic int64_t holds_since; /* us; a name that is to stay its own for a while; 0: none */
	_Atomic int64_t busy_since;  /* us; 0: it waits */
	_Atomic int interruption;    /* enum interruption: why what it waits for was cut short */
	int64_t watched_since;       /* of the watch: the busy_since that it has looked at ... */
	uint32_t watched_done;       /* and the messages that had been sent */
	int64_t spent_before;        /* us of processor time that the thread had spent then */
};

struct pool {
	struct worker *worker;    /* NULL: it has not been started */
	_Atomic uint64_t readers; /* those that read: bits, 1 << index */
	_Atomic uint32_t changes; /* of these; a futex */
	unsigned most;            /* readers at once */
	struct crowd crowd;       /* of the watch */
	_Atomic uint64_t calls;   /* handled since the beginning */
	uint64_t seen;            /* of those, when the watch looked last */
	unsigned quiet;           /* looks since then that found no other */
	_Atomic bool asleep;      /* the watch waits to be woken by the next call */
	_Atomic int end;          /* 0; 1: the last target has gone; -1: the listener is broken */
	_Atomic bool stopped;     /* no notification is to be received */
	int wake;                 /* owned; an eventfd, for the watch */
	bool shares_files;        /* threads could not get a root of their own: no root but the worker's is entered */
	pthread_mutex_t view;     /* then: who has the one umask and working directory that there are */
	_Atomic int full;         /* as many servers run as there may be */
	unsigned count;           /* of servers that run */
	struct known_name names[POOL_READING][POOL_NAMES];
	struct server servers[AREA_SLOTS];
};

/* Starts the first thread. 0, or -1 and *err. */
int pool_start(struct pool *pool, struct worker *worker, struct error *err);

/*
 * Looks after the threads: makes another one the reader where that one is kept, has as many read as there is use for,
 * cuts short what nobody waits for any more, and ends the worker where one works at a call without an end. To be called
 * by the main thread when wake is readable and after the time it returned: ms; -1: until it is woken.
 */
int pool_watch(struct pool *pool);

/* The last target has gone: for whoever sees it where no server does, kept as each may be by memory of its own. */
void pool_end(struct pool *pool);

/* Where it was never started: that end was another session's. */
void pool_anew(struct pool *pool);

/*
 * Is every other server kept, and can none be added? Then the calling one must not be kept as well:
 * the session's blocked calls have nobody else to answer them.
 */
bool pool_is_spent(const struct server *server);

/*
 * Another worker is to go on: no notification is received any more. Waits for the servers to finish what they have
 * begun, a bounded time; what is under way then is in its slot.
 */
void pool_stop(struct pool *pool);

/* The session is over: waits for the servers to finish what they have begun, a bounded time. */
void pool_settle(struct pool *pool);

/*
 * The calling server holds a name that is others' (mediation_hold) while it connects to it, and does so no more. Where
 * that waits for longer than POOL_HOLD_MS it is interrupted, pool_interruption() being INTERRUPTED_NOT after
 * pool_lets_go(): whoever has closed the name's socket meanwhile is to have closed it.
 */
void pool_holds(struct server *server);
void pool_lets_go(struct server *server);

/* Does any server? Its name is in use by it, a moment or that long. */
bool pool_is_holding(const struct pool *pool);

/* us since the calling server has had its notification. */
int64_t pool_time_taken(const struct server *server);

/* The calling server is about to wait for others; INTERRUPTED_NOT where nothing cut that short. */
enum interruption pool_interruption(struct server *server);

#endif
