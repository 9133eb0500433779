/*
 * fault_points worker|again|told|spin|end|broker KEEPER KIND... -- COMMAND [ARGUMENT...]
 *
 * Kills a role of that sidecar, the worker of COMMAND's session or the broker, with SIGKILL before and after each
 * of its system calls, once each, and prints a line for each: ROLE KIND NUMBER before|after NAME. By ptrace(2), so that
 * the program is the one that is shipped.
 *
 * worker  COMMAND is survivor, in its second form. For each KIND (one of survivor's; "start": the worker's own
 *         beginning, from the session on that it is given, while such a call waits; "watch": the thread that
 *         looks after the others) a call is made for each point, of which the worker that handles it dies; one
 *         more, when there is no such point any more, ends the kind.
 * again   The same, and the worker that takes the call up dies at the same point of it.
 * told    The same, but that one dies as soon as it has written something: mostly the event.
 * spin    The same, for one point of each KIND, where the worker's thread comes to work without an end.
 * end     COMMAND is run once for each point of the main thread, from its first wait to its end.
 * broker  The same for the broker's points: "start", its beginning, and "talk", a loader's conversation.
 *
 * Of all points only each $AGENTSH_STEP-th, where that is set.
 *
 * 1 where COMMAND fails, or says anything but "ok" to a kind, or nothing for a minute.
 */
#include <dirent.h>
#include <elf.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <linux/types.h>
#include <poll.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

/* <linux/ptrace.h> and <sys/ptrace.h> do not go together. */
#define SYSCALL_ENTRY PTRACE_SYSCALL_INFO_ENTRY
#define SYSCALL_EXIT  PTRACE_SYSCALL_INFO_EXIT
#define THREADS_MAX   256U
#define PATIENCE_MS   60000
#define STATUS_FAILED 125 /* of the loader: nothing has run */
#define SPIN_POINT    10  /* in the middle of a call */
#define WATCH_POINTS  60U /* of the thread that looks after the others: it does the same all the time */
#define OPTIONS                                                                                                        \
	(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC)

enum role { ROLE_NONE, ROLE_KEEPER, ROLE_WAITER, ROLE_WORKER, ROLE_BROKER };

struct thread {
	pid_t tid;
	pid_t process;
	enum role role;
	uint64_t number;   /* of the call that it is in */
	uint64_t request;  /* its second argument */
	uint64_t argument; /* its third */
	bool counts;       /* its stops are points now */
	bool has_stopped;  /* ever: until then its calls go by unseen */
};

struct driver {
	const char *mode;
	pid_t keeper;
	struct thread threads[THREADS_MAX];
	size_t count;
	int signals;
	int to;   /* COMMAND's standard input */
	int from; /* its output */
	pid_t command;
	pid_t caller; /* whose calls are the ones; 0: not known yet */
	uint64_t id;  /* of the latest of them */
	bool has_answered;
	bool has_ended;
	int status;
	/* The point: */
	const char *kind;
	unsigned wanted;
	unsigned step;
	unsigned seen;
	bool is_armed;
	unsigned strikes; /* that are left */
	bool has_killed;
	bool broker_waits; /* for loaders, after that */
	unsigned gone;     /* workers that have ended since */
	bool main_waits;   /* of the one that begins */
	bool server_waits; /* the same */
	bool is_through;   /* the last point has gone by */
};

/* --- Who is who --- */

static struct thread *find(struct driver *driver, pid_t tid)
{
	for (size_t i = 0; i < driver->count; i++)
		if (driver->threads[i].tid == tid)
			return &driver->threads[i];
	return NULL;
}

static pid_t process_of(pid_t tid)
{
	char path[64];
	char line[128];
	pid_t process = 0;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", tid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, "Tgid:", 5) == 0)
			process = (pid_t)strtol(line + 5, NULL, 10);
	if (file)
		(void)fclose(file);
	return process;
}

/* By its arguments; one that has not been executed yet has the keeper's. */
static enum role role_of(pid_t process)
{
	char path[64];
	char text[512] = "";
	int file;

