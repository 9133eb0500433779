/*
 * The broker as the keeper has it: a child at the other end of a channel (keeper.h), which is started again where it
 * dies.
 */
#ifndef AGENTSH_BROKER_CHILD_H
#define AGENTSH_BROKER_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "keeper.h"
#include "kept.h"
#include "role.h"

struct broker_child {
	int channel; /* owned; -1: none */
	pid_t pid;   /* 0: none runs */
	unsigned tries;
	int64_t due_at;     /* ms: when the next is */
	int64_t started_at; /* ms */
	bool has_events;    /* it has asked for a descriptor for them */
};

/* One that has gone is not told. */
void broker_child_tell(const struct broker_child *broker, enum keeper_operation operation, uint64_t ticket, int error);

/*
 * Starts it with these (of enum broker_descriptor, from the first on; borrowed; -1: none; the first, its end of the
 * channel, is filled in). It is told of the sessions that there are. 0, or -1: it could not be started.
 */
int broker_child_start(struct broker_child *broker, int *descriptors, const struct kept *sessions);

/* A descriptor for lines that are of no session (sink_open). Where there is none, why is told. */
void broker_child_give_events(struct broker_child *broker, const char *events);

/* Something it has said is to be heard. */
bool broker_child_has_said(const struct broker_child *broker);

/*
 * It has ended, or could not be started: when the next is due. What it had said must have been heard: its channel is
 * closed. was_killed: from outside, which is no trouble of its own for which others wait.
 */
void broker_child_ended(struct broker_child *broker, bool was_killed);

void broker_child_hang_up(struct broker_child *broker);

#endif
