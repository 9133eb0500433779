/*
 * What tests/places runs in each place: tries what a policy forbids or allows, and says how that went, a line each. A
 * word is followed by its arguments; all are done in their order.
 *
 *   call PATH        a child makes a symbolic link there: the call that the policies of tests/places block
 *   thread PATH      the same from a second thread
 *   foreign PATH     a folder, from a second thread, by the i386 entry; x32 PATH by an x32 number
 *   told PATH FILE   as call, by itself; is it in FILE when it has been answered?
 *   ring             io_uring_setup(2), io_uring_enter(2), io_uring_register(2)
 *   newer            a call that no kernel has
 *   connect ADDRESS  a stream; ADDRESS is a path or @NAME
 *   sendto, sendmsg, sendmmsg ADDRESS   a datagram
 *   own ADDRESS      binds it, connects to it
 *   race ADDRESS N   connects N times (more, until it has seen both), while another thread turns the last byte between
 *                    what it is and 'd'
 *   storm ADDRESS    datagrams for a second, while a timer's signal comes 500 times, whose handler lets calls go on
 *   make TYPE        socket(AF_UNIX, stream or dgram)
 *   identity         of root a plain user; says what the user is outside of the user namespace
 *   euid, privileges, descriptors    says them
 *   copy             standard input to standard output
 *   signal FILE      no signal, by kill(2) and by a pidfd, to the process whose number is in it
 *   touch, await PATH
 *   exec COMMAND...  ; exit N
 *   serve ADDRESS... is the other side: listens there (NAME.dgram takes datagrams) until SIGTERM, then says how often
 *                    something came to each, and of which user
 */
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define PLAIN       61235
#define SERVED_MAX  16
#define NONCE       (0x5eedUL << 16)
#define MOST        100 /* times as many tries as were asked for */
#define FROM_NOBODY (~(uid_t)0)

static char **words;

static const char *how(long result)
{
	return result >= 0 ? "done" : strerrorname_np(errno);
}

static void say(const char *word, const char *detail, const char *what)
{
	printf("%s%s%s: %s\n", word, *detail ? " " : "", detail, what);
	(void)fflush(stdout);
}

/* The last part of an address: what is the same in every place. */
static const char *name_of(const char *address)
{
	const char *end = strrchr(address, '/');

	return end ? end + 1 : address;
}

/* --- Calls that are blocked --- */

static long link_there(const char *path, unsigned long nonce)
{
	return syscall(SYS_symlinkat, "nowhere", AT_FDCWD, path, 0UL, 0UL, nonce);
}

static long call(const char *path)
{
	return link_there(path, NONCE);
}

#ifdef __x86_64__
/* mkdir(2) of i386, whose pointer has 32 bits. */
static long foreign(const char *path)
{
	char *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	long result = 39;

	if (low == MAP_FAILED)
		err(2, "mmap");
	(void)strncpy(low, path, 4095);
	__asm__ volatile("int $0x80" : "+a"(result) : "b"(low), "c"(0700L) : "memory");
	if (result >= 0)
		return result;
	errno = (int)-result;
	return -1;
}

static long x32(const char *path)
{
	return syscall(0x40000000L | SYS_mkdir, path, 0700);
}
#else
static long foreign(const char *path)
{
	(void)path;
	errno = ENOSYS;
	return -1;
}
#define x32 foreign
#endif

struct attempt {
	long (*make)(const char *path);
	const char *path;
};

static void *make_it(void *argument)
{
	const struct attempt *attempt = argument;
	const long result = attempt->make(attempt->path);

	_exit(result >= 0 ? 0 : errno);
}

