/*
 * The least that a connect(2) carried out by a supervisor can cost, for the bench to hold ours against: one thread,
 * which takes what the call names and makes the same call. Nothing is checked: not whether the target is still there,
 * not what the name leads to, nor whether any rule allows it; and it is made with the supervisor's own rights.
 *
 *   carry_out COMMAND [ARGUMENT...]
 */
#include <err.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS      SECCOMP_IOW(4, __u64)
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP 1ULL
#endif

#define TARGETS_MAX 64

struct target {
	__u32 pid;
	int process;
};

static int load(void)
{
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_connect, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -1;
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

/* The number of the listener goes through the pipe; it is taken before the other end of the second one is closed. */
static _Noreturn void run(char **command, int tell, int hear)
{
	int listener = load();
	char byte;

	if (listener < 0 || write(tell, &listener, sizeof(listener)) != sizeof(listener) || read(hear, &byte, 1) != 0)
		err(125, "listener");
	close(listener);
	execvp(command[0], command);
	err(127, "%s", command[0]);
}

/* 0, or an errno. */
static int carry_out(int target, const struct seccomp_notif *call)
{
	char address[128];
	struct iovec here = {.iov_base = address, .iov_len = sizeof(address)};
	struct iovec there = {.iov_base = (void *)(uintptr_t)call->data.args[1], .iov_len = call->data.args[2]};
	int taken = (int)syscall(SYS_pidfd_getfd, target, (int)call->data.args[0], 0);
	int error = 0;

	if (taken < 0 || call->data.args[2] > sizeof(address) ||
	    process_vm_readv((pid_t)call->pid, &here, 1, &there, 1, 0) != (ssize_t)there.iov_len)
		error = EINVAL;
	else if (connect(taken, (struct sockaddr *)address, (socklen_t)there.iov_len) != 0)
		error = errno;
	close(taken);
	return error;
}

/* The process, which is asked for once; processes are taken to be few, and not to end before us. */
static int find(struct target *targets, __u32 pid)
{
	size_t at = 0;

	while (at < TARGETS_MAX - 1 && targets[at].pid != 0 && targets[at].pid != pid)
		at++;
	if (targets[at].pid != pid)
		targets[at] = (struct target){.pid = pid, .process = (int)syscall(SYS_pidfd_open, pid, 0)};
	return targets[at].process;
}

static void supervise(int listener)
{
	const __u64 flags = SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP;
	struct target targets[TARGETS_MAX] = {{.pid = 0}};
	struct seccomp_notif call;

	(void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, flags);
	for (;;) {
		struct seccomp_notif_resp answer = {.id = 0};

		memset(&call, 0, sizeof(call));
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) != 0) {
			if (errno == EINTR)
				continue;
			return;
		}
		answer.id = call.id;
		answer.error = -carry_out(find(targets, call.pid), &call);
		(void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
	}
}

int main(int argc, char **argv)
{
	int ours[2];
	int its[2];
	int listener;
	int status;
	pid_t child;

	if (argc < 2 || pipe(ours) != 0 || pipe(its) != 0 || (child = fork()) < 0)
		errx(2, "usage: carry_out COMMAND [ARGUMENT...]");
	if (child == 0) {
		close(its[1]);
		run(argv + 1, ours[1], its[0]);
	}
	close(its[0]);
	if (read(ours[0], &listener, sizeof(listener)) != sizeof(listener))
		err(125, "child");
	listener = (int)syscall(SYS_pidfd_getfd, (int)syscall(SYS_pidfd_open, child, 0), listener, 0);
	close(its[1]);
	supervise(listener);
	return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
