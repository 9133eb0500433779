#include "keeper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "audit.h"
#include "broker_child.h"
#include "confinement.h"
#include "conversation.h"
#include "handover.h"
#include "lifeline.h"
#include "message.h"
#include "notify.h"
#include "only_loader.h"
#include "restore.h"
#include "role.h"
#include "role_filter.h"
#include "sessions.h"
#include "signals.h"
#include "store.h"

#define END_PATIENCE_MS 3000 /* for workers to write session_end, or what they have left */

enum ending {
	ENDING_NOT,
	ENDING_ALL, /* the sessions end with us */
	ENDING_US   /* alone: they are in the store, for the next keeper */
};

struct keeper {
	const struct keeper_options *options;
	struct sessions sessions;
	struct broker_child broker;
	int signals;
	enum ending ending;
	bool is_over; /* a private one's session has come to its own end */
	struct audit audit;
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

/* --- The broker --- */

static int start_broker(struct keeper *keeper)
{
	int descriptors[] = {-1, keeper->options->socket, keeper->options->runtimes, keeper->audit.stream,
			     keeper->audit.memory};

	return broker_child_start(&keeper->broker, descriptors, keeper->sessions.first);
}

static void hear_lost(struct keeper *keeper)
{
	uint32_t lost;

	if (audit_hear_lost(&keeper->audit, &lost))
		broker_child_tell(&keeper->broker, KEEPER_LOST, lost, 0);
}

/* What it asks for, but to keep a session. */
static void hear_request(struct keeper *keeper, const struct keeper_message *message)
{
	switch (message->operation) {
	case KEEPER_KILLED:
		sessions_look(&keeper->sessions, message->ticket);
		break;
	case KEEPER_EVENTS:
		broker_child_give_events(&keeper->broker, keeper->options->events);
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

/* A session whose loader waits: the last of what has come along. */
struct beginner {
	struct keeper *keeper;
	const struct keeper_message *message;
	struct message_descriptors *came;
};

static void tell_begun(void *context)
{
	const struct beginner *beginner = context;
	int loader = beginner->message->answers ? message_take(beginner->came) : -1;

	say(beginner->keeper, LIFELINE_BEGUN);
	if (loader >= 0)
		accept_loader(loader);
	close_it(&loader);
}

/* 0, or an errno. */
static int keep(struct keeper *keeper, const struct keeper_message *message, struct message_descriptors *came)
{
	struct beginner beginner = {.keeper = keeper, .message = message, .came = came};
	const struct kept_herald herald = {.tell = tell_begun, .context = &beginner};

	return sessions_keep(&keeper->sessions, message, came, &herald);
}

static void hear_keep(struct keeper *keeper, const struct keeper_message *message, struct message_descriptors *came)
{
	int error = keep(keeper, message, came);

	broker_child_tell(&keeper->broker, error ? KEEPER_REFUSED : KEEPER_KEPT, message->ticket, error);
}

static void hear_broker(struct keeper *keeper)
{
	struct keeper_message message = {.operation = 0};
	struct message_descriptors came;
	ssize_t length = message_receive(keeper->broker.channel, &message, sizeof(message), &came);

	if (length <= 0) {
		if (length == 0 || errno == ECONNRESET)
			broker_child_hang_up(&keeper->broker);
		else if (errno == EMSGSIZE && message.operation == KEEPER_KEEP) /* no descriptors for what came along */
			broker_child_tell(&keeper->broker, KEEPER_REFUSED, message.ticket, EMFILE);
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

/* What it has given before is as good as ever. */
static void broker_ended(struct keeper *keeper, bool was_killed)
{
	while (broker_child_has_said(&keeper->broker))
		hear_broker(keeper);
	broker_child_ended(&keeper->broker, was_killed);
}

static void reap(struct keeper *keeper)
{
	pid_t child;
	int status;

	while ((child = waitpid(-1, &status, WNOHANG)) > 0) {
		if (child == keeper->broker.pid)
			broker_ended(keeper, is_from_outside(status));
		if (sessions_child_ended(&keeper->sessions, child, status, is_from_outside(status)))
			keeper->is_over = !keeper->ending;
	}
}

static bool awaits_broker(const struct keeper *keeper)
{
	return !keeper->broker.pid && !keeper->options->is_private;
}

static void start_due(struct keeper *keeper)
{
	int64_t now = handover_now();

	if (keeper->ending)
		return;
	sessions_start_due(&keeper->sessions, now);
	if (awaits_broker(keeper) && keeper->broker.due_at <= now && start_broker(keeper) != 0)
		broker_ended(keeper, false);
}

/* ms until something is due; -1: nothing is. */
static int until_due(const struct keeper *keeper)
{
	int64_t now = handover_now();
	int64_t due = sessions_due(&keeper->sessions);

	if (awaits_broker(keeper) && (due < 0 || keeper->broker.due_at < due))
		due = keeper->broker.due_at;
	if (due < 0)
		return -1;
	return due > now ? (int)(due - now) : 0;
}

/* --- Signals --- */

static void reopen_events(struct keeper *keeper)
{
	if (keeper->broker.has_events && keeper->broker.channel >= 0)
		broker_child_give_events(&keeper->broker, keeper->options->events);
	sessions_reopen_events(&keeper->sessions);
}

/* systemd's SIGTERM says no more than that we are to go; that sessions are to end the unit has us know by SIGINT. */
static void begin_end(struct keeper *keeper, uint32_t signal)
{
	if (keeper->ending == ENDING_NOT)
		keeper->ending = signal == SIGTERM && keeper->sessions.has_store ? ENDING_US : ENDING_ALL;
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

/* Workers write session_end, or leave, as the channel says. */
static void end_all(struct keeper *keeper)
{
	int64_t until = handover_now() + END_PATIENCE_MS;
	struct pollfd ready = {.fd = keeper->signals, .events = POLLIN};
	bool they_stay = keeper->ending == ENDING_US;

	if (keeper->broker.pid)
		(void)kill(keeper->broker.pid, SIGKILL);
	sessions_tell_end(&keeper->sessions, they_stay);
	while (keeper->sessions.first && handover_now() < until) {
		int left = (int)(until - handover_now());

		(void)poll(&ready, 1, left > 0 ? left : 0);
		hear_signal(keeper);
		sessions_part(&keeper->sessions, they_stay);
	}
	sessions_end(&keeper->sessions, they_stay);
	sessions_kill_child(keeper->broker.pid);
	broker_child_hang_up(&keeper->broker);
}

static bool is_done(const struct keeper *keeper)
{
	if (keeper->ending)
		return true;
	return keeper->options->is_private && !keeper->sessions.first;
}

static void serve(struct keeper *keeper)
{
	while (!is_done(keeper)) {
		struct pollfd ready[] = {{.fd = keeper->signals, .events = POLLIN},
					 {.fd = keeper->broker.channel, .events = POLLIN},
					 {.fd = keeper->sessions.workers, .events = POLLIN},
					 {.fd = keeper->audit.control, .events = POLLIN}};

		if (poll(ready, 4, until_due(keeper)) > 0) {
			/* The broker first: a message that it left behind it is as good as before. */
			if (ready[1].revents)
				hear_broker(keeper);
			if (ready[2].revents)
				sessions_hear(&keeper->sessions);
			if (ready[3].revents)
				hear_lost(keeper);
			if (ready[0].revents)
				hear_signal(keeper);
		}
		start_due(keeper);
		sessions_start_spare(&keeper->sessions);
	}
}

static void take_up(struct keeper *keeper)
{
	keeper->sessions.first =
	    restore_sessions(keeper->options->given, keeper->options->socket, &keeper->sessions.stored);
	keeper->sessions.has_store = store_is_there();
}

static bool begin_watch(struct keeper *keeper)
{
	keeper->signals = watch_signals();
	keeper->sessions.workers = epoll_create1(EPOLL_CLOEXEC);
	return keeper->signals >= 0 && keeper->sessions.workers >= 0;
}

static bool begin_system(struct keeper *keeper)
{
	audit_begin(&keeper->audit);
	take_up(keeper);
	keeper->sessions.spares.filter = role_filter_prepare(CONFINED_WORKER);
	if (!begin_watch(keeper) || start_broker(keeper) != 0)
		return false;
	sessions_start_spare(&keeper->sessions);
	return true;
}

/* A private one's starter is anybody: the signals that it ignores are none of ours. SIGCHLD has been seen to. */
static void reset_signals(void)
{
	for (int signo = 1; signo <= SIGNALS_LAST; signo++)
		if (signo != SIGPIPE && signo != SIGXFSZ && signo != SIGCHLD)
			signals_default(signo);
}

static void start_spare(void *context)
{
	struct keeper *keeper = context;

	sessions_start_spare(&keeper->sessions);
}

/* Where it cannot be kept there is none, and the loader has heard why. */
static void begin_only_session(struct keeper *keeper)
{
	const struct only_loader_pause pause = {.use = start_spare, .context = keeper};
	struct keeper_message message;
	struct message_descriptors came;
	int loader;

	if (only_loader_hear(keeper->options->socket, &pause, &message, &came) != 0)
		return;
	if (keep(keeper, &message, &came) != 0) {
		loader = message_take(&came);
		conversation_say_refused(loader, KEEPER_CANNOT);
		close_it(&loader);
	}
	message_close(&came);
}

/* Confined before its loader is heard. */
static bool begin_private(struct keeper *keeper)
{
	struct error err;

	if (!begin_watch(keeper))
		return false;
	reset_signals();
	if (confinement_enter(CONFINED_KEEPER, -1, &err) != 0) {
		error_print(STDERR_FILENO, "agentsh-sidecar", &err);
		conversation_say_refused(keeper->options->socket, err.text);
		return false;
	}
	begin_only_session(keeper);
	return true;
}

int keeper_run(const struct keeper_options *options)
{
	struct keeper keeper = {.options = options,
				.broker = {.channel = -1},
				.sessions = {.workers = -1,
					     .spares = {.filter = -1},
					     .spare_is_due = true,
					     .is_private = options->is_private,
					     .events = options->events},
				.audit = {.stream = -1, .memory = -1, .control = -1}};

	keeper.sessions.broker = &keeper.broker;

	if (options->is_private ? !begin_private(&keeper) : !begin_system(&keeper)) {
		warn("start");
		return EXIT_FAILURE;
	}
	(void)notify_send("READY=1", -1);
	serve(&keeper);
	if (keeper.is_over)
		say(&keeper, LIFELINE_OVER);
	end_all(&keeper);
	if (options->unlink_path)
		(void)unlink(options->unlink_path);
	if (options->runtimes_path)
		(void)unlink(options->runtimes_path);
	close_it(&keeper.signals);
	close_it(&keeper.sessions.spares.filter);
	audit_end(&keeper.audit);
	return EXIT_SUCCESS;
}
