#include "nowait.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

ssize_t nowait_write(int descriptor, const char *bytes, size_t length)
{
	struct iovec vector = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = length};
	struct pollfd poller = {.fd = descriptor, .events = POLLOUT};
	struct stat status;
	ssize_t written;

	if (fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode))
		return write(descriptor, bytes, length);
	written = pwritev2(descriptor, &vector, 1, -1, RWF_NOWAIT);
	if (written >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS))
		return written;
	if (poll(&poller, 1, 0) != 1 || !(poller.revents & (POLLOUT | POLLERR))) {
		errno = EAGAIN;
		return -1;
	}
	return write(descriptor, bytes, length < PIPE_BUF ? length : PIPE_BUF);
}
