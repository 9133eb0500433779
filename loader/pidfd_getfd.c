#include "pidfd_getfd.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What is taken is the pidfd itself: it is there. */
int pidfd_getfd_try(void)
{
	const int before = errno;
	int ourselves = (int)syscall(SYS_pidfd_open, getpid(), 0);
	int taken = ourselves < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, ourselves, ourselves, 0);
	int error = taken < 0 ? errno : 0;

	if (taken >= 0)
		close(taken);
	if (ourselves >= 0)
		close(ourselves);
	errno = before;
	return error;
}

bool pidfd_getfd_is_accepted(const struct policy *policy)
{
	return policy_filters(policy) && policy_carries_out(policy) &&
	       list_find(&policy->accept, PIDFD_GETFD_DEGRADATION) != NULL;
}

bool pidfd_getfd_is_named(const char *degraded, size_t length)
{
	const char *end = degraded + length;
	size_t size;

	for (; degraded < end; degraded += size + 1) {
		size = strnlen(degraded, (size_t)(end - degraded));
		if (size == sizeof(PIDFD_GETFD_DEGRADATION) - 1 && memcmp(degraded, PIDFD_GETFD_DEGRADATION, size) == 0)
			return true;
	}
	return false;
}
