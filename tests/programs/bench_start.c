/*
 * Ratios, in one run and interleaved: /bin/true with each loader given over /bin/true alone, and
 * getppid(2) behind each over getppid(2) alone. bench_start LOADER...
 */
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS       300
#define CALLS        2000000
#define SUBJECTS_MAX 8

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000U + (uint64_t)time.tv_nsec;
}

static uint64_t run(char *const *arguments)
{
	uint64_t start = now();
	int status;
	pid_t child;

	if (posix_spawn(&child, arguments[0], NULL, NULL, arguments, environ) != 0 ||
	    waitpid(child, &status, 0) != child || status != 0) {
		fprintf(stderr, "bench_start: %s failed\n", arguments[0]);
		exit(1);
	}
	return now() - start;
}

static int compare(const void *a, const void *b)
{
	const uint64_t *left = a;
	const uint64_t *right = b;

	return (*left > *right) - (*left < *right);
}

static uint64_t median(uint64_t *values)
{
	qsort(values, ROUNDS, sizeof(*values), compare);
	return values[ROUNDS / 2];
}

static int time_calls(void)
{
	uint64_t start = now();

	for (int i = 0; i < CALLS; i++)
		(void)syscall(SYS_getppid);
	printf("%.1f ns\n", (double)(now() - start) / CALLS);
	return 0;
}

int main(int argc, char **argv)
{
	static uint64_t times[SUBJECTS_MAX][ROUNDS];
	char true_name[] = "/bin/true";
	char calls_name[] = "--calls";
	uint64_t bare;

	if (argc > 1 && strcmp(argv[1], calls_name) == 0)
		return time_calls();
	if (argc < 2 || argc > SUBJECTS_MAX)
		return 2;
	for (int round = 0; round < ROUNDS; round++) {
		char *alone[] = {true_name, NULL};

		times[0][round] = run(alone);
		for (int i = 1; i < argc; i++) {
			char *behind[] = {argv[i], true_name, NULL};

			times[i][round] = run(behind);
		}
	}
	bare = median(times[0]);
	printf("start of /bin/true: 1.00 (%.0f us)\n", (double)bare / 1000);
	for (int i = 1; i < argc; i++)
		printf("  behind %s: %.2f\n", argv[i], (double)median(times[i]) / (double)bare);
	printf("getppid alone: ");
	(void)fflush(stdout);
	(void)time_calls();
	for (int i = 1; i < argc; i++) {
		char *behind[] = {argv[i], argv[0], calls_name, NULL};

		printf("  behind %s: ", argv[i]);
		(void)fflush(stdout);
		(void)run(behind);
	}
	return 0;
}
