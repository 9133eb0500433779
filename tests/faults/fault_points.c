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
#include <err.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults.h"

#define PATIENCE_MS   60000
#define STATUS_FAILED 125 /* of the loader: nothing has run */
#define SPIN_POINT    10  /* in the middle of a call */
#define WATCH_POINTS  60U /* of the thread that looks after the others: it does the same all the time */

/* --- What happens --- */

static void stopped(struct driver *driver, pid_t tid, int status)
{
	struct thread *thread = thread_find(driver, tid);
	int signal = WSTOPSIG(status);
	int event = status >> 16;
	int deliver = 0;

	if (!thread)
		thread = thread_add(driver, tid);
	thread->has_stopped = true;
	if (signal == (SIGTRAP | 0x80))
		point_at_call(driver, thread);
	else if (event == PTRACE_EVENT_EXEC)
		thread->role = thread->role == ROLE_KEEPER ? ROLE_KEEPER : thread_role(thread->process);
	else if (event == 0)
		deliver = signal;
	if (event == PTRACE_EVENT_EXEC)
		thread->counts = thread->role == wanted_role(driver) && is_kind(driver, "start");
	/* The keeper's own calls are of no interest, nor another role's. */
	(void)ptrace(thread->role == ROLE_KEEPER ? PTRACE_CONT : PTRACE_SYSCALL, tid, NULL, deliver);
}

static void reap(struct driver *driver)
{
	int status;
	pid_t tid;

	while ((tid = waitpid(-1, &status, __WALL | WNOHANG)) > 0) {
		struct thread *thread = thread_find(driver, tid);

		if (WIFSTOPPED(status)) {
			stopped(driver, tid, status);
		} else if (tid == driver->command) {
			driver->has_ended = true;
			driver->status = status;
		} else if (thread) {
			thread_forget(driver, thread);
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
	if (is_kind(driver, "start"))
		kill_role(driver);
	say(driver, asked_for(kind));
	while (!driver->has_answered || !(driver->has_killed || driver->is_through || is_again(driver) ||
					  (is_kind(driver, "watch") && wanted > WATCH_POINTS)))
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
	bool may = strcmp(driver->mode, "broker") == 0 && driver->has_killed && !is_kind(driver, "start");

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
	if (strcmp(driver->mode, "broker") == 0 && is_kind(driver, "start"))
		kill_role(driver);
	for (size_t i = 0; i < driver->count; i++)
		driver->threads[i].counts = driver->threads[i].role == wanted_role(driver) && is_kind(driver, "talk");
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

	thread_seize(driver, driver->keeper);
	while (!(process_with(driver, wanted) || thread_seize_child(driver, wanted)) || !all_have_stopped(driver)) {
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
