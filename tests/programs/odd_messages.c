/*
 * odd_messages [nonblock] DIRECTORY: sendto, sendmsg and sendmmsg with odd headers, pieces, control data and flags,
 * each a line: what is called, what came of it, and what has arrived. Everything that is reached is its own, below the
 * directory, which is to be empty.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD 76
#endif
#ifndef SCM_SECURITY
#define SCM_SECURITY 3
#endif
#define PAGE    4096
#define LARGE   ((size_t)300000)
#define FILES   300
#define LARGEST 300000

enum kind { STREAM, DGRAM, SEQPACKET, TCP, UDP, KINDS };

static const char *const kind_names[KINDS] = {"stream", "dgram", "seqpacket", "tcp", "udp"};

struct ends {
	int here;
	int there;
};

struct world {
	int flags; /* of socket(2) */
	char *edge;
	char *large;
	int files[FILES];
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

/* --- Connected sockets --- */

static struct ends connect_local(int type, int flags)
{
	int ends[2];

	must(socketpair(AF_UNIX, type | flags, 0, ends) == 0, "socketpair");
	return (struct ends){ends[0], ends[1]};
}

static struct ends connect_remote(int type, int flags)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	int server = socket(AF_INET, type, 0);
	int here = socket(AF_INET, type | flags, 0);
	int there = server;

	must(bind(server, (struct sockaddr *)&address, size) == 0 &&
		 getsockname(server, (struct sockaddr *)&address, &size) == 0,
	     "bind");
	must(type == SOCK_DGRAM || listen(server, 8) == 0, "listen");
	must(connect(here, (struct sockaddr *)&address, size) == 0 || errno == EINPROGRESS, "connect");
	if (type == SOCK_STREAM) {
		there = accept(server, NULL, NULL);
		close(server);
	}
	return (struct ends){here, there};
}

static struct ends connect_kind(const struct world *world, enum kind kind)
{
	static const int types[KINDS] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM, SOCK_DGRAM};

	return kind >= TCP ? connect_remote(types[kind], world->flags) : connect_local(types[kind], world->flags);
}

/* --- What has arrived --- */

static void say_control(struct msghdr *message)
{
	for (struct cmsghdr *item = CMSG_FIRSTHDR(message); item; item = CMSG_NXTHDR(message, item)) {
		size_t length = item->cmsg_len - CMSG_LEN(0);

		if (item->cmsg_level == SOL_SOCKET && item->cmsg_type == SCM_CREDENTIALS) {
			struct ucred who;

			memcpy(&who, CMSG_DATA(item), sizeof(who));
			printf(" from uid %u gid %u", who.uid, who.gid);
		} else if (item->cmsg_level == SOL_SOCKET && item->cmsg_type == SCM_RIGHTS) {
			int descriptors[FILES];

			memcpy(descriptors, CMSG_DATA(item), length);
			printf(" with %zu files", length / sizeof(int));
			for (size_t i = 0; i < length / sizeof(int); i++)
				close(descriptors[i]);
		} else {
			printf(" control %d/%d of %zu", item->cmsg_level, item->cmsg_type, length);
		}
	}
}

