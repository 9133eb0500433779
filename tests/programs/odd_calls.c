/*
 * odd_calls [nonblock] DIRECTORY: connect, bind, sendto, sendmsg and sendmmsg with odd arguments, on sockets of every
 * kind and state, each a line: what is called, and what came of it. Everything that is reached is its own, below the
 * directory, which is to be empty.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#define LONGEST 130
#define PAGE    4096

enum call { CONNECT, BIND, SENDTO, SENDMSG, SENDMMSG, CALLS };
enum kind { STREAM, DGRAM, SEQPACKET, PAIR, TCP, UDP, TCP6, UDP6, KINDS };
enum state { FRESH, BOUND, CONNECTED, LISTENING, SHUT, STATES };

static const char *const call_names[CALLS] = {"connect", "bind", "sendto", "sendmsg", "sendmmsg"};
static const char *const kind_names[KINDS] = {"stream", "dgram", "seqpacket", "pair", "tcp", "udp", "tcp6", "udp6"};
static const char *const state_names[STATES] = {"fresh", "bound", "connected", "listening", "shut"};
static const int domains[KINDS] = {AF_UNIX, AF_UNIX, AF_UNIX, AF_UNIX, AF_INET, AF_INET, AF_INET6, AF_INET6};
static const int types[KINDS] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM,
				 SOCK_STREAM, SOCK_DGRAM, SOCK_STREAM,    SOCK_DGRAM};

/* An address as it is handed over. */
struct odd {
	char name[64];
	const void *pointer;
	socklen_t length;
};

struct world {
	int flags; /* of socket(2) */
	int servers[KINDS];
	union {
		struct sockaddr any;
		struct sockaddr_un local;
		struct sockaddr_in four;
		struct sockaddr_in6 six;
		char bytes[256];
	} reached[KINDS]; /* where the servers are */
	socklen_t lengths[KINDS];
	char *edge; /* the end of what is mapped */
	int other;  /* of the last pair */
};

static volatile sig_atomic_t pipes;
static volatile sig_atomic_t alarms;

static void count(int number)
{
	if (number == SIGPIPE)
		pipes++;
	else
		alarms++;
}

static void must(bool good, const char *what)
{
	if (!good)
		err(2, "%s", what);
}

/* --- What is reached --- */

static void serve(struct world *world, enum kind kind)
{
	socklen_t size = sizeof(world->reached[kind]);
	int made = socket(domains[kind], types[kind] | SOCK_NONBLOCK, 0);

	must(made >= 0, "socket");
	memset(&world->reached[kind], 0, sizeof(world->reached[kind]));
	world->reached[kind].any.sa_family = (sa_family_t)domains[kind];
	if (domains[kind] == AF_UNIX)
		(void)snprintf(world->reached[kind].local.sun_path, sizeof(world->reached[kind].local.sun_path), "%s",
			       kind_names[kind]);
	else if (domains[kind] == AF_INET)
		world->reached[kind].four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		world->reached[kind].six.sin6_addr = in6addr_loopback;
	world->lengths[kind] = domains[kind] == AF_UNIX   ? sizeof(struct sockaddr_un)
			       : domains[kind] == AF_INET ? sizeof(struct sockaddr_in)
							  : sizeof(struct sockaddr_in6);
	must(bind(made, &world->reached[kind].any, world->lengths[kind]) == 0, "bind");
	if (domains[kind] != AF_UNIX)
		must(getsockname(made, &world->reached[kind].any, &size) == 0, "getsockname");
	if (types[kind] != SOCK_DGRAM)
		must(listen(made, 4096) == 0, "listen");
	world->servers[kind] = made;
}

static void leave_stale(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "stale"};
	int made = socket(AF_UNIX, SOCK_STREAM, 0);

	must(bind(made, (struct sockaddr *)&address, sizeof(address)) == 0, "stale");
	close(made);
}

