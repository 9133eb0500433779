#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "canary.h"
#include "descriptors.h"
#include "last_process.h"
#include "lifeline.h"
#include "program.h"
#include "signals.h"

#define INIT_PID  1
#define SIGNALLED 128 /* plus the number: the exit status where a signal cannot be died of */
#define RETRY_MS  1
#define GO        'g'

/* The descriptors of one that stays; 0 is the canary's. */
#define GO_DESCRIPTOR 1
#define CHANNEL       3
#define LIFELINE      4
#define FIRST_FREE    5

/* The parent: who stays. */
struct init {
	pid_t target;
	struct canary canary;
	struct lifeline lifeline;
};

static int cannot(const char *call, struct error *err)
{
	return error_set(err, "the loader that stays: %s: %m (see RLIMIT_NPROC and RLIMIT_NOFILE)", call);
}

/* What init_stay changes before it forks, as it was. */
struct before {
	signal_set blocked;
	struct sigaction on_child;
};

static struct before take_over(void)
{
	/* Ignored, the kernel would reap, and how the target ended would be lost. */
	const struct sigaction by_default = {.sa_handler = SIG_DFL};
	struct before before = {.blocked = signals_block(SIGNALS_ALL)};

	(void)sigaction(SIGCHLD, &by_default, &before.on_child);
	return before;
}

static void give_back(const struct before *before)
{
	(void)sigaction(SIGCHLD, &before->on_child, NULL);
	(void)signals_block(before->blocked);
}

/* Ends as the target did. */
static _Noreturn void finish(struct init *init, const siginfo_t *end)
{
	const struct rlimit no_core = {0};

	canary_end(&init->canary);
	if (getpid() == INIT_PID)
		last_process_end(&init->lifeline);
	lifeline_end(&init->lifeline);
	if (end->si_code == CLD_EXITED)
		_exit(end->si_status);
	(void)prlimit(0, RLIMIT_CORE, &no_core, NULL);
	signals_default(end->si_status);
	(void)kill(getpid(), end->si_status);
	signals_undergo(end->si_status);
	_exit(SIGNALLED + end->si_status);
}

/* Stops where the target is stopped, unless it is to be told to go on. */
static void stop(const struct init *init)
{
	const pid_t self = getpid();
	signal_set pending;
	int signo;

	signals_settle();
	signo = signals_stopped_by(init->target);
	if (signo == 0 || self == INIT_PID)
		return;
	signals_default(signo);
	pending = signals_pending();
	if (pending & SIGNALS_ONE(SIGCONT))
		return;
	/* SIGCONT cancels the group's stop that waits, if it comes; a stop of ours, a SIGCONT that came before it. */
	if (!(pending & SIGNALS_ONE(signo)))
		(void)kill(self, signo);
	/* The group's has reached the target as well. */
	if (signals_stopped_by(init->target) != 0)
		signals_undergo(signo);
	else
		canary_forget(&init->canary);
}

/* Looks at every child that has ended; SIGCHLD says that there is one, not how many. */
static void reap(struct init *init)
{
	siginfo_t info = {0};

	while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | __WALL) == 0 && info.si_pid != 0) {
		if (info.si_pid == init->target)
			finish(init, &info);
		if (info.si_pid == init->canary.pid) {
			(void)close(init->canary.descriptor);
			(void)canary_start(&init->canary);
		}
		info = (siginfo_t){0};
	}
	if (signals_stopped_by(init->canary.pid) != 0)
		canary_forget(&init->canary);
}

/*
 * Has the target left the group that it would lead in our place? An interactive shell makes one of
 * its own where it leads none. What the group gets is the target's then as well.
 */
static bool has_own_group(const struct init *init)
{
	return getpgid(0) == getpid() && getpgid(init->target) == init->target;
}

/* A stop and SIGCONT cancel each other in the kernel: has the other one come since? */
static bool is_cancelled(int signo)
{
	signals_settle();
	if (signo == SIGCONT)
		return signals_pending() & SIGNALS_STOPPING;
	return (SIGNALS_ONE(signo) & SIGNALS_STOPPING) && (signals_pending() & SIGNALS_ONE(SIGCONT));
}

/* Takes one that was sent before this is called, also where it is on its way yet. */
static bool come_meanwhile(signal_set of, siginfo_t *info)
{
	signals_settle();
	return signals_take(of, false, info) != 0;
}

