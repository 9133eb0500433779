/*
 * What the sources use of glibc and musl has not, or has in another shape: the static build
 * ("make static") puts this file before each of them. Calls are the kernel's own, bare.
 */
#pragma once

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

/* The kernel's own structure: musl's, which has come with 1.2.5, ends before the mount's number. */
#define statx           musl_shorter_statx
#define statx_timestamp musl_statx_timestamp
#include <sys/stat.h>
#undef statx
#undef statx_timestamp
#include <linux/stat.h>

/*
 * Messages have the kernel's layout. musl's own lengths are half as wide with padding beside them, so that a target's
 * would be read as another number than the kernel reads; and its sendmsg copies the control data, up to a
 * limit that the kernel does not have.
 */
#define msghdr  musl_msghdr
#define cmsghdr musl_cmsghdr
#define mmsghdr musl_mmsghdr
#include <sys/socket.h>
#undef msghdr
#undef cmsghdr
#undef mmsghdr
#undef CMSG_FIRSTHDR
#undef CMSG_NXTHDR
#undef CMSG_ALIGN
#undef CMSG_SPACE
#undef CMSG_LEN

struct msghdr {
	void *msg_name;
	socklen_t msg_namelen;
	struct iovec *msg_iov;
	size_t msg_iovlen;
	void *msg_control;
	size_t msg_controllen;
	int msg_flags;
};

struct cmsghdr {
	size_t cmsg_len;
	int cmsg_level;
	int cmsg_type;
};

struct mmsghdr {
	struct msghdr msg_hdr;
	unsigned int msg_len;
};

#define CMSG_ALIGN(length)         (((length) + sizeof(size_t) - 1) & ~(sizeof(size_t) - 1))
#define CMSG_SPACE(length)         (CMSG_ALIGN(length) + CMSG_ALIGN(sizeof(struct cmsghdr)))
#define CMSG_LEN(length)           (CMSG_ALIGN(sizeof(struct cmsghdr)) + (length))
#define CMSG_FIRSTHDR(message)     musl_cmsg_at((message), 0)
#define CMSG_NXTHDR(message, item) musl_cmsg_next((message), (item))

static inline struct cmsghdr *musl_cmsg_at(const struct msghdr *message, size_t place)
{
	if (message->msg_controllen < sizeof(struct cmsghdr) ||
	    place > message->msg_controllen - sizeof(struct cmsghdr))
		return NULL;
	return (struct cmsghdr *)(void *)((char *)message->msg_control + place);
}

/* NULL as well, where the item does not fit or has no length: nobody goes round in circles. */
static inline struct cmsghdr *musl_cmsg_next(const struct msghdr *message, const struct cmsghdr *item)
{
	size_t place = (size_t)((const char *)item - (const char *)message->msg_control);

	if (item->cmsg_len < sizeof(*item) || item->cmsg_len > message->msg_controllen - place)
		return NULL;
	return musl_cmsg_at(message, place + CMSG_ALIGN(item->cmsg_len));
}

static inline ssize_t musl_sendmsg(int socket, const struct msghdr *message, int flags)
{
	return syscall(SYS_sendmsg, socket, message, flags);
}

static inline ssize_t musl_recvmsg(int socket, struct msghdr *message, int flags)
{
	return syscall(SYS_recvmsg, socket, message, flags);
}

#define sendmsg musl_sendmsg
#define recvmsg musl_recvmsg

/* --- Calls that it has not, or not in each version --- */

static inline int musl_close_range(unsigned first, unsigned last, int flags)
{
	return (int)syscall(SYS_close_range, first, last, flags);
}

#define close_range musl_close_range

#ifndef RWF_NOWAIT
#define RWF_NOWAIT 0x8
#endif
/* The offset in two halves, of which the upper does not matter where a long has both. */
static inline ssize_t musl_pwritev2(int file, const struct iovec *parts, int count, off_t offset, int flags)
{
	return syscall(SYS_pwritev2, file, parts, count, (long)offset, 0L, flags);
}

#define pwritev2 musl_pwritev2

static inline int musl_statx(int directory, const char *name, int flags, unsigned mask, struct statx *about)
{
	return (int)syscall(SYS_statx, directory, name, flags, mask, about);
}

/* The call, and not the structure of that name. */
#define statx(directory, name, flags, mask, about) musl_statx((directory), (name), (flags), (mask), (about))

/* glibc's type of a limit's number; musl takes any int. */
enum __rlimit_resource { MUSL_RLIMIT = 0 };

/* --- Names: musl.c. The texts are glibc's, so that a message is the same in both builds. --- */

const char *musl_error_text(int error);

/* As vsnprintf(3), with that text in place of a first "%m". */
int musl_vsnprintf(char *out, size_t size, const char *format, va_list arguments);

/* Those that a filter of ours answers; NULL for others. */
const char *musl_error_name(int error);

/* Without "SIG"; NULL for what is none. */
const char *musl_signal_name(int signal);

#define strerror        musl_error_text
#define vsnprintf       musl_vsnprintf
#define strerrorname_np musl_error_name
#define sigabbrev_np    musl_signal_name
