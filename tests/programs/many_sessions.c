/*
 * many_sessions COUNT NOISY EXEC [ARGUMENT...]: COUNT sessions at once, each begun by EXEC with those
 * arguments under a policy that denies personality(2). The first NOISY make that call without a pause,
 * the others, the quiet ones, a few times, as it comes. Before, a quiet one is alone.
 *
 * Prints "LONE WORST LATE CALLS": the median, in ns, of the lone session's calls; the highest of the quiet
 * sessions' medians; how many of them are above ten times the lone one's; how many calls the noisy
 * ones made. With "hold" before COUNT: prints a line "up" when all are there, and goes on when it reads one.
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BOARD    200 /* the descriptor that the sessions share */
#define SESSIONS 1024
#define CALLS    25U
#define PAUSE_NS 400000000U /* between a quiet one's calls, at most */
#define LATE     10U

/* What all see. */
struct board {
	_Atomic unsigned ready;
	_Atomic unsigned begun; /* what is measured, from 1 */
	_Atomic unsigned done;  /* quiet sessions that are */
	_Atomic bool over;
	_Atomic uint64_t noise; /* calls */
	uint64_t medians[SESSIONS];
};

static uint64_t now(void)
{
	struct timespec time;

	(void)clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000U + (uint64_t)time.tv_nsec;
}

static void rest(uint64_t nanoseconds)
{
	const struct timespec time = {0, (long)nanoseconds};

	(void)nanosleep(&time, NULL);
}

static void call(void)
{
	if (syscall(SYS_personality, 0xffffffff) >= 0 || errno != EPERM)
		abort();
}

static int compare(const void *one, const void *other)
{
	uint64_t a = *(const uint64_t *)one;
	uint64_t b = *(const uint64_t *)other;

	return a < b ? -1 : a > b;
}

static void be_quiet(struct board *board, unsigned number)
{
	uint64_t took[CALLS];
	unsigned seed = number + 1;

	while (!atomic_load(&board->begun))
		rest(20000000);
	for (unsigned i = 0; i < CALLS; i++) {
		uint64_t before;

		rest((uint64_t)rand_r(&seed) % PAUSE_NS);
		before = now();
		call();
		took[i] = now() - before;
	}
	qsort(took, CALLS, sizeof(took[0]), compare);
	board->medians[number] = took[CALLS / 2];
	atomic_fetch_add(&board->done, 1);
}

static void be_noisy(struct board *board)
{
	while (!atomic_load(&board->begun))
		rest(20000000);
	for (; !atomic_load(&board->over); atomic_fetch_add(&board->noise, 1))
		call();
}

static int session(const char *kind, unsigned number)
{
	struct board *board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED, BOARD, 0);

	if (board == MAP_FAILED || number >= SESSIONS)
		return 2;
	atomic_fetch_add(&board->ready, 1);
	if (strcmp(kind, "noisy") == 0)
		be_noisy(board);
	else
		be_quiet(board, number);
	while (!atomic_load(&board->over))
		rest(20000000);
	return 0;
}

static void start(char **loader, const char *kind, unsigned number)
{
	char text[16];
	char self[4096];
	char *arguments[64];
	size_t count = 0;
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (length < 0 || fork() != 0)
		return;
	self[length] = '\0';
	(void)snprintf(text, sizeof(text), "%u", number);
	for (; loader[count] && count < 56; count++)
		arguments[count] = loader[count];
	arguments[count++] = (char *)"--";
	arguments[count++] = self;
	arguments[count++] = (char *)"session";
	arguments[count++] = (char *)(uintptr_t)kind;
	arguments[count++] = text;
	arguments[count] = NULL;
	(void)execv(arguments[0], arguments);
	_exit(127);
}

/* Waits until so many have said so. False: one has ended before. */
static bool await(const _Atomic unsigned *counter, unsigned count)
{
	while (atomic_load(counter) < count) {
		if (waitpid(-1, NULL, WNOHANG) > 0)
			return false;
		rest(5000000);
	}
	return true;
}

static bool end_all(struct board *board)
{
	bool good = true;
	int status;

	atomic_store(&board->over, true);
	while (wait(&status) > 0)
		good = good && status == 0;
	return good;
}

static void clear(struct board *board)
{
	memset(board->medians, 0, sizeof(board->medians));
	atomic_store(&board->ready, 0);
	atomic_store(&board->begun, 0);
	atomic_store(&board->done, 0);
	atomic_store(&board->over, false);
}

static bool run(struct board *board, char **loader, unsigned count, unsigned noisy, bool hold)
{
	bool good;

	clear(board);
	for (unsigned number = 0; number < count; number++) {
		start(loader, number < noisy ? "noisy" : "quiet", number);
		if (!await(&board->ready, number > 8 ? number - 8 : 0)) /* some at a time */
			break;
	}
	good = await(&board->ready, count);
	if (good && hold) {
		(void)puts("up");
		(void)fflush(stdout);
		(void)getchar();
	}
	atomic_store(&board->begun, 1);
	good = good && await(&board->done, count - noisy);
	return end_all(board) && good;
}

int main(int argc, char **argv)
{
	bool hold = argc > 1 && strcmp(argv[1], "hold") == 0;
	char **at = argv + (hold ? 2 : 1);
	unsigned count;
	unsigned noisy;
	unsigned late = 0;
	uint64_t lone;
	uint64_t worst = 0;
	struct board *board;

	if (argc == 4 && strcmp(argv[1], "session") == 0)
		return session(argv[2], (unsigned)strtoul(argv[3], NULL, 10));
	if (argc < 5 || dup2(memfd_create("board", 0), BOARD) != BOARD || ftruncate(BOARD, sizeof(*board)) != 0)
		return 2;
	board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED, BOARD, 0);
	count = (unsigned)strtoul(at[0], NULL, 10);
	noisy = (unsigned)strtoul(at[1], NULL, 10);
	if (board == MAP_FAILED || count > SESSIONS || noisy >= count || !run(board, at + 2, 1, 0, false))
		return 2;
	lone = board->medians[0];
	if (!run(board, at + 2, count, noisy, hold))
		return 3;
	for (unsigned i = noisy; i < count; i++) {
		worst = board->medians[i] > worst ? board->medians[i] : worst;
		late += board->medians[i] > LATE * lone;
	}
	(void)printf("%llu %llu %u %llu\n", (unsigned long long)lone, (unsigned long long)worst, late,
		     (unsigned long long)atomic_load(&board->noise));
	return 0;
}
