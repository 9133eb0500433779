/*
 * Commands timed in turns, each from its start to its end: bench_turns ROUNDS NAME COMMAND [NAME COMMAND]...
 * A command is words with a space between, the first of them a path. Prints a line for each: its name, a tab,
 * and the ns that each round took, with a space between. In turns, so that whatever else the machine does meets all.
 * A turn is many rounds in a row, and before them come starts that are not counted, for longer than anything is left to
 * be done behind a command's end (a sidecar takes leave of a session a tenth of a second later): each is charged what
 * it leaves, and not what those have left whose turn was before.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS_MAX   2000
#define SUBJECTS_MAX 24
#define WORDS_MAX    64
#define TURN         40         /* rounds */
#define SETTLE_NS    150000000U /* of starts before them */

struct subject {
	const char *name;
	char *words[WORDS_MAX + 1];
	uint64_t times[ROUNDS_MAX];
};

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000U + (uint64_t)time.tv_nsec;
}

/* The ns from its start to its end, which has to be a good one. */
static uint64_t run(const struct subject *subject, const posix_spawn_file_actions_t *quiet)
{
	uint64_t start = now();
	int status = -1;
	pid_t child;

	if (posix_spawn(&child, subject->words[0], quiet, NULL, subject->words, environ) != 0 ||
	    waitpid(child, &status, 0) != child || status != 0) {
		fprintf(stderr, "bench_turns: %s: %s failed (%#x)\n", subject->name, subject->words[0],
			(unsigned)status);
		exit(1);
	}
	return now() - start;
}

/* The rounds from that one on, of so many in all. */
static void take_turn(struct subject *subject, int round, int rounds, const posix_spawn_file_actions_t *quiet)
{
	uint64_t until = now() + SETTLE_NS;

	do
		(void)run(subject, quiet);
	while (now() < until);
	for (int i = round; i < round + TURN && i < rounds; i++)
		subject->times[i] = run(subject, quiet);
}

/* The words of text, which is cut for it. */
static bool split(struct subject *subject, char *text)
{
	size_t count = 0;

	for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) {
		if (count == WORDS_MAX)
			return false;
		subject->words[count++] = word;
	}
	return count > 0;
}

int main(int argc, char **argv)
{
	static struct subject subjects[SUBJECTS_MAX];
	posix_spawn_file_actions_t quiet;
	int rounds = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 0;
	int count = argc / 2 - 1;

	if (rounds <= 0 || rounds > ROUNDS_MAX || argc % 2 != 0 || count < 1 || count > SUBJECTS_MAX)
		return 2;
	for (int i = 0; i < count; i++) {
		subjects[i].name = argv[2 * i + 2];
		if (!split(&subjects[i], argv[2 * i + 3]))
			return 2;
	}
	if (posix_spawn_file_actions_init(&quiet) != 0 ||
	    posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null", O_WRONLY, 0) != 0)
		return 1;
	for (int round = 0; round < rounds; round += TURN)
		for (int i = 0; i < count; i++)
			take_turn(&subjects[i], round, rounds, &quiet);
	for (int i = 0; i < count; i++) {
		printf("%s\t", subjects[i].name);
		for (int round = 0; round < rounds; round++)
			printf("%llu%c", (unsigned long long)subjects[i].times[round], round + 1 < rounds ? ' ' : '\n');
	}
	return 0;
}
