/*
 * Makes the system calls that shells, interpreters and compilers make most, each with arguments
 * that are valid and with some that are not, and prints what each returns: "CALL HOW -> RESULT".
 * What is printed is the same in every run: descriptors are numbered from 3, and results that are
 * not (addresses, processes) are told as "ok". Works in the current directory, which must be empty
 * and is empty again at the end.
 *
 * Exits 1 where a valid call fails or one that is not succeeds.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE      4096
#define MASK_SIZE 8 /* of the kernel's sigset_t */
#define CHILD     7 /* a child's exit status */
#define AGAIN     "again"

enum how {
	VALID,   /* the result is printed as it is */
	OPAQUE,  /* valid, but the result is another one each time */
	FORK,    /* valid, and the child exits */
	INVALID, /* refused */
};

struct trial {
	const char *name;
	long number;
	enum how how;
	long arguments[6];
};

#define CALL(call)  #call, SYS_##call
#define AT(object)  ((long)(object))
#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static char buffer[PAGE];
static char page[PAGE] __attribute__((aligned(PAGE)));
static char spare[PAGE] __attribute__((aligned(PAGE)));
static int number;
static int pair[2];
static struct stat status;
static struct statx extended;
static struct iovec vector[2] = {{buffer, 3}, {buffer + 3, 3}};
static struct sigaction action;
static stack_t stack;
static const struct timespec instant = {.tv_nsec = 1};
static const struct timespec none;
static const struct timespec impossible = {.tv_nsec = -1};
static const struct itimerspec alarm_clock = {.it_value = {.tv_sec = 1000}};
static struct timespec now;
static struct timeval day;
static struct pollfd polled = {.fd = 5, .events = POLLOUT};
static struct epoll_event event = {.events = EPOLLIN};
static struct sockaddr_in address = {.sin_family = AF_INET};
static socklen_t size = sizeof(address);
static struct msghdr message = {.msg_iov = vector, .msg_iovlen = 1};
static struct rlimit limit;
static struct rusage usage;
static struct sysinfo info;
static struct utsname names;
static struct clone_args child = {.exit_signal = SIGCHLD};
static char *const arguments[] = {"sixty_calls", AGAIN, NULL};
static char *const environment[] = {NULL};

static const struct trial files[] = {
    {CALL(umask), OPAQUE, {022}},
    {CALL(umask), VALID, {027}},
    {CALL(openat), VALID, {AT_FDCWD, AT("file"), O_RDWR | O_CREAT | O_EXCL, 0600}},
    {CALL(openat), INVALID, {AT_FDCWD, AT("missing"), O_RDONLY}},
    {CALL(openat), INVALID, {AT_FDCWD, 0, O_RDONLY}},
    {CALL(write), VALID, {3, AT("hello, world"), 12}},
    {CALL(write), INVALID, {-1, AT("hello"), 5}},
    {CALL(write), INVALID, {3, 0, 5}},
    {CALL(lseek), VALID, {3, 0, SEEK_SET}},
    {CALL(lseek), INVALID, {3, 0, 99}},
    {CALL(read), VALID, {3, AT(buffer), 5}},
    {CALL(read), INVALID, {3, 0, 5}},
    {CALL(read), INVALID, {99, AT(buffer), 5}},
    {CALL(pread64), VALID, {3, AT(buffer), 5, 7}},
    {CALL(pread64), INVALID, {3, AT(buffer), 5, -1}},
    {CALL(pwrite64), VALID, {3, AT("HELLO"), 5, 0}},
    {CALL(pwrite64), INVALID, {-1, AT("HELLO"), 5, 0}},
    {CALL(readv), VALID, {3, AT(vector), 2}},
    {CALL(readv), INVALID, {3, AT(vector), -1}},
    {CALL(writev), VALID, {3, AT(vector), 2}},
    {CALL(writev), INVALID, {3, 0, 1}},
    {CALL(fstat), VALID, {3, AT(&status)}},
    {CALL(fstat), INVALID, {-1, AT(&status)}},
    {CALL(newfstatat), VALID, {AT_FDCWD, AT("file"), AT(&status), 0}},
    {CALL(newfstatat), INVALID, {AT_FDCWD, AT("missing"), AT(&status), 0}},
    {CALL(statx), VALID, {AT_FDCWD, AT("file"), 0, STATX_BASIC_STATS, AT(&extended)}},
    {CALL(statx), INVALID, {AT_FDCWD, AT("file"), -1, STATX_BASIC_STATS, AT(&extended)}},
    {CALL(ftruncate), VALID, {3, 4}},
    {CALL(ftruncate), INVALID, {3, -1}},
    {CALL(flock), VALID, {3, LOCK_EX}},
    {CALL(flock), INVALID, {99, LOCK_EX}},
    {CALL(fcntl), VALID, {3, F_GETFD}},
    {CALL(fcntl), INVALID, {3, 9999}},
    {CALL(ioctl), VALID, {3, FIONREAD, AT(&number)}},
    {CALL(ioctl), INVALID, {3, TIOCGWINSZ, AT(buffer)}},
    {CALL(dup), VALID, {3}},
    {CALL(dup), INVALID, {99}},
    {CALL(dup3), VALID, {3, 20, O_CLOEXEC}},
    {CALL(dup3), INVALID, {3, 3, 0}},
    {CALL(close), VALID, {4}},
    {CALL(close), INVALID, {4}},
    {CALL(fchmodat), VALID, {AT_FDCWD, AT("file"), 0640}},
    {CALL(fchmodat), INVALID, {AT_FDCWD, AT("missing"), 0640}},
    {CALL(faccessat), VALID, {AT_FDCWD, AT("file"), R_OK}},
    {CALL(faccessat), INVALID, {AT_FDCWD, AT("file"), 99}},
    {CALL(utimensat), VALID, {AT_FDCWD, AT("file"), 0, 0}},
    {CALL(utimensat), INVALID, {AT_FDCWD, AT("missing"), 0, 0}},
};

