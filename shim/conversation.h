/*
 * One loader's conversation with the broker: the sidecar's side of handover.h. Everything that a
 * loader says is bounded and checked; whoever breaks the protocol is refused and closed.
 */
#ifndef AGENTSH_CONVERSATION_H
#define AGENTSH_CONVERSATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "beginning.h"
#include "container_state.h"
#include "handover.h"
#include "message.h"
#include "stranger.h"

enum conversation_state {
	CONVERSATION_HELLO,     /* nothing has been said */
	CONVERSATION_TEXT,      /* HELLO has, its texts are due */
	CONVERSATION_ASKED,     /* all is said: the broker decides */
	CONVERSATION_WELCOMED,  /* the listener is due */
	CONVERSATION_ANNOUNCED, /* the listener is here: the keeper has it, or decides */
	CONVERSATION_REPORTED,  /* no loader with a listener: a report is here (plain_report.h), its end is due */
	CONVERSATION_TOLD,      /* that has come: the broker judges it */
	CONVERSATION_OVER       /* to be closed */
};

/* Who is at the other end, as the kernel has it. */
struct conversation_peer {
	pid_t pid; /* 0: in a pid namespace that is not below ours */
	uid_t uid;
	gid_t gid;
	int process; /* owned; a pidfd; -1: none is to be had */
};

struct conversation {
	int socket; /* owned; does not block */
	enum conversation_state state;
	struct conversation_peer peer;
	int64_t deadline; /* ms: until the listener must be announced */
	struct handover_hello hello;
	struct handover_report report;
	char *texts; /* owned; one after the other */
	size_t texts_length;
	size_t texts_due;
	int notices;  /* owned; -1: none */
	int copy;     /* owned; -1: none */
	int reader;   /* owned; -1: none */
	int listener; /* owned; -1: none yet */
	bool wait_killable;
	bool by_rights;
	bool shares;                      /* its policy has default = user */
	bool mediates;                    /* its policy has calls on sockets carried out */
	bool is_runtime;                  /* a container runtime's (runtime.h), which waits for no answer */
	struct strangers *strangers;      /* borrowed; who closes what it has sent; NULL: we ourselves, at once */
	struct beginning beginning;       /* owned */
	struct message_descriptors along; /* owned; a runtime's, until all is said */
	struct container_scan scan;
	uint64_t ticket;
};

/* Is it not buried yet? Then what was read by its number before is of it. */
bool conversation_is_there(const struct conversation_peer *peer);

/* Takes the socket over and asks the kernel who is there. 0, or -1 and errno. */
int conversation_begin(struct conversation *conversation, int socket);
void conversation_end(struct conversation *conversation);

/*
 * Takes one message. Returns NULL, with the state moved on, or why the loader is to be refused
 * ("WHY (REMEDY)"): what was said breaks the protocol, or speaks another version of it. "" where
 * it has simply gone.
 */
const char *conversation_hear(struct conversation *conversation);

/*
 * The keeper and workers will hold what the loader has sent for as long as its session lives: nothing that they could
 * come to wait for (stranger.h). Notices that could are given up. NULL, or why the loader is to be refused.
 */
const char *conversation_hold_back(struct conversation *conversation);

/* A text of HELLO, not ended by a NUL; its length is hello.lengths[which]. */
const char *conversation_text(const struct conversation *conversation, enum handover_text which);

/* What the broker says; that a session has begun, the keeper does. A loader that does not take it is not waited for. */
void conversation_welcome(struct conversation *conversation, pid_t keeper);
void conversation_refuse(struct conversation *conversation, const char *reason);

/* The same where there is none yet. */
void conversation_say_refused(int socket, const char *reason);

/* Checks a HELLO message. NULL, or why not. Pure. */
const char *conversation_check_hello(const void *message, size_t length, size_t descriptors);

#endif
