#include "sessions.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sink.h"
#include "store.h"

#define DEATH_PATIENCE_MS 1000 /* one that waits for a file's server dies when that answers: init buries it */
#define DEATH_LOOK_MS     2

static void close_it(int *descriptor)
{
	if (*descriptor >= 0)
		close(*descriptor);
	*descriptor = -1;
}

/* As it is now, where there is a store. 0, or -1: what is there of it, if anything, is there still. */
static int store(struct sessions *sessions, struct kept *kept)
{
	struct error err;

	if (!sessions->has_store)
		return 0;
	if (kept_store(kept, ++sessions->stored, &err) == 0)
		return 0;
	error_print(STDERR_FILENO, "agentsh-sidecar", &err);
	return -1;
}

static void forget(struct sessions *sessions, struct kept *kept)
{
	kept_remove(&sessions->first, kept);
	broker_child_tell(sessions->broker, KEEPER_ENDED, kept->ticket, 0);
	kept_free(kept);
}

/* It is over. */
static void drop(struct sessions *sessions, struct kept *kept)
{
	if (kept->stored)
		store_remove(kept->stored);
	forget(sessions, kept);
}

/* --- Workers --- */

/* Without it its notices would only be over later. */
static void listen_to(const struct sessions *sessions, const struct kept *kept)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = kept->ticket};

	(void)epoll_ctl(sessions->workers, EPOLL_CTL_ADD, kept->control, &event);
}

static void stop_listening(const struct sessions *sessions, const struct kept *kept)
{
	(void)epoll_ctl(sessions->workers, EPOLL_CTL_DEL, kept->control, NULL);
}

/* In the store as well. */
static void end_notices(struct sessions *sessions, struct kept *kept)
{
	if (kept->descriptors[KEPT_NOTICES] < 0)
		return;
	close_it(&kept->descriptors[KEPT_NOTICES]);
	(void)store(sessions, kept);
}

/* Nothing more is heard of that worker, until it ends. */
static void hang_up(const struct sessions *sessions, struct kept *kept)
{
	stop_listening(sessions, kept);
	close_it(&kept->control);
}

/* It is over, and its worker is free for another. */
static void take_back(struct sessions *sessions, struct kept *kept)
{
	stop_listening(sessions, kept);
	spare_take_back(&sessions->spares, kept->worker, kept->control, &kept->whose);
	kept->control = -1;
	kept->worker = 0;
	drop(sessions, kept);
}

/* A worker that has served a call may say what it likes: it is its session's alone, and ends with it. */
static void hear_word(struct sessions *sessions, struct kept *kept, uint32_t word)
{
	if (word == KEEPER_NOTICES_OVER)
		end_notices(sessions, kept);
	else if (word == KEEPER_SERVES)
		kept->may_return = false;
	else if (word == KEEPER_FREE && kept->may_return)
		take_back(sessions, kept);
	else if (word == KEEPER_FREE)
		hang_up(sessions, kept);
}

/* By its ticket: a channel that has just been closed may still have an event. */
void sessions_hear(struct sessions *sessions)
{
	struct keeper_told told;
	struct epoll_event event;
	struct kept *kept = sessions->first;

	if (epoll_wait(sessions->workers, &event, 1, 0) != 1)
		return;
	while (kept && kept->ticket != event.data.u64)
		kept = kept->next;
	if (!kept || kept->control < 0)
		return;
	if (message_receive(kept->control, &told, sizeof(told), NULL) == (ssize_t)sizeof(told))
		hear_word(sessions, kept, told.word);
	else /* it has died: SIGCHLD says so as well */
		stop_listening(sessions, kept);
}

static bool start_worker(struct sessions *sessions, struct kept *kept, const struct kept_herald *herald)
{
	if (!kept_start(kept, sessions->events, &sessions->spares, herald))
		return false;
	if (kept->control >= 0)
		listen_to(sessions, kept);
	sessions->spare_is_due = !sessions->is_private;
	return true;
}

/* The next session may be anybody's: what it needs is one that has had none. */
void sessions_start_spare(struct sessions *sessions)
{
	if (sessions->spare_is_due && !spare_is_fresh(&sessions->spares))
		(void)spare_start(&sessions->spares, sessions->is_private);
	sessions->spare_is_due = false;
}

void sessions_start_due(struct sessions *sessions, int64_t now)
{
	spare_trim(&sessions->spares, now);
	for (struct kept *kept = sessions->first, *next; kept; kept = next) {
		next = kept->next;
		if (kept->worker || kept->start_at > now)
			continue;
		if (kept_is_hopeless(kept))
			drop(sessions, kept);
		else if (!start_worker(sessions, kept, NULL))
			kept_try_later(kept);
	}
}

int64_t sessions_due(const struct sessions *sessions)
{
	int64_t due = spare_due(&sessions->spares);

	for (const struct kept *kept = sessions->first; kept; kept = kept->next)
		if (!kept->worker && (due < 0 || kept->start_at < due))
			due = kept->start_at;
	return due;
}

