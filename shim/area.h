/*
 * A session's memory: one memfd, made by the broker, held by the keeper, mapped by the session's
 * worker, so that nothing of a session is lost with a worker. It says what the session is, counts,
 * and has the slots into which notifications are received.
 *
 * It may also outlive the program that made it. So a later layout adds: to a part (area.c lists them) at
 * its end, beyond what may be padding; to the parts, behind slots; zero means what it was without it. What
 * is there keeps its place and its sense in all layouts that can be read, from AREA_OLDEST on.
 *
 * A worker may die between any two of its instructions. So whatever must not be done twice is marked
 * here before it is begun, and what belongs together becomes so in one step (struct area_step).
 */
#ifndef AGENTSH_AREA_H
#define AGENTSH_AREA_H

#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bindings.h"
#include "error.h"
#include "event.h"
#include "fold.h"
#include "handover.h"
#include "kills.h"
#include "listener.h"
#include "members.h"
#include "session.h"
#include "sink.h"
#include "tracee.h"

#define AREA_MAGIC 0x41475352U /* "AGSR" */
#ifndef AGENTSH_AREA_LATER
#define AREA_VERSION 4U /* of this layout */
#else
#define AREA_VERSION 5U /* for the tests alone: one that somebody may come to make */
#endif
#define AREA_OLDEST    2U  /* that can be read: no older one was ever stored */
#define AREA_SLOTS     64U /* calls of a session under way at once */
#define AREA_FIRST_SEQ 1U
#define AREA_CALLS     640U /* plain system call numbers are below */
#define AREA_PARTS_MAX 24U

#ifndef AGENTSH_AREA_LATER
#define AREA_LATER_FIELD
#else
#define AREA_LATER_FIELD uint64_t later[AGENTSH_AREA_LATER];
#endif
#define AREA_TRIES 2U /* workers that may die of one notification */

enum area_flag {
	AREA_WAIT_KILLABLE = 1,    /* the listener was made with it */
	AREA_NOTICES = 2,          /* there is a descriptor for notices */
	AREA_NOTICES_EACH = 4,     /* a line for each denial */
	AREA_COPY = 8,             /* there is a descriptor for a copy of the events */
	AREA_POLICY_WRITABLE = 16, /* by the session */
	AREA_COMMONS = 64,         /* there is a table of what this user's sessions have bound */
	AREA_PRIVATE = 32,         /* the sidecar is this session's own */
	AREA_WITNESSED = 128,      /* what the kernel kills comes to the sidecar: kills */
	AREA_RUNTIME = 256,        /* a container runtime's: it may be without no_new_privs */
};

/* What the broker knows of a session; it does not change. */
struct area_session {
	char id[SESSION_ID_SIZE];
	char loader[HANDOVER_NAME_MAX]; /* version */
	uint32_t flags;                 /* enum area_flag */
	uid_t uid;
	pid_t pid; /* of the loader, and then the target; as the sidecar's pid namespace has it */
	uint64_t began_us;
	char comm[64];
	char exe[PATH_MAX];
	uint64_t capabilities; /* permitted to the loader: with more than these nothing is carried out for it */
	uint32_t lengths[TEXT_COUNT];
	uint64_t process_began; /* tracee_began() of pid; 0: not known */
	uint64_t command_whole; /* bytes of the command, of which TEXT_COMMAND has the first; 0: not known */
	AREA_LATER_FIELD
};

/* Of what a call has already been told; bits. */
enum area_told {
	TOLD_CALL = 1,     /* the event of a call that is not mediated */
	TOLD_ALLOWED = 2,  /* the decision on a socket */
	TOLD_DENIED = 4,   /* the same */
	TOLD_UNREAD = 8,   /* a denial that no rule made */
	TOLD_UNKNOWN = 16, /* that the outcome is not known */
	TOLD_BINDING = 32, /* that the session has bound too much */
	TOLD_DIED = 64,    /* that workers have died of it */
	TOLD_NOTICE = 128, /* on the session's stderr */
};

/* What a socket was before the call; bits. */
enum area_before {
	BEFORE_TIED = 1, /* connected, or bound: whichever the call would make it */
	BEFORE_OWN = 2,  /* the name that it is to be connected to was the session's own */
};

/*
 * A notification being handled. id == 0: the slot is free. The rest is what a worker that takes it up
 * must know of the one that died: what was found out is not to be had any more of a target that was killed.
 *
 * Several messages (sendmmsg) are carried out one by one: done is what sets one apart from the next, so
 * that what is said of one is over with it, at once.
 */
struct area_slot {
	union {
		struct seccomp_notif notif;
		char room[LISTENER_NOTIF_MAX];
	};
	uint32_t tries;   /* of workers to handle it */
	uint32_t done;    /* messages that have been sent */
	uint32_t sent;    /* bytes of the last of them */
	uint32_t begun;   /* done + 1: what is carried out for the target now may have been done, or not */
	uint32_t told_of; /* the message that told is about: its done */
	uint32_t told;    /* enum area_told */
	uint32_t before;  /* enum area_before */
	bool is_kept;     /* an event of it waits to be written */
	bool waits;       /* for others, as long as they like: no worker dies of that */
	bool killed;      /* SIGKILL has been sent for it, or is about to be */
	bool is_known;    /* tracee was read while the notification was valid */
	bool is_over;     /* carried out: value and error are the answer */
	int error;
	int64_t value;
	struct tracee tracee;
	AREA_LATER_FIELD
};

