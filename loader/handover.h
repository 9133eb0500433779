/*
 * The hand-over: what loader and sidecar say to each other, over a SOCK_SEQPACKET socket, and the
 * loader's side of it. The sidecar's is shim/conversation.h.
 *
 *   loader                          sidecar
 *   HELLO, then its TEXT       ->
 *                              <-   WELCOME, or REFUSED and the end
 *   (loads the filter)
 *   LISTENER                   ->   takes it: pidfd_getfd(2), or it came along (SCM_RIGHTS)
 *                              <-   ACCEPTED, or REFUSED and the end
 *   execve
 *
 * Where a session has no listener, a process says one thing, and hears nothing; shim/plain_report.h judges it:
 *
 *   process                         sidecar
 *   REPORT                     ->
 *   the end of the connection  ->   looks who it was
 *
 * After the load the loader makes no call that its policy could trap: it announces by sendto (not
 * write: that would be a SIGPIPE where the sidecar has gone) and read where the policy leaves both
 * alone, else through a helper (announcer.h).
 */
#ifndef AGENTSH_HANDOVER_H
#define AGENTSH_HANDOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "rules.h"
#include "session.h"

#define HANDOVER_MAGIC       0x48534741U /* "AGSH" */
#define HANDOVER_VERSION     3U          /* raised by every change of what follows */
#define HANDOVER_DEADLINE_MS 5000        /* for everything until the target is executed */
#define HANDOVER_CHUNK_MAX   ((size_t)32 * 1024)
#define HANDOVER_REASON_MAX  512U
#define HANDOVER_NAME_MAX    32U

enum handover_type {
	HANDOVER_HELLO = 1,
	HANDOVER_TEXT,
	HANDOVER_WELCOME,
	HANDOVER_REFUSED,
	HANDOVER_LISTENER,
	HANDOVER_ACCEPTED,
	HANDOVER_REPORT
};

struct handover_head {
	uint32_t magic;
	uint16_t version;
	uint16_t type; /* enum handover_type */
};

/* What follows HELLO, one after the other, in TEXT messages of at most HANDOVER_CHUNK_MAX bytes. */
enum handover_text {
	TEXT_POLICY,      /* the INI; empty for the built-in defaults */
	TEXT_POLICY_FILE, /* its path; empty for the built-in defaults */
	TEXT_COMMAND,     /* the argument vector, each argument ended by a NUL; cut at its bound */
	TEXT_INHERITED,   /* Unix sockets that the target inherits, each ended by a NUL */
	TEXT_DEGRADED,    /* what the policy accepts and this host cannot do, each ended by a NUL */
	TEXT_COUNT
};

#define HANDOVER_COMMAND_MAX   4096U
#define HANDOVER_INHERITED_MAX 4096U
#define HANDOVER_DEGRADED_MAX  256U

enum handover_flag {
	HANDOVER_NOTICES_EACH = 1,    /* a line for each denial, else a summary; with a descriptor */
	HANDOVER_NOTICES = 2,         /* descriptor: where notices go */
	HANDOVER_EVENTS = 4,          /* descriptor, behind that: a copy of the events goes there */
	HANDOVER_POLICY_WRITABLE = 8, /* the session can write the policy's file */
	HANDOVER_READER = 16,         /* descriptor, behind those: to the reader above the session; private only */
};

struct handover_hello {
	struct handover_head head;
	uint32_t flags;               /* enum handover_flag */
	int32_t probe;                /* a descriptor of the loader's: may the sidecar take it? */
	uint32_t lengths[TEXT_COUNT]; /* bytes of each text */
	char session[SESSION_ID_SIZE];
	char loader[HANDOVER_NAME_MAX]; /* the loader's version */
	/* Bytes of the command, also where TEXT_COMMAND is cut; the lowest first; 0: not said. */
	uint8_t command_whole[3];
};

struct handover_welcome {
	struct handover_head head;
	int32_t keeper;     /* its pid, where the session could signal it; else 0 */
	uint32_t by_rights; /* 1: the listener is to come along, it cannot be taken */
};