static void make_world(struct world *world)
{
	char *pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	must(pages != MAP_FAILED && munmap(pages + PAGE, PAGE) == 0, "mmap");
	world->edge = pages + PAGE;
	for (enum kind kind = STREAM; kind < KINDS; kind++)
		if (kind != PAIR)
			serve(world, kind);
	leave_stale();
	must(mkdir("folder", 0755) == 0 && symlink("stream", "link") == 0 && symlink("loop", "loop") == 0 &&
		 symlink("nothing", "dangling") == 0 && close(open("file", O_CREAT | O_RDWR, 0644)) == 0,
	     "the files");
}

/* What has arrived, in order: connections taken, bytes of datagrams. */
static void say_arrived(struct world *world)
{
	char bytes[256];

	for (enum kind kind = STREAM; kind < KINDS; kind++) {
		if (kind == PAIR)
			continue;
		for (;;) {
			ssize_t length = types[kind] == SOCK_DGRAM
					     ? recv(world->servers[kind], bytes, sizeof(bytes), MSG_DONTWAIT)
					     : accept4(world->servers[kind], NULL, NULL, SOCK_CLOEXEC);

			if (length < 0)
				break;
			if (types[kind] != SOCK_DGRAM)
				close((int)length);
			if (types[kind] == SOCK_DGRAM)
				printf(", %s got %zd", kind_names[kind], length);
		}
	}
}

/* --- Sockets --- */

static int connected_pair(struct world *world)
{
	int ends[2];

	must(socketpair(AF_UNIX, SOCK_STREAM | world->flags, 0, ends) == 0, "socketpair");
	world->other = ends[1];
	return ends[0];
}

static void bind_own(enum kind kind, int made)
{
	struct sockaddr_un local = {.sun_family = AF_UNIX, .sun_path = "mine"};
	struct sockaddr_in four = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
	int result = domains[kind] == AF_UNIX   ? bind(made, (struct sockaddr *)&local, sizeof(local))
		     : domains[kind] == AF_INET ? bind(made, (struct sockaddr *)&four, sizeof(four))
						: bind(made, (struct sockaddr *)&six, sizeof(six));

	must(result == 0, "bind");
}

static int make(struct world *world, enum kind kind, enum state state)
{
	int made;

	if (kind == PAIR) {
		made = connected_pair(world);
		if (state == SHUT)
			(void)shutdown(made, SHUT_WR);
		return made;
	}
	made = socket(domains[kind], types[kind] | world->flags, 0);
	must(made >= 0, "socket");
	if (state == BOUND || state == LISTENING)
		bind_own(kind, made);
	if (state == LISTENING)
		(void)listen(made, 8);
	if (state == CONNECTED || state == SHUT) {
		int result = connect(made, &world->reached[kind].any, world->lengths[kind]);

		must(result == 0 || errno == EINPROGRESS, "connect");
	}
	if (state == SHUT)
		(void)shutdown(made, SHUT_WR);
	return made;
}

static bool is_possible(enum kind kind, enum state state)
{
	if (kind == PAIR)
		return state == CONNECTED || state == SHUT;
	return state != LISTENING || types[kind] != SOCK_DGRAM;
}

/* --- The calls --- */

static int call_message(enum call call, int made, const struct odd *odd)
{
	struct iovec piece = {.iov_base = "abc", .iov_len = 3};
	struct mmsghdr message = {
	    .msg_hdr = {
		.msg_name = (void *)odd->pointer, .msg_namelen = odd->length, .msg_iov = &piece, .msg_iovlen = 1}};

	if (call == SENDMSG)
		return (int)sendmsg(made, &message.msg_hdr, 0);
	return sendmmsg(made, &message, 1, 0) == 1 ? (int)message.msg_len + 100 : -1;
}

static int make_call(enum call call, int made, const struct odd *odd)
{
	if (call == CONNECT)
		return (int)syscall(SYS_connect, made, odd->pointer, odd->length);
	if (call == BIND)
		return (int)syscall(SYS_bind, made, odd->pointer, odd->length);
	if (call == SENDTO)
		return (int)syscall(SYS_sendto, made, "abc", 3, 0, odd->pointer, odd->length);
	return call_message(call, made, odd);
}