static const struct trial directories[] = {
    {CALL(mkdirat), VALID, {AT_FDCWD, AT("directory"), 0700}},
    {CALL(mkdirat), INVALID, {AT_FDCWD, AT("directory"), 0700}},
    {CALL(chdir), VALID, {AT("directory")}},
    {CALL(chdir), INVALID, {AT("missing")}},
    {CALL(chdir), VALID, {AT("..")}},
    {CALL(getcwd), OPAQUE, {AT(buffer), sizeof(buffer)}},
    {CALL(getcwd), INVALID, {AT(buffer), 1}},
    {CALL(openat), VALID, {AT_FDCWD, AT("."), O_RDONLY | O_DIRECTORY}},
    {CALL(getdents64), OPAQUE, {4, AT(buffer), sizeof(buffer)}},
    {CALL(getdents64), INVALID, {3, AT(buffer), sizeof(buffer)}},
    {CALL(close), VALID, {4}},
    {CALL(renameat2), VALID, {AT_FDCWD, AT("file"), AT_FDCWD, AT("other"), 0}},
    {CALL(renameat2), INVALID, {AT_FDCWD, AT("file"), AT_FDCWD, AT("other"), 0}},
    {CALL(symlinkat), VALID, {AT("other"), AT_FDCWD, AT("link")}},
    {CALL(symlinkat), INVALID, {AT("other"), AT_FDCWD, AT("link")}},
    {CALL(readlinkat), VALID, {AT_FDCWD, AT("link"), AT(buffer), sizeof(buffer)}},
    {CALL(readlinkat), INVALID, {AT_FDCWD, AT("other"), AT(buffer), sizeof(buffer)}},
    {CALL(unlinkat), VALID, {AT_FDCWD, AT("link"), 0}},
    {CALL(unlinkat), INVALID, {AT_FDCWD, AT("link"), 0}},
    {CALL(unlinkat), INVALID, {AT_FDCWD, AT("other"), AT_REMOVEDIR}},
    {CALL(unlinkat), VALID, {AT_FDCWD, AT("other"), 0}},
    {CALL(unlinkat), VALID, {AT_FDCWD, AT("directory"), AT_REMOVEDIR}},
};

static const struct trial memory[] = {
    {CALL(mmap), OPAQUE, {0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0}},
    {CALL(mmap), INVALID, {0, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0}},
    {CALL(mmap), INVALID, {0, PAGE, PROT_READ, MAP_PRIVATE, -1, 0}},
    {CALL(mprotect), VALID, {AT(page), PAGE, PROT_READ}},
    {CALL(mprotect), INVALID, {1, PAGE, PROT_READ}},
    {CALL(madvise), VALID, {AT(page), PAGE, MADV_NORMAL}},
    {CALL(madvise), INVALID, {AT(page), PAGE, 9999}},
    {CALL(mremap), OPAQUE, {AT(page), PAGE, PAGE, 0}},
    {CALL(mremap), INVALID, {AT(page), PAGE, PAGE, -1}},
    {CALL(munmap), VALID, {AT(spare), PAGE}},
    {CALL(munmap), INVALID, {1, PAGE}},
    {CALL(brk), OPAQUE, {0}},
};

