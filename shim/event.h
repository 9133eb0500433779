/*
 * An event: one JSON object a line, as agentsh-sidecar(8) describes them. Pure: struct in, text
 * out. text.h makes text of somebody's bytes, sink.h writes the line.
 */
#ifndef AGENTSH_EVENT_H
#define AGENTSH_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define EVENT_LINE_MAX  ((size_t)64 * 1024) /* bytes with the newline: no event is longer, see event_format */
#define EVENT_ARGUMENTS 6U

/* Of bytes that are longer the first are kept. Chosen so that every event stays below EVENT_LINE_MAX. */
#define EVENT_NAME_MAX     64U   /* session_id, syscall, reason, action, arch, of, how, versions, ... */
#define EVENT_COMM_MAX     64U   /* comm */
#define EVENT_EXE_MAX      4096U /* exe; in session_start, where it is the loader's, EVENT_NOTE_MAX */
#define EVENT_COMMAND_MAX  4096U /* command, with the NUL after each argument */
#define EVENT_NOTE_MAX     1024U /* rule, hint, policy_file, inherited_sockets */
#define EVENT_DEGRADED_MAX 256U  /* degraded */

enum event_type {
	EVENT_SESSION_START,
	EVENT_SESSION_END,
	EVENT_PROCESS_START,
	EVENT_SECCOMP_BLOCKED,
	EVENT_SECCOMP_AUDIT,
	EVENT_UNIX_SOCKET_ALLOWED,
	EVENT_UNIX_SOCKET_BLOCKED,
	EVENT_UNIX_SOCKET_AUDIT,
	EVENT_SIDECAR_RECOVERED,
	EVENT_EVENTS_SUPPRESSED,
	EVENT_REPORT_MISMATCH,
	EVENT_FOREIGN_ARCH,
	EVENT_AUDIT_RECORDS_LOST
};

/*
 * Bytes of somebody else's: any value, NUL included. data == NULL: not known, which is JSON's null;
 * an array that is known to be empty has data and length 0.
 */
struct event_bytes {
	const void *data;
	size_t length;
};

/* Whose event it is; as the sidecar read it while the notification was valid. */
struct event_process {
	pid_t pid;   /* the thread group; 0: not known, null */
	pid_t tid;   /* 0: not known, null */
	int64_t uid; /* -1: not known, null */
	struct event_bytes comm;
	struct event_bytes exe;
};

/* The call that was made. */
struct event_call {
	const char *name; /* NULL: a number without a name, null */
	int number;
	const char *reason;    /* "blocked_by_policy", "would_be_blocked", ... */
	const char *action;    /* "killed", "denied", "allowed" */
	const char *arch;      /* "x86_64", ... */
	bool has_no_arguments; /* they are not known: null */
	uint64_t arguments[EVENT_ARGUMENTS];
	const char *rule;    /* FILE:LINE of what decided, or NULL: left out */
	const char *hint;    /* the line that would allow it, or NULL: left out */
	const char *outcome; /* "unknown", or NULL: left out */
	const char *record;  /* the audit record's name, as audit_record; or NULL: left out */
};

/* unix_socket_*: what was asked for, beside the call. */
struct event_socket {
	const char *operation;   /* "connect", "bind", "sendto" */
	const char *type;        /* "stream", "dgram", "seqpacket" */
	struct event_bytes path; /* a pathname, or "@" and an abstract name; data == NULL: not known, null */
	const char *service;     /* of the catalogue; NULL: null */
};

/* session_start: what began, under what. */
struct event_start {
	struct event_bytes command;     /* the argument vector, each argument ended by a NUL: an array */
	uint64_t command_whole;         /* bytes that it has, where command has but the first of them */
	struct event_bytes policy_file; /* data == NULL: the built-in defaults, null */
	const char *policy_sha256;      /* 64 hex digits */
	bool policy_writable;           /* by the session */
	const char *sidecar;            /* "system" or "private" */
	const char *loader_version;
	const char *sidecar_version;
	const char *kernel; /* release, as uname(2) has it */
	bool kernel_kills_seen;
	struct event_bytes
	    inherited;               /* Unix sockets, each "FD TYPE NAME" ended by a NUL: inherited_sockets, an array */
	struct event_bytes degraded; /* names as doctor prints them, each ended by a NUL: an array */
};

