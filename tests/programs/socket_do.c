/*
 * socket_do WORD...: does what the words say, one after the other, and prints a line for each that
 * has a result: the word, its argument, "ok" or the errno. The same words give the same lines with
 * and without a filter, so one can be held against the other.
 *
 *   stream, dgram, seqpacket, tcp, udp, tcp6, udp6, netlink, icmp, packet   a new socket
 *   fd N         that descriptor is the socket
 *   connect A, bind A, sendto A, sendmsg A, sendmmsg A, send, rights, claim UID, listen, accept
 *   peer         who the other end of a stream is; named: the name of the socket
 *   length N, pointer N, nonblock, backlog N   of the next call, of the socket
 *   fork, exec, thread, twice   the rest in a child, after an execve(2), in a second thread; two times
 *   umask M, chdir D, chroot D, root D (chroot and chdir), uid N, gid N, euid N, egid N, fsuid N,
 *   groups N,N or "", nocaps, userns, userns0, mountns, netns, over A:B (a bind mount), file P,
 *   stat P, unlink P, rename A:B, link A:B, say TEXT, await P
 *
 * An address: a path, @abstract, "" (unnamed), 4:HOST:PORT, 6:HOST:PORT, unspec, kernel (netlink).
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static int one = -1;    /* the socket */
static long length = 0; /* of the next address; 0: what it is */
static void *pointer;   /* of the next address; NULL: to it */
static char **words;    /* that are left */

union any {
	struct sockaddr any;
	struct sockaddr_un local;
	struct sockaddr_in four;
	struct sockaddr_in6 six;
	struct sockaddr_nl netlink;
	char bytes[256];
};

static void result(const char *word, const char *argument, long value)
{
	int error = errno;

	printf("%s%s%s: %s\n", word, argument && *argument ? " " : "", argument ? argument : "",
	       value >= 0 ? "ok" : strerrorname_np(error));
	(void)fflush(stdout);
}

static socklen_t local_address(const char *text, union any *address)
{
	size_t size = strlen(text);

	address->local.sun_family = AF_UNIX;
	if (size > sizeof(address->bytes) - offsetof(struct sockaddr_un, sun_path) - 1)
		errx(2, "too long: %s", text);
	memcpy(address->bytes + offsetof(struct sockaddr_un, sun_path), text, size);
	if (text[0] == '@')
		address->local.sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size + (text[0] && text[0] != '@'));
}

static socklen_t internet_address(const char *text, union any *address)
{
	char host[64];
	const char *port = strrchr(text, ':');
	uint16_t number = htons((uint16_t)strtoul(port + 1, NULL, 10));
	bool six = text[0] == '6';

	(void)snprintf(host, sizeof(host), "%.*s", (int)(port - text - 2), text + 2);
	if (six)
		address->six = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = number};
	else
		address->four = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = number};
	if (inet_pton(six ? AF_INET6 : AF_INET, host,
		      six ? (void *)&address->six.sin6_addr : (void *)&address->four.sin_addr) != 1)
		errx(2, "no address: %s", text);
	return six ? sizeof(address->six) : sizeof(address->four);
}

/* The address that the words give, by what stands before them. */
static socklen_t parse(const char *text, union any *address, struct sockaddr **at)
{
	socklen_t size;

	memset(address, 0, sizeof(*address));
	if (strcmp(text, "unspec") == 0)
		size = sizeof(address->any);
	else if (strcmp(text, "kernel") == 0)
		address->netlink.nl_family = AF_NETLINK, size = sizeof(address->netlink);
	else if ((text[0] == '4' || text[0] == '6') && text[1] == ':')
		size = internet_address(text, address);
	else
		size = local_address(text, address);
	if (length)
		size = (socklen_t)length;
	*at = pointer ? pointer : &address->any;
	length = 0;
	pointer = NULL;
	return size;
}

