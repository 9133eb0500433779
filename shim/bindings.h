/*
 * The sockets that a session has bound itself: what "default = session" allows.
 *
 * A pathname is known by its inode, which is held, so that its number cannot become another's. An
 * abstract name is known by the socket that has it, of which the kernel is asked (socket_diag.h): once it is
 * closed, whoever takes the name next is somebody else. Thread-safe.
 *
 * The table is in memory that outlives a worker (area.h), the held inodes are not: what was bound under
 * a worker that died is known by its socket, as an abstract name is.
 */
#ifndef AGENTSH_BINDINGS_H
#define AGENTSH_BINDINGS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "holder.h"
#include "socket_diag.h"

#define BINDINGS_MAX 1024U /* at once; beyond, none is added, with an event */

struct binding {
	int descriptor; /* owned; O_PATH, of a pathname; -1: abstract, or of a worker that died */
	bool is_path;
	dev_t device;                  /* of the pathname */
	ino_t inode;                   /* of the pathname */
	struct socket_identity socket; /* that was bound */
	struct holder holder;          /* of an abstract name's socket, when it was looked at last */
	size_t length;                 /* of the abstract name */
	char name[108];                /* abstract */
};

struct bindings_table {
	size_t count;
	struct binding all[BINDINGS_MAX];
};

struct bindings {
	pthread_mutex_t lock;
	struct bindings_table *table;
	struct socket_diag diag;
};

/* table: borrowed, zeroed once, with what the session has bound so far. */
int bindings_init(struct bindings *bindings, struct bindings_table *table);

/* A pathname has been bound by that socket (borrowed); descriptor (O_PATH) is taken over. False: there is no room. */
bool bindings_add_path(struct bindings *bindings, int descriptor, const struct stat *status, int socket);

/* An abstract name has been bound by that socket (borrowed), which holder has. False: there is no room for it. */
bool bindings_add_abstract(struct bindings *bindings, const char *name, size_t length, int socket,
			   const struct holder *holder);

/* Who holds a socket with an abstract name, as far as it is known. */
struct holder bindings_holder(struct bindings *bindings, const struct socket_identity *socket);
void bindings_set_holder(struct bindings *bindings, const struct socket_identity *socket, const struct holder *holder);

/* Is the pathname that this socket (borrowed) is bound to of that inode, as socket_diag_place() has it? */
enum socket_place bindings_place(struct bindings *bindings, int socket, ino_t inode);

bool bindings_have_path(struct bindings *bindings, const struct stat *status);

/*
 * Has one of the session's own sockets that name now, as client, a socket, sees it? Asked before
 * and after a connect: a socket keeps its name until it is closed, so what was connected to in
 * between is that socket, *which. No where the client is in another network namespace than we are.
 */
bool bindings_have_abstract(struct bindings *bindings, const char *name, size_t length, ino_t client,
			    struct socket_identity *which);

#endif