struct area_counts {
	_Atomic uint64_t killed;
	_Atomic uint64_t denied;
	_Atomic uint64_t audited;
	_Atomic uint64_t foreign;
	_Atomic uint64_t lost;
	_Atomic uint32_t calls[AREA_CALLS]; /* blocked, by number; for the summary */
	AREA_LATER_FIELD
};

/* Where a layout has its parts: what a later one needs to find them. */
struct area_layout {
	uint32_t parts; /* how many */
	uint32_t slots; /* which of them, how large each slot is, and how many there are */
	uint32_t slot_size;
	uint32_t slot_count;
	uint32_t at[AREA_PARTS_MAX + 1]; /* where each begins, in bytes; behind the last one, the texts */
};

/* What a line tells that is told once; bits. */
enum area_mark {
	MARK_START = 1, /* session_start */
	MARK_END = 2,   /* session_end: there is no event after it */
	MARK_LOSS = 4,  /* the events that were lost */
};

/*
 * What becomes so at once, however often it is begun: an event has its number, is counted, and is told
 * of its call; and its line is to be written. Values as they are afterwards, so that to do it again
 * changes nothing. One at a time.
 */
struct area_step {
	uint64_t seq;  /* taken; 0: none */
	uint32_t slot; /* of the call; AREA_SLOTS: of none */
	uint32_t told; /* enum area_told */
	uint64_t killed;
	uint64_t denied;
	uint64_t audited;
	uint64_t foreign;
	uint64_t lost;
	int call; /* its number; -1: none is counted */
	uint32_t calls;
	uint32_t fold; /* the entry; FOLD_ENTRIES: none */
	uint64_t folded;
	uint64_t fold_first;
	uint64_t fold_last; /* 0: the entry is free now */
	uint32_t marks;     /* enum area_mark */
	uint32_t length;    /* of the line; 0: none */
	uint64_t kills;     /* so many have been taken; 0: none by this */
	uint64_t kills_lost;
};

struct area {
	uint32_t magic;
	uint32_t version;
	uint64_t size; /* of all of it, texts included */
	struct area_layout layout;
	struct area_session session;
	_Atomic uint64_t next_seq; /* session_start has the first, AREA_FIRST_SEQ */
	_Atomic uint32_t marks;    /* enum area_mark: begun, and so told */
	int exit_code;             /* of the first process, as waitpid(2) has it, or EXIT_CODE_UNKNOWN */
	bool noticed;              /* the summary has been shown, or is about to be */
	struct area_counts counts;
	_Atomic uint32_t committed; /* there is a step, and its line has not been written yet */
	struct area_step step;
	char line[EVENT_LINE_MAX]; /* of the step */
	struct fold fold;
	struct bindings_table bindings;
	struct sink_store pending; /* events; those of a copy are lost with the worker */
	_Atomic uint32_t used;     /* of the slots: those from here on have never been; memory is had as they are */
	struct area_slot slots[AREA_SLOTS];
	struct members members;
	struct kills kills;
	char texts[]; /* enum handover_text, one after the other, each with a NUL behind it */
};

/*
 * Makes one, sealed against a change of size. session->lengths says how long each text is; texts
 * has them one after the other. Returns the memfd (O_CLOEXEC), or -1 and *err.
 */
int area_create(const struct area_session *session, const char *texts, struct error *err);

/* The session begins: the flags and the time are what was not known of it before. 0, or -1 and errno. */
int area_start(int memfd, uint32_t flags, uint64_t began_us);

/* Maps one and checks it: its layout, its size, its seals. NULL and *err where it is none. */
struct area *area_map(int memfd, struct error *err);
void area_unmap(struct area *area);

/*
 * Says that the calling process serves the session: nobody else does, until it has closed memfd or has
 * ended. It holds no other descriptor of it, as closing that would end it too. 0, or -1 and *err.
 */
int area_lock(int memfd, struct error *err);

/* The layout of this program, with which every area here begins. */
struct area_layout area_layout(void);

/*
 * The same memory in this program's layout, where a sidecar of an older version left it behind: a new
 * memfd (O_CLOEXEC), or memfd itself where there is nothing to do. -1 and *err where it is none, is of a
 * newer layout, or where somebody serves it still. memfd stays the caller's.
 */
int area_convert(int memfd, struct error *err);

/* A text, with a NUL behind it; its length is session.lengths[which]. */
const char *area_text(const struct area *area, enum handover_text which);

/* The seq that the next event will have; a step takes it. */
uint64_t area_next_seq(const struct area *area);

/* Begins a step, which changes nothing yet: a call's, or (NULL) nobody's. The one before is over. */
struct area_step *area_begin(struct area *area, const struct area_slot *slot);

/* One more of the calls with that number. */
void area_count_call(struct area *area, int number);

/* The step becomes so. Its line is to be written now; then area_over(). */
void area_commit(struct area *area);
void area_over(struct area *area);

/* After a worker's death: what it had committed becomes so. True: its line is to be written, perhaps again. */
bool area_redo(struct area *area);

/* Has the call been told of that already? */
bool area_is_told(const struct area_slot *slot, enum area_told what);

/* A slot that is free, whatever a worker that died has left in it. */
void area_free(struct area_slot *slot);

#endif
