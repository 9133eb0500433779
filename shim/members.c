#include "members.h"

#include <string.h>

#include "claim.h"

uint32_t members_program(const char *exe, size_t length)
{
	const char *slash = memrchr(exe, '/', length);
	size_t from = slash ? (size_t)(slash - exe) + 1 : 0;
	uint64_t hash = CLAIM_BASE;

	for (size_t i = from; i < length; i++)
		hash = claim_hash(hash, (unsigned char)exe[i]);
	return (uint32_t)(hash ^ hash >> 32);
}

static size_t place_of(pid_t pid)
{
	return (uint32_t)pid % MEMBERS_MAX;
}

/* Nobody while it changes: it is read by another process. */
void members_note(struct members *members, pid_t pid, uint64_t began, uint32_t program)
{
	struct member *place = &members->places[place_of(pid)];

	if (pid <= 0 || began == 0)
		return;
	atomic_store(&members->any, 1);
	atomic_store(&place->pid, 0);
	atomic_store(&place->began, began);
	atomic_store(&place->program, program);
	atomic_store(&place->pid, (uint32_t)pid);
}

bool members_has(const struct members *members, pid_t pid, uint64_t began)
{
	const struct member *place = &members->places[place_of(pid)];

	return pid > 0 && began > 0 && atomic_load(&members->any) && atomic_load(&place->pid) == (uint32_t)pid &&
	       atomic_load(&place->began) == began;
}

bool members_had(const struct members *members, pid_t pid, uint32_t program)
{
	const struct member *place = &members->places[place_of(pid)];

	return pid > 0 && atomic_load(&members->any) && atomic_load(&place->pid) == (uint32_t)pid &&
	       atomic_load(&place->program) == program;
}
