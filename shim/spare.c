#include "spare.h"

#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "handover.h"
#include "message.h"

_Static_assert(WORKER_DESCRIPTORS <= MESSAGE_DESCRIPTORS_MAX, "all of a session goes into one message");

/* It is the caller's, with its channel. */
static struct spare take_out(struct spares *spares, size_t at)
{
	struct spare taken = spares->all[at];

	spares->count--;
	memmove(&spares->all[at], &spares->all[at + 1], (spares->count - at) * sizeof(spares->all[0]));
	return taken;
}

/* Where it lives, it ends once it sees that. */
static void let_go(struct spares *spares, size_t at)
{
	close(take_out(spares, at).control);
}

static void add(struct spares *spares, const struct spare *spare)
{
	if (spares->count < SPARES_MOST)
		spares->all[spares->count++] = *spare;
	else
		close(spare->control);
}

bool spare_start(struct spares *spares, bool later)
{
	char *const arguments[] = {(char *)"agentsh-sidecar", (char *)ROLE_WAITER, NULL};
	int descriptors[WORKER_START_END - WORKER_KEEPER];
	struct spare spare = {.worker = 0};
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
		return false;
	descriptors[WORKER_KEEPER - WORKER_KEEPER] = ends[1];
	descriptors[WORKER_FILTER - WORKER_KEEPER] = spares->filter;
	spare.worker = later ? role_start_later(arguments, descriptors, WORKER_START_END - WORKER_KEEPER)
			     : role_start(arguments, descriptors, WORKER_START_END - WORKER_KEEPER);
	spare.control = ends[0];
	close(ends[1]);
	if (spare.worker <= 0) {
		close(spare.control);
		return false;
	}
	if (spares->count == SPARES_MOST)
		let_go(spares, 0);
	add(spares, &spare);
	return true;
}

static bool is_for(const struct spare *spare, const struct spare_whose *whose)
{
	return !spare->is_used ||
	       (whose && spare->whose.uid == whose->uid && spare->whose.capabilities == whose->capabilities);
}

/* One that has had a session before one that has not, and what was used last first: its memory is at hand. */
static const struct spare *find(const struct spares *spares, const struct spare_whose *whose)
{
	const struct spare *found = NULL;

	for (size_t i = spares->count; i-- > 0;) {
		const struct spare *spare = &spares->all[i];

		if (is_for(spare, whose) && (spare->is_used || !found))
			found = spare;
		if (found && found->is_used)
			break;
	}
	return found;
}

bool spare_is_there(const struct spares *spares, const struct spare_whose *whose)
{
	return find(spares, whose) != NULL;
}

bool spare_is_fresh(const struct spares *spares)
{
	for (size_t i = 0; i < spares->count; i++)
		if (!spares->all[i].is_used)
			return true;
	return false;
}

/* What comes along, and in what order: spare_session.has says so. */
static size_t line_up(const int *descriptors, int *along, uint32_t *has)
{
	size_t count = 0;

	*has = 0;
	for (size_t i = 0; i < WORKER_DESCRIPTORS; i++) {
		if (descriptors[i] < 0)
			continue;
		*has |= 1U << i;
		along[count++] = descriptors[i];
	}
	return count;
}

bool spare_give(struct spares *spares, const struct spare_whose *whose, const struct spare_session *session,
		const int *descriptors, pid_t *worker, int *control)
{
	struct spare_session message = *session;
	int along[WORKER_DESCRIPTORS];
	size_t count = line_up(descriptors, along, &message.has);
	const struct spare *found;

	while ((found = find(spares, whose))) {
		struct spare spare = take_out(spares, (size_t)(found - spares->all));

		if (message_send(spare.control, &message, sizeof(message), along, count) == 0) {
			*worker = spare.worker;
			*control = spare.control;
			return true;
		}
		close(spare.control); /* it has died */
	}
	return false;
}

void spare_take_back(struct spares *spares, pid_t worker, int control, const struct spare_whose *whose)
{
	const struct spare spare = {
	    .worker = worker, .control = control, .is_used = true, .whose = *whose, .since = handover_now()};

	add(spares, &spare);
}

void spare_ended(struct spares *spares, pid_t worker)
{
	for (size_t i = spares->count; i-- > 0;)
		if (spares->all[i].worker == worker)
			let_go(spares, i);
}

void spare_trim(struct spares *spares, int64_t now)
{
	for (size_t i = spares->count; i-- > 0;)
		if (spares->all[i].is_used && spares->all[i].since + SPARE_PATIENCE_MS <= now)
			let_go(spares, i);
}

int64_t spare_due(const struct spares *spares)
{
	int64_t due = -1;

	for (size_t i = 0; i < spares->count; i++) {
		const struct spare *spare = &spares->all[i];

		if (spare->is_used && (due < 0 || spare->since + SPARE_PATIENCE_MS < due))
			due = spare->since + SPARE_PATIENCE_MS;
	}
	return due;
}

void spare_end_all(struct spares *spares, void (*bury)(pid_t worker))
{
	for (size_t i = 0; i < spares->count; i++)
		(void)kill(spares->all[i].worker, SIGKILL);
	while (spares->count > 0) {
		struct spare spare = take_out(spares, spares->count - 1);

		close(spare.control);
		bury(spare.worker);
	}
}
