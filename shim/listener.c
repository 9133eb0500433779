#include "listener.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS      SECCOMP_IOW(4, __u64)
#endif
#ifndef SECCOMP_ADDFD_FLAG_SEND
#define SECCOMP_ADDFD_FLAG_SEND (1UL << 1)
#endif

/* Whoever serves a file (FUSE) answers an ioctl(2) of it when he likes. No such file is without a type. */
static bool is_anonymous(int descriptor)
{
	struct statx about;

	return syscall(SYS_statx, descriptor, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &about) == 0 &&
	       (about.stx_mode & S_IFMT) == 0;
}

bool listener_is_one(int descriptor)
{
	uint64_t none = 0;

	return is_anonymous(descriptor) && ioctl(descriptor, SECCOMP_IOCTL_NOTIF_ID_VALID, &none) != 0 &&
	       errno == ENOENT;
}

int listener_begin(int listener, struct error *err)
{
	struct seccomp_notif_sizes sizes;

	if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) != 0)
		return error_set(err, "seccomp: no notifications: %s (see agentshctl doctor)", strerror(errno));
	if (sizes.seccomp_notif > LISTENER_NOTIF_MAX || sizes.seccomp_notif_resp > sizeof(struct seccomp_notif_resp) ||
	    sizes.seccomp_data != sizeof(struct seccomp_data))
		return error_set(err, "seccomp: this kernel's notifications are larger than known (install a newer "
				      "agentsh-sidecar)");
	/* Linux 6.6; without it an answer takes a wake-up of another processor. */
	(void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
	return 0;
}

int listener_receive(int listener, struct seccomp_notif *notif)
{
	memset(notif, 0, LISTENER_NOTIF_MAX); /* anything else is EINVAL */
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, notif) == 0)
		return 1;
	return errno == EINTR || errno == ENOENT || errno == EAGAIN ? 0 : -1;
}

bool listener_is_valid(int listener, uint64_t id)
{
	return ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

static bool answer(int listener, struct seccomp_notif_resp *response)
{
	int result;

	do {
		result = ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, response);
	} while (result != 0 && errno == EINTR);
	return result == 0;
}

bool listener_refuse(int listener, uint64_t id, int error)
{
	struct seccomp_notif_resp response = {.id = id, .error = -error};

	return answer(listener, &response);
}

bool listener_answer(int listener, uint64_t id, int64_t value, int error)
{
	struct seccomp_notif_resp response = {.id = id, .val = error ? 0 : value, .error = -error};

	return answer(listener, &response);
}

bool listener_continue(int listener, uint64_t id)
{
	struct seccomp_notif_resp response = {.id = id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};

	return answer(listener, &response);
}

int listener_put(int listener, uint64_t id, int descriptor, bool closes)
{
	struct seccomp_notif_addfd put = {
	    .id = id, .srcfd = (uint32_t)descriptor, .newfd_flags = closes ? O_CLOEXEC : 0};
	int number;

	do {
		number = ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &put);
	} while (number < 0 && errno == EINTR); /* it has not been put there, then */
	return number;
}

int listener_give(int listener, uint64_t id, int descriptor, bool again)
{
	struct seccomp_notif_addfd give = {
	    .id = id, .flags = SECCOMP_ADDFD_FLAG_SEND, .srcfd = (uint32_t)descriptor, .newfd_flags = O_CLOEXEC};
	struct seccomp_notif_resp response = {.id = id};
	int number = ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &give);

	if (number >= 0)
		return 0;
	if (errno != EINVAL)
		return errno;
	/* Before Linux 5.14: in two steps. */
	if (again)
		return EIO;
	give.flags = 0;
	number = ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &give);
	if (number < 0)
		return errno;
	response.val = number;
	return answer(listener, &response) ? 0 : errno;
}
