#include "wait_killable.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

bool wait_killable_is_used(const struct policy *policy)
{
	return policy_filters(policy) && policy_carries_out(policy);
}

bool wait_killable_is_needed(const struct policy *policy)
{
	return wait_killable_is_used(policy) && !list_find(&policy->accept, WAIT_KILLABLE_DEGRADATION);
}

/* Flags are looked at before the program, which is nowhere (EFAULT). */
bool wait_killable_is_possible(void)
{
	const unsigned long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;

	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, NULL) >= 0 || errno != EINVAL;
}
