#include "kept.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "handover.h"
#include "sink.h"
#include "store.h"

#define PAUSE_FIRST_MS  50 /* before a worker or the broker is started again; doubled each time */
#define PAUSE_MOST_MS   5000
#define TRIES_MOST      12U /* starts without an end of the trouble: then the session is given up */
#define TRIES_AFTER_END 3U  /* where all that is left to do is to write session_end */

struct kept *kept_make(uint64_t ticket)
{
	struct kept *kept = calloc(1, sizeof(*kept));

	if (!kept)
		return NULL;
	kept->ticket = ticket;
	kept->control = -1;
	for (size_t i = 0; i < KEPT_COUNT; i++)
		kept->descriptors[i] = -1;
	return kept;
}

void kept_free(struct kept *kept)
{
	if (!kept)
		return;
	for (size_t i = 0; i < KEPT_COUNT; i++)
		if (kept->descriptors[i] >= 0)
			close(kept->descriptors[i]);
	if (kept->control >= 0)
		close(kept->control);
	free(kept);
}

void kept_insert(struct kept **list, struct kept *kept)
{
	while (*list && (*list)->ticket > kept->ticket)
		list = &(*list)->next;
	kept->next = *list;
	*list = kept;
}

void kept_remove(struct kept **list, struct kept *kept)
{
	while (*list != kept)
		list = &(*list)->next;
	*list = kept->next;
}

int kept_store(struct kept *kept, uint32_t number, struct error *err)
{
	if (store_put(number, kept->ticket, kept->descriptors, err) != 0)
		return -1;
	if (kept->stored)
		store_remove(kept->stored);
	kept->stored = number;
	return 0;
}

/* NULL: it is not known. */
static const struct spare_whose *whose_of(const struct kept *kept)
{
	return kept->may_return ? &kept->whose : NULL;
}

/* To a spare worker, or, where there is none that lives, to another. */
static bool give(struct kept *kept, int events, enum sink_kind kind, struct spares *spares)
{
	const struct spare_whose *whose = whose_of(kept);
	const struct spare_session session = {.kind = kind, .is_stored = kept->stored != 0};
	const int *have = kept->descriptors;
	int descriptors[WORKER_DESCRIPTORS] = {
	    [WORKER_LISTENER] = have[KEPT_LISTENER],
	    [WORKER_AREA] = have[KEPT_AREA],
	    [WORKER_EVENTS] = events,
	    [WORKER_ROOT] = have[KEPT_ROOT],
	    [WORKER_TARGET] = have[KEPT_TARGET],
	    [WORKER_NOTICES] = have[KEPT_NOTICES],
	    [WORKER_COPY] = have[KEPT_COPY],
	    [WORKER_COMMONS] = have[KEPT_COMMONS],
	    [WORKER_READER] = have[KEPT_READER],
	    [WORKER_USER] = have[KEPT_USER],
	};

	if (spare_give(spares, whose, &session, descriptors, &kept->worker, &kept->control))
		return true;
	return spare_start(spares, false) &&
	       spare_give(spares, whose, &session, descriptors, &kept->worker, &kept->control);
}

bool kept_start(struct kept *kept, const char *events, struct spares *spares, const struct kept_herald *herald)
{
	enum sink_kind kind;
	struct error err;
	int descriptor = sink_open(events, &kind, &err);
	bool is_told = herald && spare_is_there(spares, whose_of(kept));
	bool started;

	if (descriptor < 0) {
		error_print(STDERR_FILENO, "agentsh-sidecar", &err);
		return false;
	}
	if (is_told)
		herald->tell(herald->context);
	started = give(kept, descriptor, kind, spares);
	close(descriptor);
	if (started)
		kept->started_at = handover_now();
	else if (is_told)
		kept_try_later(kept); /* its calls wait for that */
	if (started && herald && !is_told)
		herald->tell(herald->context);
	return started || is_told;
}

int64_t kept_pause(unsigned tries)
{
	int64_t pause = PAUSE_FIRST_MS;

	for (unsigned i = 1; i < tries && pause < PAUSE_MOST_MS; i++)
		pause *= 2;
	return pause < PAUSE_MOST_MS ? pause : PAUSE_MOST_MS;
}

static void see_how_it_lived(struct kept *kept)
{
	if (kept->started_at && handover_now() - kept->started_at >= KEPT_LIVED_MS)
		kept->tries = 0;
	kept->started_at = 0;
}

void kept_try_later(struct kept *kept)
{
	see_how_it_lived(kept);
	kept->tries++;
	kept->start_at = handover_now() + kept_pause(kept->tries);
}

void kept_try_now(struct kept *kept)
{
	see_how_it_lived(kept);
	kept->start_at = handover_now();
}

/* Has the last process under the filter ended? */
static bool is_over(const struct kept *kept)
{
	struct pollfd ready = {.fd = kept->descriptors[KEPT_LISTENER]};

	return poll(&ready, 1, 0) > 0 && (ready.revents & POLLHUP);
}

bool kept_is_hopeless(const struct kept *kept)
{
	return kept->tries >= TRIES_MOST || (kept->tries >= TRIES_AFTER_END && is_over(kept));
}
