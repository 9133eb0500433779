#include "announcer.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "adoption.h"
#include "program.h"

#define LOOK_NS       50000L /* how often the helper looks at the board */
#define MEASURED      10000U /* turns that are timed before the load, */
#define MEASUREMENTS  10U    /* so often: the shortest time is the one that nothing else interrupted */
#define PATIENCE_MS   (HANDOVER_DEADLINE_MS + 1000)
#define NS_PER_SECOND 1000000000LL

/* A turn of the loop that waits: lets the other thread of this core go on. */
static void turn(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield" ::: "memory");
#endif
}

static int64_t nanoseconds(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}

/* The clock itself could be a system call: how many turns the wait may take is measured before. */
static uint64_t measure_patience(void)
{
	int64_t shortest = INT64_MAX;

	for (unsigned measurement = 0; measurement < MEASUREMENTS; measurement++) {
		int64_t start = nanoseconds();
		int64_t taken;

		for (unsigned i = 0; i < MEASURED; i++)
			turn();
		taken = nanoseconds() - start;
		if (taken < shortest)
			shortest = taken > 0 ? taken : 1;
	}
	return (uint64_t)PATIENCE_MS * 1000000U / (uint64_t)shortest * MEASURED + MEASURED;
}

/* What the loader cannot say itself behind its filter. */
static void tell(const struct announcer_board *board)
{
	error_print(STDERR_FILENO, PROGRAM_NAME, &board->err);
}

/* loader: its pidfd; where it has ended without a listener, nobody waits for the helper. */
static _Noreturn void help(const struct handover *handover, struct announcer_board *board, int loader)
{
	const struct timespec pause = {.tv_nsec = LOOK_NS};
	struct pollfd ended = {.fd = loader, .events = POLLIN};
	int32_t listener;
	int result = -1;

	while ((listener = atomic_load(&board->listener)) < 0 && handover_now() < handover->deadline)
		if (ppoll(&ended, 1, &pause, NULL) > 0)
			_exit(0);
	if (listener >= 0)
		result = handover_announce(handover, listener, board->wait_killable, &board->err);
	else
		(void)error_set(&board->err, "sidecar: no listener to announce (try again)");
	if (result != 0 && board->tells)
		tell(board);
	atomic_store(&board->verdict, result == 0 ? 1 : -1);
	_exit(0);
}

/* As fork(2), with one descriptor table for both. */
static pid_t fork_sharing_files(void)
{
	return (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, NULL);
}

static int reap(pid_t child, struct error *err)
{
	int status = 0;
	pid_t reaped;

	do {
		reaped = waitpid(child, &status, 0);
	} while (reaped < 0 && errno == EINTR);
	/* ECHILD: whoever called us ignores SIGCHLD, and it has been reaped. */
	if ((reaped == child && status == 0) || (reaped < 0 && errno == ECHILD))
		return 0;
	return error_set(err, "sidecar: the helper of the hand-over cannot be started (raise ulimit -u)");
}

/* Forked twice: nobody's child here. 0, or -1 and *err. */
static int start_helper(const struct handover *handover, struct announcer_board *board, struct error *err)
{
	int loader = (int)syscall(SYS_pidfd_open, getpid(), 0); /* ends with the execve, as the socket does */
	pid_t child = fork_sharing_files();

	if (child == 0) {
		pid_t helper = fork_sharing_files();

		if (helper == 0)
			help(handover, board, loader);
		_exit(helper < 0);
	}
	if (child > 0)
		return reap(child, err);
	return error_set(err, "sidecar: clone: %m (raise ulimit -u)");
}

int announcer_start(const struct handover *handover, bool tells, struct announcer *announcer, struct error *err)
{
	struct announcer_board *board =
	    mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	bool adopts;
	int result;

	if (board == MAP_FAILED)
		return error_set(err, "sidecar: mmap: %m (raise ulimit -v)");
	atomic_store(&board->listener, -1);
	board->tells = tells;
	*announcer = (struct announcer){.board = board, .patience = measure_patience()};
	adopts = adoption_suspend();
	result = start_helper(handover, board, err);
	adoption_resume(adopts);
	return result;
}

int announcer_announce(const struct announcer *announcer, int listener, bool wait_killable, struct error *err)
{
	struct announcer_board *board = announcer->board;
	int32_t verdict = 0;

	board->wait_killable = wait_killable;
	atomic_store(&board->listener, listener);
	for (uint64_t i = 0; verdict == 0 && i < announcer->patience; i++) {
		turn();
		verdict = atomic_load(&board->verdict);
	}
	if (verdict > 0)
		return 0;
	if (verdict < 0)
		*err = board->err;
	else
		(void)error_set(err, "sidecar: no word of the hand-over's helper (try again)");
	return -1;
}
