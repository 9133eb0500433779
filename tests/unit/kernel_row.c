#include "kernel_row.h"

#include <linux/audit.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "syscall_table.h"

#define SERVE         "--kernel-rows"
#define GUARD_SECONDS 30U /* a call that blocks is a mistake in the table: it ends by SIGALRM */

/* What both processes see: the memfd that is the second one's standard input. */
struct board {
	size_t count;
	size_t row_count;
	struct sock_filter code[BPF_MAXINSNS];
	struct kernel_row rows[KERNEL_ROWS_MAX];
};

struct hazard {
	const char *name;
	bool ever; /* not even where the filter is to keep it from being made */
	const char *reason;
};

static const struct hazard hazards[] = {
    {"kill", true, "would go to every process"},
    {"vhangup", true, "hangs up the terminal"},
    {"sync", true, "waits for every disk"},
    {"msgget", true, "leaves a message queue behind"},
    {"reboot", false, "ends the machine, but for its magic numbers"},
    {"kexec_load", false, "replaces the kernel"},
    {"kexec_file_load", false, "replaces the kernel"},
    {"init_module", false, "changes the kernel"},
    {"finit_module", false, "changes the kernel"},
    {"delete_module", false, "changes the kernel"},
    {"fork", false, "returns twice"},
    {"vfork", false, "returns twice"},
    {"exit", false, "does not return"},
    {"exit_group", false, "does not return"},
    {"pause", false, "does not return"},
    {"rt_sigreturn", false, "goes where the stack says"},
    {"uretprobe", true, "passes every filter (seccomp_uprobe_exception in the kernel)"},
    {"uprobe", true, "passes every filter (seccomp_uprobe_exception in the kernel)"},
};

bool kernel_row_possible(uint32_t arch)
{
	return arch == syscall_native_arch() || (arch == AUDIT_ARCH_I386 && syscall_native_arch() == AUDIT_ARCH_X86_64);
}

const char *kernel_row_hazard(const struct seccomp_data *call, bool runs)
{
	char name[SYSCALL_NAME_MAX];

	if (call->arch != syscall_native_arch() || !syscall_name(call->arch, call->nr, name))
		return NULL;
	for (size_t i = 0; i < sizeof(hazards) / sizeof(hazards[0]); i++)
		if (strcmp(hazards[i].name, name) == 0 && (hazards[i].ever || runs))
			return hazards[i].reason;
	return NULL;
}

#if defined(__x86_64__)
static int64_t native_call(int64_t number, const __u64 *args)
{
	register uint64_t r10 __asm__("r10") = args[3];
	register uint64_t r8 __asm__("r8") = args[4];
	register uint64_t r9 __asm__("r9") = args[5];
	int64_t result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(args[0]), "S"(args[1]), "d"(args[2]), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

static int64_t raw_call(const struct seccomp_data *call)
{
	int64_t result;

	if (call->arch != AUDIT_ARCH_I386)
		return native_call(call->nr, call->args);
	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"((int64_t)call->nr), "b"(call->args[0]), "c"(call->args[1]), "d"(call->args[2]),
			   "S"(call->args[3]), "D"(call->args[4])
			 : "r8", "r9", "r10", "r11", "memory");
	return (int32_t)result;
}
#elif defined(__aarch64__)
static int64_t native_call(int64_t number, const __u64 *args)
{
	register int64_t x8 __asm__("x8") = number;
	register uint64_t x0 __asm__("x0") = args[0];
	register uint64_t x1 __asm__("x1") = args[1];
	register uint64_t x2 __asm__("x2") = args[2];
	register uint64_t x3 __asm__("x3") = args[3];
	register uint64_t x4 __asm__("x4") = args[4];
	register uint64_t x5 __asm__("x5") = args[5];

	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
	return (int64_t)x0;
}

static int64_t raw_call(const struct seccomp_data *call)
{
	return native_call(call->nr, call->args);
}
#endif

/* Makes the call and ends: what it found is in the shared memory, for the filter may forbid all else. */
static void call_and_end(const struct board *board, const struct seccomp_data *call, struct kernel_result *result,
			 bool filtered)
{
	static const __u64 nothing[6];
	const struct sock_fprog program = {
	    .len = (unsigned short)board->count,
	    .filter = (struct sock_filter *)(uintptr_t)board->code,
	};

	(void)alarm(GUARD_SECONDS);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    (filtered && syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0))
		_exit(EXIT_FAILURE);
	result->value = raw_call(call);
	result->returned = true;
	(void)native_call(SYS_exit_group, nothing);
	__builtin_trap(); /* where the filter forbids that as well */
}

static int serve_call(const struct board *board, const struct seccomp_data *call, struct kernel_result *result,
		      bool filtered)
{
	pid_t child = fork();

	if (child == 0)
		call_and_end(board, call, result, filtered);
	return child > 0 && waitpid(child, &result->status, 0) == child ? 0 : -1;
}

void kernel_rows_serve(int argc, char **argv)
{
	const struct rlimit no_core = {0};
	struct board *board;

	if (argc != 2 || strcmp(argv[1], SERVE) != 0)
		return;
	board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED, STDIN_FILENO, 0);
	if (board == MAP_FAILED || setrlimit(RLIMIT_CORE, &no_core) != 0)
		exit(EXIT_FAILURE);
	for (size_t i = 0; i < board->row_count; i++) {
		struct kernel_row *row = &board->rows[i];

		if ((row->runs && serve_call(board, &row->call, &row->plain, false) != 0) ||
		    serve_call(board, &row->call, &row->filtered, true) != 0)
			exit(EXIT_FAILURE);
	}
	exit(EXIT_SUCCESS);
}

/* Executes this program anew on the board, and waits for its end. */
static void serve_elsewhere(int memfd)
{
	extern char **environ;
	char path[4096];
	char option[] = SERVE;
	char *arguments[] = {path, option, NULL};
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
	posix_spawn_file_actions_t actions;
	int status = -1;
	pid_t child;

	assert_true(length > 0);
	path[length] = '\0';
	assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
	assert_int_equal(posix_spawn_file_actions_adddup2(&actions, memfd, STDIN_FILENO), 0);
	assert_int_equal(posix_spawn(&child, path, &actions, NULL, arguments, environ), 0);
	assert_int_equal(posix_spawn_file_actions_destroy(&actions), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

void kernel_rows_run(const struct sock_filter *code, size_t count, struct kernel_row *rows, size_t row_count)
{
	int memfd = memfd_create("kernel-rows", MFD_CLOEXEC);
	struct board *board;

	assert_true(count <= BPF_MAXINSNS && row_count <= KERNEL_ROWS_MAX);
	assert_true(memfd >= 0);
	assert_int_equal(ftruncate(memfd, sizeof(*board)), 0);
	board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	assert_true(board != MAP_FAILED);
	board->count = count;
	board->row_count = row_count;
	memcpy(board->code, code, count * sizeof(*code));
	memcpy(board->rows, rows, row_count * sizeof(*rows));
	serve_elsewhere(memfd);
	memcpy(rows, board->rows, row_count * sizeof(*rows));
	assert_int_equal(munmap(board, sizeof(*board)), 0);
	close(memfd);
}