/* In a child, whose end tells how it went; 200: a thread that came to nothing. */
static void in_child(const char *word, struct attempt attempt, bool thread)
{
	char text[64];
	pthread_t other;
	int status = 0;
	pid_t child = fork();

	if (child == 0 && !thread)
		make_it(&attempt);
	if (child == 0) {
		/* One that is killed alone ends without a word: its process stays. */
		if (pthread_create(&other, NULL, make_it, &attempt) == 0)
			(void)pthread_join(other, NULL);
		_exit(200);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		err(2, "child");
	if (WIFSIGNALED(status))
		(void)snprintf(text, sizeof(text), "killed by SIG%s", sigabbrev_np(WTERMSIG(status)));
	else if (WEXITSTATUS(status) == 200)
		(void)snprintf(text, sizeof(text), "only the thread ended");
	else
		(void)snprintf(text, sizeof(text), "%s",
			       WEXITSTATUS(status) ? strerrorname_np(WEXITSTATUS(status)) : "done");
	say(word, "", text);
}

static void do_call(const char *word)
{
	const char *path = *words++;

	if (strcmp(word, "foreign") == 0)
		in_child(word, (struct attempt){foreign, path}, true);
	else if (strcmp(word, "x32") == 0)
		in_child(word, (struct attempt){x32, path}, true);
	else
		in_child(word, (struct attempt){call, path}, strcmp(word, "thread") == 0);
}

static bool stands_in(const char *path, const char *text)
{
	static char all[1 << 20];
	int file = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t size = read(file, all, sizeof(all) - 1);

	if (file >= 0)
		(void)close(file);
	all[size > 0 ? size : 0] = '\0';
	return strstr(all, text);
}

/* Ten, each with a number of its own. */
static void do_told(const char *word)
{
	const char *path = *words++;
	const char *file = *words++;
	char text[32];
	unsigned told = 0;

	for (unsigned long i = 0; i < 10; i++) {
		say("call", "", how(link_there(path, NONCE + 1 + i)));
		(void)snprintf(text, sizeof(text), "\"0x%lx\"", NONCE + 1 + i);
		told += stands_in(file, text);
	}
	printf("%s: %u of 10 before the answer\n", word, told);
}

static void do_ring(const char *word)
{
	char parameters[256] = {0};

	say(word, "setup", how(syscall(SYS_io_uring_setup, 4, parameters)));
	say(word, "enter", how(syscall(SYS_io_uring_enter, -1, 0, 0, 0, NULL, 0)));
	say(word, "register", how(syscall(SYS_io_uring_register, -1, 0, NULL, 0)));
}

static void do_newer(const char *word)
{
	say(word, "", how(syscall(999)));
}

/* --- Sockets --- */

static socklen_t address_of(const char *text, struct sockaddr_un *address)
{
	const size_t length = strlen(text);

	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (length >= sizeof(address->sun_path))
		errx(2, "%s: too long", text);
	memcpy(address->sun_path, text, length);
	if (text[0] == '@')
		address->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (text[0] == '@' ? 0 : 1));
}

static bool takes_datagrams(const char *address)
{
	const char *dot = strrchr(address, '.');

	return dot && strcmp(dot, ".dgram") == 0;
}

static int bound(const char *text)
{
	struct sockaddr_un address;
	const socklen_t size = address_of(text, &address);
	const int type = takes_datagrams(text) ? SOCK_DGRAM : SOCK_STREAM;
	const int one = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	if (one < 0 || bind(one, (struct sockaddr *)&address, size) != 0)
		return -1;
	return type == SOCK_DGRAM || listen(one, 64) == 0 ? one : -1;
}

static long connected(const struct sockaddr_un *address, socklen_t size)
{
	const int one = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	long result = one < 0 ? -1 : connect(one, (const struct sockaddr *)address, size);
	const int error = errno;

	if (one >= 0)
		(void)close(one);
	errno = error;
	return result;
}

static void do_connect(const char *word)
{
	const char *text = *words++;
	struct sockaddr_un address;
	const socklen_t size = address_of(text, &address);

	say(word, name_of(text), how(connected(&address, size)));
}

static void do_send(const char *word)
{
	const char *text = *words++;
	struct sockaddr_un address;
	const socklen_t size = address_of(text, &address);
	const int one = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char byte = 'x';
	struct iovec part = {.iov_base = &byte, .iov_len = 1};
	struct mmsghdr message = {
	    .msg_hdr = {.msg_name = &address, .msg_namelen = size, .msg_iov = &part, .msg_iovlen = 1}};
	long result = one;

	if (one >= 0 && strcmp(word, "sendto") == 0)
		result = sendto(one, &byte, 1, 0, (struct sockaddr *)&address, size);
	else if (one >= 0 && strcmp(word, "sendmsg") == 0)
		result = sendmsg(one, &message.msg_hdr, 0);
	else if (one >= 0)
		result = sendmmsg(one, &message, 1, 0);
	say(word, name_of(text), how(result));
	if (one >= 0)
		(void)close(one);
}

static void do_own(const char *word)
{
	const char *text = *words++;
	struct sockaddr_un address;
	const socklen_t size = address_of(text, &address);
	const int one = bound(text);

	say(word, "bind", how(one));
	say(word, "connect", how(connected(&address, size)));
}

static void do_make(const char *word)
{
	const char *type = *words++;

	say(word, type, how(socket(AF_UNIX, strcmp(type, "dgram") == 0 ? SOCK_DGRAM : SOCK_STREAM, 0)));
}

static void nothing(int signal)
{
	(void)signal;
}

