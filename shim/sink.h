/*
 * Where events go: a file, a descriptor, syslog or journald. One whole line a write(2), never
 * waiting for anybody, so that a reader who is slow or gone cannot hold a session up.
 */
#ifndef AGENTSH_SINK_H
#define AGENTSH_SINK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/un.h>

#include "error.h"

#define SINK_PENDING_MAX ((size_t)256 * 1024) /* bytes of lines that wait for a place */

enum sink_kind {
	SINK_STREAM,  /* a regular file, a pipe, a terminal, a stream socket */
	SINK_SYSLOG,  /* a datagram socket connected to /dev/log */
	SINK_JOURNALD /* a datagram socket connected to /run/systemd/journal/socket */
};

enum sink_result {
	SINK_WRITTEN, /* write(2) has returned with all of it */
	SINK_KEPT,    /* in memory, to be written before the next one */
	SINK_LOST     /* there was no room to keep it: counted in loss */
};

/* Lines that were given up: none while count == 0. */
struct sink_loss {
	uint64_t count;
	uint64_t first_seq;
	uint64_t last_seq;
};

/*
 * What waits for a place, and what was given up. It may be in memory that outlives its writer: a
 * writer that dies at any instant leaves lines that are whole, each at least once.
 */
struct sink_store {
	_Atomic uint64_t range; /* of the pending bytes: where they begin << 32 | where they end */
	size_t torn;            /* bytes of the first pending line that a write cut short has left at the destination */
	struct sink_loss loss;
	char bytes[SINK_PENDING_MAX]; /* whole lines */
};

struct sink {
	int descriptor; /* owned; -1: nowhere, everything is kept and then lost */
	enum sink_kind kind;
	bool is_shared;    /* an open file of others too, who do not want O_NONBLOCK, and that can make us wait */
	bool is_socket;    /* written by send(2) */
	size_t longest;    /* line that the socket can ever take */
	_Atomic int error; /* of the last write that failed */
	struct sockaddr_un address; /* of syslog or journald, which may come back there */
	struct sink_store *store;
	bool owns_store;
};

/*
 * Opens a destination: an absolute path (a new file has mode 0640 whatever the umask; appended to, no
 * symlink followed in its last component, opened with O_NONBLOCK so that a FIFO nobody reads is an
 * error, a regular file that anybody may write to, FIFO or character device), "-" (descriptor 2, opened anew so that
 * O_NONBLOCK is ours alone, where the kernel lets us), "syslog:" or "journald:". Returns the descriptor (O_CLOEXEC) and
 * *kind, or -1 and *err with a remedy that names --events.
 */
int sink_open(const char *destination, enum sink_kind *kind, struct error *err);

/* A datagram socket connected to path: what "syslog:" and "journald:" open, with their paths. */
int sink_connect(const char *path, struct error *err);

/*
 * Takes the descriptor over. store: borrowed, zeroed once, with what an earlier writer has left; NULL:
 * memory of its own. 0, or -1 where that cannot be had.
 */
int sink_init(struct sink *sink, int descriptor, enum sink_kind kind, struct sink_store *store);

/* Bytes of the lines that wait; of one that is all zero there are none. */
size_t sink_pending(const struct sink *sink);

/* Why lines wait that will not be written by themselves: an errno(3); 0: none do, or for a slow reader. Any thread. */
int sink_trouble(const struct sink *sink);

/*
 * Another descriptor in its place (SIGHUP), taken over; what is pending goes to the new one. A line
 * that was begun is begun anew, except where it is the same file.
 */
void sink_replace(struct sink *sink, int descriptor, enum sink_kind kind);

/*
 * Makes a line of its own of that many bytes, which are nobody's, at that place in a regular file: an empty object,
 * spaces and a newline. Where the sink is one that it has opened itself. False: they may be as they were.
 */
bool sink_blank(const struct sink *sink, off_t at, size_t length);

/* Closes it. What is still pending is lost; sink_flush() first. */
void sink_close(struct sink *sink);

/*
 * Writes a line (with its newline) in one write(2), after those that are pending. Never blocks:
 * EAGAIN, ENOSPC, EDQUOT, EIO, EPIPE ... keep the line. SIGPIPE and SIGXFSZ are the caller's to ignore.
 *
 * Of a write that was cut short, the bytes in a regular file are taken back by overwriting them with
 * an empty object, spaces and a newline: another writer may have appended behind them, so the file is
 * not cut. Elsewhere (and where the file can only be appended to) the rest is written first of all.
 * So no line is torn by ours; what a kill in the middle of the write leaves, piece.h mends.
 *
 * syslog gets the line with priority authpriv.notice and tag agentsh-sidecar[PID], journald its
 * fields. One that no datagram can hold is lost. A daemon that was gone is connected to again.
 *
 * Where descriptor 2 could not be opened anew (a pipe or terminal of another user's), it is written to
 * only as far as it takes bytes at once, in more than one write(2) where need be.
 */
enum sink_result sink_write(struct sink *sink, const char *line, size_t length, uint64_t seq);

/* Tries the pending lines again. True where none is left. */
bool sink_flush(struct sink *sink);

/*
 * Where lines were lost and nothing is pending any more: what is to be told in an events_suppressed
 * line; it stays in the store until whoever tells it takes it from there. False: nothing to tell (yet).
 */
bool sink_has_loss(const struct sink *sink, struct sink_loss *loss);

#endif
