#include "keeper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "handover.h"
#include "lifeline.h"
#include "message.h"
#include "notify.h"
#include "role.h"
#include "sink.h"

#define PAUSE_FIRST_MS  50 /* before a worker or the broker is started again; doubled each time */
#define PAUSE_MOST_MS   5000
#define TRIES_MOST      12U  /* starts without an end of the trouble: then the session is given up */
#define TRIES_AFTER_END 3U   /* where all that is left to do is to write session_end */
#define LIVED_MS        1000 /* a worker that has lived so long was well */
#define END_PATIENCE_MS 3000 /* for workers to write session_end */

struct kept {
	struct kept *next;
	uint64_t ticket;
	int descriptors[KEPT_COUNT]; /* owned; -1: none */
	int control;                 /* owned; to the worker */
	pid_t worker;                /* 0: none runs */
	unsigned tries;
	int64_t start_at;   /* ms: when the next worker is due */
	int64_t started_at; /* ms: when the last was started */
};

struct keeper {
	const struct keeper_options *options;
	struct kept *sessions; /* owned */
	int broker_channel;    /* owned; -1: none */
	pid_t broker;          /* 0: none runs */
	unsigned broker_tries;
	int64_t broker_at;         /* ms: when the next broker is due */
	int64_t broker_started_at; /* ms */
	int signals;
	int workers; /* epoll(7): the workers' channels, by ticket */
	bool ending;
	bool is_over; /* a private one's session has come to its own end */
	bool had_session;
};

static void warn(const char *what)
{
	struct error err;

	(void)error_set(&err, "%s: %s", what, strerrordesc_np(errno));
	error_print(STDERR_FILENO, "agentsh-sidecar", &err);
}

/* To the loader that stays. */
static void say(const struct keeper *keeper, char word)
{
	if (keeper->options->lifeline >= 0 && write(keeper->options->lifeline, &word, 1) < 0)
		return; /* it has gone, and the session with it */
}

static void close_all(int *descriptors, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (descriptors[i] >= 0)
			close(descriptors[i]);
		descriptors[i] = -1;
	}
}

static int64_t pause_of(unsigned tries)
{
	int64_t pause = PAUSE_FIRST_MS;

	for (unsigned i = 1; i < tries && pause < PAUSE_MOST_MS; i++)
		pause *= 2;
	return pause < PAUSE_MOST_MS ? pause : PAUSE_MOST_MS;
}

static void tell_broker(struct keeper *keeper, enum keeper_operation operation, uint64_t ticket, int error)
{
	const struct keeper_message message = {.operation = operation, .ticket = ticket, .error = error};

	if (keeper->broker_channel >= 0)
		(void)message_send(keeper->broker_channel, &message, sizeof(message), NULL, 0);
}

/* --- Workers --- */

/* Without it its notices would only be over later. */
static void listen_to(const struct keeper *keeper, const struct kept *kept)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = kept->ticket};

	(void)epoll_ctl(keeper->workers, EPOLL_CTL_ADD, kept->control, &event);
}

/* By its ticket: a channel that has just been closed may still have an event. */
static void hear_worker(struct keeper *keeper)
{
	struct keeper_notices_over over;
	struct epoll_event event;
	struct kept *kept = keeper->sessions;

	if (epoll_wait(keeper->workers, &event, 1, 0) != 1)
		return;
	while (kept && kept->ticket != event.data.u64)
		kept = kept->next;
	if (!kept || kept->control < 0)
		return;
	if (message_receive(kept->control, &over, sizeof(over), NULL) > 0)
		close_all(&kept->descriptors[KEPT_NOTICES], 1);
	else /* it has died: SIGCHLD says so as well */
		(void)epoll_ctl(keeper->workers, EPOLL_CTL_DEL, kept->control, NULL);
}