static void do_storm(const char *word)
{
	const char *text = *words++;
	const struct itimerval often = {.it_interval = {.tv_usec = 2000}, .it_value = {.tv_usec = 2000}};
	const struct sigaction action = {.sa_handler = nothing, .sa_flags = SA_RESTART};
	const int one = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address;
	const socklen_t size = address_of(text, &address);
	struct timespec begun;
	struct timespec now;
	long sent = 0;

	(void)sigaction(SIGALRM, &action, NULL);
	(void)setitimer(ITIMER_REAL, &often, NULL);
	(void)clock_gettime(CLOCK_MONOTONIC, &begun);
	do {
		sent += sendto(one, "x", 1, 0, (const struct sockaddr *)&address, size) == 1;
		(void)clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec <= begun.tv_sec + 1);
	(void)setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
	printf("%s: sent %ld\n", word, sent);
}

struct flip {
	char *byte;
	char first;
	_Atomic bool over;
};

static void *flip(void *argument)
{
	struct flip *it = argument;
	volatile char *byte = it->byte;

	/* One turn a round: where one processor is emulated, it takes others on between rounds alone. */
	while (!it->over)
		*byte = *byte == 'd' ? it->first : 'd';
	return NULL;
}

static void do_race(const char *word)
{
	const char *text = *words++;
	const long tries = strtol(*words++, NULL, 10);
	struct sockaddr_un address;
	const socklen_t size = address_of(text, &address);
	struct flip it = {.byte = address.sun_path + strlen(text) - 1};
	long good = 0;
	long refused = 0;
	pthread_t other;

	it.first = *it.byte;
	if (pthread_create(&other, NULL, flip, &it) != 0)
		errx(2, "thread");
	/* On a busy machine the other thread may not have run in all of them: until it has. */
	for (long i = 0; i < tries || ((!good || !refused) && i < MOST * tries); i++) {
		if (connected(&address, size) == 0)
			good++;
		else if (errno == EACCES)
			refused++;
	}
	it.over = true;
	(void)pthread_join(other, NULL);
	printf("%s: %ld tries, %s connected, %s refused\n", word, tries, good ? "some" : "none",
	       refused ? "some" : "none");
}

/* --- Who it is --- */

/* As the parent of the user namespace has it. */
static long outside(long uid)
{
	FILE *file = fopen("/proc/self/uid_map", "re");
	long inner;
	long outer;
	long count;

	while (file && fscanf(file, "%ld %ld %ld", &inner, &outer, &count) == 3)
		if (uid >= inner && uid - inner < count)
			uid = outer + uid - inner;
	if (file)
		(void)fclose(file);
	return uid;
}

static void do_identity(const char *word)
{
	if (geteuid() == 0 &&
	    (setgroups(0, NULL) != 0 || setresgid(PLAIN, PLAIN, PLAIN) != 0 || setresuid(PLAIN, PLAIN, PLAIN) != 0))
		say(word, "change", how(-1));
	printf("%s: user %ld\n", word, outside((long)geteuid()));
}

static void do_euid(const char *word)
{
	printf("%s: %s\n", word, geteuid() == getuid() ? "the same" : "another");
}

static void do_privileges(const char *word)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[256];

	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, "NoNewPrivs:", 11) == 0 || strncmp(line, "Seccomp:", 8) == 0)
			printf("%s: %s", word, line);
	if (file)
		(void)fclose(file);
}

/* But the one that it lists them by. */
static void do_descriptors(const char *word)
{
	DIR *folder = opendir("/proc/self/fd");
	const struct dirent *entry;
	char target[256];
	ssize_t length;

	while (folder && (entry = readdir(folder))) {
		const long number = strtol(entry->d_name, NULL, 10);

		if (number < 3 || number == dirfd(folder))
			continue;
		length = readlinkat(dirfd(folder), entry->d_name, target, sizeof(target) - 1);
		target[length > 0 ? length : 0] = '\0';
		say(word, entry->d_name, target);
	}
	say(word, "", folder ? "listed" : how(-1));
	if (folder)
		(void)closedir(folder);
}

/* --- What a command does --- */

static void do_copy(const char *word)
{
	char some[512];
	ssize_t count;

	(void)word;
	while ((count = read(0, some, sizeof(some))) > 0)
		(void)fwrite(some, 1, (size_t)count, stdout);
}

static void do_file(const char *word)
{
	const char *path = *words++;
	int file;

	if (strcmp(word, "touch") == 0) {
		file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
		say(word, name_of(path), how(file));
		if (file >= 0)
			(void)close(file);
		return;
	}
	while (access(path, F_OK) != 0)
		(void)usleep(5000);
}

