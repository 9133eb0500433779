#include "quiet.h"

#include <string.h>

#include "event.h"
#include "members.h"
#include "tracee.h"

#define GONE_MS   5000U /* so long a process that was gone is taken for the one that a record names */
#define LOOKED_AT 16U   /* sessions, of which each costs two looks into /proc */

static bool lives(const struct quiet_process *process)
{
	return process->began > 0 && tracee_began(process->pid) == process->began;
}

static bool is_live(const struct quiet_session *session)
{
	return session->id[0] && (lives(&session->first) || lives(&session->last));
}

/* Nothing of the memory is trusted to lead out of it. */
static size_t places(const struct quiet *quiet)
{
	return quiet->used < QUIET_SESSIONS ? quiet->used : QUIET_SESSIONS;
}

struct quiet_session *quiet_find(struct quiet *quiet, const char *id, uid_t uid)
{
	for (size_t i = 0; i < places(quiet); i++)
		if (quiet->sessions[i].uid == uid && strcmp(quiet->sessions[i].id, id) == 0)
			return &quiet->sessions[i];
	return NULL;
}

bool quiet_is_of_another(const struct quiet *quiet, const char *id, uid_t uid)
{
	for (size_t i = 0; i < places(quiet); i++)
		if (quiet->sessions[i].uid != uid && strcmp(quiet->sessions[i].id, id) == 0 &&
		    is_live(&quiet->sessions[i]))
			return true;
	return false;
}

/* The place of one that has ended; of the user's own, where those are enough. Looked at: not more than a few. */
static struct quiet_session *find_ended(struct quiet *quiet, uid_t uid, bool own)
{
	uint64_t from = ++quiet->looks;
	unsigned looked = 0;

	for (size_t i = 0; i < QUIET_SESSIONS && looked < LOOKED_AT; i++) {
		struct quiet_session *session = &quiet->sessions[(from + i) % QUIET_SESSIONS];

		if (own && session->uid != uid)
			continue;
		if (!is_live(session))
			return session;
		looked++;
	}
	return NULL;
}

static struct quiet_session *find_place(struct quiet *quiet, uid_t uid)
{
	struct quiet_session *free_one = NULL;
	size_t theirs = 0;

	for (size_t i = 0; i < QUIET_SESSIONS; i++) {
		struct quiet_session *session = &quiet->sessions[i];

		if (!session->id[0])
			free_one = free_one ? free_one : session;
		else if (session->uid == uid)
			theirs++;
	}
	if (theirs < QUIET_SESSIONS_PER_USER && free_one)
		return free_one;
	return find_ended(quiet, uid, theirs >= QUIET_SESSIONS_PER_USER);
}

struct quiet_session *quiet_make(struct quiet *quiet, const char *id, uid_t uid)
{
	struct quiet_session *session = quiet_find(quiet, id, uid);

	if (!session)
		session = find_place(quiet, uid);
	if (!session || strcmp(session->id, id) == 0)
		return session;
	session->id[0] = '\0'; /* none, until it is whole */
	atomic_signal_fence(memory_order_seq_cst);
	session->generation++;
	session->uid = uid;
	session->first = (struct quiet_process){.pid = 0};
	session->last = session->first;
	if (session - quiet->sessions >= quiet->used)
		quiet->used = (uint32_t)(session - quiet->sessions) + 1;
	atomic_signal_fence(memory_order_seq_cst);
	memcpy(session->id, id, strnlen(id, SESSION_ID_SIZE - 1) + 1);
	return session;
}

static struct quiet_member *place_of(struct quiet *quiet, pid_t pid)
{
	return &quiet->members[(uint32_t)pid % QUIET_MEMBERS];
}

static bool is_taken(const struct quiet_member *member, pid_t pid)
{
	const struct quiet_process other = {.pid = (pid_t)atomic_load(&member->pid), .began = member->began};

	return other.pid != 0 && other.pid != pid && lives(&other);
}

/* Of a member; NULL: that one has ended, and another has its place. */
static struct quiet_session *session_at(struct quiet *quiet, const struct quiet_member *member)
{
	struct quiet_session *session = &quiet->sessions[member->session % QUIET_SESSIONS];

	return session->id[0] && session->generation == member->generation ? session : NULL;
}

/* What is known of a process that lives, in a session of its own or another's. */
static void set(struct quiet *quiet, struct quiet_member *member, const struct quiet_session *session,
		const struct quiet_process *process)
{
	bool is_same = atomic_load(&member->pid) == (uint32_t)process->pid && member->began == process->began;

	atomic_store(&member->pid, 0); /* nobody, until it is whole */
	member->session = (uint32_t)(session - quiet->sessions);
	member->generation = session->generation;
	member->program = process->program;
	member->began = process->began;
	member->noted_ms = event_now_us() / 1000;
	member->told = is_same ? member->told : 0;
	atomic_store(&member->pid, (uint32_t)process->pid);
}

struct quiet_member *quiet_note(struct quiet *quiet, struct quiet_session *session, const struct quiet_process *process)
{
	struct quiet_member *member = place_of(quiet, process->pid);
	const struct quiet_session *before =
	    atomic_load(&member->pid) == (uint32_t)process->pid ? session_at(quiet, member) : NULL;

	if (is_taken(member, process->pid))
		return NULL;
	if (process->began > 0) {
		session->last = *process;
		if (!session->first.pid)
			session->first = *process;
	} else if (before && before != session) {
		atomic_store(&member->pid, 0); /* the same process, or not: nobody can say any more */
		return NULL;
	}
	set(quiet, member, session, process);
	return member;
}

struct quiet_session *quiet_session_of(struct quiet *quiet, pid_t pid, uint64_t began)
{
	const struct quiet_member *member = place_of(quiet, pid);

	if (pid <= 0 || began == 0 || atomic_load(&member->pid) != (uint32_t)pid || member->began != began)
		return NULL;
	return session_at(quiet, member);
}

static bool was_just(const struct quiet_member *member, const struct kill_record *record)
{
	uint64_t early = member->noted_ms < record->time_ms ? member->noted_ms : record->time_ms;
	uint64_t late = member->noted_ms < record->time_ms ? record->time_ms : member->noted_ms;

	return late - early <= GONE_MS;
}

const struct quiet_session *quiet_session_was(struct quiet *quiet, const struct kill_record *record)
{
	const struct quiet_member *member = place_of(quiet, record->pid);
	const struct quiet_session *session;

	if (record->pid <= 0 || atomic_load(&member->pid) != (uint32_t)record->pid)
		return NULL;
	session = session_at(quiet, member);
	if (!session)
		return NULL;
	if (member->program == 0)
		return session->uid == record->uid && was_just(member, record) ? session : NULL;
	return record->exe_length > 0 && member->program == members_program(record->exe, record->exe_length) ? session
													     : NULL;
}
