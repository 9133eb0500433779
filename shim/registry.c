#include "registry.h"

#include <stdlib.h>
#include <string.h>

bool registry_is_of_another(const struct registry *registry, uid_t uid, const char *id)
{
	for (size_t i = 0; i < registry->session_count; i++)
		if (registry->sessions[i].uid != uid && strcmp(registry->sessions[i].id, id) == 0)
			return true;
	return false;
}

const char *registry_refuses(const struct registry *registry, uid_t uid, const char *id)
{
	size_t theirs = 0;

	if (registry->session_count >= REGISTRY_SESSIONS_MAX)
		return "it serves as many sessions as it can (end some)";
	for (size_t i = 0; i < registry->session_count; i++)
		theirs += registry->sessions[i].uid == uid;
	if (registry_is_of_another(registry, uid, id))
		return REGISTRY_OF_ANOTHER;
	if (theirs >= REGISTRY_SESSIONS_PER_USER)
		return "you have as many sessions as one user may (end some)";
	return NULL;
}

int registry_add(struct registry *registry, uint64_t ticket, uid_t uid, const char *id)
{
	struct registered *sessions = reallocarray(registry->sessions, registry->session_count + 1, sizeof(*sessions));
	struct registered *added;

	if (!sessions)
		return -1;
	registry->sessions = sessions;
	added = &sessions[registry->session_count++];
	*added = (struct registered){.ticket = ticket, .uid = uid};
	memcpy(added->id, id, strnlen(id, SESSION_ID_SIZE - 1));
	return 0;
}

void registry_remove(struct registry *registry, uint64_t ticket)
{
	for (size_t i = 0; i < registry->session_count; i++) {
		if (registry->sessions[i].ticket != ticket)
			continue;
		registry->sessions[i] = registry->sessions[--registry->session_count];
		return;
	}
}

static struct waiting *find_waiting(const struct registry *registry, uid_t uid)
{
	for (size_t i = 0; i < registry->waiting_users; i++)
		if (registry->waiting[i].uid == uid)
			return &registry->waiting[i];
	return NULL;
}

const char *registry_wait(struct registry *registry, uid_t uid)
{
	struct waiting *theirs = find_waiting(registry, uid);
	struct waiting *users;

	if (registry->waiting_count >= REGISTRY_WAITING_MAX)
		return "too many loaders wait at once (try again)";
	if (theirs && theirs->count >= REGISTRY_WAITING_PER_USER)
		return "too many loaders of yours wait at once (try again)";
	if (!theirs) {
		users = reallocarray(registry->waiting, registry->waiting_users + 1, sizeof(*users));
		if (!users)
			return "it is out of memory (try again)";
		registry->waiting = users;
		theirs = &users[registry->waiting_users++];
		*theirs = (struct waiting){.uid = uid};
	}
	theirs->count++;
	registry->waiting_count++;
	return NULL;
}

void registry_wait_over(struct registry *registry, uid_t uid)
{
	struct waiting *theirs = find_waiting(registry, uid);

	if (!theirs)
		return;
	registry->waiting_count--;
	if (--theirs->count == 0)
		*theirs = registry->waiting[--registry->waiting_users];
}

void registry_free(struct registry *registry)
{
	free(registry->sessions);
	free(registry->waiting);
	*registry = (struct registry){0};
}