/* session_end: how, and what was counted. */
struct event_end {
	const char *how; /* "all_exited", "sidecar_terminated" */
	int status;      /* of the first process: its exit status; -1: not known or by a signal, null */
	int signal;      /* that ended it; -1: null */
	uint64_t duration_us;
	uint64_t killed;
	uint64_t denied;
	uint64_t audited;
	uint64_t foreign;
	uint64_t lost; /* events that could not be written */
};

/* sidecar_recovered: calls that were under way when a worker died, by what becomes of them. */
struct event_recovered {
	uint64_t anew;     /* handled from the beginning: nothing had been done */
	uint64_t resolved; /* begun: their sockets say whether it was done */
	uint64_t answered; /* done, and answered now */
	uint64_t unknown;  /* begun, and nobody can say: EIO */
	uint64_t denied;   /* a worker has died of them before */
	uint64_t gone;     /* answered already, or nobody waits for them any more */
};

/* events_suppressed: events that stand nowhere else. */
struct event_suppressed {
	const char *reason; /* "repeated", "event_loss", "rate" */
	const char *of;     /* the type of what was repeated; NULL: of several, null */
	uint64_t count;
	uint64_t first_seq;
	uint64_t last_seq;
};

/* report_mismatch: what a report of the preload library claims, and is not so. */
struct event_report {
	const char *reason;  /* "session", "pid"; NULL: null */
	int64_t claimed_pid; /* in the process's own pid namespace; 0: it claims none, null */
};

/* audit_records_lost: of any kind, so some may have been of kills. */
struct event_records_lost {
	const char *reason; /* "kernel": it counts them as lost; "overrun": they came faster than they were read */
	uint64_t count;
};

/* At most one of the details (socket apart) is not NULL; which, type says. Everything is borrowed. */
struct event {
	enum event_type type;
	const char *session_id; /* NULL: of none that is known, null */
	uint64_t seq;           /* 0: it has none, null */
	uint64_t timestamp_us;  /* since the epoch */
	struct event_process process;
	const struct event_call *call;
	const struct event_socket *socket; /* beside call */
	const struct event_start *start;
	const struct event_end *end;
	const struct event_suppressed *suppressed;
	const struct event_recovered *recovered;
	const struct event_report *report;
	const struct event_records_lost *records_lost;
};

/* The name of a type, as it stands in "type". */
const char *event_type_name(enum event_type type);

/* CLOCK_REALTIME, as timestamp_us has it. */
uint64_t event_now_us(void);

/*
 * Writes the event to line (size bytes; EVENT_LINE_MAX is always enough) as one JSON object and
 * "\n", without a NUL. The first nine members of events with a call are type, timestamp,
 * session_id, pid, comm, syscall, syscall_nr, reason, action, in this order; after them seq,
 * timestamp_us, tid, uid, exe, arch, args, rule, hint. Events without a call leave out what does
 * not apply and keep the order.
 *
 * Bytes that are not UTF-8, and NUL, come out as \xNN with NAME_hex in the same object (all bytes
 * of the member in hexadecimal; of an array that has such an element, an array of all elements), so
 * that the line is valid JSON and the bytes can be had back. Without NAME_hex the member is what it
 * says, a backslash included. Of bytes that are longer than the bounds above the first are kept, no
 * character cut in two, and NAME_cut (the whole length, of an array with its NULs) says so. Both
 * stand behind NAME, those of the nine members behind all others.
 *
 * Numbers are exact to 64 bits. Nothing is allocated; it uses 80 KiB of the stack.
 *
 * Returns the length, or 0 where size is too small (errno: EMSGSIZE).
 */
size_t event_format(const struct event *event, char *line, size_t size);

#endif
