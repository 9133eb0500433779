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

#include "audit.h"
#include "confinement.h"
#include "handover.h"
#include "kept.h"
#include "lifeline.h"
#include "message.h"
#include "notify.h"
#include "restore.h"
#include "role.h"
#include "signals.h"
#include "sink.h"
#include "store.h"

#define END_PATIENCE_MS 3000 /* for workers to write session_end, or what they have left */

enum ending {
	ENDING_NOT,
	ENDING_ALL, /* the sessions end with us */
	ENDING_US   /* alone: they are in the store, for the next keeper */
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
	enum ending ending;
	bool is_over;    /* a private one's session has come to its own end */
	bool has_store;  /* systemd's */
	uint32_t stored; /* the number of the last that went there */
	struct audit audit;
	bool broker_has_events; /* it has asked for a descriptor for them */
	struct spare spare;
	bool spare_is_due; /* there is to be one, as soon as nobody waits for anything else */
};

static void warn(const char *what)
{
	struct error err;

	(void)error_set(&err, "%s: %s", what, strerror(errno));
	error_print(STDERR_FILENO, "agentsh-sidecar", &err);
}

/* To the loader that stays. */
static void say(const struct keeper *keeper, enum lifeline_words what)
{
	const struct lifeline_word word = {.word = (int32_t)what, .keeper = getpid()};

	if (keeper->options->lifeline >= 0 && write(keeper->options->lifeline, &word, sizeof(word)) < 0)
		return; /* it has gone, and the session with it */
}

static void close_it(int *descriptor)
{
	if (*descriptor >= 0)
		close(*descriptor);
	*descriptor = -1;
}

static void tell_broker(struct keeper *keeper, enum keeper_operation operation, uint64_t ticket, int error)
{
	const struct keeper_message message = {.operation = operation, .ticket = ticket, .error = error};

	if (keeper->broker_channel >= 0)
		(void)message_send(keeper->broker_channel, &message, sizeof(message), NULL, 0);
}

/* --- Sessions --- */

/* As it is now, where there is a store. 0, or -1: what is there of it, if anything, is there still. */
static int store(struct keeper *keeper, struct kept *kept)
{
	struct error err;

	if (!keeper->has_store)
		return 0;
	if (kept_store(kept, ++keeper->stored, &err) == 0)
		return 0;
	error_print(STDERR_FILENO, "agentsh-sidecar", &err);
	return -1;
}

static void forget(struct keeper *keeper, struct kept *kept)
{
	kept_remove(&keeper->sessions, kept);
	tell_broker(keeper, KEEPER_ENDED, kept->ticket, 0);
	kept_free(kept);
}

/* It is over. */
static void drop(struct keeper *keeper, struct kept *kept)
{
	if (kept->stored)
		store_remove(kept->stored);
	forget(keeper, kept);
}

/* --- Workers --- */

/* Without it its notices would only be over later. */
static void listen_to(const struct keeper *keeper, const struct kept *kept)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = kept->ticket};

	(void)epoll_ctl(keeper->workers, EPOLL_CTL_ADD, kept->control, &event);
}

/* In the store as well. */
static void end_notices(struct keeper *keeper, struct kept *kept)
{
	if (kept->descriptors[KEPT_NOTICES] < 0)
		return;
	close_it(&kept->descriptors[KEPT_NOTICES]);
	(void)store(keeper, kept);
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
		end_notices(keeper, kept);
	else /* it has died: SIGCHLD says so as well */
		(void)epoll_ctl(keeper->workers, EPOLL_CTL_DEL, kept->control, NULL);
}

