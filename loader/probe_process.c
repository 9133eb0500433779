#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe_child.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* Linux 6.5, newer than the headers */
#endif

/* How the 8 bytes at an address of another process are read: their number, or -1 and errno. */
typedef ssize_t reader(pid_t pid, const uint64_t *address, uint64_t *out);

static ssize_t read_by_process_vm_readv(pid_t pid, const uint64_t *address, uint64_t *out)
{
	struct iovec local = {.iov_base = out, .iov_len = sizeof(*out)};
	/* readv's structure has no const. */
	struct iovec remote = {.iov_base = (void *)(uintptr_t)address, .iov_len = sizeof(*address)};

	return process_vm_readv(pid, &local, 1, &remote, 1, 0);
}

static ssize_t read_by_proc_mem(pid_t pid, const uint64_t *address, uint64_t *out)
{
	char path[32];
	ssize_t length;
	int descriptor;
	int error;

	(void)snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	descriptor = open(path, O_RDONLY | O_CLOEXEC);
	if (descriptor < 0)
		return -1;
	length = pread(descriptor, out, sizeof(*out), (off_t)(uintptr_t)address);
	error = errno;
	close(descriptor);
	errno = error;
	return length;
}

/* What is looked at, and how. */
struct view {
	reader *read_memory; /* NULL: whichever way works */
	const char *call;
	unsigned generations; /* below us */
	pid_t pid;
	const uint64_t *mark;
};

static void look_by(reader *read_memory, const char *call, const struct view *view, struct probe_result *result)
{
	uint64_t seen = 0;
	ssize_t length = read_memory(view->pid, view->mark, &seen);

	if (length < 0)
		probe_no(result, call, errno);
	else if (length != (ssize_t)sizeof(seen) || seen != BYSTANDER_MARK)
		probe_no(result, call, EIO);
	else
		probe_yes(result, 0);
}

/* By /proc/PID/mem first: for process_vm_readv a filter may kill, and the default policy's does. */
static void look(const void *context, struct probe_result *result)
{
	const struct view *view = context;

	if (view->read_memory) {
		look_by(view->read_memory, view->call, view, result);
		return;
	}
	look_by(read_by_proc_mem, "/proc/PID/mem", view, result);
	if (result->state != PROBE_YES)
		look_by(read_by_process_vm_readv, "process_vm_readv", view, result);
}

static void look_at_descendant(const void *context, struct probe_result *result)
{
	struct view view = *(const struct view *)context;
	struct bystander bystander;
	uint64_t mark = 0;

	if (bystander_start(&bystander, view.generations, &mark, NULL, result) != 0)
		return;
	view.pid = bystander.pid;
	view.mark = &mark;
	look(&view, result);
	bystander_end(&bystander);
}

/* A second child of ours looks at the first. */
static void look_at_sibling(const void *context, struct probe_result *result)
{
	struct bystander bystander;
	uint64_t mark = 0;
	struct view view = {.mark = &mark};

	(void)context;
	if (bystander_start(&bystander, 1, &mark, NULL, result) != 0)
		return;
	view.pid = bystander.pid;
	*result = probe_run_within(look, &view);
	bystander_end(&bystander);
}

/* A listener; where there can be none, some descriptor, so that this says nothing of listeners. */
static int make_descriptor(void)
{
	int listener = probe_load_filter(SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER);

	return listener >= 0 ? listener : eventfd(0, EFD_CLOEXEC);
}

static void take_descriptor(const struct bystander *bystander, struct probe_result *result)
{
	int pidfd = (int)syscall(SYS_pidfd_open, bystander->pid, 0);
	int descriptor;

	if (pidfd < 0) {
		probe_no(result, "pidfd_open", errno);
		return;
	}
	descriptor = (int)syscall(SYS_pidfd_getfd, pidfd, bystander->descriptor, 0);
	if (descriptor < 0)
		probe_no(result, "pidfd_getfd", errno);
	else
		probe_yes(result, 0);
	if (descriptor >= 0)
		close(descriptor);
	close(pidfd);
}

static void take_from_child(const void *context, struct probe_result *result)
{
	struct bystander bystander;
	uint64_t mark = 0;

	(void)context;
	if (bystander_start(&bystander, 1, &mark, make_descriptor, result) != 0)
		return;
	take_descriptor(&bystander, result);
	bystander_end(&bystander);
}

static void peer_pidfd(const void *context, struct probe_result *result)
{
	int ends[2];
	int pidfd = -1;
	socklen_t size = sizeof(pidfd);

	(void)context;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
		probe_failed(result, "socketpair", errno);
		return;
	}
	if (getsockopt(ends[0], SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size) == 0)
		probe_yes(result, 0);
	else
		probe_no(result, "getsockopt", errno);
	if (pidfd >= 0)
		close(pidfd);
	close(ends[0]);
	close(ends[1]);
}

struct probe_result probe_process_vm_readv(void)
{
	const struct view view = {
	    .read_memory = read_by_process_vm_readv, .call = "process_vm_readv", .generations = 1};

	return probe_run(look_at_descendant, &view);
}

struct probe_result probe_proc_mem(void)
{
	const struct view view = {.read_memory = read_by_proc_mem, .call = "/proc/PID/mem", .generations = 1};

	return probe_run(look_at_descendant, &view);
}

struct probe_result probe_reads_grandchild(void)
{
	const struct view view = {.generations = 2};

	return probe_run(look_at_descendant, &view);
}

struct probe_result probe_reads_sibling(void)
{
	return probe_run(look_at_sibling, NULL);
}

struct probe_result probe_pidfd_getfd(void)
{
	return probe_run(take_from_child, NULL);
}

struct probe_result probe_peer_pidfd(void)
{
	return probe_run(peer_pidfd, NULL);
}
