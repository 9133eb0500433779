/*
 * kill_roles KEEPER COUNT SEED: kills that sidecar's workers and its broker with SIGKILL, COUNT times, each
 * at a moment that SEED chooses, some of them while they begin. Prints how many of each. 1 where a whole
 * minute goes by without one to be killed.
 */
#include <err.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define CHILDREN_MAX 64U
#define PAUSE_US     30000 /* at most */
#define PATIENCE_S   60

static unsigned next_random(unsigned *seed)
{
	*seed = *seed * 1103515245U + 12345U;
	return *seed >> 16;
}

static size_t children_of(const char *keeper, pid_t children[CHILDREN_MAX])
{
	char path[64];
	char text[1024];
	size_t count = 0;
	ssize_t length;
	char *at = text;
	int file;

	(void)snprintf(path, sizeof(path), "/proc/%s/task/%s/children", keeper, keeper);
	file = open(path, O_RDONLY | O_CLOEXEC);
	length = file < 0 ? -1 : read(file, text, sizeof(text) - 1);
	if (length < 0)
		err(1, "%s", path);
	close(file);
	text[length] = '\0';
	while (count < CHILDREN_MAX && (children[count] = (pid_t)strtol(at, &at, 10)) > 0)
		count++;
	return count;
}

static bool is_broker(pid_t pid)
{
	char path[64];
	char text[256] = "";
	int file;

	(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return false;
	if (read(file, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	close(file);
	return strcmp(text + strlen(text) + 1, "--role=broker") == 0;
}

int main(int argc, char **argv)
{
	unsigned killed[2] = {0, 0};
	pid_t children[CHILDREN_MAX];
	time_t since = time(NULL);
	unsigned seed;
	unsigned count;

	if (argc != 4)
		errx(2, "usage: kill_roles KEEPER COUNT SEED");
	count = (unsigned)strtoul(argv[2], NULL, 10);
	seed = (unsigned)strtoul(argv[3], NULL, 10);
	while (killed[0] + killed[1] < count) {
		size_t there = children_of(argv[1], children);
		pid_t chosen = there ? children[next_random(&seed) % there] : 0;
		bool broker = chosen && is_broker(chosen);

		if (time(NULL) - since > PATIENCE_S)
			errx(1, "there is none to be killed");
		(void)usleep(next_random(&seed) % PAUSE_US);
		/* A child of the keeper's, which has not been reaped: the number is its own. */
		if (!chosen || kill(chosen, SIGKILL) != 0)
			continue;
		killed[broker]++;
		since = time(NULL);
	}
	(void)printf("workers %u broker %u\n", killed[0], killed[1]);
	return 0;
}
