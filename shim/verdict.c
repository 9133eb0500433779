#include "verdict.h"

#include <errno.h>
#include <sys/syscall.h>

#include "bpf.h"
#include "syscall_table.h"

bool verdict_is_foreign(uint32_t native, const struct seccomp_data *data)
{
	if (data->arch != native)
		return true;
	/* As the filter has it: -1 is what a tracer skips a call by; on other architectures there is no x32. */
	return native == SCMP_ARCH_X86_64 && (uint32_t)data->nr >= X32_NUMBERS && (uint32_t)data->nr != NO_NUMBER;
}

static struct verdict foreign(const struct policy *policy)
{
	if (policy->mode == MODE_AUDIT)
		return (struct verdict){VERDICT_CONTINUE, EVENT_FOREIGN_ARCH, "foreign_arch", "allowed", 0, 0};
	return (struct verdict){VERDICT_KILL, EVENT_FOREIGN_ARCH, "foreign_arch", "killed", 0, 0};
}

static struct verdict blocked(const struct policy *policy, unsigned line)
{
	const char *reason = "blocked_by_policy";

	if (policy->mode == MODE_AUDIT)
		return (struct verdict){VERDICT_CONTINUE, EVENT_SECCOMP_AUDIT, "would_be_blocked", "allowed", 0, line};
	switch (policy->syscalls.on_block) {
	case ON_BLOCK_KILL:
		return (struct verdict){VERDICT_KILL, EVENT_SECCOMP_BLOCKED, reason, "killed", 0, line};
	case ON_BLOCK_LOG_AND_KILL:
		return (struct verdict){VERDICT_LOG_AND_KILL, EVENT_SECCOMP_BLOCKED, reason, "killed", 0, line};
	case ON_BLOCK_ERRNO:
	case ON_BLOCK_LOG:
	default:
		return (struct verdict){VERDICT_REFUSE, EVENT_SECCOMP_BLOCKED, reason, "denied", EPERM, line};
	}
}

struct verdict verdict_of(const struct policy *policy, const struct rules *rules, const struct seccomp_data *data)
{
	const struct verdict unexpected = {
	    VERDICT_REFUSE, EVENT_SECCOMP_BLOCKED, "unexpected_notification", "denied", EPERM, 0};

	if (verdict_is_foreign(rules->arch, data))
		return foreign(policy);
	if (data->nr == SYS_prctl && (uint32_t)data->args[0] == RESERVED_CALL)
		return (struct verdict){.kind = VERDICT_RESERVED};
	if (rules_block(rules, data->nr))
		return blocked(policy, rules_of_call(rules, data->nr).line);
	if (rules_mediate(rules, data->nr))
		return (struct verdict){.kind = policy_observes_sockets(policy) ? VERDICT_OBSERVE : VERDICT_MEDIATE};
	if (rules_await(rules->arch, data->nr))
		return (struct verdict){
		    VERDICT_GO_ON, EVENT_SECCOMP_BLOCKED, "unexpected_notification", "denied", EPERM, 0};
	if (rules_of_call(rules, data->nr).reason == RULE_IO_URING)
		return (struct verdict){
		    VERDICT_CONTINUE, EVENT_SECCOMP_AUDIT, "blind_spot", "allowed", 0, policy->lines[KEY_UNIX_ENABLED]};
	/* Nothing else is trapped: whatever it is, it does not run. */
	return unexpected;
}

const char *verdict_arch_name(uint32_t native, const struct seccomp_data *data)
{
	const char *name = syscall_arch_name(data->arch);

	if (data->arch == native && verdict_is_foreign(native, data))
		return "x32";
	if (name)
		return name;
	return data->arch == SCMP_ARCH_X86 ? "i386" : data->arch == SCMP_ARCH_ARM ? "arm" : "unknown";
}
