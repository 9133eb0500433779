#include "pool.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "listener.h"
#include "sending.h"
#include "syscall_table.h"
#include "worker.h"

#define STACK_SIZE     ((size_t)512 * 1024)
#define INTERRUPT      SIGUSR1
#define QUIET_TICKS    20U   /* without a call, before the watch waits to be woken */
#define LOOK_AFTER     20000 /* us that a call takes before it is looked at whether anybody waits for it */
#define HOLD_MOST      ((int64_t)POOL_HOLD_MS * 1000) /* us */
#define SETTLE_MS      500U
#define SETTLE_LOOK_MS 5U
#define STATUS_SIZE    4096
#define STUCK_AFTER    10000000 /* us of processor time for one call: it would never come to an end */

static int64_t now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static bool reads(const struct pool *pool, unsigned index)
{
	return atomic_load(&pool->readers) >> index & 1U;
}

static void wait_to_read(const struct server *server)
{
	struct pool *pool = server->pool;
	uint32_t changes;

	while (!atomic_load(&pool->end)) {
		changes = atomic_load(&pool->changes);
		if (reads(pool, server->index))
			return;
		(void)syscall(SYS_futex, &pool->changes, FUTEX_WAIT_PRIVATE, changes, NULL, NULL, 0);
	}
}

