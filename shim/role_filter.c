#include "role_filter.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "pidfd_information.h"

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif

#define LOW_32_BITS  0xffffffffU
#define FIRST_TESTED 255U /* of libseccomp's priorities: the highest */

/* Whose call it is. The keeper has all. */
enum { KEEPER = 0, BROKER = 1, WORKER = 2, ROLES = BROKER | WORKER };

struct listed {
	const char *name;
	unsigned roles;
};

/* Names that an architecture or libseccomp does not have are left out; C libraries differ in which they use. */
static const struct listed listed[] = {
    /* memory, time, signals, the end */
    {"brk", ROLES},
    {"clock_gettime", ROLES},
    {"exit", ROLES},
    {"exit_group", ROLES},
    {"futex", ROLES},
    {"getpid", ROLES},
    {"getrandom", ROLES},
    {"gettimeofday", ROLES},
    {"madvise", ROLES},
    {"mremap", ROLES},
    {"munmap", ROLES},
    {"restart_syscall", ROLES},
    {"rt_sigaction", ROLES},
    {"rt_sigprocmask", ROLES},
    {"rt_sigreturn", ROLES},
    /* descriptors that are there */
    {"close", ROLES},
    {"fcntl", ROLES},
    {"fstat", ROLES},
    {"getsockopt", ROLES},
    {"lseek", ROLES},
    {"lstat", ROLES},
    {"memfd_create", ROLES},
    {"newfstatat", ROLES},
    {"poll", ROLES},
    {"ppoll", ROLES},
    {"read", ROLES},
    {"readv", ROLES},
    {"recvmsg", ROLES},
    {"sendmsg", ROLES},
    {"sendto", ROLES},
    {"stat", ROLES},
    {"statx", ROLES},
    {"write", ROLES},
    {"writev", ROLES},
    /* who a peer or a target is */
    {"geteuid", BROKER},
    {"getppid", BROKER},
    {"pidfd_open", ROLES},
    {"readlink", ROLES},
    {"readlinkat", ROLES},
    /* a loader and its listener */
    {"accept4", BROKER},
    {"ftruncate", BROKER},
    {"pidfd_getfd", ROLES},
    /* a target and its events */
    {"connect", WORKER},
    {"getpeername", WORKER},
    {"pidfd_send_signal", WORKER},
    {"pwrite64", ROLES},
    {"pwritev2", WORKER},
    {"seccomp", WORKER},
    {"sched_getattr", WORKER},
    {"sched_setattr", WORKER},
    {"uname", WORKER},
    /* a call that is carried out: the target's memory, rights and view, and the call */
    {"bind", WORKER},
    {"capset", WORKER},
    {"chroot", WORKER},
    {"fchdir", WORKER},
    {"getdents64", WORKER},
    {"getsockname", WORKER},
    {"kcmp", WORKER},
    {"openat2", WORKER},
    {"process_vm_readv", WORKER},
    {"process_vm_writev", WORKER},
    {"recvfrom", WORKER},
    {"setfsgid", WORKER},
    {"setfsuid", WORKER},
    {"setgroups", WORKER},
    {"setresgid", WORKER},
    {"setresuid", WORKER},
    {"setsockopt", WORKER},
    {"shutdown", WORKER},
    {"socketpair", WORKER},
    {"tgkill", WORKER},
    {"umask", WORKER},
    /* the threads that do it */
    {"clone3", WORKER},
    {"clock_nanosleep", WORKER},
    {"eventfd2", WORKER},
    {"gettid", WORKER},
    {"nanosleep", WORKER},
    {"rseq", WORKER},
    {"sched_getaffinity", WORKER},
    {"set_robust_list", WORKER},
    {"close_range", WORKER},
    {"unshare", WORKER},
    /* places where events go, the roles' lives */
    {"dup2", KEEPER},
    {"dup3", KEEPER},
    {"epoll_create1", KEEPER},
    {"epoll_ctl", KEEPER},
    {"epoll_pwait", KEEPER},
    {"epoll_wait", KEEPER},
    {"fchmod", KEEPER},
    {"fork", KEEPER},
    {"kill", KEEPER},
    {"signalfd4", KEEPER},
    {"unlink", KEEPER},
    {"unlinkat", KEEPER},
    {"wait4", KEEPER},
    /* a program's start, and its confinement */
    {"access", KEEPER},
    {"arch_prctl", KEEPER},
    {"capget", WORKER},
    {"chdir", KEEPER},
    {"execve", KEEPER},
    {"faccessat", KEEPER},
    {"mmap", KEEPER},
    {"mprotect", KEEPER},
    {"open", KEEPER},
    {"openat", KEEPER},
    {"prctl", KEEPER},
    {"pread64", ROLES},
    {"prlimit64", KEEPER},
    {"set_tid_address", KEEPER},
};

