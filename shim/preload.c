/*
 * libagentsh-shim.so: preloaded into the programs of a session, it tells the session's sidecar that one has
 * begun, and that it has another name now; agentsh-exec(1), --shim. It tells by the reserved call, which in a
 * session with a listener is a notification and anywhere else an error; what that answers is of no interest. Where the
 * loader has said that the session has none, it tells the system's sidecar by a connection, without waiting for it.
 *
 * It is a guest in somebody else's process: it needs no library, makes no call but the ones below, which
 * every policy lets pass, or which the loader has looked up in this one, or which are the caller's own, and keeps a
 * little memory. Nothing here allocates, waits for anybody, has a descriptor beyond the call, or touches errno but as
 * the function that it stands in for does.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "attestation.h"
#include "claim.h"
#include "handover.h"
#include "rules.h"

#define EXPORTED  __attribute__((visibility("default")))
#define TRIES     3 /* a signal may come before the notification is received */
#define COMM_SIZE 16
#define NOT_ERROR (-4096L)
#define TASK      "/proc/self/task/"
#define COMM      "/comm"
#define FILTERS   "\nSeccomp_filters:\t" /* behind the name, in which a newline is escaped */

#define STATUS_CHUNK  512U
#define STATUS_CHUNKS 1024U /* more than there is, whatever groups a process is in */

/* Of whichever C library is there; without a version, as none is linked. An old one may lack any. */
#pragma weak environ
#pragma weak gnu_get_libc_version
#pragma weak __errno_location
#pragma weak pthread_self
#pragma weak pthread_getcpuclockid
#pragma weak __libc_single_threaded

extern const char *gnu_get_libc_version(void);
extern char __libc_single_threaded; /* glibc 2.32 */

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

/* Where to connect, what to say, and under how many filters; copied, as programs write over their environment. */
static struct {
	bool is_there;
	unsigned filters;
	struct sockaddr_un address;
	struct handover_report report;
} plain;

#if defined(__x86_64__)
static long call(long number, unsigned long a, unsigned long b, unsigned long c, unsigned long d, unsigned long e)
{
	register unsigned long fourth __asm__("r10");
	register unsigned long fifth __asm__("r8");
	long result;

	fourth = d;
	fifth = e;
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth)
			 : "rcx", "r11", "memory");
	return result;
}
#else /* aarch64, the only other architecture that there are filters for */
static long call(long number, unsigned long a, unsigned long b, unsigned long c, unsigned long d, unsigned long e)
{
	register long eighth __asm__("x8");
	register unsigned long first __asm__("x0");
	register unsigned long second __asm__("x1");
	register unsigned long third __asm__("x2");
	register unsigned long fourth __asm__("x3");
	register unsigned long fifth __asm__("x4");

	eighth = number;
	first = a;
	second = b;
	third = c;
	fourth = d;
	fifth = e;
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

/* Looks for the number behind FILTERS, of which *matched bytes have been seen. True: it is over. */
static bool find_filters(const char *bytes, size_t count, size_t *matched, unsigned *filters)
{
	static const char key[] = FILTERS;

	for (size_t i = 0; i < count; i++) {
		if (*matched == sizeof(key) - 1) {
			if (bytes[i] < '0' || bytes[i] > '9')
				return true;
			*filters = *filters * 10 + (unsigned)(bytes[i] - '0');
		} else if (bytes[i] == key[*matched]) { /* NOLINT(clang-analyzer-core.*): read(2) has set it */
			++*matched;
		} else {
			*matched = bytes[i] == key[0];
		}
	}
	return false;
}

/*
 * Those of the session, and no other: another one might kill for what we do, as the loader has not seen it. That it
 * does not for these calls is what the dynamic linker has made of them, a moment ago.
 */
static bool has_no_other_filter(void)
{
	long descriptor =
	    call(SYS_openat, (unsigned long)AT_FDCWD, (unsigned long)"/proc/self/status", O_RDONLY | O_CLOEXEC, 0, 0);
	char bytes[STATUS_CHUNK];
	unsigned filters = 0;
	size_t matched = 0;
	bool found = false;

	if (is_error(descriptor))
		return false;
	for (unsigned i = 0; i < STATUS_CHUNKS && !found; i++) {
		long count = call(SYS_read, (unsigned long)descriptor, (unsigned long)bytes, sizeof(bytes), 0, 0);

		if (count <= 0)
			break;
		/* The kernel has written them, which cppcheck cannot see. */
		/* cppcheck-suppress uninitvar */
		found = find_filters(bytes, (size_t)count, &matched, &filters);
	}
	(void)call(SYS_close, (unsigned long)descriptor, 0, 0, 0, 0);
	return found && filters == plain.filters;
}

static void connect_plainly(void)
{
	long descriptor = call(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, 0, 0);

	if (is_error(descriptor))
		return;
	if (!is_error(call(SYS_connect, (unsigned long)descriptor, (unsigned long)&plain.address, sizeof(plain.address),
			   0, 0)))
		(void)call(SYS_sendto, (unsigned long)descriptor, (unsigned long)&plain.report, sizeof(plain.report),
			   MSG_NOSIGNAL | MSG_DONTWAIT, 0);
	(void)call(SYS_close, (unsigned long)descriptor, 0, 0, 0, 0);
}

/* is_alone: no thread can see a descriptor come and go, or fork with it. */
static void report(bool is_alone)
{
	if (is_quiet)
		return;
	if (plain.is_there) {
		if (is_alone && plain.filters > 0 && has_no_other_filter())
			connect_plainly();
		return;
	}
	for (int i = 0; i < TRIES; i++)
		if (call(SYS_prctl, RESERVED_CALL, RESERVED_REPORT, claim, 0, 0) != -EINTR)
			break;
}

static void report_again(void)
{
	report(&__libc_single_threaded && __libc_single_threaded);
}

/* Copies a text with its end. False: it does not fit. */
static bool put_text(char *out, size_t size, const char *text)
{
	for (size_t i = 0; i < size; i++)
		if (!(out[i] = text[i]))
			return true;
	return false;
}

/* "COUNT:PATH". One that makes no sense is none that tells to make the reserved call. */
static void set_plain(const char *setting, const char *session)
{
	unsigned filters = 0;

	plain.is_there = setting && *setting;
	if (!plain.is_there)
		return;
	for (; *setting >= '0' && *setting <= '9'; setting++)
		filters = filters * 10 + (unsigned)(*setting - '0');
	plain.address.sun_family = AF_UNIX;
	plain.report.head =
	    (struct handover_head){.magic = HANDOVER_MAGIC, .version = HANDOVER_VERSION, .type = HANDOVER_REPORT};
	if (*setting == ':' && setting[1] == '/' &&
	    put_text(plain.address.sun_path, sizeof(plain.address.sun_path), setting + 1) &&
	    (!session || put_text(plain.report.session, sizeof(plain.report.session), session)))
		plain.filters = filters;
}

/* The value of a variable (name has its '='), or NULL. */
static const char *value_of(char *const *environment, const char *name)
{
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
	session = value_of(environment, SESSION_VARIABLE "=");
	claim = session ? claim_of(session) : CLAIM_NONE;
	set_plain(value_of(environment, HANDOVER_REPORT_VARIABLE "="), session);
	report(true);
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
		report_again();
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
		report_again();
	return error;
}