static void set_readers(struct pool *pool, uint64_t readers)
{
	atomic_store(&pool->readers, readers);
	atomic_fetch_add(&pool->changes, 1);
	(void)syscall(SYS_futex, &pool->changes, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

static void wake_watch(struct pool *pool)
{
	const uint64_t one = 1;

	if (atomic_exchange(&pool->asleep, false) && write(pool->wake, &one, sizeof(one)) < 0)
		return; /* it is readable already */
}

/* Says that the session has come to its end. */
static void finish(struct pool *pool, int how)
{
	const uint64_t one = 1;

	atomic_store(&pool->end, how);
	if (pool->worker && write(pool->wake, &one, sizeof(one)) < 0)
		return;
}

void pool_end(struct pool *pool)
{
	if (atomic_load(&pool->end) == 0)
		finish(pool, 1);
}

void pool_anew(struct pool *pool)
{
	atomic_store(&pool->end, 0);
}

static void handle(struct server *server)
{
	int64_t now = now_us();

	turn_count(&server->turn, (uint64_t)now);
	atomic_store(&server->interruption, INTERRUPTED_NOT);
	atomic_store(&server->busy_since, now);
	atomic_fetch_add(&server->pool->calls, 1);
	if (atomic_load(&server->pool->asleep))
		wake_watch(server->pool);
	worker_handle(server->pool->worker, server, server->slot);
	atomic_store(&server->busy_since, 0);
}

/* After the last target RECV answers ENOENT for ever. */
static bool has_hung_up(int listener)
{
	struct pollfd ready = {.fd = listener};

	return poll(&ready, 1, 0) > 0 && (ready.revents & (POLLHUP | POLLERR | POLLNVAL));
}

/*
 * One notification, if there is one. False: there will be none any more. Before Linux 6.11 RECV waits for ever
 * where the last target ends meanwhile: the main thread sees that, and ends the worker.
 */
static bool serve_one(struct server *server)
{
	struct pool *pool = server->pool;
	int received;

	if (atomic_load(&pool->stopped))
		return false;
	received = listener_receive(pool->worker->listener, &server->slot->notif);
	if (received > 0)
		handle(server);
	else if (received < 0)
		finish(pool, -1);
	else if (has_hung_up(pool->worker->listener))
		finish(pool, 1);
	return !atomic_load(&pool->end);
}

static void *run(void *argument)
{
	struct server *server = argument;
	int directory;

	server->has_place = !server->pool->shares_files;
	if (server->has_place && (unshare(CLONE_FS) != 0 || !view_settle(&server->pool->worker->origin)))
		_exit(EXIT_FAILURE); /* it was tried by the first */
	directory = open("/proc/thread-self", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (directory < 0 || credentials_read(directory, &server->own) != 0)
		_exit(EXIT_FAILURE);
	close(directory);
	server->may_claim = sending_may_claim(&server->own);
	turn_begin(&server->turn);
	/* What a worker that died was handling in this slot: answered where the target still waits, told where not. */
	if (server->slot->notif.id != 0)
		handle(server);
	do
		wait_to_read(server);
	while (!atomic_load(&server->pool->end) && serve_one(server));
	return NULL;
}

static void ignore(int number)
{
	(void)number; /* what it is for: the call that it interrupts */
}

/* What a runtime begins may execute a set-user-ID program. */
static bool is_plain(const struct area_session *session)
{
	return session->capabilities == 0 && !(session->flags & AREA_RUNTIME);
}

/* Refused, and not only told of: a policy that observes lets everything through. */
static bool refuses(const struct worker *worker, const char *call)
{
	const struct rules *rules = &worker->rules;

	return worker->policy.mode == MODE_ENFORCE && rules_block(rules, syscall_number(rules->arch, call));
}

static bool add_server(struct pool *pool)
{
	struct server *server = &pool->servers[pool->count];
	const bool is_reading = pool->count < POOL_READING; /* promote() */
	pthread_attr_t attributes;
	bool started;

	server->pool = pool;
	server->index = pool->count;
	server->slot = &pool->worker->area->slots[pool->count];
	/* First: a notification in a slot that is not counted would be lost with this worker. */
	if (atomic_load(&pool->worker->area->used) <= pool->count)
		atomic_store(&pool->worker->area->used, pool->count + 1);
	server->known =
	    (struct known_threads){.kept = is_reading ? pool->worker->threads_known : KNOWN_THREADS_FEW,
				   .is_plain = is_plain(&pool->worker->area->session),
				   .is_bound = refuses(pool->worker, "unshare") && refuses(pool->worker, "setns")};
	memcpy(server->known.user_namespace, pool->worker->user_namespace, sizeof(server->known.user_namespace));
	server->known_names = (struct known_names){.all = is_reading ? pool->names[pool->count] : &server->known_name,
						   .count = is_reading ? POOL_NAMES : 1};
	server->walks = true;
	server->naming = (struct naming){.number = -1, .link = -1};
	server->reach = (struct reach){.channel = pool->worker->reader, .connection = -1};
	if (pthread_attr_init(&attributes) != 0)
		return false;
	started = pthread_attr_setstacksize(&attributes, STACK_SIZE) == 0 &&
		  pthread_create(&server->thread, &attributes, run, server) == 0;
	(void)pthread_attr_destroy(&attributes);
	if (!started)
		return false;
	pool->count++;
	if (pool->count == AREA_SLOTS)
		atomic_store(&pool->full, 1);
	return true;
}

/* How many servers it takes for the slots that were in use when the worker before this one died. At least one. */
static unsigned servers_due(const struct pool *pool)
{
	const unsigned used = atomic_load(&pool->worker->area->used);
	unsigned due = 1;

	for (unsigned i = 0; i < used && i < AREA_SLOTS; i++)
		if (pool->worker->area->slots[i].notif.id != 0)
			due = i + 1;
	return due;
}

/* Each knows its targets by itself: a few. */
static unsigned readers_most(void)
{
	cpu_set_t ours;
	unsigned processors;

	if (sched_getaffinity(0, sizeof(ours), &ours) != 0)
		return 1;
	processors = (unsigned)CPU_COUNT(&ours);
	return processors < CROWD_READERS_MOST ? processors : CROWD_READERS_MOST;
}

int pool_start(struct pool *pool, struct worker *worker, struct error *err)
{
	const struct sigaction interrupt = {.sa_handler = ignore};

	unsigned due;

	pool->worker = worker;
	due = servers_due(pool);
	/* Can a thread have a root of its own? Some container profiles refuse unshare(2), to whomever. */
	pool->shares_files = unshare(CLONE_FS) != 0;
	atomic_store(&pool->readers, 1);
	pool->most = readers_most();
	pool->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (pool->wake >= 0 && pthread_mutex_init(&pool->view, NULL) == 0 &&
	    sigaction(INTERRUPT, &interrupt, NULL) == 0 && add_server(pool)) {
		while (pool->count < due && add_server(pool))
			;
		return 0;
	}
	return error_set(err, "session: no thread can be started: %s", strerror(errno));
}

/* Makes one that waits a reader, a new one where none does, in place of those that are not to be any more (bits). */
static void promote(struct pool *pool, uint64_t kept)
{
	uint64_t readers = atomic_load(&pool->readers);
	unsigned next = pool->count;

	for (unsigned i = 0; i < pool->count && next == pool->count; i++)
		if (!(readers >> i & 1U) && atomic_load(&pool->servers[i].busy_since) == 0)
			next = i;
	if (next == pool->count && (pool->count == AREA_SLOTS || !add_server(pool)))
		return; /* as many as there may be: this session's calls wait for its own */
	set_readers(pool, (readers & ~kept) | 1ULL << next);
}

/* Is each that reads at a call, and does another one wait? */
static bool is_full(const struct pool *pool)
{
	struct pollfd ready = {.fd = pool->worker->listener, .events = POLLIN};

	for (unsigned i = 0; i < pool->count; i++)
		if (reads(pool, i) && atomic_load(&pool->servers[i].busy_since) == 0)
			return false;
	return poll(&ready, 1, 0) > 0 && (ready.revents & POLLIN);
}

/* As many readers as there is use for. */
static void balance(struct pool *pool, int64_t now)
{
	const uint64_t readers = atomic_load(&pool->readers);
	const struct crowd_sight sight = {.now_us = now,
					  .calls = atomic_load(&pool->calls),
					  .is_full = is_full(pool),
					  .readers = (unsigned)__builtin_popcountll(readers),
					  .most = pool->most};
	const int more = crowd_look(&pool->crowd, &sight);

	if (more > 0)
		promote(pool, 0);
	else if (more < 0)
		set_readers(pool, readers & ~(1ULL << (63 - __builtin_clzll(readers)))); /* it may take one call more */
}

static uint64_t signals_of(const char *status, const char *key)
{
	const char *line = strstr(status, key);

	return line ? strtoull(line + strlen(key), NULL, 16) : 0;
}

/* Is there a signal that a native call would have been interrupted by? */
static bool has_signal(pid_t tid)
{
	char path[48];
	char status[STATUS_SIZE];
	int descriptor;
	ssize_t length;
	uint64_t pending;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", tid);
	descriptor = open(path, O_RDONLY | O_CLOEXEC);
	if (descriptor < 0)
		return false;
	length = read(descriptor, status, sizeof(status) - 1);
	close(descriptor);
	if (length <= 0)
		return false;
	status[length] = '\0';
	pending = signals_of(status, "\nSigPnd:\t") | signals_of(status, "\nShdPnd:\t");
	return pending & ~signals_of(status, "\nSigBlk:\t");
}

void pool_holds(struct server *server)
{
	atomic_store(&server->holds_since, now_us());
}

void pool_lets_go(struct server *server)
{
	int asked = INTERRUPTED_HOLDING;

	atomic_store(&server->holds_since, 0);
	(void)atomic_compare_exchange_strong(&server->interruption, &asked, INTERRUPTED_NOT);
}

bool pool_is_holding(const struct pool *pool)
{
	for (unsigned i = 0; i < AREA_SLOTS; i++)
		if (atomic_load(&pool->servers[i].holds_since) != 0)
			return true;
	return false;
}

int64_t pool_time_taken(const struct server *server)
{
	return now_us() - atomic_load(&server->busy_since);
}

/* A name is held while its owner's backlog is full: for a while. Whatever else has cut the wait short comes first. */
static void look_at_hold(struct server *server, int64_t now)
{
	const int64_t since = atomic_load(&server->holds_since);
	int why = INTERRUPTED_NOT;

	if (since == 0 || now - since < HOLD_MOST || !server->slot->waits)
		return;
	server->watched_since = 0; /* is_stuck(): it goes on, in turns */
	if (atomic_compare_exchange_strong(&server->interruption, &why, INTERRUPTED_HOLDING) ||
	    why == INTERRUPTED_HOLDING)
		(void)pthread_kill(server->thread, INTERRUPT);
}

/* A call that takes long: does anybody still wait for it, uninterrupted? */
static void look_after(struct pool *pool, struct server *server)
{
	uint64_t id = server->slot->notif.id;
	enum interruption why = INTERRUPTED_NOT;

	if (!listener_is_valid(pool->worker->listener, id))
		why = INTERRUPTED_GONE;
	else if (has_signal((pid_t)server->slot->notif.pid))
		why = INTERRUPTED_BY_SIGNAL;
	if (why == INTERRUPTED_NOT || server->slot->notif.id != id)
		return;
	atomic_store(&server->interruption, why);
	(void)pthread_kill(server->thread, INTERRUPT); /* again at the next tick, where it came too early */
}

static int64_t time_spent(const struct server *server)
{
	struct timespec spent;
	clockid_t clock;

	if (pthread_getcpuclockid(server->thread, &clock) != 0 || clock_gettime(clock, &spent) != 0)
		return 0;
	return (int64_t)spent.tv_sec * 1000000 + spent.tv_nsec / 1000;
}

/*
 * Does it work without an end? What it waits for, as long as that may take, costs no processor time. The
 * worker that follows tries the call once more, and then it is denied.
 */
static bool is_stuck(struct server *server, int64_t since)
{
	uint32_t done = server->slot->done;
	int64_t spent = time_spent(server);

	if (server->watched_since == since && server->watched_done == done)
		return spent - server->spent_before >= STUCK_AFTER;
	server->watched_since = since;
	server->watched_done = done;
	server->spent_before = spent;
	return false;
}

/* Has there been a call lately? To be woken by the next one costs that call more than looking a while longer. */
static bool is_lively(struct pool *pool)
{
	uint64_t calls = atomic_load(&pool->calls);

	pool->quiet = calls == pool->seen ? pool->quiet + 1 : 0;
	pool->seen = calls;
	return pool->quiet < QUIET_TICKS;
}

int pool_watch(struct pool *pool)
{
	static const int64_t kept = (int64_t)POOL_TICK_MS * 1000;
	int64_t now = now_us();
	bool busy = false;
	uint64_t woken;

	if (!pool->worker)
		return -1;
	if (read(pool->wake, &woken, sizeof(woken)) < 0 && errno != EAGAIN)
		return -1;
	for (unsigned i = 0; i < pool->count; i++) {
		int64_t since = atomic_load(&pool->servers[i].busy_since);

		if (since == 0)
			continue;
		busy = true;
		if (reads(pool, i) && now - since >= kept)
			promote(pool, 1ULL << i);
		if (now - since < LOOK_AFTER)
			continue;
		look_at_hold(&pool->servers[i], now);
		if (is_stuck(&pool->servers[i], since))
			_exit(EXIT_FAILURE);
		look_after(pool, &pool->servers[i]);
	}
	balance(pool, now);
	if (busy || is_lively(pool))
		return POOL_TICK_MS;
	/* Quiet: until the next call wakes us. */
	atomic_store(&pool->asleep, true);
	for (unsigned i = 0; i < pool->count; i++)
		if (atomic_load(&pool->servers[i].busy_since) != 0)
			return POOL_TICK_MS;
	return -1;
}

bool pool_is_spent(const struct server *server)
{
	const struct pool *pool = server->pool;

	if (atomic_load(&pool->full) == 0)
		return false;
	for (unsigned i = 0; i < AREA_SLOTS; i++)
		if (i != server->index && atomic_load(&pool->servers[i].busy_since) == 0)
			return false;
	return true;
}

static bool is_idle(const struct pool *pool)
{
	for (unsigned i = 0; i < pool->count; i++)
		if (atomic_load(&pool->servers[i].busy_since) != 0)
			return false;
	return true;
}

void pool_settle(struct pool *pool)
{
	const struct timespec pause = {.tv_nsec = SETTLE_LOOK_MS * 1000000L};

	for (unsigned i = 0; i < SETTLE_MS / SETTLE_LOOK_MS && !is_idle(pool); i++) {
		(void)pool_watch(pool);
		(void)nanosleep(&pause, NULL);
	}
}

static bool slots_are_free(const struct pool *pool)
{
	for (unsigned i = 0; i < pool->count; i++)
		if (pool->servers[i].slot->notif.id != 0)
			return false;
	return true;
}

void pool_stop(struct pool *pool)
{
	const struct timespec pause = {.tv_nsec = SETTLE_LOOK_MS * 1000000L};
	unsigned quiet = 0;

	atomic_store(&pool->stopped, true);
	for (unsigned i = 0; i < pool->count; i++)
		if (atomic_load(&pool->servers[i].busy_since) == 0)
			(void)pthread_kill(pool->servers[i].thread, INTERRUPT); /* it may be waiting for the next one */
	/* Twice: a server that did not know yet may just have been receiving. */
	for (unsigned i = 0; i < SETTLE_MS / SETTLE_LOOK_MS && quiet < 2; i++) {
		quiet = is_idle(pool) && slots_are_free(pool) ? quiet + 1 : 0;
		if (quiet == 0)
			(void)pool_watch(pool);
		(void)nanosleep(&pause, NULL);
	}
}

enum interruption pool_interruption(struct server *server)
{
	return (enum interruption)atomic_load(&server->interruption);
}
