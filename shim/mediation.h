/*
 * A socket call that is carried out for the target: on a copy of its memory, a copy of its
 * descriptor and a pinned inode, with its rights and from its view. Nothing that carries or could
 * carry an address is ever let continue.
 */
#ifndef AGENTSH_MEDIATION_H
#define AGENTSH_MEDIATION_H

#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>

#include "address.h"
#include "credentials.h"
#include "memory.h"
#include "pool.h"
#include "sending.h"
#include "socket_rules.h"
#include "tracee.h"
#include "view.h"

struct worker;
struct mediated_call;

/* What the target gets. */
struct outcome {
	int64_t value;
	int error;         /* an errno; 0: value counts */
	bool is_continued; /* by the kernel */
};

/* A call being carried out. */
struct mediation {
	struct worker *worker;
	struct server *server;
	struct area_slot *slot;
	const struct seccomp_notif *notif; /* the slot's */
	const struct mediated_call *call;  /* NULL: none of those */
	bool is_resumed;                   /* a worker before this one may have carried it out */
	bool is_done;                      /* and has */
	int directory;                     /* owned; of the thread in /proc */
	int thread;                        /* owned; a pidfd of the thread */
	int socket;                        /* owned; the target's socket */
	int domain;                        /* AF_UNIX ... */
	int type;                          /* 0: it has not been asked for: mediation_type() */
	bool is_unix;
	bool foreign;                   /* the target is in another user namespace */
	bool is_settled;                /* it has the first root of the session, and no way to another */
	unsigned wishes;                /* enum known_wish: what the call asks of the thread */
	bool is_gone;                   /* the thread that was known by this number is no more */
	struct credentials credentials; /* the groups are the server's table's */
	bool taken;                     /* the thread has the target's rights */
	bool changed;                   /* and for that had to give up its own */
	uint64_t also;                  /* with these capabilities of ours */
	struct memory memory;
	bool is_denied;               /* a rule or default did */
	bool is_by_owner;             /* allowed, for who has bound the abstract name, and not by a rule */
	bool is_elsewhere;            /* denied, and no rule could allow what is seen from here by that name */
	struct socket_identity named; /* the socket that has it */
	bool is_untold;               /* an event of it could not be written */
	const char *reason;           /* of a denial that no rule made; NULL: a rule or default did */
};

/*
 * Carries out the call of a notification: connect, bind, sendto, sendmsg, sendmmsg. Writes its
 * events, answers nothing. Slow paths wait in the calling server alone.
 */
struct outcome mediation_carry_out(struct worker *worker, struct server *server, struct area_slot *slot);

/* EAGAIN, with an event: the session has as many calls under way as it may have. */
struct outcome mediation_deny_busy(struct worker *worker, struct server *server, struct area_slot *slot);

/* Audit mode: tells of the call what can be told; the kernel carries it out. False: it could not be told. */
bool mediation_observe(struct worker *worker, struct server *server, struct area_slot *slot);

/* The decision alone: for a sidecar that is weakened to test attackers, and for nothing else. */
bool mediation_would_allow(struct worker *worker, struct server *server, struct area_slot *slot);

/* The calling server's own rights, all of them: before it does anything but to carry out the next call. */
void mediation_release(struct server *server);

/* Is it one of the calls that send? */
bool mediation_is_send(int number);

/* --- For the files that carry out one of the calls each --- */

struct outcome mediated_connect(struct mediation *mediation);
struct outcome mediated_bind(struct mediation *mediation);
struct outcome mediated_sendto(struct mediation *mediation);
struct outcome mediated_sendmsg(struct mediation *mediation);
struct outcome mediated_sendmmsg(struct mediation *mediation);
struct outcome mediated_socket(struct mediation *mediation);
struct outcome mediated_listen(struct mediation *mediation);

/* --- Where the sidecar makes the sockets: mediated_socket.c, made_sockets.h --- */

/* The target's socket with that number, if it is one of those: into mediation->socket, or what the target gets. */
struct outcome made_socket_find(struct mediation *mediation, int number);

/* A call on it has been carried out. */
void made_socket_used(const struct mediation *mediation, const struct outcome *outcome);

