#include "syscall_table.h"

#include <linux/audit.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "likeness.h"

/* How far above our own table a newer libseccomp may know names. */
#define NEWER_NAMES 64
/* No architecture's plain numbers reach this (i386 and the 64-bit ones share those from 403 on). */
#define NUMBERS_MAX 600

struct arch {
	uint32_t token;
	const char *name;
};

static const struct arch arches[] = {
    {AUDIT_ARCH_X86_64, "x86_64"},
    {AUDIT_ARCH_AARCH64, "aarch64"},
};

/*
 * Calls of Linux 5.18 to 6.17, which libseccomp 2.5.4 does not know: the kernel's own
 * scripts/syscall.tbl. From 424 on every architecture has the same numbers.
 */
struct supplement {
	const char *name;
	int number;
	uint32_t only; /* the architecture that has it; 0: all of them */
};

static const struct supplement supplements[] = {
    {"uretprobe", 335, AUDIT_ARCH_X86_64},
    {"uprobe", 336, AUDIT_ARCH_X86_64},
    {"set_mempolicy_home_node", 450, 0},
    {"cachestat", 451, 0},
    {"fchmodat2", 452, 0},
    {"map_shadow_stack", 453, 0},
    {"futex_wake", 454, 0},
    {"futex_wait", 455, 0},
    {"futex_requeue", 456, 0},
    {"statmount", 457, 0},
    {"listmount", 458, 0},
    {"lsm_get_self_attr", 459, 0},
    {"lsm_set_self_attr", 460, 0},
    {"lsm_list_modules", 461, 0},
    {"mseal", 462, 0},
    {"setxattrat", 463, 0},
    {"getxattrat", 464, 0},
    {"listxattrat", 465, 0},
    {"removexattrat", 466, 0},
    {"open_tree_attr", 467, 0},
    {"file_getattr", 468, 0},
    {"file_setattr", 469, 0},
};

#define SUPPLEMENTS (sizeof(supplements) / sizeof(supplements[0]))

uint32_t syscall_native_arch(void)
{
	return seccomp_arch_native();
}

const char *syscall_arch_name(uint32_t arch)
{
	for (size_t i = 0; i < sizeof(arches) / sizeof(arches[0]); i++)
		if (arches[i].token == arch)
			return arches[i].name;
	return NULL;
}

static const struct supplement *supplement_by_name(const char *name)
{
	for (size_t i = 0; i < SUPPLEMENTS; i++)
		if (strcmp(supplements[i].name, name) == 0)
			return &supplements[i];
	return NULL;
}

int syscall_number(uint32_t arch, const char *name)
{
	int number = seccomp_syscall_resolve_name_arch(arch, name);
	const struct supplement *supplement;

	if (number >= 0)
		return number;
	supplement = supplement_by_name(name);
	if (supplement)
		return supplement->only == 0 || supplement->only == arch ? supplement->number : SYSCALL_ELSEWHERE;
	/* libseccomp's own negative numbers stand for names of other architectures. */
	return number == __NR_SCMP_ERROR ? SYSCALL_UNKNOWN : SYSCALL_ELSEWHERE;
}

/* libseccomp's name of a number. False where it has none. */
static bool library_name(uint32_t arch, int number, char *out)
{
	char *name = seccomp_syscall_resolve_num_arch(arch, number);
	bool fits = name && strlen(name) < SYSCALL_NAME_MAX;

	if (fits)
		memcpy(out, name, strlen(name) + 1);
	free(name);
	return fits;
}

bool syscall_name(uint32_t arch, int number, char *out)
{
	if (number < 0)
		return false;
	if (library_name(arch, number, out))
		return true;
	for (size_t i = 0; i < SUPPLEMENTS; i++) {
		if (supplements[i].number != number || (supplements[i].only && supplements[i].only != arch))
			continue;
		(void)snprintf(out, SYSCALL_NAME_MAX, "%s", supplements[i].name);
		return true;
	}
	return false;
}

int syscall_highest(uint32_t arch)
{
	char name[SYSCALL_NAME_MAX];
	int ours = supplements[SUPPLEMENTS - 1].number;

	for (int number = ours + NEWER_NAMES; number > ours; number--)
		if (library_name(arch, number, name))
			return number;
	return ours;
}

bool syscall_is_supplementary(uint32_t arch, int number)
{
	char name[SYSCALL_NAME_MAX];

	return number >= 0 && !library_name(arch, number, name) && syscall_name(arch, number, name);
}

bool syscall_nearest(const char *name, char *out)
{
	static const uint32_t searched[] = {SCMP_ARCH_X86_64, SCMP_ARCH_AARCH64, SCMP_ARCH_X86, SCMP_ARCH_ARM};
	size_t length = strlen(name);
	size_t best = likeness_bound(length);
	char known[SYSCALL_NAME_MAX];
	bool found = false;

	if (length == 0 || length >= SYSCALL_NAME_MAX)
		return false;
	for (size_t i = 0; i < sizeof(searched) / sizeof(searched[0]); i++) {
		for (int number = 0; number < NUMBERS_MAX && best > 0; number++) {
			size_t distance;

			if (!syscall_name(searched[i], number, known))
				continue;
			distance = likeness_distance(name, known, best);
			if (distance >= best)
				continue;
			best = distance;
			found = true;
			memcpy(out, known, strlen(known) + 1);
		}
	}
	return found;
}
