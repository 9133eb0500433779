#include "confinement.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "role_filter.h"

#define BIT(capability) (1ULL << (capability))

#define UMASK        0077
#define PROCESS_NAME "agentsh-sidecar" /* a role is executed as /proc/self/exe: "exe" */

/*
 * CAP_KILL: to kill a target of another user. CAP_SYS_PTRACE: to take a listener from a loader of
 * another user, and to read what program a target runs. The keeper has what it hands on, and a
 * private one opens a file for events wherever root has said, also in another user's directory.
 */
static uint64_t capabilities_of(enum confined_role role)
{
	switch (role) {
	case CONFINED_BROKER:
		return BIT(CAP_SYS_PTRACE);
	case CONFINED_PRIVATE_KEEPER:
		return BIT(CAP_KILL) | BIT(CAP_SYS_PTRACE) | BIT(CAP_DAC_OVERRIDE);
	case CONFINED_KEEPER:
	case CONFINED_WORKER:
	default:
		return BIT(CAP_KILL) | BIT(CAP_SYS_PTRACE);
	}
}

static int drop_capabilities(uint64_t kept, struct error *err)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	/* EINVAL ends the kernel's capabilities; EPERM: there is no CAP_SETPCAP, so nothing to lose either. */
	for (int capability = 0; capability < 64; capability++)
		if (!(kept & BIT(capability)) && prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0)
			break;
	if (syscall(SYS_capget, &header, data) != 0)
		return error_set(err, "capget: %s", strerrordesc_np(errno));
	for (int half = 0; half < 2; half++) {
		uint32_t mask = (uint32_t)(kept >> (32 * half));

		data[half].permitted &= mask;
		data[half].effective = data[half].permitted;
		data[half].inheritable = 0;
	}
	if (syscall(SYS_capset, &header, data) != 0)
		return error_set(err, "capset: %s", strerrordesc_np(errno));
	return 0;
}

/* No core; and no limit that a session's starter has set low for the session's sake, as far as it may be raised. */
static void set_limits(void)
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
}

void confinement_begin(void)
{
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	(void)prctl(PR_SET_NAME, PROCESS_NAME, 0, 0, 0);
}

int confinement_enter(enum confined_role role, struct error *err)
{
	set_limits();
	(void)umask(UMASK);
	if (chdir("/") != 0)
		return error_set(err, "/: %s", strerrordesc_np(errno));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return error_set(err, "prctl: %s", strerrordesc_np(errno));
	if (drop_capabilities(capabilities_of(role), err) != 0)
		return -1;
	return role_filter_load(role, err);
}
