#include "syscall_table.h"

#include <linux/audit.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "likeness.h"

/* What a newer libseccomp knows above our own table ends where so many numbers have no name. */
#define NAMELESS_MOST 4
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
 * scripts/syscall.tbl. From 424 on every architecture has the same numbers. Names of consecutive numbers, each ended by
 * a NUL: a table of pointers would be a hundredth of the loader.
 */
struct supplement {
	const char *names;
	int first;
	uint32_t only; /* the architecture that has them; 0: all of them */
};

#define FIRST_OF_ALL 450

/* clang-format off */
static const char names_of_all[] =
    "set_mempolicy_home_node\0"
    "cachestat\0"
    "fchmodat2\0"
    "map_shadow_stack\0"
    "futex_wake\0"
    "futex_wait\0"
    "futex_requeue\0"
    "statmount\0"
    "listmount\0"
    "lsm_get_self_attr\0"
    "lsm_set_self_attr\0"
    "lsm_list_modules\0"
    "mseal\0"
    "setxattrat\0"
    "getxattrat\0"
    "listxattrat\0"
    "removexattrat\0"
    "open_tree_attr\0"
    "file_getattr\0"
    "file_setattr\0";
/* clang-format on */

static const struct supplement supplements[] = {
    {"uretprobe\0uprobe\0", 335, AUDIT_ARCH_X86_64},
    {names_of_all, FIRST_OF_ALL, 0},
};

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

/*
 * The supplement of that name, or, where name is NULL, of *number: its name, and its number in *number, and in *only
 * the architecture that has it. NULL: there is none.
 */
static const char *supplement_find(const char *name, int *number, uint32_t *only)
{
	for (size_t i = 0; i < sizeof(supplements) / sizeof(supplements[0]); i++) {
		int at = supplements[i].first;

		for (const char *one = supplements[i].names; *one; one += strlen(one) + 1, at++) {
			if (name ? strcmp(one, name) != 0 : at != *number)
				continue;
			*number = at;
			*only = supplements[i].only;
			return one;
		}
	}
	return NULL;
}

int syscall_number(uint32_t arch, const char *name)
{
	int number = seccomp_syscall_resolve_name_arch(arch, name);
	uint32_t only;
	int newer;

	if (number >= 0)
		return number;
	if (supplement_find(name, &newer, &only))
		return only == 0 || only == arch ? newer : SYSCALL_ELSEWHERE;
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
	const char *newer;
	uint32_t only;

	if (number < 0)
		return false;
	if (library_name(arch, number, out))
		return true;
	newer = supplement_find(NULL, &number, &only);
	if (!newer || (only && only != arch))
		return false;
	(void)snprintf(out, SYSCALL_NAME_MAX, "%s", newer);
	return true;
}

int syscall_highest(uint32_t arch)
{
	char name[SYSCALL_NAME_MAX];
	int highest = FIRST_OF_ALL - 1;

	for (size_t i = 0; i + 1 < sizeof(names_of_all); i++)
		highest += names_of_all[i] == '\0';
	for (int number = highest + 1; number <= highest + NAMELESS_MOST; number++)
		if (library_name(arch, number, name))
			highest = number;
	return highest;
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