static void say(int result, int error)
{
	if (alarms)
		printf("hangs");
	else if (result < 0)
		printf("%s", strerrorname_np(error));
	else
		printf("%d", result);
	if (pipes)
		printf(", SIGPIPE");
}

/* Who a bound or connected socket says it is. */
static void say_names(int made)
{
	struct sockaddr_un address;
	socklen_t length = sizeof(address);

	memset(&address, 0, sizeof(address));
	if (getsockname(made, (struct sockaddr *)&address, &length) == 0 && address.sun_family == AF_UNIX)
		printf(", named %u %.108s", length, address.sun_path + (length > 2 && !address.sun_path[0]));
	length = sizeof(address);
	if (getpeername(made, (struct sockaddr *)&address, &length) == 0 && address.sun_family == AF_UNIX)
		printf(", peer %u", length);
}

static void try_call(struct world *world, enum call call, enum kind kind, enum state state, const struct odd *odd)
{
	int made = make(world, kind, state);
	int result;
	int error;

	printf("%s %s %s %s: ", call_names[call], kind_names[kind], state_names[state], odd->name);
	pipes = 0;
	alarms = 0;
	(void)alarm(5);
	result = make_call(call, made, odd);
	error = errno;
	(void)alarm(0);
	say(result, error);
	/* A chosen name is another each time. */
	if (call != BIND || odd->length > sizeof(sa_family_t))
		say_names(made);
	say_arrived(world);
	putchar('\n');
	close(made);
	if (kind == PAIR)
		close(world->other);
	(void)unlink("mine");
	(void)unlink("new");
}

/* --- Addresses --- */

static struct odd named(const char *name, const void *pointer, socklen_t length)
{
	struct odd odd = {.pointer = pointer, .length = length};

	(void)snprintf(odd.name, sizeof(odd.name), "%s/%d", name, (int)length);
	return odd;
}

static void try_states(struct world *world, enum call call, enum kind kind, const struct odd *odd)
{
	for (enum state state = FRESH; state < STATES; state++)
		if (is_possible(kind, state))
			try_call(world, call, kind, state, odd);
}

static void try_everywhere(struct world *world, const struct odd *odd)
{
	for (enum call call = CONNECT; call < CALLS; call++)
		for (enum kind kind = STREAM; kind < KINDS; kind++)
			try_states(world, call, kind, odd);
}

static void try_pointers(struct world *world)
{
	const struct sockaddr_un local = {.sun_family = AF_UNIX, .sun_path = "stream"};
	char *cut = world->edge - 4; /* a family, two bytes of the name, and no more */
	const struct odd odd[] = {
	    named("NULL", NULL, 0),
	    named("NULL", NULL, 16),
	    named("empty", &local, 0),
	    named("empty", (void *)1, 0),
	    named("1", (void *)1, 16),
	    named("high", (void *)UINTPTR_MAX, 2),
	    named("negative", &local, (socklen_t)-1),
	    named("negative", &local, 0x80000000U),
	    named("long", world->edge - PAGE, 128),
	    named("long", world->edge - PAGE, 129),
	    named("long", world->edge - PAGE, 65536),
	    named("cut", cut, 4),
	    named("cut", cut, 16),
	    named("cut", cut, 110),
	    named("cut", cut, 128),
	    named("cut", cut, 129),
	};

	memset(world->edge - PAGE, 0, PAGE);
	memcpy(world->edge - PAGE, &local, sizeof(local));
	memcpy(cut, &local, 4);
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		try_everywhere(world, &odd[i]);
}

static void try_families(struct world *world)
{
	static const int families[] = {0, AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, 255, 65535};
	static const socklen_t lengths[] = {1, 2, 3, 8, 15, 16, 24, 28, 110};

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		for (size_t n = 0; n < sizeof(lengths) / sizeof(lengths[0]); n++) {
			char bytes[128] = {0};
			const sa_family_t family = (sa_family_t)families[i];
			struct odd odd = named("family", bytes, lengths[n]);

			memcpy(bytes, &family, sizeof(family));
			(void)snprintf(odd.name, sizeof(odd.name), "family-%d/%u", families[i], lengths[n]);
			try_everywhere(world, &odd);
		}
	}
}