struct handover_refused {
	struct handover_head head;
	char reason[HANDOVER_REASON_MAX]; /* NUL-terminated: "WHY (REMEDY)" */
};

struct handover_listener {
	struct handover_head head;
	int32_t number;         /* of the listener in the loader's descriptor table */
	uint32_t wait_killable; /* 1: loaded with SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV */
};

struct handover_accepted {
	struct handover_head head;
};

struct handover_report {
	struct handover_head head;
	uint32_t begins;               /* 1: the loader's, of a session that begins when the connection ends */
	char session[SESSION_ID_SIZE]; /* that the process claims to be in; empty: it claims none */
	char padding[3];
};

/* What the preload library is told: "COUNT:PATH". Empty: to make the reserved call, as without it. */
#define HANDOVER_REPORT_VARIABLE "AGENTSH_REPORT_TO"

struct handover_head handover_head(enum handover_type type);

/* Is it a message of this protocol, of that type and exactly that long? */
bool handover_is(const void *message, size_t length, enum handover_type type, size_t expected);

/* One text of HELLO. */
struct handover_part {
	const char *bytes;
	size_t length;
};

/* What a loader asks for. Everything is borrowed. */
struct handover_request {
	const char *session;
	struct handover_part parts[TEXT_COUNT];
	size_t command_whole; /* bytes, of which TEXT_COMMAND has the first; no kernel takes 2^24 */
	int notices;          /* a descriptor, or -1 */
	bool notices_each;
	int events; /* a descriptor, or -1 */
	int reader; /* a descriptor, or -1 */
	bool policy_writable;
};

/* A hand-over under way. */
struct handover {
	int socket; /* owned; O_CLOEXEC: it ends with the loader's execve */
	int keeper; /* as WELCOME has it */
	bool by_rights;
	bool is_own;      /* its sidecar is this session's own, and has no log */
	int64_t deadline; /* ms of CLOCK_MONOTONIC */
};

/*
 * Connects to a sidecar's socket. 0; 1 where nobody listens there (ENOENT, ENOTDIR, ECONNREFUSED);
 * -1 and *err: also where it belongs to neither root nor the caller.
 */
int handover_connect(const char *path, struct handover *handover, struct error *err);

/*
 * Tells a system sidecar of a session without a listener, without waiting for it: the connection's end says that it
 * has begun, so it is the target's execve(2) that is to end it. False: nobody has been told.
 */
bool handover_report(const char *path, const char *session, struct handover *handover);

/* Takes over a socket that is connected already (a private sidecar's), and moves it above descriptors 0 to 2. */
void handover_adopt(int socket, struct handover *handover);

/* HELLO and its texts. 0, or -1 and *err: why it takes no more, handover_welcome() may hear. */
int handover_say(const struct handover *handover, const struct handover_request *request, struct error *err);

/*
 * WELCOME, to what handover_say() has returned. 0, or -1 and *err with the sidecar's own reason; 1 and *err: it ended
 * without one, as a broker that is killed does, and whoever follows it may be asked.
 */
int handover_welcome(struct handover *handover, int said, struct error *err);

/* Sets the socket's timeouts to what is left until the deadline: the last thing before the load. */
int handover_arm(const struct handover *handover, struct error *err);

/* Does that policy leave alone the two calls that handover_announce makes? */
bool handover_is_direct(const struct handover *handover, const struct rules *rules);

/*
 * Announces the listener by sendto(2) without an address (by_rights: sendmsg(2)) and waits by
 * read(2), making no other call. 0, or -1 and *err.
 */
int handover_announce(const struct handover *handover, int listener, bool wait_killable, struct error *err);

/* Connects anew, with the same deadline, in place of a connection that has ended. False: that cannot be had. */
bool handover_again(const char *path, struct handover *handover);

void handover_close(struct handover *handover);

/* Now, in ms of CLOCK_MONOTONIC. */
int64_t handover_now(void);

#endif
