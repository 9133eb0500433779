#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attestation.h"
#include "confinement.h"
#include "handover.h"
#include "keeper.h"
#include "message.h"
#include "pidfd_getfd.h"
#include "recovery.h"
#include "role.h"
#include "spare.h"
#include "syscall_table.h"

#define PENDING_MS        200 /* between tries to write what could not be */
#define FIRST_PATIENCE_MS 20  /* with a process that is ending */
#define KILLS_PATIENCE_MS 100 /* for a record that is still on its way: the session may have ended by that kill */

#define WORKER_FREE (-1) /* in place of an exit status: there may be another session */

enum then { THEN_GO_ON, THEN_END, THEN_LEAVE };

/* What the main thread waits for. */
enum { WAKE, KEEPER, TARGET, LISTENER };

/* The session, as it comes from the keeper. */
struct given {
	struct spare_session session;
	int descriptors[WORKER_DESCRIPTORS]; /* -1: there is none */
};

static int give_up(const struct error *err)
{
	error_print(STDERR_FILENO, "agentsh-sidecar", err);
	return EXIT_FAILURE;
}

static int parse_policy(struct worker *worker, struct error *err)
{
	const struct rules_setting setting = {.sidecar = true, .makes_sockets = worker->makes_sockets};
	const char *text = area_text(worker->area, TEXT_POLICY);
	const char *file = area_text(worker->area, TEXT_POLICY_FILE);
	struct diagnostics diagnostics;

	diagnostics_init(&diagnostics);
	(void)snprintf(worker->policy_name, sizeof(worker->policy_name), "%s", file);
	if (policy_parse(text, worker->area->session.lengths[TEXT_POLICY], &worker->policy, &diagnostics) != 0)
		return error_set(err, "session: its policy cannot be parsed");
	return rules_build_for(&worker->policy, &setting, syscall_native_arch(), &worker->rules, err);
}

static int open_sinks(struct worker *worker, const struct given *given, struct error *err)
{
	uint32_t flags = worker->area->session.flags;

	worker->copies = flags & AREA_COPY;
	/* Over before this worker began, where the first process has ended: nothing is there then. */
	worker->notice = (struct notice){.descriptor = flags & AREA_NOTICES ? given->descriptors[WORKER_NOTICES] : -1,
					 .each = flags & AREA_NOTICES_EACH,
					 .trail = &worker->sink,
					 .copy = worker->copies ? &worker->copy : NULL};
	if (pthread_mutex_init(&worker->writing, NULL) == 0 &&
	    sink_init(&worker->sink, given->descriptors[WORKER_EVENTS], (enum sink_kind)given->session.kind,
		      &worker->area->pending) == 0 &&
	    (!worker->copies || sink_init(&worker->copy, given->descriptors[WORKER_COPY], SINK_STREAM, NULL) == 0))
		return 0;
	return error_set(err, "session: out of memory");
}

