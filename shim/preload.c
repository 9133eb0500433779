/*
 * libagentsh-shim.so: preloaded into the programs of a session, it tells the session's sidecar that one has
 * begun, and that it has another name now; agentsh-exec(1), --shim. It tells by the reserved call, which in a
 * session is a notification and anywhere else an error; what that answers is of no interest.
 *
 * It is a guest in somebody else's process: it needs no library, makes no call but the ones below, which
 * every policy lets pass or which are the caller's own, and keeps two words of memory. Nothing here allocates, waits
 * for a lock, has a descriptor beyond the call, or touches errno but as the function that it stands in for does.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "attestation.h"
#include "claim.h"
#include "rules.h"

#define EXPORTED  __attribute__((visibility("default")))
#define TRIES     3 /* a signal may come before the notification is received */
#define COMM_SIZE 16
#define NOT_ERROR (-4096L)
#define TASK      "/proc/self/task/"
#define COMM      "/comm"

/* Of whichever C library is there; without a version, as none is linked. An old one may lack any. */
#pragma weak environ
#pragma weak gnu_get_libc_version
#pragma weak __errno_location
#pragma weak pthread_self
#pragma weak pthread_getcpuclockid

extern const char *gnu_get_libc_version(void);

/*
 * Set while the process begins, when it has one thread and shares no memory with a parent: the program may
 * change its environment later, also while another thread reads it.
 */
static uint64_t claim;

/*
 * The program has begun to confine itself: a filter of its own may kill it for a call that it does not make.
 * A vfork child sets it for its parent as well, which is then not reported once more: the safe side.
 */
static volatile bool is_quiet;

#if defined(__x86_64__)
static long call(long number, unsigned long a, unsigned long b, unsigned long c, unsigned long d, unsigned long e)
{
	register unsigned long fourth __asm__("r10") = d;
	register unsigned long fifth __asm__("r8") = e;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth)
			 : "rcx", "r11", "memory");
	return result;
}
#else /* aarch64, the only other architecture that there are filters for */
static long call(long number, unsigned long a, unsigned long b, unsigned long c, unsigned long d, unsigned long e)
{
	register long eighth __asm__("x8") = number;
	register unsigned long first __asm__("x0") = a;
	register unsigned long second __asm__("x1") = b;
	register unsigned long third __asm__("x2") = c;
	register unsigned long fourth __asm__("x3") = d;
	register unsigned long fifth __asm__("x4") = e;

	__asm__ volatile("svc 0"
			 : "+r"(first)
			 : "r"(eighth), "r"(second), "r"(third), "r"(fourth), "r"(fifth)
			 : "memory");
	return (long)first;
}
#endif

static bool is_error(long result)
{
	return result < 0 && result > NOT_ERROR;
}

static void report(void)
{
	for (int i = 0; i < TRIES && !is_quiet; i++)
		if (call(SYS_prctl, RESERVED_CALL, RESERVED_REPORT, claim, 0, 0) != -EINTR)
			break;
}

/* The value of the session's variable, or NULL. */
static const char *session_of(char *const *environment)
{
	static const char name[] = SESSION_VARIABLE "=";

	for (; environment && *environment; environment++) {
		size_t i = 0;

		while (name[i] && (*environment)[i] == name[i])
			i++;
		if (!name[i])
			return *environment + i;
	}
	return NULL;
}

/* glibc gives its arguments to what it runs at the beginning, when its environ is not set yet; musl the other way. */
static void begin(int count, char **arguments, char **environment)
{
	const char *session;

	(void)count;
	(void)arguments;
	if (!gnu_get_libc_version)
		environment = &environ ? environ : NULL;
	session = session_of(environment);
	claim = session ? claim_of(session) : CLAIM_NONE;
	report();
}

__attribute__((section(".init_array"), used)) static void (*at_begin)(int, char **, char **) = begin;

/* As glibc's: it takes four arguments of whoever gave fewer, too. */
EXPORTED int prctl(int option, ...)
{
	unsigned long arguments[4];
	va_list list;
	long result;

	va_start(list, option);
	for (size_t i = 0; i < 4; i++)
		arguments[i] = va_arg(list, unsigned long);
	va_end(list);
	if (option == PR_SET_NO_NEW_PRIVS || option == PR_SET_SECCOMP)
		is_quiet = true;
	result = call(SYS_prctl, (unsigned long)option, arguments[0], arguments[1], arguments[2], arguments[3]);
	if (is_error(result)) {
		if (__errno_location)
			*__errno_location() = (int)-result;
		return -1;
	}
	if (option == PR_SET_NAME)
		report();
	return (int)result;
}

/* The name of a thread's file. */
static void put_path(char *at, unsigned tid)
{
	static const char task[] = TASK;
	static const char comm[] = COMM;
	char digits[10];
	size_t count = 0;

	for (size_t i = 0; i < sizeof(task) - 1; i++)
		*at++ = task[i];
	do
		digits[count++] = (char)('0' + tid % 10);
	while (tid /= 10);
	while (count > 0)
		*at++ = digits[--count];
	for (size_t i = 0; i < sizeof(comm); i++)
		*at++ = comm[i];
}

/* Returns an errno. */
static int write_name(unsigned tid, const char *name, size_t length)
{
	char path[sizeof(TASK COMM) + 10];
	long descriptor;
	long result;

	put_path(path, tid);
	descriptor = call(SYS_openat, (unsigned long)AT_FDCWD, (unsigned long)path, O_RDWR | O_CLOEXEC, 0, 0);
	if (is_error(descriptor))
		return (int)-descriptor;
	do
		result = call(SYS_write, (unsigned long)descriptor, (unsigned long)name, length, 0, 0);
	while (result == -EINTR);
	(void)call(SYS_close, (unsigned long)descriptor, 0, 0, 0, 0);
	if (is_error(result))
		return (int)-result;
	return (size_t)result == length ? 0 : EIO;
}

/* The thread's number, which no function gives: its clock's number has it (CPUCLOCK_SCHED). Returns an errno. */
static int name_other(pthread_t thread, const char *name, size_t length)
{
	clockid_t clock;
	int error = pthread_getcpuclockid ? pthread_getcpuclockid(thread, &clock) : ENOSYS;

	return error ? error : write_name((unsigned)~(clock >> 3), name, length);
}

/* As glibc and musl do it: the library's own cannot be found without dlsym(3), which takes locks. */
EXPORTED int pthread_setname_np(pthread_t thread, const char *name)
{
	size_t length = 0;
	int error;

	while (length < COMM_SIZE && name[length])
		length++;
	if (length == COMM_SIZE)
		return ERANGE;
	if (pthread_self && pthread_self() == thread)
		error = (int)-call(SYS_prctl, PR_SET_NAME, (unsigned long)name, 0, 0, 0);
	else
		error = name_other(thread, name, length);
	if (error == 0)
		report();
	return error;
}