/* Lets go of what nobody has any more. The server has its own rights then. */
void made_socket_look(struct mediation *mediation);

/* What a call would be judged by, as far as it can be known; the file of mediation_observe. */
void observed_call(struct mediation *mediation);

/*
 * The address that connect(2) or bind(2) names. False: there is none to go on with, and *outcome is
 * the answer.
 */
bool mediation_read_address(struct mediation *mediation, struct address *address, struct outcome *outcome);

/* EACCES, for a reason that the event tells. */
struct outcome mediation_deny(struct mediation *mediation, const char *reason);
/* The same of a path that no rule can speak of; error: view.h has why. */
struct outcome mediation_deny_path(struct mediation *mediation, const struct address *address, int error);
/* The same where it cannot be read; of one that has gone meanwhile there is nothing to be told. */
struct outcome mediation_deny_unreadable(struct mediation *mediation);
struct outcome mediation_deny_unknown(struct mediation *mediation); /* EIO: outcome unknown */
struct outcome mediation_fail(int error);
struct outcome mediation_result(int64_t value);

/*
 * Does an address of a family other than AF_UNIX name a descriptor (a socket's of AF_XDP or PPPoL2TP)? The kernel
 * would look it up among those of whoever makes the call.
 */
bool mediation_names_descriptor(const struct mediation *mediation, const struct address *address);

/*
 * An interruption of what waited: what a native call would have answered. ERESTARTSYS where a signal
 * is pending, which the kernel makes EINTR or a restart of.
 */
int mediation_error(const struct mediation *mediation, int error);

/* The target's rights for the calling thread, with capabilities of ours that are needed beside them. */
bool mediation_take(struct mediation *mediation, uint64_t also);
void mediation_return(struct mediation *mediation);

/* Is it the call with that number, of this architecture? */
bool mediation_is_call(const struct mediation *mediation, int number);

/* SOCK_STREAM ...; -1: it has none. */
int mediation_type(struct mediation *mediation);

/* The inode of the target's socket. */
ino_t mediation_inode(const struct mediation *mediation);

/* Is the target still waiting? Asked after everything of it is opened or read. */
bool mediation_is_valid(const struct mediation *mediation);

/*
 * The same right before acting: from here on it may have been done. before: enum area_before. No as well where the
 * server has not the target's rights: with its own it does nothing for anybody.
 */
bool mediation_begin(struct mediation *mediation, uint32_t before);

/*
 * The calling server takes the target's view and rights. 0, or EACCES: they are not to be had, and
 * it has its own. A server that cannot get its own back ends its worker.
 */
int mediation_enter(struct mediation *mediation, struct view *view);
void mediation_leave(struct mediation *mediation, const struct view *view);

/*
 * Looks a path up in the target's view and with its rights, and pins it. 0, or the errno that the
 * target gets (of a denial there is an event then); ESRCH: it cannot be read. After 0 the server may have the target's
 * rights still, which it is to act with next; whoever needs its own gives them back.
 */
int mediation_pin(struct mediation *mediation, const struct address *address, struct pinned *pinned);

/* The address by which a pinned inode is reached from the calling server, which is in no view of a target, whatever its
 * name is. */
socklen_t mediation_address_of(const struct server *server, const struct pinned *pinned, struct sockaddr_un *address);

/* --- The decision: judgement.c --- */

/*
 * Judges an operation on a name and writes its event. pinned: its inode; the directory, where a name is to be made;
 * NULL: abstract.
 */
bool mediation_allows(struct mediation *mediation, enum socket_operation operation, const struct socket_name *name,
		      const struct pinned *pinned);

/*
 * Has one of the session's sockets that abstract name now, or of the user's where these are allowed? mediation->named
 * is that one then.
 */
bool mediation_is_own(struct mediation *mediation, const struct socket_name *name);

/*
 * Where mediation->is_by_owner: holds the socket that has the name, so that it is nobody else's for as long as it is
 * held: a descriptor, to be closed. -1: there is none any more, or whoever has it cannot be found.
 */
int mediation_hold(struct mediation *mediation, const struct socket_name *name);

/* The answer then: that it has been closed, or a denial. */
struct outcome mediation_deny_unheld(struct mediation *mediation, const struct socket_name *name);

#endif