static int start_worker(struct keeper *keeper, struct kept *kept)
{
	char kind_text[16];
	char *const arguments[] = {(char *)"agentsh-sidecar", (char *)ROLE_WORKER, kind_text, NULL};
	enum sink_kind kind;
	struct error err;
	int ends[2];
	int events = sink_open(keeper->options->events, &kind, &err);
	int descriptors[WORKER_END - WORKER_KEEPER];

	if (events < 0) {
		error_print(STDERR_FILENO, "agentsh-sidecar", &err);
		return -1;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
		close(events);
		return -1;
	}
	(void)snprintf(kind_text, sizeof(kind_text), "%d", (int)kind);
	descriptors[WORKER_KEEPER - WORKER_KEEPER] = ends[1];
	descriptors[WORKER_LISTENER - WORKER_KEEPER] = kept->descriptors[KEPT_LISTENER];
	descriptors[WORKER_AREA - WORKER_KEEPER] = kept->descriptors[KEPT_AREA];
	descriptors[WORKER_EVENTS - WORKER_KEEPER] = events;
	descriptors[WORKER_ROOT - WORKER_KEEPER] = kept->descriptors[KEPT_ROOT];
	descriptors[WORKER_TARGET - WORKER_KEEPER] = kept->descriptors[KEPT_TARGET];
	descriptors[WORKER_NOTICES - WORKER_KEEPER] = kept->descriptors[KEPT_NOTICES];
	descriptors[WORKER_COPY - WORKER_KEEPER] = kept->descriptors[KEPT_COPY];
	descriptors[WORKER_COMMONS - WORKER_KEEPER] = kept->descriptors[KEPT_COMMONS];
	descriptors[WORKER_READER - WORKER_KEEPER] = kept->descriptors[KEPT_READER];
	kept->worker = role_start(arguments, descriptors, sizeof(descriptors) / sizeof(descriptors[0]));
	close(ends[1]);
	close(events);
	if (kept->worker > 0) {
		kept->control = ends[0];
		kept->started_at = handover_now();
		listen_to(keeper, kept);
		return 0;
	}
	kept->worker = 0;
	close(ends[0]);
	return -1;
}

static void drop(struct keeper *keeper, struct kept *kept)
{
	struct kept **place = &keeper->sessions;

	while (*place != kept)
		place = &(*place)->next;
	*place = kept->next;
	tell_broker(keeper, KEEPER_ENDED, kept->ticket, 0);
	close_all(kept->descriptors, KEPT_COUNT);
	close_all(&kept->control, 1);
	free(kept);
}

static void try_again_later(struct kept *kept)
{
	kept->tries++;
	kept->start_at = handover_now() + pause_of(kept->tries);
}

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
	default:
		return true;
	}
}

/* A new session. 0, or an errno; the descriptors are the session's, or still the caller's. */
static int keep(struct keeper *keeper, const struct keeper_message *message, struct message_descriptors *came)
{
	struct kept *kept = calloc(1, sizeof(*kept));

	if (!kept)
		return ENOMEM;
	kept->ticket = message->ticket;
	kept->control = -1;
	for (size_t i = 0; i < KEPT_COUNT; i++)
		kept->descriptors[i] = comes_along(message, i) ? message_take(came) : -1;
	if (kept->descriptors[KEPT_LISTENER] < 0 || kept->descriptors[KEPT_AREA] < 0 ||
	    kept->descriptors[KEPT_ROOT] < 0 || start_worker(keeper, kept) != 0) {
		close_all(kept->descriptors, KEPT_COUNT);
		free(kept);
		return EIO;
	}
	kept->next = keeper->sessions;
	keeper->sessions = kept;
	keeper->had_session = true;
	say(keeper, LIFELINE_BEGUN);
	return 0;
}

/* --- The broker --- */

static void tell_known(struct keeper *keeper)
{
	for (struct kept *kept = keeper->sessions; kept; kept = kept->next) {
		const struct keeper_message message = {.operation = KEEPER_KNOWN, .ticket = kept->ticket};

		const int along[] = {kept->descriptors[KEPT_AREA], kept->descriptors[KEPT_COMMONS]};

		(void)message_send(keeper->broker_channel, &message, sizeof(message), along, along[1] < 0 ? 1 : 2);
	}
}

static int start_broker(struct keeper *keeper)
{
	char *const arguments[] = {(char *)"agentsh-sidecar", (char *)ROLE_BROKER,
				   (char *)(keeper->options->is_private ? "private" : "system"), NULL};
	int ends[2];
	int descriptors[BROKER_END - BROKER_KEEPER];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
		return -1;
	descriptors[BROKER_KEEPER - BROKER_KEEPER] = ends[1];
	descriptors[BROKER_SOCKET - BROKER_KEEPER] = keeper->options->socket;
	keeper->broker = role_start(arguments, descriptors, sizeof(descriptors) / sizeof(descriptors[0]));
	close(ends[1]);
	if (keeper->broker <= 0) {
		keeper->broker = 0;
		close(ends[0]);
		return -1;
	}
	keeper->broker_channel = ends[0];
	keeper->broker_started_at = handover_now();
	tell_known(keeper);
	return 0;
}

