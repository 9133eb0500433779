/*
 * Ratios, in one run and interleaved: /bin/true behind each prefix given over /bin/true alone, and
 * getppid(2) behind each over getppid(2) alone. bench_start NAME PREFIX [NAME PREFIX]...; a prefix is
 * words with a space between, the first of them a path.
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
#define SUBJECTS_MAX 12 /* and the bare command */
#define WORDS_MAX    12 /* of a prefix, and what is behind it */

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

struct subject {
	const char *name;
	char *words[WORDS_MAX];
	size_t count;
	uint64_t times[ROUNDS];
};

/* The words of text, which is cut for it. Two are left free behind them, and NULL. */
static void split(struct subject *subject, char *text)
{
	for (char *word = strtok(text, " "); word && subject->count + 3 < WORDS_MAX; word = strtok(NULL, " "))
		subject->words[subject->count++] = word;
}

static uint64_t run_behind(struct subject *subject, char *program, char *argument)
{
	subject->words[subject->count] = program;
	subject->words[subject->count + 1] = argument;
	return run(subject->words);
}

int main(int argc, char **argv)
{
	static struct subject subjects[SUBJECTS_MAX + 1] = {{.name = "alone"}};
	int count = 1 + argc / 2;
	char true_name[] = "/bin/true";
	char calls_name[] = "--calls";
	uint64_t bare;

	if (argc > 1 && strcmp(argv[1], calls_name) == 0)
		return time_calls();
	if (argc < 3 || argc % 2 == 0 || argc / 2 > SUBJECTS_MAX)
		return 2;
	for (int i = 1; i < count; i++) {
		subjects[i].name = argv[2 * i - 1];
		split(&subjects[i], argv[2 * i]);
	}
	for (int round = 0; round < ROUNDS; round++)
		for (int i = 0; i < count; i++)
			subjects[i].times[round] = run_behind(&subjects[i], true_name, NULL);
	bare = median(subjects[0].times);
	for (int i = 0; i < count; i++)
		printf("/bin/true, %-34s %8.0f us   %5.2f times\n", subjects[i].name,
		       (double)median(subjects[i].times) / 1000, (double)median(subjects[i].times) / (double)bare);
	for (int i = 0; i < count; i++) {
		printf("getppid, %-36s ", subjects[i].name);
		(void)fflush(stdout);
		(void)run_behind(&subjects[i], argv[0], calls_name);
	}
	return 0;
}