/* Has the target got this signal already, as one of our process group? */
static bool has_reached_target(const struct init *init, const siginfo_t *info)
{
	signal_set one = SIGNALS_ONE(info->si_signo);
	siginfo_t another = *info;
	bool is_undone = false;

	signals_settle();
	/* A queued one, or a thread's, was sent to a process. */
	if (info->si_code < 0 || !canary_got(&init->canary, info))
		return false;
	/*
	 * Another one for the group, sent before the canary was asked, was one with the first there: it
	 * would not be found. As ever, two standard signals at once may be one. (Each SIGCHLD is looked at.)
	 * Of a stop and SIGCONT, the opposite may have been between the two, and this one sent to us alone.
	 */
	while (info->si_signo < SIGNALS_FIRST_QUEUED && info->si_signo != SIGCHLD && come_meanwhile(one, &another)) {
		(void)canary_got(&init->canary, &another);
		is_undone =
		    (one & SIGNALS_OF_JOBS) && (signals_stopped_by(init->target) != 0) == (info->si_signo == SIGCONT);
	}
	return !is_undone && !has_own_group(init);
}

static bool has_ended(pid_t pid)
{
	siginfo_t info = {0};

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == pid;
}

static void pass_on(const struct init *init, siginfo_t *info)
{
	/* Only a queued one can be sent on with its sender and its value: rt_sigqueueinfo(2). */
	if (info->si_code >= 0 || info->si_code == SI_TKILL) {
		(void)kill(init->target, info->si_signo);
		return;
	}
	/* EAGAIN: RLIMIT_SIGPENDING are waiting. The target will take some. */
	while (syscall(SYS_rt_sigqueueinfo, init->target, info->si_signo, info) != 0 && errno == EAGAIN &&
	       !has_ended(init->target))
		(void)poll(NULL, 0, RETRY_MS);
}

static void hand_on(const struct init *init, siginfo_t *info)
{
	if (has_reached_target(init, info) || is_cancelled(info->si_signo))
		return;
	pass_on(init, info);
	/*
	 * A stop or SIGCONT that we alone have got has cancelled what the canary has yet. And where the opposite has
	 * come to the group meanwhile, this one has undone it in the target: it is to be passed on as well.
	 */
	if (SIGNALS_ONE(info->si_signo) & SIGNALS_OF_JOBS)
		canary_forget(&init->canary);
}

/* The stop that stop() sent and that was not to be. */
static bool is_own(const siginfo_t *info)
{
	return (SIGNALS_ONE(info->si_signo) & SIGNALS_STOPPING) && info->si_code == SI_USER && info->si_pid == getpid();
}

/* One signal that was taken. Does not return where the target has ended. */
static void receive(struct init *init, siginfo_t *info)
{
	if (lifeline_got(&init->lifeline, info, init->target) || is_own(info))
		return;
	if (info->si_signo == SIGCHLD)
		reap(init);
	if (info->si_signo != SIGCHLD || info->si_code <= 0 || info->si_code == SI_KERNEL)
		hand_on(init, info);
	stop(init);
}

/*
 * Becomes the target once it is told to. The parent's end closes where it has died; what it wrote before is
 * there still, and its death is no signal to a child that had not asked for one yet.
 */
static void wait_for_go(const int go[2], pid_t parent)
{
	char byte;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)close(go[1]);
	/* 0: it is in the PID namespace outside of ours, whose first process this is. */
	if (read(go[0], &byte, 1) != 1 || (getppid() != parent && getppid() != 0))
		_exit(STATUS_FAILED);
	(void)close(go[0]);
}

static int move_up(int descriptor)
{
	return descriptor < 0 ? -1 : fcntl(descriptor, F_DUPFD, FIRST_FREE);
}

/* -1: nothing is at that number. */
static void put(int descriptor, int number)
{
	if (descriptor < 0)
		(void)close(number);
	else
		(void)dup2(descriptor, number);
}

/*
 * The canary, the way to the target, the service's channel, the lifeline: at fixed numbers, and stderr
 * until the target goes. Each may have any of these numbers: the caller may have closed 0, 1 and 2.
 */
