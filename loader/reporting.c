#include "reporting.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "rules.h"
#include "syscall_table.h"

/* The library's, and the reserved one, which it makes where its variable has been taken from it. */
static const int calls[] = {SYS_openat, SYS_read, SYS_close, SYS_socket, SYS_connect, SYS_sendto, SYS_prctl};

static bool allows_calls(const struct policy *policy)
{
	struct rules rules;
	struct error err;
	bool allowed = true;

	if (rules_build(policy, syscall_native_arch(), &rules, &err) != 0)
		return false;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		struct ruling ruling = rules_of_call(&rules, calls[i]);

		allowed = allowed && ruling.action == SCMP_ACT_ALLOW && !ruling.conditional;
	}
	rules_free(&rules);
	return allowed;
}

char *reporting_begin(const struct policy *policy, const char *session, struct handover *handover)
{
	const char *path = policy->sidecar_socket;
	char *setting;

	/* The session's filter is then the only one: the library looks whether it still is. */
	if (!handover_report(path, session, handover) || prctl(PR_GET_SECCOMP) != 0 || !allows_calls(policy))
		return NULL;
	return asprintf(&setting, "%s1:%s", HANDOVER_REPORT_VARIABLE "=", path) < 0 ? NULL : setting;
}