/* One that hears anything at all looks. One that begins does too. */
void sessions_look(const struct sessions *sessions, uint64_t ticket)
{
	const struct keeper_ordered look = {.order = KEEPER_LOOK};

	for (const struct kept *kept = sessions->first; kept; kept = kept->next)
		if (kept->ticket == ticket && kept->control >= 0)
			(void)send(kept->control, &look, sizeof(look), MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void reopen(const struct kept *kept, const char *where)
{
	struct keeper_ordered order = {.order = KEEPER_REOPEN};
	enum sink_kind kind;
	struct error err;
	int events = sink_open(where, &kind, &err);

	if (events < 0) {
		error_print(STDERR_FILENO, "agentsh-sidecar", &err);
		return;
	}
	order.kind = kind;
	(void)message_send(kept->control, &order, sizeof(order), &events, 1);
	close(events);
}

void sessions_reopen_events(const struct sessions *sessions)
{
	for (const struct kept *kept = sessions->first; kept; kept = kept->next)
		if (kept->control >= 0)
			reopen(kept, sessions->events);
}

/* --- A session begins --- */

static bool comes_along(const struct keeper_message *message, size_t which)
{
	switch (which) {
	case KEPT_TARGET:
		return message->has_target;
	case KEPT_NOTICES:
		return message->has_notices;
	case KEPT_COPY:
		return message->has_copy;
	case KEPT_COMMONS:
		return message->has_commons;
	case KEPT_READER:
		return message->has_reader;
	case KEPT_USER:
		return message->has_user;
	default:
		return true;
	}
}

static void take(struct kept *kept, const struct keeper_message *message, struct message_descriptors *came)
{
	for (size_t i = 0; i < KEPT_COUNT; i++)
		kept->descriptors[i] = comes_along(message, i) ? message_take(came) : -1;
}

int sessions_keep(struct sessions *sessions, const struct keeper_message *message, struct message_descriptors *came,
		  const struct kept_herald *herald)
{
	struct kept *kept = kept_make(message->ticket);

	if (!kept)
		return ENOMEM;
	take(kept, message, came);
	kept->whose = (struct spare_whose){.uid = message->uid, .capabilities = message->capabilities};
	kept->may_return = !sessions->is_private;
	if (kept->descriptors[KEPT_LISTENER] < 0 || kept->descriptors[KEPT_AREA] < 0 ||
	    kept->descriptors[KEPT_ROOT] < 0 || store(sessions, kept) != 0 || !start_worker(sessions, kept, herald)) {
		if (kept->stored)
			store_remove(kept->stored);
		kept_free(kept);
		return EIO;
	}
	kept_insert(&sessions->first, kept);
	return 0;
}

/* --- A session ends --- */

static bool worker_ended(struct sessions *sessions, struct kept *kept, int status, bool was_killed)
{
	kept->worker = 0;
	kept->may_return = false; /* the next one may have calls to answer that this one had */
	close_it(&kept->control);
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS) {
		drop(sessions, kept);
		return true;
	}
	if (was_killed)
		kept_try_now(kept);
	else
		kept_try_later(kept);
	return false;
}

bool sessions_child_ended(struct sessions *sessions, pid_t child, int status, bool was_killed)
{
	bool is_over = false;

	/* The next session has another: should each die of the start itself, no more than one a session does. */
	spare_ended(&sessions->spares, child);
	for (struct kept *kept = sessions->first, *next; kept; kept = next) {
		next = kept->next;
		if (kept->worker == child)
			is_over = worker_ended(sessions, kept, status, was_killed);
	}
	return is_over;
}

void sessions_kill_child(pid_t child)
{
	const struct timespec pause = {.tv_nsec = DEATH_LOOK_MS * 1000000L};

	if (child == 0)
		return;
	(void)kill(child, SIGKILL);
	for (int waited = 0; waited < DEATH_PATIENCE_MS && waitpid(child, NULL, WNOHANG) == 0; waited += DEATH_LOOK_MS)
		(void)nanosleep(&pause, NULL);
}

void sessions_tell_end(struct sessions *sessions, bool they_stay)
{
	const struct keeper_ordered end = {.order = KEEPER_END};

	spare_end_all(&sessions->spares, sessions_kill_child);
	for (struct kept *kept = sessions->first; kept; kept = kept->next) {
		if (!they_stay && kept->control >= 0)
			(void)message_send(kept->control, &end, sizeof(end), NULL, 0);
		close_it(&kept->control);
	}
}

/* No worker of it runs any more. */
static void part_from(struct sessions *sessions, struct kept *kept, bool it_stays)
{
	if (it_stays)
		forget(sessions, kept);
	else
		drop(sessions, kept);
}

void sessions_part(struct sessions *sessions, bool they_stay)
{
	for (struct kept *kept = sessions->first, *next; kept; kept = next) {
		next = kept->next;
		if (!kept->worker)
			part_from(sessions, kept, they_stay);
	}
}

void sessions_end(struct sessions *sessions, bool they_stay)
{
	for (struct kept *kept = sessions->first, *next; kept; kept = next) {
		next = kept->next;
		sessions_kill_child(kept->worker);
		part_from(sessions, kept, they_stay);
	}
	close_it(&sessions->workers);
}