static void do_signal(const char *word)
{
	const char *path = *words++;
	FILE *file = fopen(path, "re");
	long process = 0;
	long pidfd;

	if (!file || fscanf(file, "%ld", &process) != 1)
		errx(2, "%s: no number", path);
	(void)fclose(file);
	say(word, "kill", how(kill((pid_t)process, 0)));
	pidfd = syscall(SYS_pidfd_open, process, 0);
	say(word, "pidfd", how(pidfd < 0 ? pidfd : syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0)));
}

static void do_exec(const char *word)
{
	(void)fflush(stdout);
	execv(*words, words);
	say(word, name_of(*words), how(-1));
	exit(126);
}

static void do_exit(const char *word)
{
	(void)word;
	exit((int)strtol(*words, NULL, 10));
}

/* --- The other side --- */

struct served {
	const char *address;
	unsigned long came;
	uid_t from; /* the first */
};

static void take(struct served *served, int one)
{
	struct ucred from = {.uid = FROM_NOBODY};
	socklen_t size = sizeof(from);
	char byte;
	int accepted;

	if (takes_datagrams(served->address)) {
		served->came += recv(one, &byte, 1, MSG_DONTWAIT) > 0;
		return;
	}
	accepted = accept4(one, NULL, NULL, SOCK_CLOEXEC);
	if (accepted < 0)
		return;
	if (served->came++ == 0 && getsockopt(accepted, SOL_SOCKET, SO_PEERCRED, &from, &size) == 0)
		served->from = from.uid;
	(void)close(accepted);
}

static volatile sig_atomic_t over;

static void end(int signal)
{
	over = signal;
}

static void do_serve(const char *word)
{
	struct served served[SERVED_MAX];
	struct pollfd all[SERVED_MAX];
	nfds_t count = 0;
	int ready = 0;

	(void)word;
	for (; *words && count < SERVED_MAX; count++) {
		served[count] = (struct served){*words, 0, FROM_NOBODY};
		all[count] = (struct pollfd){.fd = bound(*words++), .events = POLLIN};
		if (all[count].fd < 0)
			err(2, "%s", served[count].address);
		if (served[count].address[0] == '/')
			(void)chmod(served[count].address, strstr(served[count].address, ".root") ? 0600 : 0777);
	}
	(void)signal(SIGTERM, end);
	say("serves", "", "all");
	/* What has come until then counts as well. */
	for (bool last = false; !last || ready > 0;) {
		last = over;
		ready = poll(all, count, last ? 0 : 50);
		for (nfds_t i = 0; i < count && ready > 0; i++)
			if (all[i].revents & POLLIN)
				take(&served[i], all[i].fd);
	}
	for (nfds_t i = 0; i < count; i++) {
		printf("%s came %lu", served[i].address, served[i].came);
		if (served[i].from != FROM_NOBODY)
			printf(" user %ld", (long)served[i].from);
		printf("\n");
	}
	exit(0);
}

static const struct word {
	const char *names; /* each ended by a blank */
	int takes;         /* arguments */
	void (*act)(const char *word);
} all_words[] = {
    {"call thread foreign x32 ", 1, do_call},
    {"told ", 2, do_told},
    {"ring ", 0, do_ring},
    {"newer ", 0, do_newer},
    {"connect ", 1, do_connect},
    {"sendto sendmsg sendmmsg ", 1, do_send},
    {"own ", 1, do_own},
    {"make ", 1, do_make},
    {"race ", 2, do_race},
    {"storm ", 1, do_storm},
    {"identity ", 0, do_identity},
    {"euid ", 0, do_euid},
    {"privileges ", 0, do_privileges},
    {"descriptors ", 0, do_descriptors},
    {"copy ", 0, do_copy},
    {"touch await ", 1, do_file},
    {"signal ", 1, do_signal},
    {"exec ", 1, do_exec},
    {"exit ", 1, do_exit},
    {"serve ", 1, do_serve},
};

static const struct word *find(const char *name)
{
	char whole[32];

	(void)snprintf(whole, sizeof(whole), "%s ", name);
	for (size_t i = 0; i < sizeof(all_words) / sizeof(all_words[0]); i++) {
		const char *at = strstr(all_words[i].names, whole);

		if (at && (at == all_words[i].names || at[-1] == ' '))
			return &all_words[i];
	}
	errx(2, "no such word: %s", name);
}

int main(int argc, char **argv)
{
	(void)argc;
	words = argv + 1;
	say("begun", "", "yes");
	while (*words) {
		const char *name = *words++;
		const struct word *word = find(name);

		for (int i = 0; i < word->takes; i++)
			if (!words[i])
				errx(2, "%s needs more", name);
		word->act(name);
	}
	return 0;
}