static bool say_message(int there)
{
	static char bytes[2 * LARGE];
	union {
		struct cmsghdr align;
		char bytes[8192];
	} control;
	struct iovec piece = {.iov_base = bytes, .iov_len = sizeof(bytes)};
	struct msghdr message = {
	    .msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	ssize_t length = recvmsg(there, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (length < 0 || (length == 0 && message.msg_controllen == 0))
		return false;
	printf("; %zd bytes, %08x", length, (unsigned)message.msg_flags & ~(unsigned)MSG_CMSG_CLOEXEC);
	say_control(&message);
	return length > 0;
}

static void say(ssize_t result, int error)
{
	if (alarms)
		printf("hangs");
	else if (result > LARGEST)
		printf("much"); /* how much TCP takes at once is another number each time */
	else if (result < 0)
		printf("%s", strerrorname_np(error));
	else
		printf("%zd", result);
	if (pipes)
		printf(", SIGPIPE");
}

static void begin(void)
{
	pipes = 0;
	alarms = 0;
	(void)alarm(5);
}

/* TCP's bytes may take a moment, and come in any number of parts: of them only the call's result is said. */
static void end(enum kind kind, struct ends ends, ssize_t result, int error)
{
	(void)alarm(0);
	say(result, error);
	while (kind != TCP && say_message(ends.there))
		;
	putchar('\n');
	close(ends.here);
	close(ends.there);
}

static void send_message(const struct world *world, const char *name, const struct msghdr *message, int flags)
{
	for (enum kind kind = STREAM; kind < KINDS; kind++) {
		struct ends ends = connect_kind(world, kind);
		ssize_t result;
		int error;

		printf("sendmsg %s %s: ", kind_names[kind], name);
		begin();
		result = syscall(SYS_sendmsg, ends.here, message, flags);
		error = errno;
		end(kind, ends, result, error);
	}
}

/* --- Headers and pieces --- */

static void try_headers(const struct world *world)
{
	struct iovec one = {.iov_base = "abc", .iov_len = 3};
	const struct msghdr good = {.msg_iov = &one, .msg_iovlen = 1};
	struct msghdr bad;

#define TRY(text, ...)                                                                                                 \
	do {                                                                                                           \
		bad = good;                                                                                            \
		__VA_ARGS__;                                                                                           \
		send_message(world, text, &bad, 0);                                                                    \
	} while (0)
	send_message(world, "header NULL", NULL, 0);
	send_message(world, "header 1", (void *)1, 0);
	send_message(world, "header at the edge", (void *)(world->edge - 8), 0);
	TRY("plain", (void)0);
	TRY("no pieces", bad.msg_iovlen = 0);
	TRY("no pieces, bad pointer", bad.msg_iovlen = 0; bad.msg_iov = (void *)1);
	TRY("pieces NULL", bad.msg_iov = NULL);
	TRY("pieces bad", bad.msg_iov = (void *)1);
	TRY("1024 pieces beyond the edge", bad.msg_iovlen = 1024; bad.msg_iov = (void *)(world->edge - 64));
	TRY("1025 pieces", bad.msg_iovlen = 1025);
	TRY("very many pieces", bad.msg_iovlen = SIZE_MAX);
	TRY("name NULL with a length", bad.msg_namelen = 16);
	TRY("name bad", bad.msg_name = (void *)1; bad.msg_namelen = 16);
	TRY("name without a length", bad.msg_name = (void *)1);
	TRY("name's length negative", bad.msg_name = (void *)1; bad.msg_namelen = (socklen_t)-1);
	TRY("name NULL, length negative", bad.msg_namelen = (socklen_t)-1);
	TRY("control NULL with a length", bad.msg_controllen = 20);
	TRY("control bad", bad.msg_control = (void *)1; bad.msg_controllen = 20);
	TRY("control bad, a length of 1", bad.msg_control = (void *)1; bad.msg_controllen = 1);
	TRY("control's length beyond all", bad.msg_control = (void *)world->large; bad.msg_controllen = SIZE_MAX);
	TRY("control's length INT_MAX", bad.msg_control = (void *)world->large; bad.msg_controllen = INT_MAX);
	TRY("control of zeros", bad.msg_control = (void *)world->large; bad.msg_controllen = 64);
	TRY("control of 15 bytes", bad.msg_control = (void *)world->large; bad.msg_controllen = 15);
	TRY("flags in the header", bad.msg_flags = -1);
#undef TRY
}

static void try_pieces(const struct world *world)
{
	struct iovec all[1024];
	struct msghdr message = {.msg_iov = all};
	const struct {
		const char *name;
		size_t count;
		struct iovec pieces[4];
	} rows[] = {
	    {"empty piece", 1, {{"abc", 0}}},
	    {"empty piece of nowhere", 1, {{NULL, 0}}},
	    {"empty piece, bad pointer", 1, {{(void *)1, 0}}},
	    {"piece of nowhere", 1, {{NULL, 3}}},
	    {"bad piece", 1, {{(void *)1, 3}}},
	    {"good, then bad", 2, {{"abc", 3}, {(void *)1, 3}}},
	    {"good, then empty and bad", 2, {{"abc", 3}, {(void *)1, 0}}},
	    {"bad, then good", 2, {{(void *)1, 3}, {"abc", 3}}},
	    {"to the edge", 1, {{world->edge - 8, 8}}},
	    {"over the edge", 1, {{world->edge - 8, 16}}},
	    {"negative", 1, {{"abc", SIZE_MAX}}},
	    {"negative, behind a good one", 2, {{"abc", 3}, {"abc", SIZE_MAX}}},
	    {"as long as may be", 1, {{"abc", SSIZE_MAX}}},
	    {"in sum too long", 2, {{"abc", SSIZE_MAX}, {"abc", SSIZE_MAX}}},
	    {"kernel's", 1, {{(void *)0xffff800000000000UL, 3}}},
	    {"three", 3, {{"abc", 3}, {"de", 2}, {"f", 1}}},
	    {"60000", 1, {{world->large, 60000}}},
	    {"65507", 1, {{world->large, 65507}}},
	    {"65508", 1, {{world->large, 65508}}},
	    {"65536", 1, {{world->large, 65536}}},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memcpy(all, rows[i].pieces, sizeof(rows[i].pieces));
		message.msg_iovlen = rows[i].count;
		send_message(world, rows[i].name, &message, MSG_DONTWAIT);
	}
	for (size_t i = 0; i < 1024; i++)
		all[i] = (struct iovec){.iov_base = "abc", .iov_len = 3};
	message.msg_iovlen = 1024;
	send_message(world, "1024 pieces", &message, 0);
}

static void try_flags(const struct world *world)
{
	struct iovec one = {.iov_base = "abc", .iov_len = 3};
	const struct msghdr message = {.msg_iov = &one, .msg_iovlen = 1};
	const struct msghdr empty = {.msg_iovlen = 0};

	for (unsigned bit = 0; bit < 32; bit++) {
		char name[32];

		if (1U << bit == MSG_ZEROCOPY)
			continue; /* agentsh.ini(5), MEDIATED CALLS */
		(void)snprintf(name, sizeof(name), "flag %08x", 1U << bit);
		send_message(world, name, &message, (int)(1U << bit));
		(void)snprintf(name, sizeof(name), "empty, flag %08x", 1U << bit);
		send_message(world, name, &empty, (int)(1U << bit));
	}
}

/* --- Control data --- */

struct control {
	_Alignas(struct cmsghdr) char bytes[4096];
	size_t length;
};

static void add(struct control *control, int level, int type, const void *data, size_t length)
{
	struct cmsghdr *item = (struct cmsghdr *)(void *)(control->bytes + control->length);

	*item = (struct cmsghdr){.cmsg_level = level, .cmsg_type = type, .cmsg_len = CMSG_LEN(length)};
	memcpy(CMSG_DATA(item), data, length);
	control->length += CMSG_SPACE(length);
}

static void send_control(const struct world *world, const char *name, const struct control *control, size_t length)
{
	struct iovec one = {.iov_base = "abc", .iov_len = 3};
	const struct msghdr message = {
	    .msg_iov = &one, .msg_iovlen = 1, .msg_control = (void *)control->bytes, .msg_controllen = length};

	send_message(world, name, &message, 0);
}

static void try_one(const struct world *world, const char *name, int level, int type, const void *data, size_t length)
{
	struct control control = {.length = 0};

	add(&control, level, type, data, length);
	send_control(world, name, &control, control.length);
}

static void try_rights(const struct world *world)
{
	static const int counts[] = {0, 1, 3, 252, 253, 254};
	const int bad[] = {world->files[0], -1, world->files[1]};
	const int beyond[] = {9999};
	const int node = open("/", O_PATH);
	char name[40];

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		(void)snprintf(name, sizeof(name), "%d files", counts[i]);
		try_one(world, name, SOL_SOCKET, SCM_RIGHTS, world->files, (size_t)counts[i] * sizeof(int));
	}
	try_one(world, "a bad file among good", SOL_SOCKET, SCM_RIGHTS, bad, sizeof(bad));
	try_one(world, "a file that is none", SOL_SOCKET, SCM_RIGHTS, beyond, sizeof(beyond));
	try_one(world, "a file by its path alone", SOL_SOCKET, SCM_RIGHTS, &node, sizeof(node));
	try_one(world, "half a file", SOL_SOCKET, SCM_RIGHTS, world->files, 6);
	close(node);
}

static void try_credentials(const struct world *world)
{
	const struct ucred own = {getpid(), getuid(), getgid()};
	const struct {
		const char *name;
		struct ucred who;
	} rows[] = {
	    {"own ids", own},
	    {"another uid", {getpid(), getuid() + 1, getgid()}},
	    {"another gid", {getpid(), getuid(), getgid() + 1}},
	    {"no pid", {0, getuid(), getgid()}},
	    {"pid -1", {-1, getuid(), getgid()}},
	    {"pid of nobody", {4194303, getuid(), getgid()}},
	    {"the parent's pid", {getppid(), getuid(), getgid()}},
	    {"no uid", {getpid(), (uid_t)-1, getgid()}},
	    {"no gid", {getpid(), getuid(), (gid_t)-1}},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		try_one(world, rows[i].name, SOL_SOCKET, SCM_CREDENTIALS, &rows[i].who, sizeof(own));
	try_one(world, "ids cut short", SOL_SOCKET, SCM_CREDENTIALS, &own, sizeof(own) - 4);
	try_one(world, "ids and more", SOL_SOCKET, SCM_CREDENTIALS, (const struct ucred[2]){own, own}, sizeof(own) + 4);
}

static void try_several(const struct world *world)
{
	const struct ucred own = {getpid(), getuid(), getgid()};
	const struct ucred other = {getpid(), getuid() + 1, getgid()};
	struct control control = {.length = 0};

	add(&control, SOL_SOCKET, SCM_CREDENTIALS, &own, sizeof(own));
	add(&control, SOL_SOCKET, SCM_RIGHTS, world->files, 2 * sizeof(int));
	send_control(world, "ids, files", &control, control.length);
	add(&control, SOL_SOCKET, SCM_RIGHTS, world->files, sizeof(int));
	send_control(world, "ids, files, files", &control, control.length);
	add(&control, SOL_SOCKET, SCM_CREDENTIALS, &other, sizeof(other));
	send_control(world, "ids, files, files, other ids", &control, control.length);
	control.length = 0;
	add(&control, SOL_SOCKET, SCM_RIGHTS, world->files, 253 * sizeof(int));
	add(&control, SOL_SOCKET, SCM_RIGHTS, world->files, sizeof(int));
	send_control(world, "253 files, another", &control, control.length);
	control.length = 0;
	add(&control, SOL_SOCKET, SCM_RIGHTS, world->files, sizeof(int));
	add(&control, 77, 1, world->files, sizeof(int));
	send_control(world, "files, another level", &control, control.length);
	send_control(world, "files, a stub", &control, CMSG_SPACE(sizeof(int)) + 4);
	send_control(world, "files, a header alone", &control, CMSG_SPACE(sizeof(int)) + sizeof(struct cmsghdr));
}

static void try_lengths(const struct world *world)
{
	static const size_t lengths[] = {0, 1, 15, 16, 17, 20, 21, 24, 25, 64, SIZE_MAX, SIZE_MAX - 7, INT_MAX};

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct control control = {.length = 0};
		char name[64];

		add(&control, SOL_SOCKET, SCM_RIGHTS, world->files, sizeof(int));
		((struct cmsghdr *)(void *)control.bytes)->cmsg_len = lengths[i];
		(void)snprintf(name, sizeof(name), "an item's length %zu", lengths[i]);
		send_control(world, name, &control, control.length);
		(void)snprintf(name, sizeof(name), "an item's length %zu, all of it cut", lengths[i]);
		send_control(world, name, &control, 16);
	}
}

static void try_levels(const struct world *world)
{
	static const struct {
		int level;
		int type;
		size_t length;
	} rows[] = {
	    {SOL_SOCKET, 0, 4},           {SOL_SOCKET, SCM_SECURITY, 4},
	    {SOL_SOCKET, 4, 4},           {SOL_SOCKET, SO_TIMESTAMPING, 4},
	    {SOL_SOCKET, SO_MARK, 4},     {SOL_SOCKET, SO_PRIORITY, 4},
	    {SOL_SOCKET, -1, 4},          {SOL_IP, IP_TTL, 4},
	    {SOL_IP, IP_TOS, 4},          {SOL_IP, IP_TTL, 1},
	    {SOL_IP, IP_PKTINFO, 12},     {SOL_IP, IP_RETOPTS, 4},
	    {SOL_IPV6, IPV6_HOPLIMIT, 4}, {IPPROTO_UDP, 103, 2},
	    {IPPROTO_TCP, 1, 4},          {-1, 1, 4},
	};
	const int one[8] = {1};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char name[48];

		(void)snprintf(name, sizeof(name), "level %d, type %d, %zu bytes", rows[i].level, rows[i].type,
			       rows[i].length);
		try_one(world, name, rows[i].level, rows[i].type, one, rows[i].length);
	}
}