	(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", process);
	file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0 || read(file, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	if (file >= 0)
		close(file);
	if (strcmp(text + strlen(text) + 1, "--role=worker") == 0)
		return ROLE_WORKER;
	if (strcmp(text + strlen(text) + 1, "--role=waiter") == 0)
		return ROLE_WAITER;
	return strcmp(text + strlen(text) + 1, "--role=broker") == 0 ? ROLE_BROKER : ROLE_NONE;
}

/* Does the worker die as well that takes a call up? */
static bool kills_two(const struct driver *driver)
{
	return strcmp(driver->mode, "again") == 0 || strcmp(driver->mode, "told") == 0;
}

/* Has one of two been killed? Where the second has less to do, it has no such point. */
static bool is_again(const struct driver *driver)
{
	return driver->strikes == 1 && kills_two(driver);
}

/* Is it a call's points that are wanted, one after the other? */
static bool serves_calls(const struct driver *driver)
{
	return strcmp(driver->mode, "worker") == 0 || kills_two(driver) || strcmp(driver->mode, "spin") == 0;
}

static enum role wanted_role(const struct driver *driver)
{
	return strcmp(driver->mode, "broker") == 0 ? ROLE_BROKER : ROLE_WORKER;
}

static bool is(const struct driver *driver, const char *kind)
{
	return strcmp(driver->kind, kind) == 0;
}

static struct thread *add(struct driver *driver, pid_t tid)
{
	struct thread *thread;

	if (driver->count == THREADS_MAX)
		errx(1, "too many threads");
	thread = &driver->threads[driver->count++];
	*thread = (struct thread){.tid = tid, .process = process_of(tid)};
	thread->role = tid == driver->keeper ? ROLE_KEEPER : role_of(thread->process);
	thread->counts = thread->role == wanted_role(driver) && driver->kind && is(driver, "start");
	return thread;
}

static void forget(struct driver *driver, struct thread *thread)
{
	driver->gone += thread->role == ROLE_WORKER && thread->tid == thread->process;
	*thread = driver->threads[--driver->count];
}

static void seize(struct driver *driver, pid_t tid)
{
	if (ptrace(PTRACE_SEIZE, tid, NULL, OPTIONS) != 0)
		err(1, "ptrace: %d", tid);
	if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) != 0)
		err(1, "ptrace: %d", tid);
	(void)add(driver, tid);
}

/* Every thread of a process. */
static void seize_all(struct driver *driver, pid_t process)
{
	char path[64];
	const struct dirent *entry;
	DIR *tasks;

	(void)snprintf(path, sizeof(path), "/proc/%d/task", process);
	tasks = opendir(path);
	if (!tasks)
		err(1, "%s", path);
	while ((entry = readdir(tasks)))
		if (entry->d_name[0] != '.')
			seize(driver, (pid_t)strtol(entry->d_name, NULL, 10));
	(void)closedir(tasks);
}

/* Of the keeper's children that have that role now. False: there is none. */
static bool seize_child(struct driver *driver, enum role wanted)
{
	char path[64];
	char text[1024];
	char *at = text;
	bool found = false;
	ssize_t length;
	pid_t child;
	int file;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", driver->keeper, driver->keeper);
	file = open(path, O_RDONLY | O_CLOEXEC);
	length = file < 0 ? -1 : read(file, text, sizeof(text) - 1);
	if (length < 0)
		err(1, "%s", path);
	close(file);
	text[length] = '\0';
	while ((child = (pid_t)strtol(at, &at, 10)) > 0) {
		if (find(driver, child) || role_of(child) != wanted)
			continue;
		seize_all(driver, child);
		found = true;
	}
	return found;
}

/* --- Points --- */

#ifdef __x86_64__
/* Where the program begins: nobody comes there any more. */
static uint64_t entry_of(pid_t process)
{
	char path[64];
	uint64_t pair[2] = {AT_NULL, 0};
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/auxv", process);
	file = fopen(path, "re");
	while (file && fread(pair, sizeof(pair), 1, file) == 1 && pair[0] != AT_ENTRY)
		;
	if (file)
		(void)fclose(file);
	if (pair[0] != AT_ENTRY)
		errx(1, "%s: no entry", path);
	return pair[1];
}