static const struct trial signals[] = {
    {CALL(rt_sigaction), VALID, {SIGUSR1, 0, AT(&action), MASK_SIZE}},
    {CALL(rt_sigaction), INVALID, {SIGKILL, AT(&action), 0, MASK_SIZE}},
    {CALL(rt_sigaction), INVALID, {SIGUSR1, 0, AT(&action), 1}},
    {CALL(rt_sigprocmask), VALID, {SIG_BLOCK, 0, AT(buffer), MASK_SIZE}},
    {CALL(rt_sigprocmask), INVALID, {99, AT(buffer), 0, MASK_SIZE}},
    {CALL(sigaltstack), VALID, {0, AT(&stack)}},
    {CALL(sigaltstack), INVALID, {0, 1}},
    {CALL(kill), VALID, {0, 0}},
    {CALL(kill), INVALID, {0, 99}},
    {CALL(tgkill), INVALID, {-1, -1, 0}},
};

static const struct trial readiness[] = {
    {CALL(pipe2), VALID, {AT(pair), O_CLOEXEC}},
    {CALL(pipe2), INVALID, {AT(pair), -1}},
    {CALL(pipe2), INVALID, {0, 0}},
    {CALL(ppoll), VALID, {AT(&polled), 1, AT(&none), 0, MASK_SIZE}},
    {CALL(ppoll), INVALID, {0, 1, AT(&none), 0, MASK_SIZE}},
    {CALL(pselect6), VALID, {0, 0, 0, 0, AT(&none), 0}},
    {CALL(pselect6), INVALID, {-1, 0, 0, 0, AT(&none), 0}},
    {CALL(epoll_create1), VALID, {0}},
    {CALL(epoll_create1), INVALID, {99}},
    {CALL(epoll_ctl), VALID, {6, EPOLL_CTL_ADD, 4, AT(&event)}},
    {CALL(epoll_ctl), INVALID, {6, EPOLL_CTL_ADD, 4, AT(&event)}},
    {CALL(epoll_pwait), VALID, {6, AT(&event), 1, 0, 0, MASK_SIZE}},
    {CALL(epoll_pwait), INVALID, {6, AT(&event), 0, 0, 0, MASK_SIZE}},
    {CALL(eventfd2), VALID, {1, 0}},
    {CALL(eventfd2), INVALID, {1, -1}},
    {CALL(timerfd_create), VALID, {CLOCK_MONOTONIC, 0}},
    {CALL(timerfd_create), INVALID, {99, 0}},
    {CALL(timerfd_settime), VALID, {8, 0, AT(&alarm_clock), 0}},
    {CALL(timerfd_settime), INVALID, {7, 0, AT(&alarm_clock), 0}},
};

/* getsockname fills in the port that connect then uses. */
static const struct trial sockets[] = {
    {CALL(socket), VALID, {AF_INET, SOCK_STREAM, 0}},
    {CALL(socket), INVALID, {99, SOCK_STREAM, 0}},
    {CALL(setsockopt), VALID, {9, SOL_SOCKET, SO_REUSEADDR, AT(&number), sizeof(number)}},
    {CALL(setsockopt), INVALID, {3, SOL_SOCKET, SO_REUSEADDR, AT(&number), sizeof(number)}},
    {CALL(bind), VALID, {9, AT(&address), sizeof(address)}},
    {CALL(bind), INVALID, {9, AT(&address), 1}},
    {CALL(listen), VALID, {9, 1}},
    {CALL(listen), INVALID, {3, 1}},
    {CALL(getsockname), VALID, {9, AT(&address), AT(&size)}},
    {CALL(getsockname), INVALID, {9, AT(&address), 0}},
    {CALL(socket), VALID, {AF_INET, SOCK_STREAM, 0}},
    {CALL(connect), VALID, {10, AT(&address), sizeof(address)}},
    {CALL(connect), INVALID, {10, AT(&address), sizeof(address)}},
    {CALL(accept4), VALID, {9, 0, 0, SOCK_CLOEXEC}},
    {CALL(accept4), INVALID, {10, 0, 0, 0}},
    {CALL(getpeername), VALID, {10, AT(&address), AT(&size)}},
    {CALL(getpeername), INVALID, {9, AT(&address), AT(&size)}},
    {CALL(getsockopt), VALID, {9, SOL_SOCKET, SO_TYPE, AT(&number), AT(&size)}},
    {CALL(getsockopt), INVALID, {9, SOL_SOCKET, 9999, AT(&number), AT(&size)}},
    {CALL(sendto), VALID, {10, AT("hello"), 5, MSG_NOSIGNAL, 0, 0}},
    {CALL(sendto), INVALID, {9, AT("hello"), 5, MSG_NOSIGNAL, 0, 0}},
    {CALL(recvfrom), VALID, {11, AT(buffer), 5, MSG_WAITALL, 0, 0}},
    {CALL(recvfrom), INVALID, {3, AT(buffer), 5, 0, 0, 0}},
    {CALL(sendmsg), VALID, {10, AT(&message), MSG_NOSIGNAL}},
    {CALL(sendmsg), INVALID, {10, 0, MSG_NOSIGNAL}},
    {CALL(recvmsg), VALID, {11, AT(&message), MSG_WAITALL}},
    {CALL(recvmsg), INVALID, {11, AT(&message), MSG_DONTWAIT}},
    {CALL(shutdown), VALID, {10, SHUT_WR}},
    {CALL(shutdown), INVALID, {10, 99}},
    {CALL(recvfrom), VALID, {11, AT(buffer), 5, 0, 0, 0}},
    {CALL(socketpair), VALID, {AF_UNIX, SOCK_STREAM, 0, AT(pair)}},
    {CALL(socketpair), INVALID, {AF_INET, SOCK_STREAM, 0, AT(pair)}},
};

