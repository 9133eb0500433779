/*
 * steady_calls STREAM DATAGRAM DENIED GO: two threads make the same calls again and again, until GO is
 * there: one that a policy blocks (getppid: EPERM), connect(2) to STREAM and a message to DATAGRAM, which it
 * allows, and connect(2) to DENIED (EACCES). Prints a line for each call that went otherwise, "CALL: ERROR", and at
 * the end "N calls". Exits 0 where none did.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#define THREADS  2
#define PAUSE_US 500 /* the processors are others' too */

enum { STREAM = 1, DATAGRAM, DENIED, GO, COUNT_OF_WORDS };

struct shared {
	char **words;
	_Atomic long calls;
	_Atomic long wrong;
};

static void check(struct shared *shared, const char *call, long result, long wanted, int error)
{
	int got = result < 0 ? errno : 0;

	shared->calls++;
	if (result == wanted && got == error)
		return;
	shared->wrong++;
	printf("%s: %ld, %s\n", call, result, strerror(got));
}

static struct sockaddr_un address_of(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	return address;
}

static void try_connect(struct shared *shared, const char *call, const char *path, int error)
{
	const struct sockaddr_un address = address_of(path);
	int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	check(shared, call, connect(descriptor, (const struct sockaddr *)&address, sizeof(address)), error ? -1 : 0,
	      error);
	close(descriptor);
}

static void try_send(struct shared *shared, const char *path)
{
	const struct sockaddr_un address = address_of(path);
	int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	check(shared, "sendto", sendto(descriptor, "steady", 6, 0, (const struct sockaddr *)&address, sizeof(address)),
	      6, 0);
	close(descriptor);
}

static void *call_on(void *argument)
{
	struct shared *shared = argument;

	while (access(shared->words[GO], F_OK) != 0) {
		check(shared, "getppid", syscall(SYS_getppid), -1, EPERM);
		try_connect(shared, "connect", shared->words[STREAM], 0);
		try_send(shared, shared->words[DATAGRAM]);
		try_connect(shared, "connect, denied", shared->words[DENIED], EACCES);
		(void)usleep(PAUSE_US);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	static struct shared shared;
	pthread_t threads[THREADS];

	if (argc != COUNT_OF_WORDS)
		return 2;
	shared.words = argv;
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	puts("begun");
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, call_on, &shared) != 0)
			return 2;
	for (int i = 0; i < THREADS; i++)
		(void)pthread_join(threads[i], NULL);
	printf("%ld calls\n", shared.calls);
	return shared.wrong ? 1 : 0;
}