/* The thread goes on at a jump to itself. */
static void spin(const struct thread *thread)
{
	const long jump = 0xfeeb; /* little endian: eb fe */
	uint64_t entry = entry_of(thread->process);
	struct user_regs_struct registers;

	if (ptrace(PTRACE_POKETEXT, thread->tid, entry, jump) != 0 ||
	    ptrace(PTRACE_GETREGS, thread->tid, NULL, &registers) != 0)
		err(1, "ptrace");
	registers.rip = entry;
	if (ptrace(PTRACE_SETREGS, thread->tid, NULL, &registers) != 0)
		err(1, "ptrace");
}
#else
static void spin(const struct thread *thread)
{
	(void)thread;
	errx(1, "spin: it is not known how, on this architecture");
}
#endif

static void strike(struct driver *driver, const struct thread *thread, bool before)
{
	char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, (int)thread->number);

	(void)printf("%s %s %u %s %s\n", driver->mode, driver->kind, driver->wanted, before ? "before" : "after",
		     name ? name : "?");
	free(name);
	driver->has_killed = --driver->strikes == 0;
	driver->seen = 0;
	driver->broker_waits = false;
	if (strcmp(driver->mode, "spin") == 0)
		spin(thread);
	else if (kill(thread->process, SIGKILL) != 0)
		err(1, "kill");
}

static bool writes(uint64_t number)
{
	return number == SYS_write || number == SYS_writev;
}

static void pass(struct driver *driver, const struct thread *thread, bool before)
{
	if (!driver->is_armed || driver->has_killed || driver->is_through || !thread->counts)
		return;
	if (is_again(driver) && strcmp(driver->mode, "told") == 0) {
		if (!before && writes(thread->number))
			strike(driver, thread, before);
	} else if (++driver->seen == driver->wanted) {
		strike(driver, thread, before);
	}
}

/* Has that call received the caller's notification? */
static bool has_received(struct driver *driver, const struct thread *thread)
{
	struct seccomp_notif notif;
	struct iovec here = {.iov_base = &notif, .iov_len = sizeof(notif)};
	struct iovec there = {.iov_base = (void *)(uintptr_t)thread->argument, .iov_len = sizeof(notif)};

	if (process_vm_readv(thread->tid, &here, 1, &there, 1, 0) != (ssize_t)sizeof(notif))
		return false;
	if ((pid_t)notif.pid != driver->caller && !(is(driver, "killed") && notif.data.nr == SYS_personality))
		return false;
	driver->id = notif.id;
	return true;
}

/* Does that call ask for the caller's notification, which another worker has received? */
static bool takes_up(const struct driver *driver, const struct thread *thread)
{
	uint64_t id = 0;
	struct iovec here = {.iov_base = &id, .iov_len = sizeof(id)};
	struct iovec there = {.iov_base = (void *)(uintptr_t)thread->argument, .iov_len = sizeof(id)};

	return is_again(driver) && thread->number == SYS_ioctl &&
	       (uint32_t)thread->request == (uint32_t)SECCOMP_IOCTL_NOTIF_ID_VALID &&
	       process_vm_readv(thread->tid, &here, 1, &there, 1, 0) == (ssize_t)sizeof(id) && id == driver->id;
}

static bool is_wait(uint64_t number)
{
#ifdef SYS_poll
	if (number == SYS_poll)
		return true;
#endif
	return number == SYS_ppoll;
}

/* A server waits for the next notification where it receives it. */
static bool waits_for_next(const struct thread *thread)
{
	return thread->number == SYS_ioctl && (uint32_t)thread->request == (uint32_t)SECCOMP_IOCTL_NOTIF_RECV;
}

