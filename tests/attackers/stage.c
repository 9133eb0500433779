/* See attack.h. */
#include "attack.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

bool attack_is_over(const struct stage *stage)
{
	return stage->done >= stage->tries || atomic_load(&stage->tally->denied) > 0;
}

void attack_slow(struct stage *stage, long share, long floor)
{
	stage->tries = stage->tries / 100 * share / 1000;
	if (stage->tries < floor)
		stage->tries = floor;
	stage->stalls = true;
}

int attack_address(const struct stage *stage, char which, const char *type, bool abstract, struct sockaddr_un *address,
		   socklen_t *length)
{
	char name[sizeof(address->sun_path)];
	int written = snprintf(name, sizeof(name), "%s/door/%c/%s", stage->directory, which, type);

	if (written < 0 || (size_t)written + 1 >= sizeof(name))
		errx(2, "%s: too long", stage->directory);
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(address->sun_path + abstract, name, (size_t)written);
	*length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)written + 1);
	return (int)strlen(stage->directory) + (int)strlen("/door/") + abstract;
}

void attack_path(const struct stage *stage, const char *name, char *out, size_t size)
{
	(void)snprintf(out, size, "%s/open/%s", stage->directory, name);
}

int attack_socket(int type)
{
	int made = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (made < 0)
		err(1, "socket");
	return made;
}

void *attack_memory(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		err(1, "mmap");
	return memory;
}

void attack_write(const char *path, const char *text)
{
	int file = open(path, O_WRONLY | O_CLOEXEC);

	if (file < 0 || write(file, text, strlen(text)) < 0)
		err(77, "%s", path);
	close(file);
}

void attack_connect(struct stage *stage, int type, const struct sockaddr_un *address, socklen_t length)
{
	int made = attack_socket(type);

	stage->done++;
	if (connect(made, (const struct sockaddr *)(const void *)address, length) == 0)
		stage->answers += send(made, "x", 1, MSG_NOSIGNAL) == 1;
	else
		stage->error = errno;
	close(made);
}

struct disturber {
	struct stage *stage;
	attack_step *step;
	void *context;
	_Atomic bool ends;
};

static void *disturb_without_end(void *argument)
{
	struct disturber *disturber = argument;

	while (!atomic_load(&disturber->ends))
		disturber->step(disturber->stage, disturber->context);
	return NULL;
}

static pid_t fork_disturber(struct disturber *disturber)
{
	pid_t child = fork();

	if (child < 0)
		err(1, "fork");
	if (child > 0)
		return child;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	disturb_without_end(disturber);
	_exit(0);
}

void attack_race(struct stage *stage, attack_step *disturb, attack_step *call, void *context, bool process)
{
	struct disturber *disturber = attack_memory(sizeof(*disturber));
	pthread_t thread;
	pid_t child = 0;

	*disturber = (struct disturber){.stage = stage, .step = disturb, .context = context};
	if (process)
		child = fork_disturber(disturber);
	else if (pthread_create(&thread, NULL, disturb_without_end, disturber) != 0)
		errx(1, "no thread");
	while (!attack_is_over(stage))
		call(stage, context);
	atomic_store(&disturber->ends, true);
	if (process)
		(void)waitpid(child, NULL, 0);
	else
		(void)pthread_join(thread, NULL);
	(void)munmap(disturber, sizeof(*disturber));
}

struct tally *attack_tally(const char *directory, bool makes)
{
	char path[256];
	void *tally;
	int file;

	(void)snprintf(path, sizeof(path), "%s/tally", directory);
	file = open(path, makes ? O_RDWR | O_CREAT | O_CLOEXEC : O_RDONLY | O_CLOEXEC, 0644);
	if (file < 0 || (makes && ftruncate(file, sizeof(struct tally)) != 0))
		err(2, "%s", path);
	tally = mmap(NULL, sizeof(struct tally), makes ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, file, 0);
	if (tally == MAP_FAILED)
		err(2, "%s", path);
	close(file);
	return tally;
}
