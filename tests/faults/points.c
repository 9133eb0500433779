#include "faults.h"

#include <elf.h>
#include <err.h>
#include <linux/seccomp.h>
#include <linux/types.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>

/* <linux/ptrace.h> and <sys/ptrace.h> do not go together. */
#define SYSCALL_ENTRY PTRACE_SYSCALL_INFO_ENTRY
#define SYSCALL_EXIT  PTRACE_SYSCALL_INFO_EXIT

#ifdef __x86_64__
/* Where the program begins: nobody comes there any more. */
static uint64_t entry_of(pid_t process)
{
	char path[64];
	uint64_t pair[2] = {AT_NULL, 0};
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/auxv", process);
	file = fopen(path, "re");
	while (file && fread(pair, sizeof(pair), 1, file) == 1 && pair[0] != AT_ENTRY)
		;
	if (file)
		(void)fclose(file);
	if (pair[0] != AT_ENTRY)
		errx(1, "%s: no entry", path);
	return pair[1];
}

/* The thread goes on at a jump to itself. */
static void spin(const struct thread *thread)
{
	const long jump = 0xfeeb; /* little endian: eb fe */
	uint64_t entry = entry_of(thread->process);
	struct user_regs_struct registers;

	if (ptrace(PTRACE_POKETEXT, thread->tid, entry, jump) != 0 ||
	    ptrace(PTRACE_GETREGS, thread->tid, NULL, &registers) != 0)
		err(1, "ptrace");
	registers.rip = entry;
	if (ptrace(PTRACE_SETREGS, thread->tid, NULL, &registers) != 0)
		err(1, "ptrace");
}
#else
static void spin(const struct thread *thread)
{
	(void)thread;
	errx(1, "spin: it is not known how, on this architecture");
}
#endif

static void strike(struct driver *driver, const struct thread *thread, bool before)
{
	char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, (int)thread->number);

	(void)printf("%s %s %u %s %s\n", driver->mode, driver->kind, driver->wanted, before ? "before" : "after",
		     name ? name : "?");
	free(name);
	driver->has_killed = --driver->strikes == 0;
	driver->seen = 0;
	driver->broker_waits = false;
	if (strcmp(driver->mode, "spin") == 0)
		spin(thread);
	else if (kill(thread->process, SIGKILL) != 0)
		err(1, "kill");
}

static bool writes(uint64_t number)
{
	return number == SYS_write || number == SYS_writev;
}

static void pass(struct driver *driver, const struct thread *thread, bool before)
{
	if (!driver->is_armed || driver->has_killed || driver->is_through || !thread->counts)
		return;
	if (is_again(driver) && strcmp(driver->mode, "told") == 0) {
		if (!before && writes(thread->number))
			strike(driver, thread, before);
	} else if (++driver->seen == driver->wanted) {
		strike(driver, thread, before);
	}
}

/* Has that call received the caller's notification? */
static bool has_received(struct driver *driver, const struct thread *thread)
{
	struct seccomp_notif notif;
	struct iovec here = {.iov_base = &notif, .iov_len = sizeof(notif)};
	struct iovec there = {.iov_base = (void *)(uintptr_t)thread->argument, .iov_len = sizeof(notif)};

	if (process_vm_readv(thread->tid, &here, 1, &there, 1, 0) != (ssize_t)sizeof(notif))
		return false;
	if ((pid_t)notif.pid != driver->caller && !(is_kind(driver, "killed") && notif.data.nr == SYS_personality))
		return false;
	driver->id = notif.id;
	return true;
}

/* Does that call ask for the caller's notification, which another worker has received? */
static bool takes_up(const struct driver *driver, const struct thread *thread)
{
	uint64_t id = 0;
	struct iovec here = {.iov_base = &id, .iov_len = sizeof(id)};
	struct iovec there = {.iov_base = (void *)(uintptr_t)thread->argument, .iov_len = sizeof(id)};

	return is_again(driver) && thread->number == SYS_ioctl &&
	       (uint32_t)thread->request == (uint32_t)SECCOMP_IOCTL_NOTIF_ID_VALID &&
	       process_vm_readv(thread->tid, &here, 1, &there, 1, 0) == (ssize_t)sizeof(id) && id == driver->id;
}

static bool is_wait(uint64_t number)
{
#ifdef SYS_poll
	if (number == SYS_poll)
		return true;
#endif
	return number == SYS_ppoll;
}

/* A server waits for the next notification where it receives it. */
static bool waits_for_next(const struct thread *thread)
{
	return thread->number == SYS_ioctl && (uint32_t)thread->request == (uint32_t)SECCOMP_IOCTL_NOTIF_RECV;
}

/* A call begins. Where the thread waits for the next notification, it is through with this one. */
static void enter(struct driver *driver, struct thread *thread)
{
	bool wanted = thread->role == wanted_role(driver) && driver->is_armed && !driver->has_killed;
	bool main_thread = thread->tid == thread->process;

	if (thread->role == ROLE_BROKER && is_wait(thread->number))
		driver->broker_waits = true;
	if (wanted && thread->counts && !main_thread && waits_for_next(thread) && !is_kind(driver, "start")) {
		thread->counts = false;
		driver->is_through = serves_calls(driver);
	}
	if (wanted && !main_thread && !thread->counts && takes_up(driver, thread))
		thread->counts = true;
	if (wanted && main_thread && is_wait(thread->number)) {
		/* It has begun: whatever it does from here on is another kind's. */
		driver->main_waits = true;
		if (is_kind(driver, "watch") || strcmp(driver->mode, "end") == 0)
			thread->counts = true;
	}
	driver->server_waits = driver->server_waits || (wanted && !main_thread && waits_for_next(thread));
	if (is_kind(driver, "start") && driver->main_waits && (driver->server_waits || thread->role == ROLE_BROKER))
		driver->is_through = true;
	pass(driver, thread, true);
}

static void leave(struct driver *driver, struct thread *thread, int64_t result)
{
	bool received = thread->number == SYS_ioctl && result == 0 && thread->role == ROLE_WORKER && driver->is_armed &&
			serves_calls(driver) && !is_kind(driver, "start") && !is_kind(driver, "watch");

	if (received && !thread->counts && has_received(driver, thread))
		thread->counts = true;
	pass(driver, thread, false);
}

/* What a worker has received first is its session: from there on it is one. */
static void become_worker(const struct driver *driver, struct thread *thread, int64_t result)
{
	if (thread->role != ROLE_WAITER || thread->number != SYS_recvmsg || result <= 0)
		return;
	thread->role = ROLE_WORKER;
	thread->counts = wanted_role(driver) == ROLE_WORKER && driver->kind && is_kind(driver, "start");
}

/* It has told the keeper that it is free: no other worker follows it, and its session is over. */
static void become_waiter(struct driver *driver, struct thread *thread, int64_t result)
{
	if (thread->role != ROLE_WORKER || thread->number != SYS_sendmsg || result <= 0 ||
	    thread_role(thread->process) != ROLE_WAITER)
		return;
	thread->role = ROLE_WAITER;
	thread->counts = false;
	driver->gone++;
}

void point_at_call(struct driver *driver, struct thread *thread)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, thread->tid, sizeof(info), &info) <= 0)
		return; /* killed */
	if (info.op == SYSCALL_ENTRY) {
		thread->number = info.entry.nr;
		thread->request = info.entry.args[1];
		thread->argument = info.entry.args[2];
		enter(driver, thread);
	} else if (info.op == SYSCALL_EXIT) {
		become_worker(driver, thread, info.exit.rval);
		become_waiter(driver, thread, info.exit.rval);
		leave(driver, thread, info.exit.rval);
	}
}
