/*
 * What one call costs: the median and the 99th percentile, in ns, of COUNT of them.
 * bench_calls OPERATION COUNT; in or outside of a session, and, with "traced-", stopped twice each
 * time by a tracer that does nothing: what a tool built on ptrace pays at the least. With "loop-", one
 * of COUNT is the mean of a hundred calls: for those that take less than a look at the clock does.
 *
 * bench_calls OPERATION COUNT TARGETS MILLISECONDS SLOW: that of TARGETS processes which do it at once, for so long,
 * and first how many a second all together; beside them SLOW ones whose peer does not take their connections. COUNT
 * is how many of each process's calls the median is of, at most.
 */
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
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
#define LOOP          100
#define TARGETS_MAX   64

/* Where the calls go to, made before they are timed. */
struct bench {
	int receiver;
	int sender;
	int ends[2][2]; /* of pipes */
	struct sockaddr_un local;
	struct sockaddr_in remote;
	char payload[PAYLOAD];
	unsigned calls; /* that one time is of */
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

static void loop_getppid(struct bench *bench, uint64_t *taken)
{
	uint64_t start = now();

	for (unsigned i = 0; i < bench->calls; i++)
		(void)syscall(SYS_getppid);
	*taken = now() - start;
}

/* The same for calls of which an argument may be compared. */
static void loop_prctl(struct bench *bench, uint64_t *taken)
{
	uint64_t start = now();

	for (unsigned i = 0; i < bench->calls; i++)
		(void)syscall(SYS_prctl, PR_GET_DUMPABLE, 0, 0, 0, 0);
	*taken = now() - start;
}

static void loop_kill(struct bench *bench, uint64_t *taken)
{
	pid_t self = getpid();
	uint64_t start = now();

	for (unsigned i = 0; i < bench->calls; i++)
		(void)syscall(SYS_kill, self, 0);
	*taken = now() - start;
}

static void loop_prlimit64(struct bench *bench, uint64_t *taken)
{
	struct rlimit limit;
	uint64_t start = now();

	for (unsigned i = 0; i < bench->calls; i++)
		(void)syscall(SYS_prlimit64, 0, RLIMIT_CORE, NULL, &limit);
	*taken = now() - start;
}

/* Of no family that there is: nothing is made. */
static void loop_socket(struct bench *bench, uint64_t *taken)
{
	uint64_t start = now();

	for (unsigned i = 0; i < bench->calls; i++)
		(void)syscall(SYS_socket, 0x7f, SOCK_STREAM, 0);
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

/* In $BENCH_CALLS, else in /tmp. */
static void name_socket(char *path, size_t size, pid_t pid)
{
	const char *folder = getenv("BENCH_CALLS");

	snprintf(path, size, "%s/bench_calls.%d", folder ? folder : "/tmp", pid);
}

static void make_local(struct bench *bench, int type)
{
	bench->local.sun_family = AF_UNIX;
	name_socket(bench->local.sun_path, sizeof(bench->local.sun_path), getpid());
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

static void make_nothing(struct bench *bench)
{
	(void)bench;
}

static void make_stream(struct bench *bench)
{
	make_local(bench, SOCK_STREAM);
}

static void make_datagram(struct bench *bench)
{
	make_local(bench, SOCK_DGRAM);
}

static void make_tcp(struct bench *bench)
{
	make_remote(bench, SOCK_STREAM);
}

static void make_udp(struct bench *bench)
{
	make_remote(bench, SOCK_DGRAM);
}

static const struct {
	const char *name;
	operation *timed;
	void (*make)(struct bench *bench);
	unsigned calls;
} operations[] = {
    {"getppid", time_getppid, make_nothing, 1},
    {"loop-getppid", loop_getppid, make_nothing, LOOP},
    {"loop-prctl", loop_prctl, make_nothing, LOOP},
    {"loop-kill", loop_kill, make_nothing, LOOP},
    {"loop-prlimit64", loop_prlimit64, make_nothing, LOOP},
    {"loop-socket", loop_socket, make_nothing, LOOP},
    {"reserved", time_reserved, make_nothing, 1},
    {"event", time_event, make_nothing, 1},
    {"exec", time_exec, make_nothing, 1},
    {"pipe", time_pipe, make_echo, 1},
    {"connect", time_connect, make_stream, 1},
    {"connect-send", time_connect_send, make_stream, 1},
    {"slow", time_slow, make_stream, 1},
    {"dgram-connect", time_dgram_connect, make_datagram, 1},
    {"sendto", time_sendto, make_datagram, 1},
    {"sendmsg", time_sendmsg, make_pair, 1},
    {"tcp", time_tcp, make_tcp, 1},
    {"udp", time_udp, make_udp, 1},
};

static operation *prepare(const char *name, struct bench *bench)
{
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
		if (strcmp(name, operations[i].name) != 0)
			continue;
		bench->calls = operations[i].calls;
		operations[i].make(bench);
		return operations[i].timed;
	}
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

static void finish(const struct bench *bench)
{
	if (bench->local.sun_path[0])
		(void)unlink(bench->local.sun_path);
}

/* Of so many times, which are sorted for it, each of so many calls. */
static void print_times(uint64_t *taken, size_t count, unsigned calls)
{
	qsort(taken, count, sizeof(taken[0]), compare);
	printf("%.1f %.1f\n", (double)taken[count / 2] / calls, (double)taken[count - 1 - count / 100] / calls);
}

static int one(const char *name, size_t count)
{
	static uint64_t taken[COUNT_MAX];
	struct bench bench = {.receiver = -1, .sender = -1};
	operation *timed;

	if (strncmp(name, "traced-", 7) == 0) {
		be_traced();
		name += 7;
	}
	timed = prepare(name, &bench);
	for (size_t i = 0; i < count / 10; i++)
		timed(&bench, &taken[0]); /* warm */
	for (size_t i = 0; i < count; i++)
		timed(&bench, &taken[i]);
	finish(&bench);
	must(count > 0, "no call");
	print_times(taken, count, bench.calls);
	return 0;
}

/* What the processes that are timed at once share. */
struct crowd {
	_Atomic unsigned ready;
	_Atomic bool begun;
	size_t counts[TARGETS_MAX]; /* of each one's calls */
	unsigned calls;             /* that one time is of */
	uint64_t taken[];           /* each one's first, one behind the other */
};

/* One of them: its calls until the time is up. */
static void join_crowd(struct crowd *crowd, int index, const char *name, size_t kept, uint64_t duration)
{
	struct bench bench = {.receiver = -1, .sender = -1};
	operation *timed = prepare(name, &bench);
	uint64_t *taken = &crowd->taken[(size_t)index * kept];
	uint64_t end, beyond;
	size_t count = 0;

	timed(&bench, &beyond); /* warm */
	crowd->calls = bench.calls;
	crowd->ready++;
	while (!crowd->begun)
		usleep(1000);
	for (end = now() + duration; now() < end; count++)
		timed(&bench, count < kept ? &taken[count] : &beyond);
	crowd->counts[index] = count;
	finish(&bench);
	_exit(0);
}

/* Processes that wait for ever: their connections are not taken. */
static void make_slow(pid_t *slow, int count)
{
	uint64_t beyond;

	for (int i = 0; i < count; i++) {
		slow[i] = fork();
		must(slow[i] >= 0, "fork");
		if (slow[i] == 0) {
			struct bench bench = {.receiver = -1, .sender = -1};
			operation *timed = prepare("slow", &bench);

			for (;;)
				timed(&bench, &beyond);
		}
	}
}

static void end_slow(const pid_t *slow, int count)
{
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];

	for (int i = 0; i < count; i++) {
		(void)kill(slow[i], SIGKILL);
		(void)waitpid(slow[i], NULL, 0);
		name_socket(path, sizeof(path), slow[i]);
		(void)unlink(path);
	}
}

/* A second's calls, and what one took. Each one's times are moved up behind those before. */
static void print_crowd(struct crowd *crowd, int targets, size_t kept, uint64_t duration)
{
	size_t count = 0;
	uint64_t calls = 0;

	for (int i = 0; i < targets; i++) {
		size_t here = crowd->counts[i] < kept ? crowd->counts[i] : kept;

		memmove(&crowd->taken[count], &crowd->taken[(size_t)i * kept], here * sizeof(crowd->taken[0]));
		count += here;
		calls += crowd->counts[i] * crowd->calls;
	}
	must(count > 0, "no call");
	printf("%.1f ", (double)calls * 1e9 / (double)duration);
	print_times(crowd->taken, count, crowd->calls);
}

static int many(const char *name, size_t kept, int targets, uint64_t duration, int slow_count)
{
	size_t size = sizeof(struct crowd) + kept * (size_t)targets * sizeof(uint64_t);
	struct crowd *crowd = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t slow[TARGETS_MAX];
	int status;

	must(crowd != MAP_FAILED, "mmap");
	make_slow(slow, slow_count);
	for (int i = 0; i < targets; i++) {
		pid_t child = fork();

		must(child >= 0, "fork");
		if (child == 0)
			join_crowd(crowd, i, name, kept, duration);
	}
	while (crowd->ready < (unsigned)targets) {
		must(waitpid(-1, &status, WNOHANG) <= 0, "one of them has failed");
		usleep(1000);
	}
	crowd->begun = true;
	for (int i = 0; i < targets; i++)
		must(wait(&status) > 0 && status == 0, "one of them has failed");
	end_slow(slow, slow_count);
	print_crowd(crowd, targets, kept, duration);
	return 0;
}

static int number(const char *text, int most)
{
	char *end;
	long value = strtol(text, &end, 10);

	must(*text && !*end && value >= 0 && value <= most, text);
	return (int)value;
}

int main(int argc, char **argv)
{
	if (argc == 3)
		return one(argv[1], (size_t)number(argv[2], COUNT_MAX));
	if (argc == 6)
		return many(argv[1], (size_t)number(argv[2], COUNT_MAX), number(argv[3], TARGETS_MAX),
			    (uint64_t)number(argv[4], 60000) * 1000000U, number(argv[5], TARGETS_MAX));
	fprintf(stderr, "usage: bench_calls OPERATION COUNT [TARGETS MILLISECONDS SLOW]\n");
	return 2;
}