static void do_socket(const char *word, const char *argument)
{
	static const struct {
		const char *word;
		int domain, type, protocol;
	} sockets[] = {
	    {"stream", AF_UNIX, SOCK_STREAM, 0},       {"dgram", AF_UNIX, SOCK_DGRAM, 0},
	    {"seqpacket", AF_UNIX, SOCK_SEQPACKET, 0}, {"tcp", AF_INET, SOCK_STREAM, 0},
	    {"udp", AF_INET, SOCK_DGRAM, 0},           {"tcp6", AF_INET6, SOCK_STREAM, 0},
	    {"udp6", AF_INET6, SOCK_DGRAM, 0},         {"netlink", AF_NETLINK, SOCK_RAW, NETLINK_ROUTE},
	    {"icmp", AF_INET, SOCK_RAW, IPPROTO_ICMP}, {"packet", AF_PACKET, SOCK_DGRAM, 0},
	};
	const int yes = 1;

	for (size_t i = 0; i < sizeof(sockets) / sizeof(sockets[0]); i++)
		if (strcmp(sockets[i].word, word) == 0)
			one = socket(sockets[i].domain, sockets[i].type, sockets[i].protocol);
	if (one < 0)
		result(word, argument, one);
	else if (strncmp(word, "tcp", 3) == 0)
		(void)setsockopt(one, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
}

static void do_connect(const char *word, const char *argument)
{
	union any address;
	struct sockaddr *at;
	socklen_t size = parse(argument, &address, &at);

	result(word, argument, connect(one, at, size));
}

static void do_bind(const char *word, const char *argument)
{
	union any address;
	struct sockaddr *at;
	socklen_t size = parse(argument, &address, &at);

	result(word, argument, bind(one, at, size));
}

static void do_send(const char *word, const char *argument)
{
	union any address;
	struct sockaddr *at;
	socklen_t size = parse(argument ? argument : "", &address, &at);
	char byte = 'x';
	struct iovec piece = {.iov_base = &byte, .iov_len = 1};
	struct mmsghdr two[2] = {{.msg_hdr = {.msg_iov = &piece, .msg_iovlen = 1}}};
	long sent;

	if (argument && *argument)
		two[0].msg_hdr.msg_name = at, two[0].msg_hdr.msg_namelen = size;
	two[1] = two[0];
	if (strcmp(word, "send") == 0)
		sent = send(one, &byte, 1, MSG_NOSIGNAL);
	else if (strcmp(word, "sendto") == 0)
		sent = sendto(one, &byte, 1, MSG_NOSIGNAL, at, size);
	else if (strcmp(word, "sendmsg") == 0)
		sent = sendmsg(one, &two[0].msg_hdr, MSG_NOSIGNAL);
	else
		sent = sendmmsg(one, two, 2, MSG_NOSIGNAL) == 2 ? 2 : -1;
	result(word, argument, sent);
}

/* A message with one item of control data. */
static long send_control(int type, const void *data, size_t size)
{
	char byte = 'x';
	struct iovec piece = {.iov_base = &byte, .iov_len = 1};
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct ucred))] = {0};
	struct msghdr message = {
	    .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CMSG_SPACE(size)};
	struct cmsghdr *item = CMSG_FIRSTHDR(&message);

	*item = (struct cmsghdr){.cmsg_len = CMSG_LEN(size), .cmsg_level = SOL_SOCKET, .cmsg_type = type};
	memcpy(CMSG_DATA(item), data, size);
	return sendmsg(one, &message, MSG_NOSIGNAL);
}

static void do_rights(const char *word, const char *argument)
{
	int descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC);

	result(word, argument, send_control(SCM_RIGHTS, &descriptor, sizeof(descriptor)));
	close(descriptor);
}

static void do_claim(const char *word, const char *argument)
{
	struct ucred claim = {.pid = getpid(), .uid = (uid_t)strtoul(argument, NULL, 10), .gid = getgid()};

	result(word, argument, send_control(SCM_CREDENTIALS, &claim, sizeof(claim)));
}

