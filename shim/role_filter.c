#include "role_filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "filter.h"
#include "pidfd_getfd.h"
#include "pidfd_information.h"
#include "syscall_table.h"

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif

#define LOW_32_BITS 0xffffffffU
#define REFUSED     SCMP_ACT_ERRNO(ENOSYS)

#define PREPARED_MOST 512U /* instructions of a filter that is made before; a worker has 200 */

/* Whose call it is. The keeper has all. */
enum { KEEPER = 0, BROKER = 1, WORKER = 2, ROLES = BROKER | WORKER };

struct listed {
	const char *name;
	unsigned roles;
};

/* Names that an architecture does not have are left out; C libraries differ in which they use. */
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
    {"tkill", WORKER}, /* musl's pthread_kill(3) */
    {"umask", WORKER},
    /* the threads that do it */
    {"clone3", WORKER}, /* the broker's library does without */
    {"clock_nanosleep", WORKER},
    {"eventfd2", WORKER},
    {"gettid", WORKER},
    {"nanosleep", WORKER},
    {"rseq", ROLES},
    {"sched_getaffinity", WORKER},
    {"set_robust_list", ROLES},
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
    {"getppid", KEEPER}, /* audit_stream.c: the call that the kernel is tried with */
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
    {"clone", ROLES, 0, CLONE_THREAD, CLONE_THREAD},
    {"prctl", WORKER, 0, LOW_32_BITS, PR_CAPBSET_DROP},
    {"setns", WORKER, 1, LOW_32_BITS, CLONE_NEWUSER},
    {"socket", ROLES, 0, LOW_32_BITS, AF_UNIX},
    {"socket", WORKER, 0, LOW_32_BITS, AF_NETLINK},
    /* Is it there still? No more than that. */
    {"pidfd_send_signal", BROKER, 1, LOW_32_BITS, 0},
};

#define COUNT_OF(table) (sizeof(table) / sizeof((table)[0]))
#define LISTED_MOST     (COUNT_OF(listed) + 1 + COUNT_OF(compared))
#define COMPARED_MOST   (2 * COUNT_OF(compared))

/* Both stages of rules.h: every call that there is a rule for is listed, and those that are compared go on. */
struct role_rules {
	struct rule listed[LISTED_MOST];
	struct rule compared[COMPARED_MOST];
	struct rules rules;
};

static bool has(enum confined_role role, unsigned roles)
{
	switch (role) {
	case CONFINED_BROKER:
		return roles & BROKER;
	case CONFINED_WORKER:
		return roles & WORKER;
	case CONFINED_KEEPER:
	default:
		return true;
	}
}

static bool is_listed(const struct stage *list, int number)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->rules[i].number == number)
			return true;
	return false;
}

static void append(struct stage *stage, const struct rule *rule)
{
	stage->rules[stage->count++] = *rule;
}

/* A call that is allowed whatever its arguments are has no need of more. */
static void add_compared(struct rules *rules, enum confined_role role)
{
	const size_t plain = rules->list.count;

	for (size_t i = 0; i < COUNT_OF(compared); i++) {
		const struct compared *call = &compared[i];
		const struct rule rule = {.number = syscall_number(rules->arch, call->name),
					  .action = SCMP_ACT_ALLOW,
					  .comparisons = 1,
					  .compare = {{.arg = call->argument,
						       .op = SCMP_CMP_MASKED_EQ,
						       .datum_a = call->mask,
						       .datum_b = call->value}}};
		const struct stage listed_plainly = {.rules = rules->list.rules, .count = plain};

		if (!has(role, call->roles) || rule.number < 0 || is_listed(&listed_plainly, rule.number))
			continue;
		append(&rules->sockets, &rule);
		if (!is_listed(&rules->list, rule.number))
			append(&rules->list, &(struct rule){.number = rule.number, .action = SCMP_ACT_ALLOW});
	}
	/* Behind its rules: what none of them allows. */
	for (size_t i = plain; i < rules->list.count; i++)
		append(&rules->sockets, &(struct rule){.number = rules->list.rules[i].number, .action = REFUSED});
}

/* Where sockets are made for sessions, of whatever family: made_sockets.h. */
static void add_any_socket(struct rules *rules, enum confined_role role)
{
	const struct rule rule = {.number = syscall_number(rules->arch, "socket"), .action = SCMP_ACT_ALLOW};

	if (has(role, WORKER) && pidfd_getfd_try() != 0)
		append(&rules->list, &rule);
}

static void make_rules(struct role_rules *made, enum confined_role role)
{
	struct rules *rules = &made->rules;

	*rules = (struct rules){
	    .arch = syscall_native_arch(),
	    .list = {.otherwise = REFUSED, .rules = made->listed},
	    .sockets = {.otherwise = SCMP_ACT_ALLOW, .rules = made->compared},
	    .highest = -1,
	    .foreign = SCMP_ACT_KILL_PROCESS,
	};
	for (size_t i = 0; i < COUNT_OF(listed); i++) {
		const struct rule rule = {.number = syscall_number(rules->arch, listed[i].name),
					  .action = SCMP_ACT_ALLOW};

		if (has(role, listed[i].roles) && rule.number >= 0)
			append(&rules->list, &rule);
	}
	add_any_socket(rules, role);
	add_compared(rules, role);
}

static int make(enum confined_role role, struct filter *filter, struct error *err)
{
	struct role_rules made;

	make_rules(&made, role);
	return filter_compile(&made.rules, filter, err);
}

/*
 * ENOSYS and not EPERM: a C library that has a newer call for an old purpose goes back to the old
 * one. Nor death: a worker that dies of a call is started again, to die of it again.
 */
static int load(struct sock_filter *instructions, size_t count, struct error *err)
{
	const struct sock_fprog program = {.len = (unsigned short)count, .filter = instructions};

	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0)
		return 0;
	return error_set(err, "seccomp: the sidecar's own filter cannot be loaded: %s (see agentshctl doctor)",
			 strerror(errno));
}

int role_filter_load(enum confined_role role, struct error *err)
{
	struct filter filter;
	int result;

	if (make(role, &filter, err) != 0)
		return -1;
	result = load(filter.instructions, filter.count, err);
	filter_free(&filter);
	return result;
}

int role_filter_load_prepared(enum confined_role role, int prepared, struct error *err)
{
	struct sock_filter instructions[PREPARED_MOST];
	ssize_t length = prepared < 0 ? -1 : pread(prepared, instructions, sizeof(instructions), 0);

	if (length <= 0)
		return role_filter_load(role, err);
	return load(instructions, (size_t)length / sizeof(instructions[0]), err);
}

int role_filter_prepare(enum confined_role role)
{
	struct filter filter;
	struct error err;
	int memfd = -1;
	size_t size;

	if (make(role, &filter, &err) != 0)
		return -1;
	size = filter.count * sizeof(filter.instructions[0]);
	if (filter.count <= PREPARED_MOST)
		memfd = memfd_create("agentsh-filter", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (memfd >= 0 && (write(memfd, filter.instructions, size) != (ssize_t)size ||
			   fcntl(memfd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0)) {
		close(memfd);
		memfd = -1;
	}
	filter_free(&filter);
	return memfd;
}
