/*
 * What one call costs: the median and the 99th percentile, in ns, of COUNT of them.
 * bench_calls OPERATION COUNT; in or outside of a session, and, with "traced-", stopped twice each
 * time by a tracer that does nothing: what a tool built on ptrace pays at the least.
 */
#include <errno.h>
#include <netinet/in.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RESERVED_CALL 0x41475348 /* as loader/rules.h has it */
#define NO_OPERATION  0x7fff     /* of the reserved call: answered EINVAL by whoever answers */
#define COUNT_MAX     1000000
#define PAYLOAD       64

/* Where the calls go to, made before they are timed. */
struct bench {
	int receiver;
	int sender;
	int ends[2][2]; /* of pipes */
	struct sockaddr_un local;
	struct sockaddr_in remote;
	char payload[PAYLOAD];
};

typedef void operation(struct bench *bench, uint64_t *taken);

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000U + (uint64_t)time.tv_nsec;
}

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "bench_calls: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void time_getppid(struct bench *bench, uint64_t *taken)
{
	uint64_t start = now();

	(void)bench;
	(void)syscall(SYS_getppid);
	*taken = now() - start;
}

/* There and back between two processes: the least that a question to another one costs. */
static void time_pipe(struct bench *bench, uint64_t *taken)
{
	uint64_t start = now();
	char byte = 0;

	must(write(bench->ends[0][1], &byte, 1) == 1 && read(bench->ends[1][0], &byte, 1) == 1, "pipe");
	*taken = now() - start;
}

static void time_reserved(struct bench *bench, uint64_t *taken)
{
	uint64_t start = now();

	(void)bench;
	must(prctl(RESERVED_CALL, NO_OPERATION, 0, 0, 0) < 0, "reserved");
	*taken = now() - start;
}

/* A call that the policy is to answer EPERM, with an event. */
static void time_event(struct bench *bench, uint64_t *taken)
{
	uint64_t start = now();

	(void)bench;
	must(syscall(SYS_personality, 0xffffffff) < 0 && errno == EPERM, "event: personality is to be blocked");
	*taken = now() - start;
}

static void time_connect(struct bench *bench, uint64_t *taken)
{
	int client = socket(AF_UNIX, SOCK_STREAM, 0);
	uint64_t start = now();

	must(connect(client, (const struct sockaddr *)&bench->local, sizeof(bench->local)) == 0, "connect");
	*taken = now() - start;
	close(accept(bench->receiver, NULL, NULL));
	close(client);
}

/* The least that a report to somebody who listens would cost. */
static void time_connect_send(struct bench *bench, uint64_t *taken)
{
	uint64_t start = now();
	int client = socket(AF_UNIX, SOCK_STREAM, 0);

	must(connect(client, (const struct sockaddr *)&bench->local, sizeof(bench->local)) == 0, "connect");
	must(send(client, bench->payload, PAYLOAD, 0) == PAYLOAD, "send");
	close(client);
	*taken = now() - start;
	close(accept(bench->receiver, NULL, NULL));
}

/* A program, from its start to its end; with whatever LD_PRELOAD has. */
static void time_exec(struct bench *bench, uint64_t *taken)
{
	char name[] = "/bin/true";
	char *arguments[] = {name, NULL};
	uint64_t start = now();
	int status;
	pid_t child;

	(void)bench;
	must(posix_spawn(&child, name, NULL, NULL, arguments, environ) == 0, "posix_spawn");
	must(waitpid(child, &status, 0) == child && status == 0, name);
	*taken = now() - start;
}

static void time_dgram_connect(struct bench *bench, uint64_t *taken)
{
	uint64_t start = now();

	must(connect(bench->sender, (const struct sockaddr *)&bench->local, sizeof(bench->local)) == 0, "connect");
	*taken = now() - start;
}

static void receive(const struct bench *bench)
{
	char buffer[PAYLOAD];

	must(recv(bench->receiver, buffer, sizeof(buffer), 0) == PAYLOAD, "recv");
}

static void time_sendto(struct bench *bench, uint64_t *taken)
{
	uint64_t start = now();

	must(sendto(bench->sender, bench->payload, PAYLOAD, 0, (const struct sockaddr *)&bench->local,
		    sizeof(bench->local)) == PAYLOAD,
	     "sendto");
	*taken = now() - start;
	receive(bench);
}

static void time_sendmsg(struct bench *bench, uint64_t *taken)
{
	struct iovec part = {.iov_base = bench->payload, .iov_len = PAYLOAD};
	const struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	uint64_t start = now();

	must(sendmsg(bench->sender, &message, 0) == PAYLOAD, "sendmsg");
	*taken = now() - start;
	receive(bench);
}

/* Waits for ever where the backlog is full: whoever is slow. */
static void time_slow(struct bench *bench, uint64_t *taken)
{
	(void)taken;
	must(connect(socket(AF_UNIX, SOCK_STREAM, 0), (const struct sockaddr *)&bench->local, sizeof(bench->local)) ==
		 0,
	     "connect");
}

static void time_tcp(struct bench *bench, uint64_t *taken)
{
	const struct linger at_once = {.l_onoff = 1};
	int client = socket(AF_INET, SOCK_STREAM, 0);
	uint64_t start = now();

	must(connect(client, (const struct sockaddr *)&bench->remote, sizeof(bench->remote)) == 0, "connect");
	*taken = now() - start;
	close(accept(bench->receiver, NULL, NULL));
	(void)setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)); /* no port is left waiting */
	close(client);
}

