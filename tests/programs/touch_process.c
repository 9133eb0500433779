/*
 * touch_process [-t] [-b BITS] PID: tries what one process can do to another, by each system call
 * that names it, and prints a line each: the name, "ok" or the errno. -t: from a second thread.
 * -b: these bits in the upper half of the argument that names it. Signal 0 and what is set already
 * are all that it sends and sets.
 *
 * touch_process -k HOW PID: kills it, by kill(-1) ("all"), a signal of its own choice from a
 * descriptor's owner ("owner"), or a directory of /proc ("proc").
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

struct named {
	long process; /* with the upper bits */
	long group;
	long thread; /* without */
};

static long do_kill(const struct named *named)
{
	return syscall(SYS_kill, named->process, 0);
}

static long do_kill_group(const struct named *named)
{
	return syscall(SYS_kill, named->group, 0);
}

static long do_tkill(const struct named *named)
{
	return syscall(SYS_tkill, named->process, 0);
}

static long do_tgkill(const struct named *named)
{
	return syscall(SYS_tgkill, named->process, named->thread, 0);
}

static long do_rt_sigqueueinfo(const struct named *named)
{
	siginfo_t info = {.si_code = SI_QUEUE};

	return syscall(SYS_rt_sigqueueinfo, named->process, 0, &info);
}

static long do_rt_tgsigqueueinfo(const struct named *named)
{
	siginfo_t info = {.si_code = SI_QUEUE};

	return syscall(SYS_rt_tgsigqueueinfo, named->process, named->thread, 0, &info);
}

static long do_pidfd_open(const struct named *named)
{
	return syscall(SYS_pidfd_open, named->process, 0);
}

static long do_pidfd_send_signal(const struct named *named)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%ld", named->thread);
	return syscall(SYS_pidfd_send_signal, open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), 0, NULL, 0);
}

static long do_prlimit64(const struct named *named)
{
	struct rlimit limit;

	return syscall(SYS_prlimit64, named->process, RLIMIT_CORE, NULL, &limit);
}

static long do_ptrace(const struct named *named)
{
	return syscall(SYS_ptrace, PTRACE_SEIZE, named->process, 0, 0);
}

/* EFAULT says that it was allowed. */
static long do_process_vm_readv(const struct named *named)
{
	char byte;
	struct iovec here = {&byte, 1};
	struct iovec there = {(void *)1, 1};

	return syscall(SYS_process_vm_readv, named->process, &here, 1, &there, 1, 0);
}

static long do_process_vm_writev(const struct named *named)
{
	char byte = 0;
	struct iovec here = {&byte, 1};
	struct iovec there = {(void *)1, 1};

	return syscall(SYS_process_vm_writev, named->process, &here, 1, &there, 1, 0);
}

static long open_of(const struct named *named, const char *name, int flags)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%ld/%s", named->thread, name);
	return open(path, flags | O_CLOEXEC);
}

static long do_proc_mem(const struct named *named)
{
	return open_of(named, "mem", O_RDWR);
}

static long do_proc_fd(const struct named *named)
{
	return open_of(named, "fd/2", O_PATH);
}

static long do_proc_environ(const struct named *named)
{
	return open_of(named, "environ", O_RDONLY);
}

static long do_proc_oom_score_adj(const struct named *named)
{
	return open_of(named, "oom_score_adj", O_WRONLY);
}

static long do_setpriority(const struct named *named)
{
	return syscall(SYS_setpriority, PRIO_PROCESS, named->process, getpriority(PRIO_PROCESS, (id_t)named->thread));
}

static long do_sched_setaffinity(const struct named *named)
{
	cpu_set_t all;

	memset(&all, 0xff, sizeof(all));
	return syscall(SYS_sched_setaffinity, named->process, sizeof(all), &all);
}

static long do_sched_setscheduler(const struct named *named)
{
	struct sched_param parameters = {0};

	return syscall(SYS_sched_setscheduler, named->process, SCHED_OTHER, &parameters);
}

static long do_ioprio_set(const struct named *named)
{
	return syscall(SYS_ioprio_set, 1, named->process, 2 << 13 | 4);
}

static const struct {
	const char *name;
	long (*try)(const struct named *named);
} tries[] = {
    {"kill", do_kill},
    {"kill_group", do_kill_group},
    {"tkill", do_tkill},
    {"tgkill", do_tgkill},
    {"rt_sigqueueinfo", do_rt_sigqueueinfo},
    {"rt_tgsigqueueinfo", do_rt_tgsigqueueinfo},
    {"pidfd_open", do_pidfd_open},
    {"prlimit64", do_prlimit64},
    {"ptrace", do_ptrace},
    {"process_vm_readv", do_process_vm_readv},
    {"process_vm_writev", do_process_vm_writev},
    {"pidfd_send_signal", do_pidfd_send_signal},
    {"proc_mem", do_proc_mem},
    {"proc_fd", do_proc_fd},
    {"proc_environ", do_proc_environ},
    {"proc_oom_score_adj", do_proc_oom_score_adj},
    {"setpriority", do_setpriority},
    {"sched_setaffinity", do_sched_setaffinity},
    {"sched_setscheduler", do_sched_setscheduler},
    {"ioprio_set", do_ioprio_set},
};

static void *try_all(void *argument)
{
	const struct named *named = argument;

	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		errno = 0;
		printf("%s %s\n", tries[i].name, tries[i].try(named) >= 0 ? "ok" : strerrorname_np(errno));
	}
	return NULL;
}

/* A byte on a socket whose owner the process is: the kernel sends it the signal. */
static int kill_as_owner(pid_t process)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0 || fcntl(ends[0], F_SETOWN, process) != 0 ||
	    fcntl(ends[0], F_SETSIG, SIGKILL) != 0 || fcntl(ends[0], F_SETFL, O_ASYNC) != 0)
		err(1, "owner");
	return write(ends[1], "", 1) == 1 ? 0 : -1;
}

static int kill_by(const char *how, pid_t process)
{
	char path[64];

	if (strcmp(how, "all") == 0)
		return kill(-1, SIGKILL);
	if (strcmp(how, "owner") == 0)
		return kill_as_owner(process);
	(void)snprintf(path, sizeof(path), "/proc/%d", process);
	return (int)syscall(SYS_pidfd_send_signal, open(path, O_RDONLY | O_DIRECTORY), SIGKILL, NULL, 0);
}

int main(int argc, char **argv)
{
	struct named named;
	unsigned long bits = 0;
	const char *how = NULL;
	int threaded = 0;
	pthread_t thread;
	int option;

	while ((option = getopt(argc, argv, "tb:k:")) != -1) {
		if (option == 't')
			threaded = 1;
		else if (option == 'b')
			bits = strtoul(optarg, NULL, 16) << 32;
		else if (option == 'k')
			how = optarg;
		else
			return 2;
	}
	if (optind != argc - 1)
		return 2;
	named.thread = strtol(argv[optind], NULL, 10);
	if (how)
		return kill_by(how, (pid_t)named.thread) == 0 ? 0 : 1;
	named.process = (long)(bits | (unsigned long)named.thread);
	named.group = bits ? (long)(bits | (uint32_t)-named.thread) : -named.thread;
	if (!threaded)
		return try_all(&named) ? 1 : 0;
	if (pthread_create(&thread, NULL, try_all, &named) != 0 || pthread_join(thread, NULL) != 0)
		err(1, "thread");
	return 0;
}