static bool start_worker(struct keeper *keeper, struct kept *kept)
{
	if (!kept_start(kept, keeper->options->events, &keeper->spare))
		return false;
	listen_to(keeper, kept);
	keeper->spare_is_due = !keeper->options->is_private;
	return true;
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

static void take(struct kept *kept, const struct keeper_message *message, struct message_descriptors *came)
{
	for (size_t i = 0; i < KEPT_COUNT; i++)
		kept->descriptors[i] = comes_along(message, i) ? message_take(came) : -1;
}

/* A new session. 0, or an errno. Stored first: from its first call on, it is not lost with us. */
static int keep(struct keeper *keeper, const struct keeper_message *message, struct message_descriptors *came)
{
	struct kept *kept = kept_make(message->ticket);

	if (!kept)
		return ENOMEM;
	take(kept, message, came);
	if (kept->descriptors[KEPT_LISTENER] < 0 || kept->descriptors[KEPT_AREA] < 0 ||
	    kept->descriptors[KEPT_ROOT] < 0 || store(keeper, kept) != 0 || !start_worker(keeper, kept)) {
		if (kept->stored)
			store_remove(kept->stored);
		kept_free(kept);
		return EIO;
	}
	kept_insert(&keeper->sessions, kept);
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
	tell_broker(keeper, KEEPER_ALL_KNOWN, 0, 0);
}

static int start_broker(struct keeper *keeper)
{
	char *arguments[] = {(char *)"agentsh-sidecar", (char *)ROLE_BROKER,
			     (char *)(keeper->options->is_private ? "private" : "system"), NULL};
	int ends[2];
	int descriptors[BROKER_END - BROKER_KEEPER];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
		return -1;
	descriptors[BROKER_KEEPER - BROKER_KEEPER] = ends[1];
	descriptors[BROKER_SOCKET - BROKER_KEEPER] = keeper->options->socket;
	descriptors[BROKER_RUNTIMES - BROKER_KEEPER] = keeper->options->runtimes;
	descriptors[BROKER_STREAM - BROKER_KEEPER] = keeper->audit.stream;
	descriptors[BROKER_MEMORY - BROKER_KEEPER] = keeper->audit.memory;
	keeper->broker = keeper->options->is_private
			     ? role_become(broker_main, 3, arguments, descriptors, BROKER_END - BROKER_KEEPER)
			     : role_start(arguments, descriptors, BROKER_END - BROKER_KEEPER);
	close(ends[1]);
	if (keeper->broker <= 0) {
		keeper->broker = 0;
		close(ends[0]);
		return -1;
	}
	keeper->broker_channel = ends[0];
	keeper->broker_started_at = handover_now();
	keeper->broker_has_events = false;
	if (!keeper->options->is_private)
		tell_known(keeper);
	return 0;
}

/* Its worker is told, without waiting for it: one that hears anything at all looks. One that begins does too. */
static void tell_of_kills(const struct keeper *keeper, uint64_t ticket)
{
	const struct keeper_ordered look = {.order = KEEPER_LOOK};

	for (const struct kept *kept = keeper->sessions; kept; kept = kept->next)
		if (kept->ticket == ticket && kept->control >= 0)
			(void)send(kept->control, &look, sizeof(look), MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* For lines that are of no session. */
static void give_events(struct keeper *keeper)
{
	struct keeper_message message = {.operation = KEEPER_EVENTS};
	enum sink_kind kind;
	struct error err;
	int events = sink_open(keeper->options->events, &kind, &err);

	keeper->broker_has_events = true;
	if (events < 0) {
		error_print(STDERR_FILENO, "agentsh-sidecar", &err);
		return;
	}
	message.error = (int32_t)kind;
	(void)message_send(keeper->broker_channel, &message, sizeof(message), &events, 1);
	close(events);
}

static void hear_lost(struct keeper *keeper)
{
	uint32_t lost;

	if (audit_hear_lost(&keeper->audit, &lost))
		tell_broker(keeper, KEEPER_LOST, lost, 0);
}

/* What it asks for, but to keep a session. */
static void hear_request(struct keeper *keeper, const struct keeper_message *message)
{
	switch (message->operation) {
	case KEEPER_KILLED:
		tell_of_kills(keeper, message->ticket);
		break;
	case KEEPER_EVENTS:
		give_events(keeper);
		break;
	case KEEPER_LOST:
		audit_ask_lost(&keeper->audit);
		break;
	default:
		break;
	}
}

/* To the loader itself: it is waiting. One that has gone, or takes nothing, need not know. */
static void accept_loader(int socket)
{
	const struct handover_accepted accepted = {.head = handover_head(HANDOVER_ACCEPTED)};

	(void)send(socket, &accepted, sizeof(accepted), MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void hear_keep(struct keeper *keeper, const struct keeper_message *message, struct message_descriptors *came)
{
	int error = keep(keeper, message, came);
	int loader = message->answers ? message_take(came) : -1;

	if (loader >= 0 && error == 0)
		accept_loader(loader);
	close_it(&loader);
	tell_broker(keeper, error ? KEEPER_REFUSED : KEEPER_KEPT, message->ticket, error);
}

static void hear_broker(struct keeper *keeper)
{
	struct keeper_message message = {.operation = 0};
	struct message_descriptors came;
	ssize_t length = message_receive(keeper->broker_channel, &message, sizeof(message), &came);

	if (length <= 0) {
		if (length == 0 || errno == ECONNRESET)
			close_it(&keeper->broker_channel);
		else if (errno == EMSGSIZE && message.operation == KEEPER_KEEP) /* no descriptors for what came along */
			tell_broker(keeper, KEEPER_REFUSED, message.ticket, EMFILE);
		return;
	}
	if (length == (ssize_t)sizeof(message) && message.operation == KEEPER_KEEP)
		hear_keep(keeper, &message, &came);
	else if (length == (ssize_t)sizeof(message))
		hear_request(keeper, &message);
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
	close_it(&kept->control);
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS) {
		keeper->is_over = !keeper->ending;
		drop(keeper, kept);
		return;
	}
	if (is_from_outside(status))
		kept_try_now(kept);
	else
		kept_try_later(kept);
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
	close_it(&keeper->broker_channel);
	if (keeper->options->is_private)
		return; /* it has had its one loader */
	if (handover_now() - keeper->broker_started_at >= KEPT_LIVED_MS)
		keeper->broker_tries = 0;
	keeper->broker_at = handover_now();
	if (!was_killed)
		keeper->broker_at += kept_pause(++keeper->broker_tries);
}

static void reap(struct keeper *keeper)
{
	pid_t child;
	int status;

	while ((child = waitpid(-1, &status, WNOHANG)) > 0) {
		if (child == keeper->broker)
			broker_ended(keeper, is_from_outside(status));
		/* The next session has another: should each die of the start itself, no more than one a session does.
		 */
		if (child == keeper->spare.worker)
			spare_forget(&keeper->spare);
		for (struct kept *kept = keeper->sessions, *next; kept; kept = next) {
			next = kept->next;
			if (kept->worker == child)
				worker_ended(keeper, kept, status);
		}
	}
}

/* Where it cannot be had a session starts its worker itself, or hears why not. */
static void start_spare(struct keeper *keeper)
{
	if (keeper->spare_is_due && !keeper->spare.worker)
		(void)spare_start(&keeper->spare, keeper->options->is_private);
	keeper->spare_is_due = false;
}

/* Starts what is due. A session whose worker will not live is given up: its calls answer ENOSYS. */
static void start_due(struct keeper *keeper)
{
	int64_t now = handover_now();

	for (struct kept *kept = keeper->sessions, *next; kept; kept = next) {
		next = kept->next;
		if (kept->worker || keeper->ending || kept->start_at > now)
			continue;
		if (kept_is_hopeless(kept))
			drop(keeper, kept);
		else if (!start_worker(keeper, kept))
			kept_try_later(kept);
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
	struct keeper_ordered reopen = {.order = KEEPER_REOPEN};
	enum sink_kind kind;
	struct error err;

	if (keeper->broker_has_events && keeper->broker_channel >= 0)
		give_events(keeper);
	for (struct kept *kept = keeper->sessions; kept; kept = kept->next) {
		int events = kept->control < 0 ? -1 : sink_open(keeper->options->events, &kind, &err);

		if (kept->control < 0)
			continue;
		if (events < 0) {
			error_print(STDERR_FILENO, "agentsh-sidecar", &err);
			continue;
		}
		reopen.kind = kind;
		(void)message_send(kept->control, &reopen, sizeof(reopen), &events, 1);
		close(events);
	}
}

/* systemd's SIGTERM says no more than that we are to go; that sessions are to end the unit has us know by SIGINT. */
static void begin_end(struct keeper *keeper, uint32_t signal)
{
	if (keeper->ending == ENDING_NOT)
		keeper->ending = signal == SIGTERM && keeper->has_store ? ENDING_US : ENDING_ALL;
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
			begin_end(keeper, info.ssi_signo);
	}
}

static sigset_t watched_signals(void)
{
	sigset_t watched;

	(void)sigemptyset(&watched);
	(void)sigaddset(&watched, SIGCHLD);
	(void)sigaddset(&watched, SIGHUP);
	(void)sigaddset(&watched, SIGTERM);
	(void)sigaddset(&watched, SIGINT);
	return watched;
}

bool keeper_hold_signals(void)
{
	sigset_t watched = watched_signals();

	return sigprocmask(SIG_BLOCK, &watched, NULL) == 0;
}

static int watch_signals(void)
{
	sigset_t watched = watched_signals();

	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	(void)signal(SIGCHLD, SIG_DFL); /* a starter's that is ignored would have children vanish */
	if (!keeper_hold_signals())
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

/* The end of its channel is said after that: it may have been full. */
static void tell_end(const struct keeper *keeper, struct kept *kept)
{
	const struct keeper_ordered end = {.order = KEEPER_END};

	if (keeper->ending == ENDING_ALL && kept->control >= 0)
		(void)message_send(kept->control, &end, sizeof(end), NULL, 0);
	close_it(&kept->control);
}

/* No worker of it runs any more. */
static void part_from(struct keeper *keeper, struct kept *kept)
{
	if (keeper->ending == ENDING_US)
		forget(keeper, kept);
	else
		drop(keeper, kept);
}

/* Workers write session_end, or leave, as the channel says. */
static void end_all(struct keeper *keeper)
{
	int64_t until = handover_now() + END_PATIENCE_MS;
	struct pollfd ready = {.fd = keeper->signals, .events = POLLIN};

	if (keeper->broker)
		(void)kill(keeper->broker, SIGKILL);
	kill_child(keeper->spare.worker);
	spare_forget(&keeper->spare);
	for (struct kept *kept = keeper->sessions; kept; kept = kept->next)
		tell_end(keeper, kept);
	while (keeper->sessions && handover_now() < until) {
		int left = (int)(until - handover_now());

		(void)poll(&ready, 1, left > 0 ? left : 0);
		hear_signal(keeper);
		for (struct kept *kept = keeper->sessions, *next; kept; kept = next) {
			next = kept->next;
			if (!kept->worker)
				part_from(keeper, kept);
		}
	}
	for (struct kept *kept = keeper->sessions, *next; kept; kept = next) {
		next = kept->next;
		kill_child(kept->worker);
		part_from(keeper, kept);
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
					 {.fd = keeper->workers, .events = POLLIN},
					 {.fd = keeper->audit.control, .events = POLLIN}};

		if (poll(ready, 4, until_due(keeper)) > 0) {
			/* The broker first: a message that it left behind it is as good as before. */
			if (ready[1].revents)
				hear_broker(keeper);
			if (ready[2].revents)
				hear_worker(keeper);
			if (ready[3].revents)
				hear_lost(keeper);
			if (ready[0].revents)
				hear_signal(keeper);
		}
		start_due(keeper);
		start_spare(keeper);
	}
}

static void take_up(struct keeper *keeper)
{
	keeper->sessions = restore_sessions(keeper->options->given, keeper->options->socket, &keeper->stored);
	keeper->has_store = store_is_there();
}

static bool begin_watch(struct keeper *keeper)
{
	keeper->signals = watch_signals();
	keeper->workers = epoll_create1(EPOLL_CLOEXEC);
	return keeper->signals >= 0 && keeper->workers >= 0;
}

static bool begin_system(struct keeper *keeper)
{
	audit_begin(&keeper->audit);
	take_up(keeper);
	return begin_watch(keeper) && start_broker(keeper) == 0;
}

/*
 * A private one's starter is anybody: the signals that it ignores are none of ours. Not SIGCHLD, which has been seen to
 * before: to set it anew would take back that the broker has ended.
 */
static void reset_signals(void)
{
	for (int signo = 1; signo <= SIGNALS_LAST; signo++)
		if (signo != SIGPIPE && signo != SIGXFSZ && signo != SIGCHLD)
			signals_default(signo);
}

/* Its loader waits for the broker, which confines itself: meanwhile the keeper does. */
static bool begin_private(struct keeper *keeper)
{
	struct error err;

	if (!begin_watch(keeper) || start_broker(keeper) != 0)
		return false;
	close(keeper->options->socket);
	reset_signals();
	if (confinement_enter(CONFINED_PRIVATE_KEEPER, &err) == 0)
		return true;
	error_print(STDERR_FILENO, "agentsh-sidecar", &err);
	return false;
}

int keeper_run(const struct keeper_options *options)
{
	struct keeper keeper = {.options = options,
				.broker_channel = -1,
				.audit = {.stream = -1, .memory = -1, .control = -1},
				.spare = {.control = -1},
				.spare_is_due = true};

	if (options->is_private ? !begin_private(&keeper) : !begin_system(&keeper)) {
		warn("start");
		return EXIT_FAILURE;
	}
	start_spare(&keeper);
	(void)notify_send("READY=1", -1);
	serve(&keeper);
	if (keeper.is_over)
		say(&keeper, LIFELINE_OVER);
	end_all(&keeper);
	if (options->unlink_path)
		(void)unlink(options->unlink_path);
	if (options->runtimes_path)
		(void)unlink(options->runtimes_path);
	close_it(&keeper.broker_channel);
	close_it(&keeper.workers);
	close_it(&keeper.signals);
	audit_end(&keeper.audit);
	return EXIT_SUCCESS;
}
