/*
 * Who supervises the target: nobody, a sidecar, or the session that the loader finds itself in.
 */
#ifndef AGENTSH_SUPERVISION_H
#define AGENTSH_SUPERVISION_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "announcer.h"
#include "attestation.h"
#include "config.h"
#include "error.h"
#include "handover.h"
#include "invocation.h"
#include "rules.h"

enum supervision_kind {
	SUPERVISED_BY_NOBODY,
	SUPERVISED_BY_SIDECAR,
	SUPERVISED_ALREADY /* nested: the kernel's part of the policy is added, or nothing */
};

struct supervision {
	enum supervision_kind kind;
	char session[SESSION_ID_SIZE];
	struct policy outer;        /* SUPERVISED_ALREADY: the session's own */
	bool adds;                  /* SUPERVISED_ALREADY: a filter is to be added */
	struct handover handover;   /* SUPERVISED_BY_SIDECAR */
	struct announcer announcer; /* where the policy leaves no call for an announcement */
	bool helped;                /* it is used */
	bool makes_sockets;         /* SUPERVISED_BY_SIDECAR: it makes the session's sockets */
	int lifeline;               /* owned, until there is a sidecar; its end; -1 */
	int reader;                 /* owned until the hand-over has begun; to the loader that stays above us; -1 */
};

/*
 * Finds out whether the caller is in a session already, and what that leaves to do with this
 * configuration. The session's ID is that session's, or, outside of any, the wanted one (-s, the
 * environment) or a new one. In a session the configuration is completed (config_complete()). 0, or -1 and *err.
 */
int supervision_find(const struct invocation *invocation, struct config *config, struct supervision *supervision,
		     struct error *err);

/* Is there to be a sidecar for a session of its own? */
bool supervision_wanted(const struct invocation *invocation);

/*
 * From here on in a child, where the loader has to stay (init.h): where that is asked for, as PID 1,
 * which nothing inside can kill, and with a private sidecar that is to mediate sockets where only
 * an ancestor may read a process. 0, or -1 and *err, also where not even that may.
 */
int supervision_stay(const struct invocation *invocation, const struct config *config, struct supervision *supervision,
		     struct error *err);

/* What the sidecar is asked, until it has answered. */
struct asking {
	struct handover_request request;
	const char *path; /* of a system sidecar; NULL: there is none to be asked again */
	int said;
	char command[HANDOVER_COMMAND_MAX];
	char file[PATH_MAX];
	char degraded[HANDOVER_DEGRADED_MAX];
	char inherited[HANDOVER_INHERITED_MAX]; /* what descriptors_list wrote */
	size_t inherited_length;
};

/*
 * Outside of any session: connects to the sidecar that --sidecar asks for and tells it of this
 * one. command is the target's argument vector; of *asking that is the caller's which is inherited.
 * 0, or -1 and *err.
 */
int supervision_begin(const struct invocation *invocation, const struct config *config, char *const *command,
		      struct supervision *supervision, struct asking *asking, struct error *err);

/* Waits for its answer, where there is one to come: what needs none is done before. 0, or -1 and *err. */
int supervision_await(struct supervision *supervision, struct asking *asking, struct error *err);

/* What the filter is to be built for, the keeper apart, whom the answer names. Borrows from *supervision. */
struct rules_setting supervision_setting(const struct supervision *supervision);

/* Is there a filter to load? */
bool supervision_filters(const struct supervision *supervision, const struct policy *policy);

/* Makes ready for the announcement: the last thing before the load. 0, or -1 and *err. */
int supervision_arm(struct supervision *supervision, const struct rules *rules, struct error *err);

/* After the load: hands the listener over, with no call that the policy could trap. 0, or -1 and *err. */
int supervision_hand_over(const struct supervision *supervision, int listener, bool wait_killable, struct error *err);

#endif