/* A call whose argument, as far as the mask goes, must have that value. */
struct compared {
	const char *name;
	unsigned roles;
	unsigned argument;
	uint32_t mask;
	uint32_t value;
};

#define WRITES     (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)
#define NOT_A_FORK (CLONE_VM | CLONE_THREAD | CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC)
/* Versions 14 and 19 differ here. */
/* clang-format off */
#define REQUEST(of) {"ioctl", ROLES, 1, LOW_32_BITS, (uint32_t)(of)}
/* clang-format on */

static const struct compared compared[] = {
    /* None of a terminal's: a session's own may be among the descriptors. */
    REQUEST(SECCOMP_IOCTL_NOTIF_RECV),
    REQUEST(SECCOMP_IOCTL_NOTIF_SEND),
    REQUEST(SECCOMP_IOCTL_NOTIF_ID_VALID),
    REQUEST(SECCOMP_IOCTL_NOTIF_ADDFD),
    REQUEST(SECCOMP_IOCTL_NOTIF_SET_FLAGS),
    REQUEST(PIDFD_INFORMATION),
    {"mmap", ROLES, 2, PROT_EXEC, 0},
    {"mprotect", ROLES, 2, PROT_EXEC, 0},
    {"open", ROLES, 1, WRITES, O_RDONLY},
    {"openat", ROLES, 2, WRITES, O_RDONLY},
    {"clone", KEEPER, 0, NOT_A_FORK, 0},
    {"clone", WORKER, 0, CLONE_THREAD, CLONE_THREAD},
    {"prctl", WORKER, 0, LOW_32_BITS, PR_CAPBSET_DROP},
    {"socket", ROLES, 0, LOW_32_BITS, AF_UNIX},
    {"socket", WORKER, 0, LOW_32_BITS, AF_NETLINK},
    /* Is it there still? No more than that. */
    {"pidfd_send_signal", BROKER, 1, LOW_32_BITS, 0},
};

#define COUNT_OF(table) (sizeof(table) / sizeof((table)[0]))

static bool has(enum confined_role role, unsigned roles)
{
	switch (role) {
	case CONFINED_BROKER:
		return roles & BROKER;
	case CONFINED_WORKER:
		return roles & WORKER;
	case CONFINED_KEEPER:
	case CONFINED_PRIVATE_KEEPER:
	default:
		return true;
	}
}

/* 0, or libseccomp's negative errno. */
static int allow(scmp_filter_ctx context, const char *name, unsigned count, const struct scmp_arg_cmp *compare)
{
	int number = seccomp_syscall_resolve_name(name);

	return number < 0 ? 0 : seccomp_rule_add_array(context, SCMP_ACT_ALLOW, number, count, compare);
}

static int add_rules(scmp_filter_ctx context, enum confined_role role)
{
	int result = 0;

	for (size_t i = 0; result == 0 && i < COUNT_OF(listed); i++)
		if (has(role, listed[i].roles))
			result = allow(context, listed[i].name, 0, NULL);
	for (size_t i = 0; result == 0 && i < COUNT_OF(compared); i++) {
		const struct compared *call = &compared[i];
		const struct scmp_arg_cmp compare = {
		    .arg = call->argument, .op = SCMP_CMP_MASKED_EQ, .datum_a = call->mask, .datum_b = call->value};

		if (has(role, call->roles))
			result = allow(context, call->name, 1, &compare);
	}
	return result;
}

/* Not one that every session pays for: an answer is an ioctl. */
static int set_attributes(scmp_filter_ctx context)
{
	int result = seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);

	if (result == 0)
		result = seccomp_attr_set(context, SCMP_FLTATR_CTL_NNP, 0);
	if (result == 0)
		result = seccomp_syscall_priority(context, SCMP_SYS(ioctl), FIRST_TESTED);
	return result;
}

/*
 * ENOSYS and not EPERM: a C library that has a newer call for an old purpose goes back to the old
 * one. Nor death: a worker that dies of a call is started again, to die of it again.
 */
int role_filter_load(enum confined_role role, struct error *err)
{
	scmp_filter_ctx context;
	int result = -ENOMEM;

	context = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	if (context)
		result = set_attributes(context);
	if (result == 0)
		result = add_rules(context, role);
	if (result == 0)
		result = seccomp_load(context);
	seccomp_release(context);
	if (result == 0)
		return 0;
	return error_set(err, "seccomp: the sidecar's own filter cannot be loaded: %s (see agentshctl doctor)",
			 strerror(-result));
}