static void arrange_descriptors(struct init *init, int go, int channel, int lifeline)
{
	go = move_up(go);
	channel = move_up(channel);
	lifeline = move_up(lifeline);
	(void)dup2(init->canary.descriptor, STDIN_FILENO);
	init->canary.descriptor = STDIN_FILENO;
	put(go, GO_DESCRIPTOR);
	put(channel, CHANNEL);
	put(lifeline, LIFELINE);
	(void)descriptors_close_from(FIRST_FREE);
	lifeline_watch(&init->lifeline, lifeline < 0 ? -1 : LIFELINE);
}

/* Returns only where it cannot be had: errno. */
static void stay(struct init *init, int go, int channel, int lifeline, init_service *serve)
{
	siginfo_t info;

	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	/*
	 * The target waits with all signals blocked. What has come to us before there was a canary is
	 * passed on; where the target has got it too, the two are one.
	 */
	while (signals_take(SIGNALS_ALL, false, &info) != 0)
		receive(init, &info);
	arrange_descriptors(init, go, channel, lifeline);
	if (serve && serve(CHANNEL) != 0)
		return;
	if (write(GO_DESCRIPTOR, &(char){GO}, 1) != 1)
		_exit(STATUS_FAILED); /* the target ends with us */
	(void)close(GO_DESCRIPTOR);
	(void)close(STDERR_FILENO);
	while (signals_take(SIGNALS_ALL, true, &info) != 0)
		receive(init, &info);
	_exit(STATUS_FAILED); /* fail safe */
}

/* Above the target, which has been forked and waits. Returns only where that cannot be had: errno. */
static void attend(struct init *init, int go, int channel, int lifeline, init_service *serve)
{
	/* Before the canary, which has both from us. Staying where we are keeps a mount busy, and no more. */
	(void)prctl(PR_SET_DUMPABLE, 0);
	if (chdir("/") != 0)
		errno = 0;
	if (canary_start(&init->canary) == 0)
		stay(init, go, channel, lifeline, serve);
}

_Noreturn void init_attend(pid_t target, int go, int channel, int lifeline, init_service *serve)
{
	struct init init = {.target = target, .lifeline = {.descriptor = -1, .said_to = -1}};
	struct error err;

	attend(&init, go, channel, lifeline, serve);
	(void)cannot("fork", &err);
	error_print(STDERR_FILENO, PROGRAM_NAME, &err);
	_exit(STATUS_FAILED); /* the target ends with us */
}

/* Executes init_attend's program in our place. Returns only where that cannot be had: errno. */
static void execute_successor(const struct init *init, int go, int lifeline, const struct init_successor *successor)
{
	char *const environment[] = {NULL};
	char numbers[64];
	char *const arguments[] = {(char *)successor->path, (char *)INIT_ROLE, numbers, NULL};

	(void)snprintf(numbers, sizeof(numbers), "%d %d %d %d", init->target, fcntl(go, F_DUPFD, 0),
		       fcntl(successor->channel, F_DUPFD, 0), lifeline < 0 ? -1 : fcntl(lifeline, F_DUPFD, 0));
	execve(successor->path, arguments, environment);
}

/* Forks target and canary. 0 in the target; -1 and errno, nothing forked, where it cannot be had. */
static int divide(struct init *init, const int go[2], int lifeline, const struct init_successor *successor)
{
	const pid_t parent = getpid();
	int error;

	init->target = fork();
	if (init->target < 0)
		return -1;
	if (init->target == 0) {
		wait_for_go(go, parent);
		return 0;
	}
	if (successor)
		execute_successor(init, go[1], lifeline, successor);
	else
		attend(init, go[1], -1, lifeline, NULL);
	error = errno;
	(void)kill(init->target, SIGKILL);
	(void)waitpid(init->target, NULL, 0);
	errno = error;
	return -1;
}

int init_stay(const struct init_successor *successor, int lifeline, struct error *err)
{
	struct init init = {.lifeline = {.descriptor = -1, .said_to = -1}};
	struct before before;
	int go[2];
	int result;

	if (pipe2(go, O_CLOEXEC) != 0)
		return cannot("pipe", err);
	before = take_over();
	result = divide(&init, go, lifeline, successor);
	if (result != 0)
		(void)cannot("fork", err);
	give_back(&before);
	if (result != 0) {
		(void)close(go[0]);
		(void)close(go[1]);
	}
	return result;
}