static void hear_broker(struct keeper *keeper)
{
	struct keeper_message message = {.operation = 0};
	struct message_descriptors came;
	ssize_t length = message_receive(keeper->broker_channel, &message, sizeof(message), &came);
	int error;

	if (length <= 0) {
		if (length == 0 || errno == ECONNRESET)
			close_all(&keeper->broker_channel, 1);
		else if (errno == EMSGSIZE && message.operation == KEEPER_KEEP) /* no descriptors for what came along */
			tell_broker(keeper, KEEPER_REFUSED, message.ticket, EMFILE);
		return;
	}
	if (length == (ssize_t)sizeof(message) && message.operation == KEEPER_KEEP) {
		error = keep(keeper, &message, &came);
		tell_broker(keeper, error ? KEEPER_REFUSED : KEEPER_KEPT, message.ticket, error);
	}
	message_close(&came);
}

/* --- Deaths --- */

/* SIGKILL comes from outside: that is no trouble of the role's, for which others wait. */
static bool is_from_outside(int status)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static void worker_ended(struct keeper *keeper, struct kept *kept, int status)
{
	kept->worker = 0;
	close_all(&kept->control, 1);
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS) {
		keeper->is_over = !keeper->ending;
		drop(keeper, kept);
		return;
	}
	if (handover_now() - kept->started_at >= LIVED_MS)
		kept->tries = 0;
	if (is_from_outside(status))
		kept->start_at = handover_now();
	else
		try_again_later(kept);
}

static bool has_said(int channel)
{
	struct pollfd ready = {.fd = channel, .events = POLLIN};

	return channel >= 0 && poll(&ready, 1, 0) > 0;
}

static void broker_ended(struct keeper *keeper, bool was_killed)
{
	keeper->broker = 0;
	/* What it has given before is as good as ever. */
	while (has_said(keeper->broker_channel))
		hear_broker(keeper);
	close_all(&keeper->broker_channel, 1);
	if (keeper->options->is_private)
		return; /* it has had its one loader */
	if (handover_now() - keeper->broker_started_at >= LIVED_MS)
		keeper->broker_tries = 0;
	keeper->broker_at = handover_now();
	if (!was_killed)
		keeper->broker_at += pause_of(++keeper->broker_tries);
}

static void reap(struct keeper *keeper)
{
	pid_t child;
	int status;

	while ((child = waitpid(-1, &status, WNOHANG)) > 0) {
		if (child == keeper->broker)
			broker_ended(keeper, is_from_outside(status));
		for (struct kept *kept = keeper->sessions, *next; kept; kept = next) {
			next = kept->next;
			if (kept->worker == child)
				worker_ended(keeper, kept, status);
		}
	}
}

/* Has the last process under the filter ended? */
static bool is_over(const struct kept *kept)
{
	struct pollfd ready = {.fd = kept->descriptors[KEPT_LISTENER]};

	return poll(&ready, 1, 0) > 0 && (ready.revents & POLLHUP);
}

static bool is_hopeless(const struct kept *kept)
{
	return kept->tries >= TRIES_MOST || (kept->tries >= TRIES_AFTER_END && is_over(kept));
}

/* Starts what is due. A session whose worker will not live is given up: its calls answer ENOSYS. */
static void start_due(struct keeper *keeper)
{
	int64_t now = handover_now();

	for (struct kept *kept = keeper->sessions, *next; kept; kept = next) {
		next = kept->next;
		if (kept->worker || keeper->ending || kept->start_at > now)
			continue;
		if (is_hopeless(kept))
			drop(keeper, kept);
		else if (start_worker(keeper, kept) != 0)
			try_again_later(kept);
	}
	if (keeper->broker || keeper->ending || keeper->options->is_private || keeper->broker_at > now)
		return;
	if (start_broker(keeper) != 0)
		broker_ended(keeper, false);
}

/* ms until something is due; -1: nothing is. */
static int until_due(const struct keeper *keeper)
{
	int64_t now = handover_now();
	int64_t due = -1;

	for (const struct kept *kept = keeper->sessions; kept; kept = kept->next)
		if (!kept->worker && (due < 0 || kept->start_at < due))
			due = kept->start_at;
	if (!keeper->broker && !keeper->options->is_private && (due < 0 || keeper->broker_at < due))
		due = keeper->broker_at;
	if (due < 0)
		return -1;
	return due > now ? (int)(due - now) : 0;
}

