/*
 * Who is served: live sessions and connections, and what each user may have of both. Pure.
 */
#ifndef AGENTSH_REGISTRY_H
#define AGENTSH_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "session.h"

#define REGISTRY_SESSIONS_MAX      8192U /* at once */
#define REGISTRY_SESSIONS_PER_USER 2048U
#define REGISTRY_WAITING_MAX       1024U /* connections that have not announced a listener */
#define REGISTRY_WAITING_PER_USER  256U

struct registered {
	uint64_t ticket;
	uid_t uid;
	char id[SESSION_ID_SIZE];
};

/* Connections of one user that wait. */
struct waiting {
	uid_t uid;
	unsigned count;
};

struct registry {
	struct registered *sessions; /* owned */
	size_t session_count;
	struct waiting *waiting; /* owned; users with at least one */
	size_t waiting_users;
	unsigned waiting_count;
};

#define REGISTRY_OF_ANOTHER "another user has a live session of that ID (choose another by -s)"

/* May the user begin a session of that ID? NULL, or why not: "WHY (REMEDY)". */
const char *registry_refuses(const struct registry *registry, uid_t uid, const char *id);

/* Has another user a live session of that ID? */
bool registry_is_of_another(const struct registry *registry, uid_t uid, const char *id);

/* 0, or -1 where memory ran out. */
int registry_add(struct registry *registry, uint64_t ticket, uid_t uid, const char *id);
void registry_remove(struct registry *registry, uint64_t ticket);

/* A connection begins to wait. NULL, or why it may not. */
const char *registry_wait(struct registry *registry, uid_t uid);
void registry_wait_over(struct registry *registry, uid_t uid);

void registry_free(struct registry *registry);

#endif