/* A call begins. Where the thread waits for the next notification, it is through with this one. */
static void enter(struct driver *driver, struct thread *thread)
{
	bool wanted = thread->role == wanted_role(driver) && driver->is_armed && !driver->has_killed;
	bool main_thread = thread->tid == thread->process;

	if (thread->role == ROLE_BROKER && is_wait(thread->number))
		driver->broker_waits = true;
	if (wanted && thread->counts && !main_thread && waits_for_next(thread) && !is(driver, "start")) {
		thread->counts = false;
		driver->is_through = serves_calls(driver);
	}
	if (wanted && !main_thread && !thread->counts && takes_up(driver, thread))
		thread->counts = true;
	if (wanted && main_thread && is_wait(thread->number)) {
		/* It has begun: whatever it does from here on is another kind's. */
		driver->main_waits = true;
		if (is(driver, "watch") || strcmp(driver->mode, "end") == 0)
			thread->counts = true;
	}
	driver->server_waits = driver->server_waits || (wanted && !main_thread && waits_for_next(thread));
	if (is(driver, "start") && driver->main_waits && (driver->server_waits || thread->role == ROLE_BROKER))
		driver->is_through = true;
	pass(driver, thread, true);
}

static void leave(struct driver *driver, struct thread *thread, int64_t result)
{
	bool received = thread->number == SYS_ioctl && result == 0 && thread->role == ROLE_WORKER && driver->is_armed &&
			serves_calls(driver) && !is(driver, "start") && !is(driver, "watch");

	if (received && !thread->counts && has_received(driver, thread))
		thread->counts = true;
	pass(driver, thread, false);
}

/* What a worker has received first is its session: from there on it is one. */
static void become_worker(const struct driver *driver, struct thread *thread, int64_t result)
{
	if (thread->role != ROLE_WAITER || thread->number != SYS_recvmsg || result <= 0)
		return;
	thread->role = ROLE_WORKER;
	thread->counts = wanted_role(driver) == ROLE_WORKER && driver->kind && is(driver, "start");
}

static void at_call(struct driver *driver, struct thread *thread)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, thread->tid, sizeof(info), &info) <= 0)
		return; /* killed */
	if (info.op == SYSCALL_ENTRY) {
		thread->number = info.entry.nr;
		thread->request = info.entry.args[1];
		thread->argument = info.entry.args[2];
		enter(driver, thread);
	} else if (info.op == SYSCALL_EXIT) {
		become_worker(driver, thread, info.exit.rval);
		leave(driver, thread, info.exit.rval);
	}
}

/* --- What happens --- */

static void stopped(struct driver *driver, pid_t tid, int status)
{
	struct thread *thread = find(driver, tid);
	int signal = WSTOPSIG(status);
	int event = status >> 16;
	int deliver = 0;

	if (!thread)
		thread = add(driver, tid);
	thread->has_stopped = true;
	if (signal == (SIGTRAP | 0x80))
		at_call(driver, thread);
	else if (event == PTRACE_EVENT_EXEC)
		thread->role = thread->role == ROLE_KEEPER ? ROLE_KEEPER : role_of(thread->process);
	else if (event == 0)
		deliver = signal;
	if (event == PTRACE_EVENT_EXEC)
		thread->counts = thread->role == wanted_role(driver) && is(driver, "start");
	/* The keeper's own calls are of no interest, nor another role's. */
	(void)ptrace(thread->role == ROLE_KEEPER ? PTRACE_CONT : PTRACE_SYSCALL, tid, NULL, deliver);
}

static void reap(struct driver *driver)
{
	int status;
	pid_t tid;

	while ((tid = waitpid(-1, &status, __WALL | WNOHANG)) > 0) {
		struct thread *thread = find(driver, tid);

		if (WIFSTOPPED(status)) {
			stopped(driver, tid, status);
		} else if (tid == driver->command) {
			driver->has_ended = true;
			driver->status = status;
		} else if (thread) {
			forget(driver, thread);
		}
	}
}

/* An answer of COMMAND's. */
static void hear(struct driver *driver)
{
	char line[64];
	ssize_t length = read(driver->from, line, sizeof(line) - 1);

	if (length <= 0)
		return;
	line[length] = '\0';
	if (!driver->caller)
		driver->caller = (pid_t)strtol(line, NULL, 10);
	else if (strcmp(line, "ok\n") != 0)
		errx(1, "it says: %s", line);
	driver->has_answered = true;
}