static void do_peer(const char *word, const char *argument)
{
	struct ucred peer = {0};
	socklen_t size = sizeof(peer);

	(void)argument;
	if (getsockopt(one, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
		result(word, NULL, -1);
	else
		printf("%s uid=%d gid=%d\n", word, (int)peer.uid, (int)peer.gid);
}

static void do_named(const char *word, const char *argument)
{
	union any name;
	socklen_t size = sizeof(name);
	const char *at = name.local.sun_path;

	(void)argument;
	memset(&name, 0, sizeof(name));
	if (getsockname(one, &name.any, &size) != 0)
		result(word, NULL, -1);
	else if (name.any.sa_family != AF_UNIX)
		printf("%s family=%d\n", word, name.any.sa_family);
	else
		printf("%s %s%s\n", word, at[0] || size <= 2 ? "" : "@", at[0] ? at : at + 1);
	(void)fflush(stdout);
}

static void do_listen(const char *word, const char *argument)
{
	int backlog = *word == 'b' ? (int)strtol(argument, NULL, 10) : 64;

	if (listen(one, backlog) != 0)
		result(word, argument, -1);
}

static void do_accept(const char *word, const char *argument)
{
	int accepted = accept4(one, NULL, NULL, SOCK_CLOEXEC);

	result(word, argument, accepted);
	one = accepted;
}

static void do_length(const char *word, const char *argument)
{
	if (*word == 'l')
		length = strtol(argument, NULL, 10);
	else if (*word == 'p')
		pointer = (void *)strtoul(argument, NULL, 0); /* NOLINT: one that leads nowhere */
	else
		one = (int)strtol(argument, NULL, 10);
}

static void do_nonblock(const char *word, const char *argument)
{
	(void)word;
	(void)argument;
	(void)fcntl(one, F_SETFL, O_NONBLOCK);
}

static void run(void);

static void *run_rest(void *nothing)
{
	run();
	return nothing;
}

static void do_apart(const char *word, const char *argument)
{
	pthread_t thread;
	pid_t child;
	int status;

	(void)argument;
	if (strcmp(word, "thread") == 0) {
		if (pthread_create(&thread, NULL, run_rest, NULL) == 0)
			(void)pthread_join(thread, NULL);
		exit(0);
	}
	if (strcmp(word, "exec") == 0) {
		execv("/proc/self/exe", words - 1);
		err(2, "exec");
	}
	(void)fflush(stdout);
	child = fork();
	if (child != 0) {
		(void)waitpid(child, &status, 0);
		if (strcmp(word, "fork") == 0)
			exit(WIFEXITED(status) ? WEXITSTATUS(status) : 2);
	}
}

static gid_t group_list(const char *text, gid_t groups[32])
{
	gid_t count = 0;
	char *end;

	for (; *text && count < 32; text = *end ? end + 1 : end)
		groups[count++] = (gid_t)strtoul(text, &end, 10);
	return count;
}

static void do_identity(const char *word, const char *argument)
{
	long number = strtol(argument, NULL, 10);
	uid_t id = (uid_t)number;
	gid_t groups[32];
	long done;

	if (strcmp(word, "uid") == 0)
		done = setresuid(id, id, id);
	else if (strcmp(word, "gid") == 0)
		done = setresgid(id, id, id);
	else if (strcmp(word, "euid") == 0)
		done = seteuid(id);
	else if (strcmp(word, "egid") == 0)
		done = setegid(id);
	else if (strcmp(word, "fsuid") == 0)
		done = setfsuid(id) >= 0 && setfsuid(id) == (int)id ? 0 : -1;
	else
		done = setgroups(group_list(argument, groups), groups);
	if (done != 0)
		result(word, argument, -1);
}

static void do_nocaps(const char *word, const char *argument)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {{0}};

	if (syscall(SYS_capset, &header, none) != 0)
		result(word, argument, -1);
}

static void put(const char *path, const char *text)
{
	int file = open(path, O_WRONLY | O_CLOEXEC);

	if (file < 0 || write(file, text, strlen(text)) < 0)
		result("write", path, -1);
	if (file >= 0)
		close(file);
}

static void do_namespace(const char *word, const char *argument)
{
	char map[64];
	uid_t uid = geteuid();
	gid_t gid = getegid();
	int what = *word == 'u' ? CLONE_NEWUSER : *word == 'm' ? CLONE_NEWNS : CLONE_NEWNET;

	if (unshare(what) != 0) {
		result(word, argument, -1);
		return;
	}
	if (what == CLONE_NEWNS && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		result(word, "private", -1);
	if (strcmp(word, "userns0") != 0)
		return;
	put("/proc/self/setgroups", "deny");
	(void)snprintf(map, sizeof(map), "0 %u 1", uid);
	put("/proc/self/uid_map", map);
	(void)snprintf(map, sizeof(map), "0 %u 1", gid);
	put("/proc/self/gid_map", map);
}

static void do_place(const char *word, const char *argument)
{
	char first[256];
	const char *colon = strchr(argument, ':');
	const char *second = colon ? colon + 1 : "";
	struct stat status;
	long done = -1;
	int file;

	(void)snprintf(first, sizeof(first), "%.*s", colon ? (int)(colon - argument) : (int)strlen(argument), argument);
	if (strcmp(word, "over") == 0)
		done = mount(first, second, NULL, MS_BIND, NULL);
	else if (strcmp(word, "rename") == 0)
		done = rename(first, second);
	else if (strcmp(word, "link") == 0)
		done = symlink(first, second);
	else if (strcmp(word, "unlink") == 0)
		done = unlink(argument);
	else if (strcmp(word, "chdir") == 0)
		done = chdir(argument);
	else if (strcmp(word, "chroot") == 0)
		done = chroot(argument);
	else if (strcmp(word, "root") == 0)
		done = chroot(argument) == 0 ? chdir("/") : -1;
	else if (strcmp(word, "umask") == 0)
		done = (long)umask((mode_t)strtoul(argument, NULL, 8));
	else if (strcmp(word, "file") == 0)
		done = (file = open(argument, O_CREAT | O_CLOEXEC, 0600)) >= 0 ? close(file) : -1;
	else if (stat(argument, &status) == 0)
		done = printf("stat %s: %o %u %u\n", argument, status.st_mode, status.st_uid, status.st_gid);
	if (done < 0)
		result(word, argument, -1);
}

static void do_say(const char *word, const char *argument)
{
	(void)word;
	printf("%s\n", argument);
	(void)fflush(stdout);
}

static void do_await(const char *word, const char *argument)
{
	(void)word;
	while (access(argument, F_OK) != 0)
		(void)usleep(5000);
}

static const struct word {
	const char *names; /* each ended by a blank */
	bool takes;        /* an argument */
	void (*act)(const char *word, const char *argument);
} all_words[] = {
    {"stream dgram seqpacket tcp udp tcp6 udp6 netlink icmp packet ", false, do_socket},
    {"connect ", true, do_connect},
    {"bind ", true, do_bind},
    {"sendto sendmsg sendmmsg ", true, do_send},
    {"send ", false, do_send},
    {"rights ", false, do_rights},
    {"claim ", true, do_claim},
    {"peer ", false, do_peer},
    {"named ", false, do_named},
    {"listen ", false, do_listen},
    {"backlog ", true, do_listen},
    {"accept ", false, do_accept},
    {"length pointer fd ", true, do_length},
    {"nonblock ", false, do_nonblock},
    {"fork exec thread twice ", false, do_apart},
    {"uid gid euid egid fsuid groups ", true, do_identity},
    {"nocaps ", false, do_nocaps},
    {"userns userns0 mountns netns ", false, do_namespace},
    {"over rename link unlink chdir chroot root umask file stat ", true, do_place},
    {"say ", true, do_say},
    {"await ", true, do_await},
};

static const struct word *find(const char *name)
{
	char whole[32];

	(void)snprintf(whole, sizeof(whole), "%s ", name);
	for (size_t i = 0; i < sizeof(all_words) / sizeof(all_words[0]); i++) {
		const char *at = strstr(all_words[i].names, whole);

		while (at && at != all_words[i].names && at[-1] != ' ')
			at = strstr(at + 1, whole); /* that was another's end */
		if (at)
			return &all_words[i];
	}
	errx(2, "no such word: %s", name);
}

static void run(void)
{
	while (*words) {
		const char *name = *words++;
		const struct word *word = find(name);

		if (word->takes && !*words)
			errx(2, "%s needs an argument", name);
		word->act(name, word->takes ? *words++ : NULL);
	}
}

int main(int argc, char **argv)
{
	(void)argc;
	words = argv + 1;
	run();
	return 0;
}