static void try_paths(struct world *world)
{
	static const char *const paths[] = {"stream",
					    "dgram",
					    "seqpacket",
					    "file",
					    "folder",
					    "missing",
					    "missing/x",
					    "file/x",
					    "stale",
					    "link",
					    "loop",
					    "dangling",
					    "",
					    "/",
					    ".",
					    "..",
					    "./stream",
					    "stream/",
					    "folder/../stream",
					    "folder/new",
					    "new",
					    "folder/",
					    "/nonexistent/new"};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct sockaddr_un local = {.sun_family = AF_UNIX};
		struct odd odd = named(paths[i], &local, sizeof(local));

		memcpy(local.sun_path, paths[i], strlen(paths[i]));
		for (enum call call = CONNECT; call < CALLS; call++)
			for (enum kind kind = STREAM; kind <= PAIR; kind++)
				try_states(world, call, kind, &odd);
		(void)unlink("nothing");
		(void)unlink("folder/new");
	}
}

/* Each length that a name may have, and more: with and without a NUL inside. */
static void try_lengths(struct world *world)
{
	char bytes[LONGEST + 1];

	for (unsigned filled = 0; filled < 3; filled++) {
		for (socklen_t length = 0; length <= LONGEST; length++) {
			const sa_family_t family = AF_UNIX;
			struct odd odd = named(filled == 0   ? "short"
					       : filled == 1 ? "filled"
							     : "abstract",
					       bytes, length);

			memset(bytes, filled ? 'x' : 0, sizeof(bytes));
			memcpy(bytes, &family, sizeof(family));
			memcpy(bytes + 2, filled == 2 ? "\0odd" : filled == 1 ? "./xx" : "new", filled == 0 ? 3 : 4);
			for (enum call call = CONNECT; call < CALLS; call++)
				for (enum kind kind = STREAM; kind <= SEQPACKET; kind++)
					try_call(world, call, kind, FRESH, &odd);
			memset(bytes + 2, 'x', sizeof(bytes) - 2);
			bytes[LONGEST] = '\0';
			if (filled == 1 && length > 5) {
				memcpy(bytes + 2, "./", 2);
				bytes[length] = '\0';
				(void)unlink(bytes + 2);
			}
		}
	}
}

/* --- Descriptors that are none --- */

static void try_descriptors(struct world *world)
{
	const struct odd good = named("good", &world->reached[STREAM], world->lengths[STREAM]);
	const struct odd bad = named("bad", (void *)1, 16);
	const struct {
		const char *name;
		int descriptor;
	} all[] = {{"-1", -1},
		   {"9999", 9999},
		   {"file", open("file", O_RDWR)},
		   {"folder", open("folder", O_RDONLY)},
		   {"node", open("stream", O_PATH)},
		   {"high", (int)0x80000000U}};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		for (enum call call = CONNECT; call < CALLS; call++) {
			int result = make_call(call, all[i].descriptor, &good);

			printf("%s descriptor %s good: %s\n", call_names[call], all[i].name,
			       result < 0 ? strerrorname_np(errno) : "ok");
			result = make_call(call, all[i].descriptor, &bad);
			printf("%s descriptor %s bad: %s\n", call_names[call], all[i].name,
			       result < 0 ? strerrorname_np(errno) : "ok");
		}
	}
}

int main(int argc, char **argv)
{
	static struct world world;
	const struct sigaction counted = {.sa_handler = count};
	bool nonblock = argc == 3 && strcmp(argv[1], "nonblock") == 0;

	if (argc < 2 || chdir(argv[argc - 1]) != 0)
		err(2, "usage: odd_calls [nonblock] DIRECTORY");
	(void)sigaction(SIGPIPE, &counted, NULL);
	(void)sigaction(SIGALRM, &counted, NULL);
	(void)umask(022);
	world.flags = SOCK_CLOEXEC | (nonblock ? SOCK_NONBLOCK : 0);
	make_world(&world);
	try_descriptors(&world);
	try_pointers(&world);
	try_families(&world);
	try_paths(&world);
	try_lengths(&world);
	return 0;
}
