/*
 * raw_call main|thread CALL: one raw system call, from the main thread or from a second one. The
 * other thread lives on, and waits for the end of the one that calls. CALL: one of the default
 * block list, with arguments that do no harm where nothing blocks it; int80, a 32-bit call; x32.
 *
 * Exits 0 where the call returned, 1 where only the thread ended that made it.
 */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STATUS_USAGE 2

struct call {
	const char *name;
	long number;
	long args[6];
};

static const struct call calls[] = {
    {"ptrace", SYS_ptrace, {-1, -1}},
    {"process_vm_readv", SYS_process_vm_readv, {-1, 0, 0, 0, 0, 1}},
    {"process_vm_writev", SYS_process_vm_writev, {-1, 0, 0, 0, 0, 1}},
    {"personality", SYS_personality, {0xffffffff}}, /* asks only */
    {"mount", SYS_mount, {0}},
    {"umount2", SYS_umount2, {0, -1}},
    {"pivot_root", SYS_pivot_root, {0}},
    {"reboot", SYS_reboot, {1, 1}},
    {"kexec_load", SYS_kexec_load, {0, 1, 0, -1}},
    {"init_module", SYS_init_module, {0}},
    {"finit_module", SYS_finit_module, {-1}},
    {"delete_module", SYS_delete_module, {0}},
#if defined(__x86_64__)
    {"int80", 20, {0}}, /* getpid of i386 */
    {"x32", 0x40000000L | SYS_getpid, {0}},
#endif
};

static long make(const struct call *call)
{
	long result;

#if defined(__x86_64__)
	if (strcmp(call->name, "int80") == 0) {
		__asm__ volatile("int $0x80" : "=a"(result) : "a"(call->number) : "r8", "r9", "r10", "r11", "memory");
		return result;
	}
#endif
	result = syscall(call->number, call->args[0], call->args[1], call->args[2], call->args[3], call->args[4],
			 call->args[5]);
	return result < 0 ? -errno : result;
}

static void *make_and_exit(void *call)
{
	long result = make(call);

	if (result < 0)
		(void)printf("%s: %s\n", ((const struct call *)call)->name, strerror((int)-result));
	exit(EXIT_SUCCESS);
}

/* Whoever waits for the caller goes on only if the process does. */
static void *wait_for(void *caller)
{
	(void)pthread_join(*(pthread_t *)caller, NULL);
	(void)puts("only the thread has ended");
	exit(EXIT_FAILURE);
}

int main(int argc, char **argv)
{
	bool second = argc == 3 && strcmp(argv[1], "thread") == 0;
	struct call call = {.name = NULL};
	pthread_t self = pthread_self();
	pthread_t other;

	if (argc != 3 || (!second && strcmp(argv[1], "main") != 0))
		return STATUS_USAGE;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (strcmp(calls[i].name, argv[2]) == 0)
			call = calls[i];
	if (!call.name || pthread_create(&other, NULL, second ? make_and_exit : wait_for,
					 second ? (void *)&call : (void *)&self) != 0)
		return STATUS_USAGE;
	if (second)
		(void)wait_for(&other);
	(void)make_and_exit(&call);
}