/* What the reserved call gives: the session's ID and policy, in memory that nobody can change. */
static int make_attestation(const struct area *area, struct error *err)
{
	const struct attestation_head head = {.magic = ATTESTATION_MAGIC,
					      .version = ATTESTATION_VERSION,
					      .policy_length = area->session.lengths[TEXT_POLICY],
					      .path_length = area->session.lengths[TEXT_POLICY_FILE]};
	struct attestation_head named = head;
	int memfd = memfd_create("agentsh-session", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	char path[64];
	int reader = -1;

	memcpy(named.session, area->session.id, sizeof(named.session));
	if (memfd >= 0 && write(memfd, &named, sizeof(named)) == (ssize_t)sizeof(named) &&
	    write(memfd, area_text(area, TEXT_POLICY), named.policy_length) == (ssize_t)named.policy_length &&
	    write(memfd, area_text(area, TEXT_POLICY_FILE), named.path_length) == (ssize_t)named.path_length &&
	    fcntl(memfd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0) {
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", memfd);
		reader = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (memfd >= 0)
		close(memfd);
	if (reader < 0)
		return error_set(err, "session: no memory for the reserved call: %s", strerror(errno));
	return reader;
}

static bool name_namespace(const char *link, char name[NAMESPACE_NAME])
{
	ssize_t length = readlink(link, name, NAMESPACE_NAME - 1);

	return length > 0 && length < (ssize_t)NAMESPACE_NAME - 1;
}

/* Asked before the worker is confined, and its limit halved. */
static size_t threads_known(void)
{
	struct rlimit limit;
	size_t known = KNOWN_THREADS_FEW;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		known = limit.rlim_cur / DESCRIPTORS_A_THREAD;
	return known < KNOWN_THREADS_FEW ? KNOWN_THREADS_FEW : known > KNOWN_THREADS ? KNOWN_THREADS : known;
}

static int open_origin(struct worker *worker, const struct given *given, struct error *err)
{
	if (worker->area->session.flags & AREA_COMMONS)
		worker->commons = commons_map(given->descriptors[WORKER_COMMONS]);
	if (view_origin_open(given->descriptors[WORKER_ROOT], &worker->origin) == 0 &&
	    bindings_init(&worker->bindings, &worker->area->bindings) == 0 &&
	    name_namespace("/proc/self/ns/user", worker->user_namespace))
		return 0;
	return error_set(err, "session: its root cannot be had: %s", strerror(errno));
}

/* As the loader has found it, which has loaded its filter for that. */
static int prepare_sockets(struct worker *worker, struct error *err)
{
	const char *degraded = area_text(worker->area, TEXT_DEGRADED);

	worker->makes_sockets = pidfd_getfd_is_named(degraded, worker->area->session.lengths[TEXT_DEGRADED]);
	if (!worker->makes_sockets)
		return 0;
	if (!name_namespace("/proc/self/ns/net", worker->network_namespace))
		return error_set(err, "session: its network cannot be had: %s", strerror(errno));
	return made_look_start(&worker->look, &worker->made, err);
}

/* What it takes to tell of the session. worker: all zero. */
static int set_up(struct worker *worker, const struct given *given, struct error *err)
{
	const int *have = given->descriptors;

	worker->rules.arch = syscall_native_arch();
	worker->listener = have[WORKER_LISTENER];
	worker->target = have[WORKER_TARGET];
	worker->reader = have[WORKER_READER];
	worker->is_stored = given->session.is_stored != 0;
	worker->area = area_map(have[WORKER_AREA], err);
	if (!worker->area)
		return -1;
	/* It stays open: that is what the lock is held by. */
	if (area_lock(have[WORKER_AREA], err) != 0)
		return -1;
	confinement_follow(have[WORKER_USER]);
	if (confinement_limit(worker->area->session.capabilities, err) != 0)
		return -1;
	return open_sinks(worker, given, err) != 0 ? -1 : listener_begin(worker->listener, err);
}

static int tell_keeper(const struct worker *worker, enum keeper_word word)
{
	const struct keeper_told told = {.word = word};

	return message_send(worker->keeper, &told, sizeof(told), NULL, 0);
}

/*
 * What it takes to answer: had from the first call on that there is to answer. A short command mostly makes none, and
 * all this would be a third of what its session costs.
 */
static int prepare(struct worker *worker, const struct given *given, struct error *err)
{
	/* First: whatever becomes of this worker by what it reads from here on, it is given no other session. */
	if (tell_keeper(worker, KEEPER_SERVES) != 0 && errno != EPIPE && errno != ECONNRESET)
		return error_set(err, "session: the keeper hears nothing: %s", strerror(errno));
	if (open_origin(worker, given, err) != 0 || prepare_sockets(worker, err) != 0 || parse_policy(worker, err) != 0)
		return -1;
	worker->attestation = make_attestation(worker->area, err);
	return worker->attestation < 0 ? -1 : pool_start(&worker->pool, worker, err);
}

static void reopen_events(struct worker *worker, int descriptor, enum sink_kind kind)
{
	if (descriptor < 0)
		return;
	worker_lock(worker);
	sink_replace(&worker->sink, descriptor, kind);
	worker_unlock(worker);
}

/* What to do now that the keeper has been heard, or has ended. */
static enum then hear_keeper(struct worker *worker)
{
	struct keeper_ordered ordered;
	struct message_descriptors descriptors;
	ssize_t length = message_receive(worker->keeper, &ordered, sizeof(ordered), &descriptors);

	if (length == 0 || (length < 0 && errno == ECONNRESET))
		return worker->is_stored ? THEN_LEAVE : THEN_END;
	if (length != (ssize_t)sizeof(ordered))
		return THEN_GO_ON;
	if (ordered.order == KEEPER_REOPEN)
		reopen_events(worker, message_take(&descriptors), (enum sink_kind)ordered.kind);
	else if (ordered.order == KEEPER_LOOK)
		worker_kills(worker);
	message_close(&descriptors);
	return ordered.order == KEEPER_END ? THEN_END : THEN_GO_ON;
}

/* The first process has ended: nobody waits for a notice of later ones. */
static void first_ended(struct worker *worker, struct pollfd *target)
{
	pool_settle(&worker->pool); /* whoever has just killed it counts that first, and tells */
	notice_end(&worker->notice, worker->area, worker->rules.arch);
	(void)tell_keeper(worker, KEEPER_NOTICES_OVER);
	worker_learn_exit(worker);
	target->fd = -1;
}

/*
 * The filter's last user lets go of it a moment before it is seen to have ended, as the session's only process mostly
 * does: what waits for the notices' end is not to wait for all that the session's end waits for.
 */
static void await_first(struct worker *worker, struct pollfd *target)
{
	if (target->fd >= 0 && poll(target, 1, FIRST_PATIENCE_MS) > 0)
		first_ended(worker, target);
}

static int shorter(int a, int b)
{
	if (a < 0 || b < 0)
		return a < 0 ? b : a;
	return a < b ? a : b;
}

/* Lines and counts that wait for their time. Returns ms until they are to be looked at again; -1: there are none. */
static int see_to_events(struct worker *worker)
{
	bool pending;

	worker_fold_flush(worker, false);
	worker_lock(worker);
	if (sink_pending(&worker->sink) > 0)
		(void)sink_flush(&worker->sink);
	if (sink_pending(&worker->copy) > 0)
		(void)sink_flush(&worker->copy);
	pending = sink_pending(&worker->sink) > 0 || sink_pending(&worker->copy) > 0 ||
		  (worker_has_served(worker) && fold_is_open(&worker->area->fold));
	worker_unlock(worker);
	return pending ? PENDING_MS : -1;
}

/* Another worker may be waiting for us to be gone: it finds everything as it would after our death. */
static int leave(struct worker *worker)
{
	pool_stop(&worker->pool);
	worker_fold_flush(worker, true);
	worker_lock(worker); /* for good */
	(void)sink_flush(&worker->sink);
	(void)sink_flush(&worker->copy);
	return WORKER_LEFT;
}

/* The keeper says where there is one: a look now and then would cost a short session more than all else at its end. */
static void await_kills(struct worker *worker)
{
	struct pollfd keeper = {.fd = worker->keeper, .events = POLLIN};
	const int64_t until = handover_now() + KILLS_PATIENCE_MS;
	int64_t left;

	if (!(worker->area->session.flags & AREA_WITNESSED))
		return;
	while ((left = until - handover_now()) > 0)
		if (poll(&keeper, 1, (int)left) > 0 && hear_keeper(worker) != THEN_GO_ON)
			keeper.fd = -1; /* it has gone: whatever is there is there */
}

/*
 * A session of which there was nothing to tell but its beginning and its end has left nothing in this worker that it
 * has read of anybody, and no thread. One that has followed a container into its namespace does not come back.
 */
static bool is_free(const struct worker *worker, const struct given *given)
{
	const struct area *area = worker->area;

	return !(area->session.flags & AREA_PRIVATE) && !worker->pool.worker && !worker_has_served(worker) &&
	       given->descriptors[WORKER_USER] < 0 && area_next_seq(area) == AREA_FIRST_SEQ + 2 &&
	       sink_pending(&worker->sink) == 0;
}

/* Of all that was the session's, as the end of this process would. */
static void let_go(struct worker *worker, struct given *given)
{
	int *have = given->descriptors;

	sink_close(&worker->sink);
	have[WORKER_EVENTS] = -1;
	if (worker->copies) {
		sink_close(&worker->copy);
		have[WORKER_COPY] = -1;
	}
	if (worker->area->session.flags & AREA_NOTICES)
		have[WORKER_NOTICES] = -1; /* notice_end() */
	(void)pthread_mutex_unlock(&worker->writing);
	(void)pthread_mutex_destroy(&worker->writing);
	area_unmap(worker->area);
	worker->area = NULL;
	pool_anew(&worker->pool);
	for (size_t i = 0; i < WORKER_DESCRIPTORS; i++)
		if (have[i] >= 0)
			close(have[i]);
}

/* The listener: a call, before there is a server; later its end alone, as the servers may all be kept. */
static int hear_listener(struct worker *worker, const struct given *given, struct pollfd *ready)
{
	struct error err;

	if (ready[LISTENER].revents & ~POLLIN) {
		pool_end(&worker->pool);
	} else if (ready[LISTENER].revents) {
		if (prepare(worker, given, &err) != 0)
			return give_up(&err);
		ready[LISTENER].events = 0;
		ready[WAKE].fd = worker->pool.wake;
	}
	return EXIT_SUCCESS;
}

/* The servers do the work; this thread looks after them, and hears everybody else. */
static int serve(struct worker *worker, const struct given *given)
{
	struct pollfd ready[] = {[WAKE] = {.fd = -1, .events = POLLIN},
				 [KEEPER] = {.fd = worker->keeper, .events = POLLIN},
				 [TARGET] = {.fd = worker->target, .events = POLLIN},
				 [LISTENER] = {.fd = worker->listener, .events = POLLIN}};

	/* A worker before this one has served calls: the last of them may be under way. */
	if (worker_has_served(worker))
		ready[LISTENER].revents = POLLIN;
	for (;;) {
		int over;
		int wait;
		int count;
		enum then then = THEN_GO_ON;

		if (hear_listener(worker, given, ready) != EXIT_SUCCESS)
			return EXIT_FAILURE;
		wait = shorter(pool_watch(&worker->pool), see_to_events(worker));
		over = atomic_load(&worker->pool.end);
		if (over < 0)
			return EXIT_FAILURE;
		if (over > 0) {
			await_first(worker, &ready[TARGET]);
			await_kills(worker);
			worker_end(worker, "all_exited");
			return is_free(worker, given) ? WORKER_FREE : EXIT_SUCCESS;
		}
		count = poll(ready, sizeof(ready) / sizeof(ready[0]), wait);
		/* A session may have lowered the limits of a worker of its own user: another has the keeper's. */
		if (count < 0 && errno != EINTR)
			return EXIT_FAILURE;
		if (count <= 0) {
			ready[LISTENER].revents = 0;
			continue;
		}
		if (ready[TARGET].revents)
			first_ended(worker, &ready[TARGET]);
		if (ready[KEEPER].revents)
			then = hear_keeper(worker);
		if (then == THEN_END) {
			worker_end(worker, "sidecar_terminated");
			return EXIT_SUCCESS;
		}
		if (then == THEN_LEAVE)
			return leave(worker);
	}
}

/*
 * 1: it is there; 0: there will be none, as the keeper has ended or has no more use for us; -1: it could not be
 * received, and is another worker's. What else there is was said to the worker of the session before.
 */
static int wait_for_session(struct given *given)
{
	struct message_descriptors came;
	ssize_t length;

	_Static_assert(sizeof(struct keeper_ordered) != sizeof(given->session),
		       "one is told from the other by its size");
	while ((length = message_receive(WORKER_KEEPER, &given->session, sizeof(given->session), &came)) > 0 &&
	       length != (ssize_t)sizeof(given->session))
		message_close(&came);
	if (length <= 0)
		return (int)length;
	for (size_t i = 0; i < WORKER_DESCRIPTORS; i++)
		given->descriptors[i] = given->session.has & (1U << i) ? message_take(&came) : -1;
	message_close(&came);
	return 1;
}

/* What ps(1) shows: the role that it has now. */
static void become(char *shown, const char *role)
{
	_Static_assert(sizeof(ROLE_WORKER) == sizeof(ROLE_WAITER), "one stands in the other's place");
	memcpy(shown, role, sizeof(ROLE_WORKER));
}

static int serve_session(struct worker *worker, const struct given *given)
{
	struct event_recovered recovered;
	struct error err;

	if (set_up(worker, given, &err) != 0)
		return give_up(&err);
	if (!recovery_begin(worker, &recovered))
		return EXIT_SUCCESS;
	worker_begin(worker, &recovered);
	worker_kills(worker);
	return serve(worker, given);
}

int worker_main(int argc, char **argv)
{
	static struct worker worker; /* too large for a stack, and to be written to all over */
	struct given given;
	struct error err;
	int status = EXIT_FAILURE; /* of one that never had a session */
	int has;

	worker.threads_known = threads_known();
	worker.keeper = WORKER_KEEPER;
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	if (argc != 2)
		return EXIT_FAILURE;
	if (confinement_enter(CONFINED_WORKER, WORKER_FILTER, &err) != 0)
		return give_up(&err);
	close(WORKER_FILTER);
	(void)fcntl(WORKER_KEEPER, F_SETFD, FD_CLOEXEC);
	while ((has = wait_for_session(&given)) > 0) {
		become(argv[1], ROLE_WORKER);
		status = serve_session(&worker, &given);
		if (status != WORKER_FREE)
			return status;
		let_go(&worker, &given);
		become(argv[1], ROLE_WAITER);
		status = EXIT_SUCCESS; /* that session's */
		if (tell_keeper(&worker, KEEPER_FREE) != 0)
			break;
	}
	return has < 0 ? EXIT_FAILURE : status;
}
