#include "isolation.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SCOPE_SIGNAL (1ULL << 1) /* LANDLOCK_SCOPE_SIGNAL, newer than the headers */

/* struct landlock_ruleset_attr as of ABI 6. */
struct ruleset_attributes {
	uint64_t handled_access_fs;
	uint64_t handled_access_net;
	uint64_t scoped;
};

static bool is_missing(int error)
{
	return error == ENOSYS || error == EOPNOTSUPP || error == E2BIG || error == EINVAL;
}

int isolation_ruleset(void)
{
	const struct ruleset_attributes attributes = {.scoped = SCOPE_SIGNAL};

	return (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof(attributes), 0);
}

bool isolation_is_possible(void)
{
	int ruleset = isolation_ruleset();

	if (ruleset >= 0)
		close(ruleset);
	return ruleset >= 0 || !is_missing(errno);
}

int isolation_enter(bool accept, struct error *err)
{
	int ruleset = isolation_ruleset();
	long result;

	if (ruleset < 0 && is_missing(errno) && accept)
		return 0;
	if (ruleset < 0)
		return error_set(err, "isolate: Landlock: %m (it needs Linux 6.12; or accept = %s)",
				 ISOLATION_DEGRADATION);
	result = syscall(SYS_landlock_restrict_self, ruleset, 0);
	if (result != 0)
		(void)error_set(err, "isolate: Landlock: %m (see agentshctl doctor)");
	close(ruleset);
	return result == 0 ? 0 : -1;
}
