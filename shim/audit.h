/*
 * The keeper's share of the kernel's audit stream. The keeper opens it, as it alone has the capability, and holds it,
 * so that no record is lost with a broker; it reads nothing of it. Beside it there is memory, also where there is no
 * stream, for what a broker must know of the one before it, and a socket by which the kernel is asked how many records
 * it has lost.
 */
#ifndef AGENTSH_AUDIT_H
#define AGENTSH_AUDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "quiet.h"
#include "sink.h"

/* A broker's memory, of the stream and of sessions that have no listener. */
struct audit_memory {
	uint64_t told;             /* the serial of the record of no session that was written last */
	uint64_t overrun;          /* records that did not fit into the socket, of which has been told */
	uint64_t lost;             /* the kernel's count, of which has been told */
	bool lost_is_known;        /* the kernel has been asked once: what it had lost before is nobody's */
	struct sink_store pending; /* lines of no session, for which there was no place */
	struct quiet quiet;
};

struct audit {
	int stream;  /* owned; -1: there is none, and what the kernel kills is not seen */
	int memory;  /* owned; a memfd, struct audit_memory; -1: out of memory, then there is no stream either */
	int control; /* owned; -1: the kernel does not say what it has lost (it takes CAP_AUDIT_CONTROL) */
};

/* Opens them, where what the kernel kills will come. */
void audit_begin(struct audit *audit);
void audit_end(struct audit *audit);

/* Asks for the kernel's count. control is readable when it has answered. */
void audit_ask_lost(const struct audit *audit);

/* The answer. False: there is none. */
bool audit_hear_lost(const struct audit *audit, uint32_t *lost);

#endif
