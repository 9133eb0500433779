#include "confinement.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BIT(capability) (1ULL << (capability))

/*
 * CAP_KILL: to kill a target of another user. CAP_SYS_PTRACE: to take a listener from a loader of
 * another user, and to read what program a target runs. The keeper has what it hands on.
 */
static uint64_t capabilities_of(enum confined_role role)
{
	switch (role) {
	case CONFINED_BROKER:
		return BIT(CAP_SYS_PTRACE);
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

int confinement_enter(enum confined_role role, struct error *err)
{
	const struct rlimit none = {0, 0};

	(void)setrlimit(RLIMIT_CORE, &none);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return error_set(err, "prctl: %s", strerrordesc_np(errno));
	return drop_capabilities(capabilities_of(role), err);
}
