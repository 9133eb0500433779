/*
 * reported WHAT: a target with the preload library, or one that makes its calls itself.
 * lie SESSION PID COUNT: so many reports that claim a session ("-": none) and a number (0: none).
 * connect PATH SESSION BEGINS COUNT: so many by plain connections, each in a moment; BEGINS: 1, as the loader's.
 * silent PATH COUNT: so many connections that say nothing, or half of a report; prints "connected", waits for a line.
 * fenced COMMAND...: under a filter of its own, of which the library's prctl hears nothing, and which kills for
 * socket(2), takes another name, and executes the command.
 * names: gives itself names in every way, checks that they are had and what is answered; prints the last.
 * thread NAME: gives a second thread a name, and itself none.
 * clean: at the beginning of main, errno and signals are as they are for any program.
 * careful: does what must not disturb the library, nor be disturbed: closed descriptors, fork, vfork, other rights.
 * confined: has a filter of its own that kills for any prctl but PR_SET_NAME, and then another name.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attestation.h"
#include "claim.h"
#include "handover.h"
#include "rules.h"

static void check(int holds, const char *what)
{
	if (holds)
		return;
	(void)fprintf(stderr, "reported: %s: %s\n", what, strerror(errno));
	_exit(1);
}

static int lie(const char *session, const char *pid, const char *count)
{
	unsigned long claim = strcmp(session, "-") == 0 ? CLAIM_NONE : claim_of(session);

	for (long i = strtol(count, NULL, 10); i > 0; i--) {
		long result =
		    syscall(SYS_prctl, (long)RESERVED_CALL, (long)RESERVED_REPORT, claim, strtol(pid, NULL, 10), 0L);

		check(result == -1 && errno == EINVAL, "the answer");
	}
	(void)puts("done");
	return 0;
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int descriptor = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	check(descriptor >= 0 && strlen(path) < sizeof(address.sun_path), "socket");
	memcpy(address.sun_path, path, strlen(path));
	check(connect(descriptor, (struct sockaddr *)&address, sizeof(address)) == 0, "connect");
	return descriptor;
}

static int connect_plainly(char *const *arguments)
{
	struct handover_report report = {
	    .head = {.magic = HANDOVER_MAGIC, .version = HANDOVER_VERSION, .type = HANDOVER_REPORT},
	    .begins = arguments[2][0] == '1'};

	check(strlen(arguments[1]) < sizeof(report.session), "the session");
	memcpy(report.session, arguments[1], strlen(arguments[1]));
	for (long i = strtol(arguments[3], NULL, 10); i > 0; i--) {
		int descriptor = connect_to(arguments[0]);

		/* One that nobody wants to hear is closed before it is heard. */
		(void)send(descriptor, &report, sizeof(report), MSG_NOSIGNAL);
		close(descriptor);
	}
	(void)puts("done");
	return 0;
}

static int be_silent(const char *path, const char *count)
{
	static const struct handover_head head = {
	    .magic = HANDOVER_MAGIC, .version = HANDOVER_VERSION, .type = HANDOVER_REPORT};

	for (long i = strtol(count, NULL, 10); i > 0; i--) {
		int descriptor = connect_to(path);

		if (i % 2)
			(void)send(descriptor, &head, sizeof(head), MSG_NOSIGNAL);
	}
	(void)puts("connected");
	(void)fflush(stdout);
	return getchar() == EOF;
}

static int fenced(char *const *command)
{
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

	check(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0, "seccomp");
	check(prctl(PR_SET_NAME, "fenced") == 0, "its name");
	(void)execvp(command[0], command);
	return 1;
}

static int is_named(pthread_t thread, const char *name)
{
	char had[16];

	return pthread_getname_np(thread, had, sizeof(had)) == 0 && strcmp(had, name) == 0;
}

static void *name_first(void *first)
{
	check(pthread_setname_np(*(pthread_t *)first, "by-another") == 0, "another thread's");
	check(is_named(*(pthread_t *)first, "by-another"), "another thread's name");
	check(pthread_setname_np(pthread_self(), "second") == 0 && is_named(pthread_self(), "second"), "second");
	return NULL;
}

static void in_thread(void *(*run)(void *), void *argument)
{
	pthread_t thread;

	check(pthread_create(&thread, NULL, run, argument) == 0 && pthread_join(thread, NULL) == 0, "thread");
}