/* --- sendmmsg, and who is told --- */

static void try_many(const struct world *world)
{
	struct iovec good = {.iov_base = "abc", .iov_len = 3};
	struct iovec bad = {.iov_base = (void *)1, .iov_len = 3};
	static struct mmsghdr all[1100];
	static const unsigned counts[] = {0, 1, 3, 1024, 1025, 1100, UINT_MAX};

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]) + 3; i++) {
		for (enum kind kind = STREAM; kind < KINDS; kind++) {
			size_t n = sizeof(counts) / sizeof(counts[0]);
			struct ends ends = connect_kind(world, kind);
			ssize_t result;
			int error;

			for (size_t k = 0; k < 1100; k++)
				all[k] =
				    (struct mmsghdr){.msg_hdr = {.msg_iov = &good, .msg_iovlen = 1}, .msg_len = 77};
			if (i == n)
				all[1].msg_hdr.msg_iov = &bad;
			if (i == n + 1)
				all[0].msg_hdr.msg_iov = &bad;
			begin();
			result = syscall(SYS_sendmmsg, ends.here, i == n + 2 ? (void *)1 : (void *)all,
					 i < n ? counts[i] : 3, MSG_DONTWAIT);
			error = errno;
			printf("sendmmsg %s row %zu, %u %u %u: ", kind_names[kind], i, all[0].msg_len, all[1].msg_len,
			       all[2].msg_len);
			end(kind, ends, result, error);
		}
	}
}