static void time_udp(struct bench *bench, uint64_t *taken)
{
	uint64_t start = now();

	must(sendto(bench->sender, bench->payload, PAYLOAD, 0, (const struct sockaddr *)&bench->remote,
		    sizeof(bench->remote)) == PAYLOAD,
	     "sendto");
	*taken = now() - start;
	receive(bench);
}

static void make_echo(struct bench *bench)
{
	char byte;

	must(pipe(bench->ends[0]) == 0 && pipe(bench->ends[1]) == 0, "pipe");
	if (fork() != 0)
		return;
	close(bench->ends[0][1]);
	while (read(bench->ends[0][0], &byte, 1) == 1)
		must(write(bench->ends[1][1], &byte, 1) == 1, "echo");
	_exit(0);
}

static void make_local(struct bench *bench, int type)
{
	bench->local.sun_family = AF_UNIX;
	snprintf(bench->local.sun_path, sizeof(bench->local.sun_path), "/tmp/bench_calls.%d", getpid());
	bench->receiver = socket(AF_UNIX, type, 0);
	bench->sender = socket(AF_UNIX, type, 0);
	must(bind(bench->receiver, (const struct sockaddr *)&bench->local, sizeof(bench->local)) == 0, "bind");
	must(type != SOCK_STREAM || listen(bench->receiver, 8) == 0, "listen");
}

static void make_pair(struct bench *bench)
{
	int pair[2];

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
	bench->sender = pair[0];
	bench->receiver = pair[1];
}

static void make_remote(struct bench *bench, int type)
{
	socklen_t size = sizeof(bench->remote);

	bench->remote.sin_family = AF_INET;
	bench->remote.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	bench->receiver = socket(AF_INET, type, 0);
	bench->sender = socket(AF_INET, type, 0);
	must(bind(bench->receiver, (const struct sockaddr *)&bench->remote, size) == 0 &&
		 getsockname(bench->receiver, (struct sockaddr *)&bench->remote, &size) == 0,
	     "bind");
	must(type != SOCK_STREAM || listen(bench->receiver, 8) == 0, "listen");
}

static operation *prepare(const char *name, struct bench *bench)
{
	if (strcmp(name, "getppid") == 0)
		return time_getppid;
	if (strcmp(name, "reserved") == 0)
		return time_reserved;
	if (strcmp(name, "event") == 0)
		return time_event;
	if (strcmp(name, "pipe") == 0)
		return make_echo(bench), time_pipe;
	if (strcmp(name, "connect") == 0)
		return make_local(bench, SOCK_STREAM), time_connect;
	if (strcmp(name, "connect-send") == 0)
		return make_local(bench, SOCK_STREAM), time_connect_send;
	if (strcmp(name, "exec") == 0)
		return time_exec;
	if (strcmp(name, "slow") == 0)
		return make_local(bench, SOCK_STREAM), time_slow;
	if (strcmp(name, "dgram-connect") == 0)
		return make_local(bench, SOCK_DGRAM), time_dgram_connect;
	if (strcmp(name, "sendto") == 0)
		return make_local(bench, SOCK_DGRAM), time_sendto;
	if (strcmp(name, "sendmsg") == 0)
		return make_pair(bench), time_sendmsg;
	if (strcmp(name, "tcp") == 0)
		return make_remote(bench, SOCK_STREAM), time_tcp;
	if (strcmp(name, "udp") == 0)
		return make_remote(bench, SOCK_DGRAM), time_udp;
	errno = EINVAL;
	must(false, name);
	return NULL;
}

static int compare(const void *a, const void *b)
{
	const uint64_t *left = a;
	const uint64_t *right = b;

	return (*left > *right) - (*left < *right);
}

/* Stops this process at every call, at its entry and at its end; nothing more. */
static void be_traced(void)
{
	pid_t child = fork();
	int status;

	must(child >= 0, "fork");
	if (child == 0) {
		must(ptrace(PTRACE_TRACEME, 0, 0, 0) == 0, "ptrace");
		raise(SIGSTOP);
		return;
	}
	while (waitpid(child, &status, 0) == child && WIFSTOPPED(status))
		(void)ptrace(PTRACE_SYSCALL, child, 0, 0);
	exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

int main(int argc, char **argv)
{
	static uint64_t taken[COUNT_MAX];
	struct bench bench = {.receiver = -1, .sender = -1};
	int count = argc == 3 ? atoi(argv[2]) : 0;
	const char *name = argc == 3 ? argv[1] : "";
	operation *timed;

	must(count > 0 && count <= COUNT_MAX, "usage: bench_calls OPERATION COUNT");
	if (strncmp(name, "traced-", 7) == 0) {
		be_traced();
		name += 7;
	}
	timed = prepare(name, &bench);
	for (int i = 0; i < count / 10; i++)
		timed(&bench, &taken[0]); /* warm */
	for (int i = 0; i < count; i++)
		timed(&bench, &taken[i]);
	if (bench.local.sun_path[0])
		(void)unlink(bench.local.sun_path);
	qsort(taken, (size_t)count, sizeof(taken[0]), compare);
	printf("%llu %llu\n", (unsigned long long)taken[count / 2], (unsigned long long)taken[count - 1 - count / 100]);
	return 0;
}