static int names(void)
{
	pthread_t first = pthread_self();

	errno = ESTALE;
	check(prctl(PR_SET_NAME, "by-prctl") == 0 && errno == ESTALE && is_named(first, "by-prctl"), "prctl");
	check(pthread_setname_np(first, "by-itself") == 0 && errno == ESTALE && is_named(first, "by-itself"), "own");
	check(pthread_setname_np(first, "0123456789abcdef") == ERANGE && is_named(first, "by-itself"), "too long");
	check(pthread_setname_np(first, "0123456789abcde") == 0 && is_named(first, "0123456789abcde"), "longest");
	in_thread(name_first, &first);
	check(prctl(PR_GET_DUMPABLE) == 1, "PR_GET_DUMPABLE");
	check(prctl(-1, 0, 0, 0, 0) == -1 && errno == EINVAL, "no option");
	check(prctl(PR_SET_NAME, (char *)1) == -1 && errno == EFAULT, "no name");
	(void)puts("done");
	return 0;
}

static void *name_itself(void *name)
{
	check(pthread_setname_np(pthread_self(), name) == 0, "a thread's name");
	return NULL;
}

static int clean(int error)
{
	sigset_t blocked;

	check(error == 0, "errno");
	check(sigprocmask(SIG_BLOCK, NULL, &blocked) == 0, "mask");
	for (int signal = 1; signal < NSIG; signal++) {
		struct sigaction action;

		check(sigismember(&blocked, signal) != 1, "blocked");
		check(sigaction(signal, NULL, &action) != 0 || action.sa_handler == SIG_DFL, "disposition");
	}
	(void)puts("clean");
	return 0;
}

static void await(pid_t child, const char *what)
{
	int status;

	check(child > 0 && waitpid(child, &status, 0) == child && status == 0, what);
}

static int careful(const char *self)
{
	pid_t child = fork();

	if (child == 0)
		_exit(prctl(PR_SET_NAME, "forked") != 0);
	await(child, "fork");
	child = vfork();
	if (child == 0) {
		(void)syscall(SYS_prctl, PR_SET_NAME, "raw");
		(void)prctl(PR_SET_NAME, "vforked");
		(void)execl(self, "quiet", "quiet", NULL);
		_exit(1);
	}
	await(child, "vfork");
	child = fork();
	if (child == 0) {
		(void)syscall(SYS_close_range, 0, ~0U, 0);
		(void)execl(self, "closed", "quiet", NULL);
		_exit(1);
	}
	await(child, "closed descriptors");
	child = fork();
	if (child == 0) {
		if (geteuid() == 0 && (chroot("/proc/self/fdinfo") != 0 || setgid(65534) != 0 || setuid(65534) != 0))
			_exit(1);
		_exit(prctl(PR_SET_DUMPABLE, 0) != 0 || prctl(PR_SET_NAME, "elsewhere") != 0);
	}
	await(child, "other rights");
	(void)puts("done");
	return 0;
}

static int confined(void)
{
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 3),
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PR_SET_NAME, 1, 0),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

	check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no_new_privs");
	check(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0, "seccomp");
	check(prctl(PR_SET_NAME, "confined") == 0 && pthread_setname_np(pthread_self(), "too") == 0, "its name");
	(void)puts("done");
	return 0;
}

int main(int argc, char **argv)
{
	int error = errno;
	const char *what = argc > 1 ? argv[1] : "";

	if (strcmp(what, "lie") == 0 && argc == 5)
		return lie(argv[2], argv[3], argv[4]);
	if (strcmp(what, "connect") == 0 && argc == 6)
		return connect_plainly(argv + 2);
	if (strcmp(what, "silent") == 0 && argc == 4)
		return be_silent(argv[2], argv[3]);
	if (strcmp(what, "fenced") == 0 && argc > 2)
		return fenced(argv + 2);
	if (strcmp(what, "names") == 0)
		return names();
	if (strcmp(what, "thread") == 0 && argc == 3)
		in_thread(name_itself, argv[2]);
	if (strcmp(what, "clean") == 0)
		return clean(error);
	if (strcmp(what, "careful") == 0)
		return careful("/proc/self/exe");
	if (strcmp(what, "confined") == 0)
		return confined();
	return strcmp(what, "quiet") == 0 || strcmp(what, "thread") == 0 ? 0 : 2;
}