static const struct trial processes[] = {
    {CALL(getpid), OPAQUE, {0}},
    {CALL(getppid), OPAQUE, {0}},
    {CALL(gettid), OPAQUE, {0}},
    {CALL(getuid), VALID, {0}},
    {CALL(geteuid), VALID, {0}},
    {CALL(getgid), VALID, {0}},
    {CALL(getegid), VALID, {0}},
    {CALL(getpgid), OPAQUE, {0}},
    {CALL(getpgid), INVALID, {-1}},
    {CALL(clone), FORK, {SIGCHLD, 0, 0, 0, 0}},
    {CALL(clone), INVALID, {CLONE_THREAD | SIGCHLD, 0, 0, 0, 0}},
    {CALL(wait4), OPAQUE, {-1, AT(&number), 0, AT(&usage)}},
    {CALL(wait4), INVALID, {-1, AT(&number), 0, 0}},
    {CALL(clone3), FORK, {AT(&child), sizeof(child)}},
    {CALL(clone3), INVALID, {AT(&child), 1}},
    {CALL(waitid), VALID, {P_ALL, 0, AT(buffer), WEXITED, 0}},
    {CALL(waitid), INVALID, {P_ALL, 0, AT(buffer), 0, 0}},
    {CALL(uname), VALID, {AT(&names)}},
    {CALL(uname), INVALID, {1}},
    {CALL(sysinfo), VALID, {AT(&info)}},
    {CALL(sysinfo), INVALID, {1}},
    {CALL(prlimit64), VALID, {0, RLIMIT_NOFILE, 0, AT(&limit)}},
    {CALL(prlimit64), INVALID, {0, 99, 0, AT(&limit)}},
    {CALL(getrusage), VALID, {RUSAGE_SELF, AT(&usage)}},
    {CALL(getrusage), INVALID, {99, AT(&usage)}},
    {CALL(sched_yield), VALID, {0}},
    {CALL(sched_getaffinity), OPAQUE, {0, sizeof(buffer), AT(buffer)}},
    {CALL(sched_getaffinity), INVALID, {0, 1, AT(buffer)}},
    {CALL(futex), VALID, {AT(&number), FUTEX_WAKE, 1}},
    {CALL(futex), INVALID, {1, FUTEX_WAKE, 1}},
    {CALL(getrandom), VALID, {AT(buffer), 8, 0}},
    {CALL(getrandom), INVALID, {AT(buffer), 8, -1}},
    {CALL(clock_gettime), VALID, {CLOCK_MONOTONIC, AT(&now)}},
    {CALL(clock_gettime), INVALID, {9999, AT(&now)}},
    {CALL(gettimeofday), VALID, {AT(&day), 0}},
    {CALL(gettimeofday), INVALID, {1, 0}},
    {CALL(nanosleep), VALID, {AT(&instant), 0}},
    {CALL(nanosleep), INVALID, {AT(&impossible), 0}},
    {CALL(clock_nanosleep), VALID, {CLOCK_MONOTONIC, 0, AT(&instant), 0}},
    {CALL(clock_nanosleep), INVALID, {9999, 0, AT(&instant), 0}},
    {CALL(execve), INVALID, {AT("missing"), AT(arguments), AT(environment)}},
    {CALL(execve), INVALID, {0, AT(arguments), AT(environment)}},
    {CALL(execve), VALID, {AT("/proc/self/exe"), AT(arguments), AT(environment)}},
};