/* Waits until something has happened. */
static void step(struct driver *driver)
{
	struct pollfd ready[] = {{.fd = driver->signals, .events = POLLIN},
				 {.fd = driver->has_ended ? -1 : driver->from, .events = POLLIN}};
	struct signalfd_siginfo info;

	if (poll(ready, 2, PATIENCE_MS) == 0)
		errx(1, "%s %s %u: nothing happens for a minute", driver->mode, driver->kind, driver->wanted);
	if (ready[0].revents && read(driver->signals, &info, sizeof(info)) < 0)
		err(1, "signalfd");
	if (ready[1].revents & POLLIN)
		hear(driver);
	else if (ready[1].revents) {
		close(driver->from);
		driver->from = -1;
	}
	reap(driver);
	if (driver->has_ended && driver->status != 0 && serves_calls(driver))
		errx(1, "%s %s %u: the command has ended with %x", driver->mode, driver->kind, driver->wanted,
		     (unsigned)driver->status);
}

static void start_command(struct driver *driver, char **arguments)
{
	int in[2];
	int out[2];
	sigset_t none;

	if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
		err(1, "pipe");
	driver->has_ended = false;
	driver->has_answered = false;
	driver->command = fork();
	if (driver->command < 0)
		err(1, "fork");
	if (driver->command == 0) {
		(void)sigemptyset(&none);
		(void)sigprocmask(SIG_SETMASK, &none, NULL);
		if (dup2(in[0], STDIN_FILENO) < 0 || dup2(out[1], STDOUT_FILENO) < 0)
			_exit(1);
		(void)execvp(arguments[0], arguments);
		_exit(1);
	}
	close(in[0]);
	close(out[1]);
	driver->to = in[1];
	driver->from = out[0];
}

static void arm(struct driver *driver, const char *kind, unsigned wanted)
{
	driver->kind = kind;
	driver->wanted = wanted;
	driver->seen = 0;
	driver->strikes = kills_two(driver) ? 2 : 1;
	driver->is_armed = true;
	driver->has_killed = false;
	driver->is_through = false;
	driver->has_answered = false;
	driver->gone = 0;
	driver->main_waits = false;
	driver->server_waits = false;
	for (size_t i = 0; i < driver->count; i++)
		driver->threads[i].counts = false;
}

static void say(const struct driver *driver, const char *kind)
{
	if (write(driver->to, kind, strlen(kind)) < 0 || write(driver->to, "\n", 1) < 0)
		err(1, "write");
}

/* Which of survivor's kinds is asked for. */
static const char *asked_for(const char *kind)
{
	if (strcmp(kind, "killed") == 0)
		return "blocked";
	return strcmp(kind, "start") == 0 || strcmp(kind, "watch") == 0 ? "bind" : kind;
}

static pid_t process_with(const struct driver *driver, enum role role)
{
	for (size_t i = 0; i < driver->count; i++)
		if (driver->threads[i].role == role)
			return driver->threads[i].process;
	return 0;
}

/* Beginnings come of ends. */
static void kill_role(struct driver *driver)
{
	pid_t process;

	while ((process = process_with(driver, wanted_role(driver))) == 0)
		step(driver);
	driver->broker_waits = false;
	if (kill(process, SIGKILL) != 0)
		err(1, "kill");
}

/* One point of a kind. False: there is none of that number. */
static bool one_point(struct driver *driver, const char *kind, unsigned wanted)
{
	arm(driver, kind, wanted);
	if (is(driver, "start"))
		kill_role(driver);
	say(driver, asked_for(kind));
	while (!driver->has_answered || !(driver->has_killed || driver->is_through || is_again(driver) ||
					  (is(driver, "watch") && wanted > WATCH_POINTS)))
		step(driver);
	driver->is_armed = false;
	return (driver->has_killed || is_again(driver)) && strcmp(driver->mode, "spin") != 0;
}

static int end_worker(struct driver *driver)
{
	close(driver->to);
	while (!driver->has_ended)
		step(driver);
	return 0;
}

static int kill_worker(struct driver *driver, char **kinds, char **command)
{
	unsigned first = strcmp(driver->mode, "spin") == 0 ? SPIN_POINT : 1;

	driver->kind = "";
	start_command(driver, command);
	while (!driver->caller)
		step(driver);
	for (; strcmp(*kinds, "--") != 0; kinds++)
		for (unsigned wanted = first; one_point(driver, *kinds, wanted); wanted += driver->step)
			;
	return end_worker(driver);
}

