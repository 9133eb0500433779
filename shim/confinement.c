#include "confinement.h"

#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "role_filter.h"
#include "system_user.h"

#define BIT(capability) (1ULL << (capability))

#define UMASK        0077
#define NOFILE_LEAST ((rlim_t)64)      /* descriptors that a worker keeps, of as many: a session takes some 20 */
#define PROCESS_NAME "agentsh-sidecar" /* a role is executed as /proc/self/exe: "exe" */

/*
 * What a worker works with. CAP_KILL: to kill a target of another user. CAP_SYS_PTRACE: to read a
 * target's memory and to take its descriptors. CAP_SETUID, CAP_SETGID: to take its ids.
 * CAP_SYS_CHROOT: to take its root. CAP_SYS_ADMIN: to send its pid in place of ours.
 */
#define WORKS_WITH                                                                                                     \
	(BIT(CAP_KILL) | BIT(CAP_SYS_PTRACE) | BIT(CAP_SETUID) | BIT(CAP_SETGID) | BIT(CAP_SYS_CHROOT) |               \
	 BIT(CAP_SYS_ADMIN))

/*
 * The broker takes listeners from loaders of other users, and nothing else. The keeper has all that
 * it hands on: a worker carries out a session's calls with what that session's loader had.
 */
static uint64_t capabilities_of(enum confined_role role)
{
	return role == CONFINED_BROKER ? BIT(CAP_SYS_PTRACE) : ~0ULL;
}

/* What an execve could give back. EINVAL ends the kernel's capabilities; EPERM: there is no CAP_SETPCAP, so nothing to
 * lose either. */
static void limit_bounding_set(uint64_t kept)
{
	for (int capability = 0; capability < 64; capability++)
		if (!(kept & BIT(capability)) && prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0)
			break;
}

static int limit_capabilities(uint64_t kept, uint64_t effective, struct error *err)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data) != 0)
		return error_set(err, "capget: %s", strerror(errno));
	/*
	 * Without it, as in Docker's default, /proc shows a target only to one whose effective capabilities
	 * are no fewer than those permitted to the target: ptrace(2), PTRACE_MODE_FSCREDS.
	 */
	if (!(data[0].permitted & BIT(CAP_SYS_PTRACE)))
		effective = ~0ULL;
	for (int half = 0; half < 2; half++) {
		uint32_t mask = (uint32_t)(kept >> (32 * half));

		data[half].permitted &= mask;
		data[half].effective = data[half].permitted & (uint32_t)(effective >> (32 * half));
		data[half].inheritable = 0;
	}
	if (syscall(SYS_capset, &header, data) != 0)
		return error_set(err, "capset: %s", strerror(errno));
	return 0;
}

/* No core; and no limit that a session's starter has set low for the session's sake, as far as it may be raised. */
static void set_limits(enum confined_role role)
{
	static const int raised[] = {RLIMIT_AS, RLIMIT_CPU, RLIMIT_DATA, RLIMIT_FSIZE, RLIMIT_NPROC};
	const struct rlimit none = {0, 0};
	struct rlimit limit;

	(void)setrlimit(RLIMIT_CORE, &none);
	for (size_t i = 0; i < sizeof(raised) / sizeof(raised[0]); i++) {
		if (prlimit(0, (enum __rlimit_resource)raised[i], NULL, &limit) != 0)
			continue;
		limit.rlim_cur = limit.rlim_max;
		(void)prlimit(0, (enum __rlimit_resource)raised[i], &limit, NULL);
	}
	/* Descriptors in flight, of all sessions together, count up to this: keeper and broker can pass theirs still.
	 */
	if (role == CONFINED_WORKER && prlimit(0, RLIMIT_NOFILE, NULL, &limit) == 0) {
		if (limit.rlim_cur >= 2 * NOFILE_LEAST)
			limit.rlim_cur /= 2;
		(void)prlimit(0, RLIMIT_NOFILE, &limit, NULL);
	}
}

void confinement_follow(int user_namespace)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	if (user_namespace < 0 || syscall(SYS_capget, &header, data) != 0 || data[0].permitted || data[1].permitted)
		return;
	(void)setns(user_namespace, CLONE_NEWUSER);
}

int confinement_limit(uint64_t session, struct error *err)
{
	limit_bounding_set(WORKS_WITH | session);
	return limit_capabilities(WORKS_WITH | session, WORKS_WITH, err);
}

void confinement_begin(void)
{
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	(void)prctl(PR_SET_NAME, PROCESS_NAME, 0, 0, 0);
}

/* Its ids are one more thing to give up: what is missing then is said, and does not keep it from its work. */
static void give_up_root(void)
{
	struct error err;

	if (system_user_become(&err) != 0)
		error_print(STDERR_FILENO, PROCESS_NAME, &err);
}

int confinement_enter(enum confined_role role, int prepared, struct error *err)
{
	set_limits(role);
	(void)umask(UMASK);
	if (chdir("/") != 0)
		return error_set(err, "/: %s", strerror(errno));
	limit_bounding_set(capabilities_of(role));
	if (role == CONFINED_BROKER)
		give_up_root();
	/* Last of these: with other ids a process may be dumpable again. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return error_set(err, "prctl: %s", strerror(errno));
	if (limit_capabilities(capabilities_of(role), ~0ULL, err) != 0)
		return -1;
	return role_filter_load_prepared(role, prepared, err);
}
