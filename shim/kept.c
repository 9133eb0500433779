#include "kept.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "handover.h"
#include "role.h"
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

/* At the numbers of enum worker_descriptor. */
static pid_t start(const struct kept *kept, int control, int events, enum sink_kind kind)
{
	char kind_text[16];
	char *const arguments[] = {(char *)"agentsh-sidecar", (char *)ROLE_WORKER, kind_text,
				   (char *)(kept->stored ? WORKER_STORED : WORKER_HELD), NULL};
	const int *have = kept->descriptors;
	int descriptors[WORKER_END - WORKER_KEEPER];

	(void)snprintf(kind_text, sizeof(kind_text), "%d", (int)kind);
	descriptors[WORKER_KEEPER - WORKER_KEEPER] = control;
	descriptors[WORKER_LISTENER - WORKER_KEEPER] = have[KEPT_LISTENER];
	descriptors[WORKER_AREA - WORKER_KEEPER] = have[KEPT_AREA];
	descriptors[WORKER_EVENTS - WORKER_KEEPER] = events;
	descriptors[WORKER_ROOT - WORKER_KEEPER] = have[KEPT_ROOT];
	descriptors[WORKER_TARGET - WORKER_KEEPER] = have[KEPT_TARGET];
	descriptors[WORKER_NOTICES - WORKER_KEEPER] = have[KEPT_NOTICES];
	descriptors[WORKER_COPY - WORKER_KEEPER] = have[KEPT_COPY];
	descriptors[WORKER_COMMONS - WORKER_KEEPER] = have[KEPT_COMMONS];
	descriptors[WORKER_READER - WORKER_KEEPER] = have[KEPT_READER];
	return role_start(arguments, descriptors, sizeof(descriptors) / sizeof(descriptors[0]));
}

bool kept_start(struct kept *kept, const char *events)
{
	enum sink_kind kind;
	struct error err;
	int ends[2];
	int descriptor = sink_open(events, &kind, &err);
	pid_t worker;

	if (descriptor < 0) {
		error_print(STDERR_FILENO, "agentsh-sidecar", &err);
		return false;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
		close(descriptor);
		return false;
	}
	worker = start(kept, ends[1], descriptor, kind);
	close(ends[1]);
	close(descriptor);
	if (worker <= 0) {
		close(ends[0]);
		return false;
	}
	kept->worker = worker;
	kept->control = ends[0];
	kept->started_at = handover_now();
	return true;
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
