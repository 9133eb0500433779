/*
 * A worker serves a session: it receives its notifications, answers them and writes its events.
 * It holds that session's descriptors and nothing else of anyone's, and may die at any instant.
 *
 * It serves another one only where there was no call to answer in the first (spare.h).
 */
#ifndef AGENTSH_WORKER_H
#define AGENTSH_WORKER_H

#include <stdbool.h>

#include "area.h"
#include "bindings.h"
#include "commons.h"
#include "event.h"
#include "exit_code.h"
#include "fold.h"
#include "made_look.h"
#include "made_sockets.h"
#include "notice.h"
#include "policy.h"
#include "pool.h"
#include "report.h"
#include "rules.h"
#include "sink.h"
#include "view.h"

struct worker {
	int listener; /* owned, as every descriptor here */
	int keeper;
	int target;      /* a pidfd; -1 where there is none */
	int reader;      /* to the session's reader (reader.h); -1 where there is none */
	int attestation; /* what the reserved call gives */
	bool is_stored;  /* the session outlives the keeper */
	struct area *area;
	struct policy policy;
	struct rules rules;
	char policy_name[PATH_MAX]; /* of its file, for rules: FILE:LINE */
	struct sink sink;
	struct sink copy; /* descriptor -1: none is wanted */
	bool copies;
	struct notice notice;
	pthread_mutex_t writing; /* of events: the area's step, line and fold; sinks; reports */
	struct reports reports;
	struct bindings bindings;
	struct commons *commons; /* NULL: default is not user */
	struct view_origin origin;
	char user_namespace[NAMESPACE_NAME]; /* ours, as its link in /proc has it */
	bool makes_sockets;                  /* the session's, and: */
	struct made_sockets made;
	struct made_look look;
	char network_namespace[NAMESPACE_NAME]; /* ours, in which they are */
	size_t threads_known; /* by a server that reads, at once: as the limit of descriptors lets it */
	struct pool pool;
};

/* Events are numbered and written by one thread at a time: taken around worker_event to worker_write. */
void worker_lock(struct worker *worker);
void worker_unlock(struct worker *worker);

/* Fills in what every event of the session has: its ID, the time, the seq that is next. */
struct event worker_event(const struct worker *worker, enum event_type type);

/*
 * Writes an event, with whatever else the area's step says (area_begin). False: it has not been written
 * (it is kept in memory, or lost and counted).
 */
bool worker_write(struct worker *worker, const struct event *event);

/* Whose event it is. Borrows. */
struct event_process worker_process(const struct tracee *tracee);

/*
 * Is what the key says a repeat of what has been told within the last second? Then it is counted, as told of the
 * slot's call; and that is all. Else worker_fold_place is where the
 * first of its kind is to be remembered, once it has been written (fold_remember); what was counted there is told.
 */
bool worker_fold(struct worker *worker, const struct area_slot *slot, const struct fold_key *key);
struct folded *worker_fold_place(struct worker *worker, const struct fold_key *key);

/* One repeat more, in the step that has been begun: it is committed. */
void worker_count_repeat(struct worker *worker, const struct folded *folded);

/* Has there been a call in this session, for this worker or one before it? Where not, there is nothing of calls. */
bool worker_has_served(const struct worker *worker);

/* Tells what was counted of those whose second is over (all: of any). */
void worker_fold_flush(struct worker *worker, bool all);

/* Takes up what a worker before this one had begun to write. */
void worker_redo(struct worker *worker);

/* Handles the notification in a slot, to its answer, in the calling server. The slot is free then. */
void worker_handle(struct worker *worker, struct server *server, struct area_slot *slot);

/* session_start, once in a session's life; of a later worker: sidecar_recovered. */
void worker_begin(struct worker *worker, const struct event_recovered *recovered);

/* Tells of those of the session's processes that the kernel has killed, and that the broker has put into its memory. */
void worker_kills(struct worker *worker);

/* The first process has ended: finds out how, as long as that can be found. */
void worker_learn_exit(struct worker *worker);

/* session_end. how: "all_exited", "sidecar_terminated". */
void worker_end(struct worker *worker, const char *how);

/* FILE:LINE, or "a built-in default", of a line of the policy. */
void worker_rule(const struct worker *worker, unsigned line, char *out, size_t size);

#endif