/* What newer architectures have no number for. */
static const struct trial old[] = {
#ifdef SYS_open
    {CALL(open), VALID, {AT("file"), O_RDWR | O_CREAT, 0600}},
    {CALL(open), INVALID, {AT("missing"), O_RDONLY}},
    {CALL(close), VALID, {4}},
    {CALL(stat), VALID, {AT("file"), AT(&status)}},
    {CALL(stat), INVALID, {AT("missing"), AT(&status)}},
    {CALL(lstat), VALID, {AT("file"), AT(&status)}},
    {CALL(lstat), INVALID, {0, AT(&status)}},
    {CALL(access), VALID, {AT("file"), R_OK}},
    {CALL(access), INVALID, {AT("missing"), R_OK}},
    {CALL(chmod), VALID, {AT("file"), 0600}},
    {CALL(chmod), INVALID, {AT("missing"), 0600}},
    {CALL(rename), VALID, {AT("file"), AT("other")}},
    {CALL(rename), INVALID, {AT("file"), AT("other")}},
    {CALL(readlink), INVALID, {AT("other"), AT(buffer), sizeof(buffer)}},
    {CALL(readlink), OPAQUE, {AT("/proc/self/exe"), AT(buffer), sizeof(buffer)}},
    {CALL(mkdir), VALID, {AT("directory"), 0700}},
    {CALL(mkdir), INVALID, {AT("directory"), 0700}},
    {CALL(rmdir), VALID, {AT("directory")}},
    {CALL(rmdir), INVALID, {AT("other")}},
    {CALL(unlink), VALID, {AT("other")}},
    {CALL(unlink), INVALID, {AT("other")}},
    {CALL(dup2), VALID, {3, 21}},
    {CALL(dup2), INVALID, {99, 21}},
    {CALL(poll), VALID, {0, 0, 0}},
    {CALL(poll), INVALID, {0, 1, 0}},
    {CALL(select), VALID, {0, 0, 0, 0, AT(&none)}},
    {CALL(select), INVALID, {-1, 0, 0, 0, AT(&none)}},
    {CALL(getrlimit), VALID, {RLIMIT_NOFILE, AT(&limit)}},
    {CALL(getrlimit), INVALID, {99, AT(&limit)}},
    {CALL(fork), FORK, {0}},
    {CALL(wait4), OPAQUE, {-1, AT(&number), 0, 0}},
#else
    {CALL(getuid), VALID, {0}},
#endif
};

static void print(const struct trial *trial, long result, int error)
{
	printf("%s %s -> ", trial->name, trial->how == INVALID ? "invalid" : "valid");
	if (result == -1)
		printf("%s\n", strerrorname_np(error));
	else if (trial->how == VALID)
		printf("%ld\n", result);
	else
		puts("ok");
	(void)fflush(stdout);
}

/* False where it went another way than it should. */
static bool make(const struct trial *trial)
{
	const long *argument = trial->arguments;
	long result;

	errno = 0;
	result = syscall(trial->number, argument[0], argument[1], argument[2], argument[3], argument[4], argument[5]);
	if (trial->how == FORK && result == 0)
		_exit(CHILD);
	print(trial, result, errno);
	return (result == -1) == (trial->how == INVALID);
}

static bool make_all(const struct trial *trials, size_t count)
{
	bool good = true;

	for (size_t i = 0; i < count; i++)
		good = make(&trials[i]) && good;
	return good;
}

int main(int argc, char **argv)
{
	bool good;

	if (argc > 1) {
		printf("execve valid -> %s\n", argv[1]);
		return strcmp(argv[1], AGAIN) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
	}
	if (close_range(3, ~0U, 0) != 0)
		return EXIT_FAILURE;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	good = make_all(files, COUNT(files));
	good = make_all(directories, COUNT(directories)) && good;
	good = make_all(old, COUNT(old)) && good;
	good = make_all(memory, COUNT(memory)) && good;
	good = make_all(signals, COUNT(signals)) && good;
	good = make_all(readiness, COUNT(readiness)) && good;
	good = make_all(sockets, COUNT(sockets)) && good;
	if (!good)
		return EXIT_FAILURE;
	/* Ends in the execve of this program. */
	(void)make_all(processes, COUNT(processes));
	return EXIT_FAILURE;
}