/* Is nothing left of the session, so that the next one is alone? */
static bool is_over(const struct driver *driver)
{
	if (!driver->has_ended || process_with(driver, ROLE_WORKER))
		return false;
	if (strcmp(driver->mode, "broker") == 0)
		return driver->broker_waits;
	return driver->gone == 1U + driver->has_killed; /* one more has told of the end */
}

/* Where the broker was killed in the middle, nothing has run, and the loader has said so. */
static void judge(const struct driver *driver, unsigned *refused)
{
	bool may = strcmp(driver->mode, "broker") == 0 && driver->has_killed && !is(driver, "start");

	if (driver->status == 0)
		return;
	if (!may || !WIFEXITED(driver->status) || WEXITSTATUS(driver->status) != STATUS_FAILED)
		errx(1, "%s %s %u: the command has ended with %x", driver->mode, driver->kind, driver->wanted,
		     (unsigned)driver->status);
	(*refused)++;
}

static bool one_session(struct driver *driver, const char *kind, unsigned wanted, char **command, unsigned *refused)
{
	arm(driver, kind, wanted);
	if (strcmp(driver->mode, "broker") == 0 && is(driver, "start"))
		kill_role(driver);
	for (size_t i = 0; i < driver->count; i++)
		driver->threads[i].counts = driver->threads[i].role == wanted_role(driver) && is(driver, "talk");
	start_command(driver, command);
	close(driver->to);
	while (!is_over(driver))
		step(driver);
	if (driver->from >= 0)
		close(driver->from);
	driver->from = -1;
	judge(driver, refused);
	return driver->has_killed;
}

/* One session for each point, until there is none of that number. */
static int kill_by_session(struct driver *driver, char **kinds, char **command)
{
	unsigned refused = 0;

	driver->caller = 1;
	for (; strcmp(*kinds, "--") != 0; kinds++)
		for (unsigned wanted = 1; one_session(driver, *kinds, wanted, command, &refused);
		     wanted += driver->step)
			;
	(void)printf("refused %u\n", refused);
	return 0;
}

static bool all_have_stopped(const struct driver *driver)
{
	for (size_t i = 0; i < driver->count; i++)
		if (!driver->threads[i].has_stopped)
			return false;
	return true;
}

/* And its broker, or the worker that waits for COMMAND's session: it may be about to begin, traced from there on. */
static void seize_keeper(struct driver *driver)
{
	enum role wanted = strcmp(driver->mode, "broker") == 0 ? ROLE_BROKER : ROLE_WAITER;
	unsigned tries = 0;

	seize(driver, driver->keeper);
	while (!(process_with(driver, wanted) || seize_child(driver, wanted)) || !all_have_stopped(driver)) {
		reap(driver);
		if (usleep(1000) != 0 || ++tries == PATIENCE_MS)
			errx(1, "the keeper has no such child, or it does not stop");
	}
}

static int watch_children(void)
{
	sigset_t watched;

	(void)sigemptyset(&watched);
	(void)sigaddset(&watched, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &watched, NULL) != 0)
		err(1, "sigprocmask");
	return signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
}

int main(int argc, char **argv)
{
	static struct driver driver;
	const char *step = getenv("AGENTSH_STEP");
	char **command = argv;

	while (*command && strcmp(*command, "--") != 0)
		command++;
	if (argc < 6 || !*command || !command[1])
		errx(2,
		     "usage: fault_points worker|again|told|spin|end|broker KEEPER KIND... -- COMMAND [ARGUMENT...]");
	(void)setvbuf(stdout, NULL, _IOLBF, 256);
	(void)signal(SIGPIPE, SIG_IGN);
	driver.mode = argv[1];
	driver.step = step ? (unsigned)strtoul(step, NULL, 10) : 1;
	driver.keeper = (pid_t)strtol(argv[2], NULL, 10);
	driver.kind = "";
	driver.signals = watch_children();
	seize_keeper(&driver);
	if (serves_calls(&driver))
		return kill_worker(&driver, argv + 3, command + 1);
	return kill_by_session(&driver, argv + 3, command + 1);
}
