/*
 * Reports by a plain connection (handover.h), of processes in a session that has no listener: the loader's, when its
 * session begins, and those of the preload library. The broker judges them when the connection has ended.
 *
 * Who it was, the kernel says: SO_PEERCRED, and a pidfd, by which what /proc has is known to be of the same process.
 * In which session it is, its ancestors say: it is in that of the nearest one, itself included, that is known to be in
 * one, as no filter is ever taken off. A claim of another is report_mismatch. Only where none is known, the claim is
 * believed, if the process is under a filter and no other user has a live session of that ID.
 */
#ifndef AGENTSH_PLAIN_REPORT_H
#define AGENTSH_PLAIN_REPORT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "conversation.h"
#include "fold.h"
#include "registry.h"
#include "witness.h"

/* Looked at in FOLD_SPAN_US; what is beyond them is counted. */
#define PLAIN_REPORTS_PER_USER    1000U
#define PLAIN_REPORTS_PER_PROCESS 20U

#define PLAIN_REPORT_USERS     256U
#define PLAIN_REPORT_PROCESSES 1024U

/* A user's span, or a process's. Those whose numbers are the same, modulo the table's size, share one. */
struct plain_report_span {
	uint64_t begun_us;
	uint32_t looked_at;
	uint32_t beyond; /* of a user: not told yet */
	uid_t uid;
};

struct plain_reports {
	struct plain_report_span users[PLAIN_REPORT_USERS];
	struct plain_report_span processes[PLAIN_REPORT_PROCESSES];
	struct fold fold; /* of lies that are told again */
};

/* conversation: its report has been made, and its end has come. Tells process_start, report_mismatch, or nothing. */
void plain_report_take(struct plain_reports *reports, struct witness *witness, const struct registry *registry,
		       const struct conversation *conversation);

/* Tells of what was counted and whose second is over. Returns ms until more is due; -1: nothing is. */
int plain_report_turn(struct plain_reports *reports, struct witness *witness);

#endif
