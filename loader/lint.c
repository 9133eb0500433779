#include "lint.h"

#include <stdio.h>
#include <string.h>

#include "lint_sockets.h"
#include "syscall_table.h"

#define GROUP_MAX 12

/* Calls that do each other's work: who blocks one and leaves another open has blocked neither. */
static const char *const groups[][GROUP_MAX] = {
    {"mount", "move_mount", "open_tree", "open_tree_attr", "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr"},
    {"umount", "umount2"},
    {"pivot_root", "move_mount"},
    {"kexec_load", "kexec_file_load"},
    {"init_module", "finit_module"},
    {"ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd"},
    {"process_vm_writev", "process_madvise"},
    {"unshare", "setns"},
    {"name_to_handle_at", "open_by_handle_at"},
    {"settimeofday", "clock_settime", "clock_adjtime", "adjtimex"},
    {"sethostname", "setdomainname"},
    {"iopl", "ioperm"},
    {"swapon", "swapoff"},
    {"add_key", "request_key", "keyctl"},
    {"quotactl", "quotactl_fd"},
    {"kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal"},
    {"connect", "sendto", "sendmsg", "sendmmsg", "io_uring_setup"},
    {"socket", "io_uring_setup"},
    {"open", "openat", "openat2", "creat"},
    {"unlink", "unlinkat"},
    {"rename", "renameat", "renameat2"},
    {"link", "linkat"},
    {"symlink", "symlinkat"},
    {"mkdir", "mkdirat"},
    {"mknod", "mknodat"},
    {"chmod", "fchmod", "fchmodat", "fchmodat2"},
    {"chown", "fchown", "lchown", "fchownat"},
    {"truncate", "ftruncate"},
    {"setxattr", "lsetxattr", "fsetxattr", "setxattrat"},
    {"removexattr", "lremovexattr", "fremovexattr", "removexattrat"},
    {"setuid", "setreuid", "setresuid", "setfsuid"},
    {"setgid", "setregid", "setresgid", "setfsgid"},
    {"clone", "clone3", "fork", "vfork"},
    {"accept", "accept4"},
    {"setrlimit", "prlimit64"},
};

static bool is_here(const char *name)
{
	return syscall_number(syscall_native_arch(), name) >= 0;
}

/* The first of the group that the block list names, or NULL. */
static const struct list_entry *first_blocked(const char *const *group, const struct list *block)
{
	for (size_t i = 0; i < GROUP_MAX && group[i]; i++) {
		const struct list_entry *entry = list_find(block, group[i]);

		if (entry && is_here(group[i]))
			return entry;
	}
	return NULL;
}

/* Writes the names of the group that are open. Returns how many. */
static size_t name_open(const char *const *group, const struct list *block, char *out, size_t size)
{
	size_t length = 0;
	size_t count = 0;

	out[0] = '\0';
	for (size_t i = 0; i < GROUP_MAX && group[i] && length < size; i++) {
		int written;

		if (list_find(block, group[i]) || !is_here(group[i]))
			continue;
		written = snprintf(out + length, size - length, "%s%s", count ? ", " : "", group[i]);
		length += written > 0 ? (size_t)written : 0;
		count++;
	}
	return count;
}

static void lint_siblings(const struct policy *policy, struct diagnostics *diagnostics)
{
	const struct list *block = &policy->syscalls.block;

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		const struct list_entry *blocked = first_blocked(groups[i], block);
		char open[160];
		size_t count = blocked ? name_open(groups[i], block, open, sizeof(open)) : 0;

		if (count)
			(void)diagnostics_warning(diagnostics, blocked->line,
						  "%s is blocked, but %s %s open and can do the same", blocked->text,
						  open, count == 1 ? "is" : "are");
	}
}

static void lint_repeated(const struct list *list, const char *name, struct diagnostics *diagnostics)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct list_entry *first = list_find(list, list->entries[i].text);

		if (first != &list->entries[i])
			(void)diagnostics_warning(diagnostics, list->entries[i].line, "%s names %s twice", name,
						  first->text);
	}
}

/* The kernel's own trampolines for traced programs, which newer kernels pass by every filter. */
static void lint_exempt(const struct list *block, struct diagnostics *diagnostics)
{
	static const char *const names[] = {"uretprobe", "uprobe"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct list_entry *entry = list_find(block, names[i]);

		if (entry)
			(void)diagnostics_warning(diagnostics, entry->line,
						  "blocking %s has no effect since Linux 6.14: the kernel lets it pass "
						  "every filter",
						  names[i]);
	}
}

static void lint_without_effect(const struct policy *policy, struct diagnostics *diagnostics)
{
	if (!policy_filters(policy))
		(void)diagnostics_warning(diagnostics, policy->lines[policy->enabled ? KEY_MODE : KEY_ENABLED],
					  "this policy installs no filter: nothing is blocked");
	if (policy->syscalls.default_action == DEFAULT_ALLOW && policy->syscalls.allow.count)
		(void)diagnostics_warning(diagnostics, policy->lines[KEY_ALLOW],
					  "allow has no effect while default_action = allow");
}

void lint(const struct policy *policy, lint_can_write *can_write, struct diagnostics *diagnostics)
{
	if (policy_filters(policy) && policy->syscalls.default_action == DEFAULT_ALLOW)
		lint_siblings(policy, diagnostics);
	lint_repeated(&policy->syscalls.block, "block", diagnostics);
	lint_repeated(&policy->syscalls.allow, "allow", diagnostics);
	lint_exempt(&policy->syscalls.block, diagnostics);
	lint_without_effect(policy, diagnostics);
	lint_sockets(policy, can_write, diagnostics);
	diagnostics_sort(diagnostics);
}
