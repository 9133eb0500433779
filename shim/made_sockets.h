/*
 * The sockets that a sidecar has made for its session, where it may not take those that the session makes
 * (loader/pidfd_getfd.h): a copy of each, known again by its inode, on which later calls are carried out.
 *
 * No call goes around it, as nothing is carried out on any other socket, and nothing is let continue. While a copy is
 * open the socket does not end with the target's close(2), so no copy stays for longer than it has to:
 * a stream's goes once that is connected or listens, as then no address means anything to it any more; any other goes
 * when no process of the session has the socket (made_sockets_end_look). Thread-safe.
 */
#ifndef AGENTSH_MADE_SOCKETS_H
#define AGENTSH_MADE_SOCKETS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

#define MADE_SOCKETS_MAX 1024U /* at once; beyond, none is made */

struct made_socket {
	ino_t inode;
	int copy;  /* owned; -1: it has been let go of */
	int error; /* then: what a call with an address gets */
	bool is_stream;
	bool is_given;      /* the target has it */
	bool is_connecting; /* without waiting: it is looked at when that is over */
	bool is_looked_for; /* by the look that is under way */
	unsigned missed;    /* looks in a row that have found nobody who has it */
};

struct made_sockets {
	pthread_mutex_t lock;
	size_t count;
	size_t next; /* to make room: where the search for one that has been let go of begins */
	struct made_socket all[MADE_SOCKETS_MAX];
};

int made_sockets_init(struct made_sockets *made);

/* Adds a socket, which is taken over. False: there is no room. It is not looked for until it is given. */
bool made_sockets_add(struct made_sockets *made, int socket, ino_t *inode);
void made_sockets_give(struct made_sockets *made, ino_t inode);

/* The target did not get it. */
void made_sockets_remove(struct made_sockets *made, ino_t inode);

/* A copy of the socket with that inode, which the caller owns. -1 and errno: ESRCH it is none of these; else the
 * answer. */
int made_sockets_find(struct made_sockets *made, ino_t inode);

/* A stream is about to listen: it is let go of. */
void made_sockets_listens(struct made_sockets *made, ino_t inode);

/* After a call: a stream that is connected is let go of; is_connecting: it will be, or not. */
void made_sockets_connected(struct made_sockets *made, ino_t inode, bool is_connecting);

/* Those that are connecting, at most size of them, with their inodes. The copies are the table's still. */
size_t made_sockets_connecting(struct made_sockets *made, int *copies, ino_t *inodes, size_t size);

/* Is there a copy of any? */
bool made_sockets_any(struct made_sockets *made);

/*
 * Who has which, one look at a time: it begins with all that have been given, what is seen is named, and at its end
 * whatever has not been seen patience times in a row is forgotten.
 */
void made_sockets_begin_look(struct made_sockets *made);
void made_sockets_seen(struct made_sockets *made, ino_t inode);
bool made_sockets_all_seen(struct made_sockets *made);
void made_sockets_end_look(struct made_sockets *made, unsigned patience);

#endif
