/*
 * The sockets that a session has bound itself: what "default = session" allows.
 *
 * A pathname is known by its inode, which is held, so that its number cannot become another's. An
 * abstract name is known by the socket that has it, of which the kernel is asked (socket_diag.h): once it is
 * closed, whoever takes the name next is somebody else. Thread-safe.
 */
#ifndef AGENTSH_BINDINGS_H
#define AGENTSH_BINDINGS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "socket_diag.h"

#define BINDINGS_MAX 1024U /* at once; beyond, none is added, with an event */

struct binding {
	int descriptor;  /* owned; O_PATH, of a pathname; -1: abstract */
	dev_t device;    /* of the pathname */
	ino_t inode;     /* of the pathname, or of the socket itself */
	uint64_t cookie; /* of the socket, for an abstract name */
	size_t length;   /* of the abstract name */
	char name[108];  /* abstract */
};

struct bindings {
	pthread_mutex_t lock;
	struct binding *all; /* owned */
	size_t count;
	struct socket_diag diag;
};

int bindings_init(struct bindings *bindings);

/* A pathname has been bound; descriptor (O_PATH) is taken over. False: there is no room for it. */
bool bindings_add_path(struct bindings *bindings, int descriptor, const struct stat *status);

/* An abstract name has been bound by that socket (borrowed). False: there is no room for it. */
bool bindings_add_abstract(struct bindings *bindings, const char *name, size_t length, int socket);

bool bindings_have_path(struct bindings *bindings, const struct stat *status);

/*
 * Has one of the session's own sockets that name now, as client, a socket, sees it? Asked before
 * and after a connect: a socket keeps its name until it is closed, so what was connected to in
 * between is that socket. No where the client is in another network namespace than we are.
 */
bool bindings_have_abstract(struct bindings *bindings, const char *name, size_t length, ino_t client);

#endif