/* --- Signals --- */

static void reopen_events(struct keeper *keeper)
{
	struct keeper_reopened reopened;
	enum sink_kind kind;
	struct error err;

	for (struct kept *kept = keeper->sessions; kept; kept = kept->next) {
		int events = kept->control < 0 ? -1 : sink_open(keeper->options->events, &kind, &err);

		if (kept->control < 0)
			continue;
		if (events < 0) {
			error_print(STDERR_FILENO, "agentsh-sidecar", &err);
			continue;
		}
		reopened.kind = kind;
		(void)message_send(kept->control, &reopened, sizeof(reopened), &events, 1);
		close(events);
	}
}

static void hear_signal(struct keeper *keeper)
{
	struct signalfd_siginfo info;

	while (read(keeper->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			reap(keeper);
		else if (info.ssi_signo == SIGHUP)
			reopen_events(keeper);
		else
			keeper->ending = true;
	}
}

static int watch_signals(void)
{
	sigset_t watched;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	(void)sigemptyset(&watched);
	(void)sigaddset(&watched, SIGCHLD);
	(void)sigaddset(&watched, SIGHUP);
	(void)sigaddset(&watched, SIGTERM);
	(void)sigaddset(&watched, SIGINT);
	if (sigprocmask(SIG_BLOCK, &watched, NULL) != 0)
		return -1;
	return signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* --- The end --- */

/* Whoever waits for our end finds nothing of us. A child that was our starter's is not ours to wait for. */
static void kill_child(pid_t child)
{
	if (child == 0)
		return;
	(void)kill(child, SIGKILL);
	(void)waitpid(child, NULL, 0);
}

/* Workers hear of it by the end of their channel, and write session_end. */
static void end_all(struct keeper *keeper)
{
	int64_t until = handover_now() + END_PATIENCE_MS;
	struct pollfd ready = {.fd = keeper->signals, .events = POLLIN};

	if (keeper->broker)
		(void)kill(keeper->broker, SIGKILL);
	for (struct kept *kept = keeper->sessions; kept; kept = kept->next)
		close_all(&kept->control, 1);
	while (keeper->sessions && handover_now() < until) {
		int left = (int)(until - handover_now());

		(void)poll(&ready, 1, left > 0 ? left : 0);
		hear_signal(keeper);
		for (struct kept *kept = keeper->sessions, *next; kept; kept = next) {
			next = kept->next;
			if (!kept->worker)
				drop(keeper, kept);
		}
	}
	for (struct kept *kept = keeper->sessions, *next; kept; kept = next) {
		next = kept->next;
		kill_child(kept->worker);
		drop(keeper, kept);
	}
	kill_child(keeper->broker);
}

static bool is_done(const struct keeper *keeper)
{
	if (keeper->ending)
		return true;
	return keeper->options->is_private && !keeper->broker && !keeper->sessions;
}

static void serve(struct keeper *keeper)
{
	while (!is_done(keeper)) {
		struct pollfd ready[] = {{.fd = keeper->signals, .events = POLLIN},
					 {.fd = keeper->broker_channel, .events = POLLIN},
					 {.fd = keeper->workers, .events = POLLIN}};

		if (poll(ready, 3, until_due(keeper)) > 0) {
			/* The broker first: a message that it left behind it is as good as before. */
			if (ready[1].revents)
				hear_broker(keeper);
			if (ready[2].revents)
				hear_worker(keeper);
			if (ready[0].revents)
				hear_signal(keeper);
		}
		start_due(keeper);
	}
}

int keeper_run(const struct keeper_options *options)
{
	struct keeper keeper = {.options = options, .broker_channel = -1};

	keeper.signals = watch_signals();
	keeper.workers = epoll_create1(EPOLL_CLOEXEC);
	if (keeper.signals < 0 || keeper.workers < 0 || start_broker(&keeper) != 0) {
		warn("start");
		return EXIT_FAILURE;
	}
	if (options->is_private)
		close(options->socket);
	notify_ready();
	serve(&keeper);
	if (keeper.is_over)
		say(&keeper, LIFELINE_OVER);
	end_all(&keeper);
	if (options->unlink_path)
		(void)unlink(options->unlink_path);
	close_all(&keeper.broker_channel, 1);
	close_all(&keeper.workers, 1);
	close_all(&keeper.signals, 1);
	return EXIT_SUCCESS;
}