static void try_passing(const struct world *world)
{
	static const int options[] = {SO_PASSCRED, SO_PASSSEC, SO_PASSPIDFD, SO_TIMESTAMP};
	const int on = 1;

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		for (enum kind kind = STREAM; kind <= SEQPACKET; kind++) {
			struct ends ends = connect_kind(world, kind);
			struct iovec one = {.iov_base = "abc", .iov_len = 3};
			const struct msghdr message = {.msg_iov = &one, .msg_iovlen = 1};
			ssize_t result;
			int error;

			(void)setsockopt(ends.there, SOL_SOCKET, options[i], &on, sizeof(on));
			printf("sendmsg %s to one with option %d: ", kind_names[kind], options[i]);
			begin();
			result = syscall(SYS_sendmsg, ends.here, &message, 0);
			error = errno;
			end(kind, ends, result, error);
		}
	}
}

int main(int argc, char **argv)
{
	static struct world world;
	const struct sigaction counted = {.sa_handler = count};
	bool nonblock = argc == 3 && strcmp(argv[1], "nonblock") == 0;
	char *pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (argc < 2 || chdir(argv[argc - 1]) != 0)
		err(2, "usage: odd_messages [nonblock] DIRECTORY");
	(void)sigaction(SIGPIPE, &counted, NULL);
	(void)sigaction(SIGALRM, &counted, NULL);
	must(pages != MAP_FAILED && munmap(pages + PAGE, PAGE) == 0, "mmap");
	world.edge = pages + PAGE;
	world.large = calloc(1, LARGE);
	must(world.large != NULL, "calloc");
	world.flags = SOCK_CLOEXEC | (nonblock ? SOCK_NONBLOCK : 0);
	for (size_t i = 0; i < FILES; i++)
		must((world.files[i] = open("/dev/null", O_RDWR | O_CLOEXEC)) >= 0, "open");
	try_headers(&world);
	try_pieces(&world);
	try_flags(&world);
	try_rights(&world);
	try_credentials(&world);
	try_several(&world);
	try_lengths(&world);
	try_levels(&world);
	try_many(&world);
	try_passing(&world);
	return 0;
}
