/*
 * COUNT threads wait in connect(2) to a socket of our own whose backlog is full, and REFUSED of them
 * are told that they may not; then a child makes a
 * call that the policy blocks. Says how the child ended: "signal N", "status N", or "waits" where
 * nobody has answered it within PATIENCE seconds. many_waiting COUNT REFUSED
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE 20
#define LOOK_MS  10

static const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "\0many_waiting"};
static _Atomic int begun;
static _Atomic int refused;

static void *wait_in_connect(void *unused)
{
	int client = socket(AF_UNIX, SOCK_STREAM, 0);

	atomic_fetch_add(&begun, 1);
	if (connect(client, (const struct sockaddr *)&address, sizeof(address)) != 0 && errno == EAGAIN)
		atomic_fetch_add(&refused, 1);
	pause();
	return unused;
}

static void pause_ms(long milliseconds)
{
	const struct timespec pause = {.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000};

	nanosleep(&pause, NULL);
}

int main(int argc, char **argv)
{
	int count = argc == 3 ? (int)strtol(argv[1], NULL, 10) : 0;
	int expected = argc == 3 ? (int)strtol(argv[2], NULL, 10) : 0;
	int server = socket(AF_UNIX, SOCK_STREAM, 0);
	pthread_t thread;
	int status = 0;
	pid_t child;

	if (bind(server, (const struct sockaddr *)&address, sizeof(address)) != 0 || listen(server, 0) != 0)
		return 1;
	for (int i = 0; i < count; i++)
		if (pthread_create(&thread, NULL, wait_in_connect, NULL) != 0)
			return 1;
	for (int i = 0;
	     i < PATIENCE * 1000 / LOOK_MS && (atomic_load(&begun) < count || atomic_load(&refused) < expected); i++)
		pause_ms(LOOK_MS);
	child = fork();
	if (child == 0) {
		(void)syscall(SYS_umount2, "/nowhere/at/all", 0);
		_exit(0);
	}
	for (int i = 0; i < PATIENCE * 1000 / LOOK_MS && waitpid(child, &status, WNOHANG) == 0; i++)
		pause_ms(LOOK_MS);
	if (WIFSIGNALED(status))
		printf("signal %d\n", WTERMSIG(status));
	else if (waitpid(child, NULL, WNOHANG) == 0)
		puts("waits");
	else
		printf("status %d\n", WEXITSTATUS(status));
	fflush(stdout);
	(void)kill(child, SIGKILL);
	_exit(0); /* the threads wait still */
}
