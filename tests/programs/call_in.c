/*
 * call_in PID NUMBER [ARGUMENT...]
 *
 * Has the main thread of a process that waits in a system call make another one, by ptrace(2), and prints its errno; 0:
 * it has succeeded. The thread's own call is made again afterwards. An ARGUMENT is a number or, from a slash on, a
 * string. Not by a debugger: not each knows all registers of each processor.
 */
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

#ifdef __x86_64__
#define ARGUMENTS   6
#define INSTRUCTION 2   /* bytes of it, which the thread has behind it at a call's entry */
#define BELOW       512 /* the stack pointer: there is nothing of the thread's any more */

static void wait_for_stop(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status))
		errx(1, "%d does not stop", pid);
}

static void go_on(pid_t pid)
{
	if (ptrace(PTRACE_SYSCALL, pid, NULL, NULL) != 0)
		err(1, "ptrace");
	wait_for_stop(pid);
}

static struct user_regs_struct registers_of(pid_t pid)
{
	struct user_regs_struct registers;

	if (ptrace(PTRACE_GETREGS, pid, NULL, &registers) != 0)
		err(1, "ptrace");
	return registers;
}

static void set_registers(pid_t pid, const struct user_regs_struct *registers)
{
	if (ptrace(PTRACE_SETREGS, pid, NULL, registers) != 0)
		err(1, "ptrace");
}

/* The thread stands at the entry of a call of its own. */
static struct user_regs_struct seize_at_entry(pid_t pid)
{
	if (ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_TRACESYSGOOD) != 0 ||
	    ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) != 0)
		err(1, "ptrace: %d", pid);
	wait_for_stop(pid);
	go_on(pid);
	return registers_of(pid);
}

static unsigned long long argument(pid_t pid, const char *text, unsigned long long *room)
{
	struct iovec here = {.iov_base = (void *)(uintptr_t)text, .iov_len = strlen(text) + 1};
	struct iovec there = {.iov_len = here.iov_len};

	if (*text != '/')
		return (unsigned long long)strtoll(text, NULL, 0);
	*room -= here.iov_len;
	there.iov_base = (void *)(uintptr_t)*room;
	if (process_vm_writev(pid, &here, 1, &there, 1, 0) != (ssize_t)here.iov_len)
		err(1, "process_vm_writev");
	return *room;
}

static void set_call(pid_t pid, const struct user_regs_struct *entry, char **words)
{
	unsigned long long arguments[ARGUMENTS] = {0};
	unsigned long long room = entry->rsp - BELOW;
	struct user_regs_struct call = *entry;

	call.orig_rax = (unsigned long long)strtoll(words[0], NULL, 0);
	for (size_t i = 0; i < ARGUMENTS && words[i + 1]; i++)
		arguments[i] = argument(pid, words[i + 1], &room);
	call.rdi = arguments[0];
	call.rsi = arguments[1];
	call.rdx = arguments[2];
	call.r10 = arguments[3];
	call.r8 = arguments[4];
	call.r9 = arguments[5];
	set_registers(pid, &call);
}

int main(int argc, char **argv)
{
	struct user_regs_struct entry;
	long long result;
	pid_t pid;

	if (argc < 3)
		errx(2, "usage: call_in PID NUMBER [ARGUMENT...]");
	pid = (pid_t)strtol(argv[1], NULL, 10);
	entry = seize_at_entry(pid);
	set_call(pid, &entry, argv + 2);
	go_on(pid);
	result = (long long)registers_of(pid).rax;
	entry.rip -= INSTRUCTION;
	entry.rax = entry.orig_rax;
	entry.orig_rax = (unsigned long long)-1;
	set_registers(pid, &entry);
	if (ptrace(PTRACE_DETACH, pid, NULL, NULL) != 0)
		err(1, "ptrace");
	(void)printf("%lld\n", result < 0 ? -result : 0);
	return 0;
}
#else
int main(void)
{
	errx(1, "it is not known how, on this architecture");
}
#endif
