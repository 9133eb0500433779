/* What a notification gets: policy x call -> verdict. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <sys/syscall.h>

#include "syscall_table.h"
#include "verdict.h"

#define FOREIGN_X32 (0x40000000 | SYS_getpid)
#define NO_CALL     (-1)

enum call {
	PTRACE,
	MKDIRAT,
	GETPID,
	READ,
	I386,
	X32,
	NEGATIVE,
	ARM,
	RESERVED,
	RESERVED_HIGH,
	PRCTL,
	SKIPPED,
	RING,
	UNSHARE
};

/* As the kernel hands them over. */
static struct seccomp_data call_of(enum call call)
{
	const uint32_t native = syscall_native_arch();
	const struct seccomp_data calls[] = {
	    [PTRACE] = {.nr = SYS_ptrace, .arch = native},
	    [MKDIRAT] = {.nr = SYS_mkdirat, .arch = native},
	    [GETPID] = {.nr = SYS_getpid, .arch = native},
	    [READ] = {.nr = SYS_read, .arch = native},
	    [I386] = {.nr = 20, .arch = SCMP_ARCH_X86},
	    [X32] = {.nr = FOREIGN_X32, .arch = native},
	    [NEGATIVE] = {.nr = (int)(0x80000000U | SYS_getpid), .arch = native},
	    [ARM] = {.nr = SYS_ptrace, .arch = SCMP_ARCH_ARM},
	    [RESERVED] = {.nr = SYS_prctl, .arch = native, .args = {RESERVED_CALL, 1}},
	    /* prctl's option is an int: the kernel looks at the low half. */
	    [RESERVED_HIGH] = {.nr = SYS_prctl, .arch = native, .args = {0xdead00000000U | RESERVED_CALL}},
	    [PRCTL] = {.nr = SYS_prctl, .arch = native, .args = {RESERVED_CALL - 1}},
	    [SKIPPED] = {.nr = NO_CALL, .arch = native},
	    [RING] = {.nr = SYS_io_uring_setup, .arch = native},
	    [UNSHARE] = {.nr = SYS_unshare, .arch = native},
	};

	return calls[call];
}

struct row {
	const char *body; /* of the policy */
	enum call call;
	enum verdict_kind kind;
	enum event_type type;
	const char *reason;
	const char *action;
	unsigned line;
};

#define SECTION "[sandbox.seccomp.syscalls]\n"
#define AUDIT   "[sandbox.seccomp]\nmode = audit\n"
#define LIST    SECTION "block = ptrace, mkdirat\n"
#define ALLOWED SECTION "default_action = block\nallow = execve, read\n"

static const struct row rows[] = {
    {LIST, PTRACE, VERDICT_KILL, EVENT_SECCOMP_BLOCKED, "blocked_by_policy", "killed", 2},
    {LIST "on_block = kill\n", MKDIRAT, VERDICT_KILL, EVENT_SECCOMP_BLOCKED, "blocked_by_policy", "killed", 2},
    {LIST "on_block = log_and_kill\n", PTRACE, VERDICT_LOG_AND_KILL, EVENT_SECCOMP_BLOCKED, "blocked_by_policy",
     "killed", 2},
    {LIST "on_block = log\n", PTRACE, VERDICT_REFUSE, EVENT_SECCOMP_BLOCKED, "blocked_by_policy", "denied", 2},
    {LIST "on_block = errno\n", PTRACE, VERDICT_REFUSE, EVENT_SECCOMP_BLOCKED, "blocked_by_policy", "denied", 2},
    {"", PTRACE, VERDICT_KILL, EVENT_SECCOMP_BLOCKED, "blocked_by_policy", "killed", 0},
    /* Not on the list: such a notification cannot come, and if it does the call does not run. */
    {LIST, GETPID, VERDICT_REFUSE, EVENT_SECCOMP_BLOCKED, "unexpected_notification", "denied", 0},
    {AUDIT LIST, GETPID, VERDICT_REFUSE, EVENT_SECCOMP_BLOCKED, "unexpected_notification", "denied", 0},
    {LIST, PRCTL, VERDICT_REFUSE, EVENT_SECCOMP_BLOCKED, "unexpected_notification", "denied", 0},
    {LIST, SKIPPED, VERDICT_REFUSE, EVENT_SECCOMP_BLOCKED, "unexpected_notification", "denied", 0},
    /* Not on the list, but it waits for a container's session. */
    {LIST, UNSHARE, VERDICT_GO_ON, EVENT_SECCOMP_BLOCKED, "unexpected_notification", "denied", 0},
    {SECTION "block = unshare\n", UNSHARE, VERDICT_KILL, EVENT_SECCOMP_BLOCKED, "blocked_by_policy", "killed", 2},
    {ALLOWED, UNSHARE, VERDICT_KILL, EVENT_SECCOMP_BLOCKED, "blocked_by_policy", "killed", 0},
    /* An allow-list. */
    {ALLOWED, GETPID, VERDICT_KILL, EVENT_SECCOMP_BLOCKED, "blocked_by_policy", "killed", 0},
    {ALLOWED "on_block = log\n", GETPID, VERDICT_REFUSE, EVENT_SECCOMP_BLOCKED, "blocked_by_policy", "denied", 0},
    {ALLOWED, READ, VERDICT_REFUSE, EVENT_SECCOMP_BLOCKED, "unexpected_notification", "denied", 0},
    /* Audit: whatever on_block says. */
    {AUDIT LIST, PTRACE, VERDICT_CONTINUE, EVENT_SECCOMP_AUDIT, "would_be_blocked", "allowed", 4},
    {AUDIT LIST "on_block = log_and_kill\n", PTRACE, VERDICT_CONTINUE, EVENT_SECCOMP_AUDIT, "would_be_blocked",
     "allowed", 4},
    /* What sockets do through it is not seen. */
    {AUDIT, RING, VERDICT_CONTINUE, EVENT_SECCOMP_AUDIT, "blind_spot", "allowed", 0},
    {AUDIT SECTION "block = io_uring_setup\n", RING, VERDICT_CONTINUE, EVENT_SECCOMP_AUDIT, "would_be_blocked",
     "allowed", 4},
    {AUDIT ALLOWED, GETPID, VERDICT_CONTINUE, EVENT_SECCOMP_AUDIT, "would_be_blocked", "allowed", 0},
    /* Foreign: whatever on_block says; of what is blocked here by its number as well. */
    {LIST, I386, VERDICT_KILL, EVENT_FOREIGN_ARCH, "foreign_arch", "killed", 0},
    {LIST "on_block = errno\n", I386, VERDICT_KILL, EVENT_FOREIGN_ARCH, "foreign_arch", "killed", 0},
    {LIST "on_block = log\n", ARM, VERDICT_KILL, EVENT_FOREIGN_ARCH, "foreign_arch", "killed", 0},
    {ALLOWED, I386, VERDICT_KILL, EVENT_FOREIGN_ARCH, "foreign_arch", "killed", 0},
    {AUDIT LIST, I386, VERDICT_CONTINUE, EVENT_FOREIGN_ARCH, "foreign_arch", "allowed", 0},
#if defined(__x86_64__)
    {LIST "on_block = log\n", X32, VERDICT_KILL, EVENT_FOREIGN_ARCH, "foreign_arch", "killed", 0},
    {LIST "on_block = log\n", NEGATIVE, VERDICT_KILL, EVENT_FOREIGN_ARCH, "foreign_arch", "killed", 0},
    {AUDIT LIST, NEGATIVE, VERDICT_CONTINUE, EVENT_FOREIGN_ARCH, "foreign_arch", "allowed", 0},
    {AUDIT LIST, X32, VERDICT_CONTINUE, EVENT_FOREIGN_ARCH, "foreign_arch", "allowed", 0},
#endif
};

static const enum call reserved[] = {RESERVED, RESERVED_HIGH};
static const char *const reserved_in[] = {LIST, ALLOWED, AUDIT LIST, SECTION "block = prctl\n",
					  AUDIT ALLOWED "on_block = log\n"};

struct parsed {
	struct policy policy;
	struct rules rules;
};

static void parse(const char *body, struct parsed *parsed)
{
	const struct rules_setting setting = {.sidecar = true};
	struct diagnostics diagnostics;
	struct error err;

	diagnostics_init(&diagnostics);
	if (policy_parse(body, strlen(body), &parsed->policy, &diagnostics) != 0)
		fail_msg("%s: not parsed", body);
	if (rules_build_for(&parsed->policy, &setting, syscall_native_arch(), &parsed->rules, &err) != 0)
		fail_msg("%s: %s", body, err.text);
}

static void discard(struct parsed *parsed)
{
	rules_free(&parsed->rules);
	policy_free(&parsed->policy);
}

static void expect_row(const struct row *row)
{
	const struct seccomp_data data = call_of(row->call);
	struct parsed parsed;
	struct verdict got;

	parse(row->body, &parsed);
	got = verdict_of(&parsed.policy, &parsed.rules, &data);
	if (got.kind != row->kind || got.type != row->type || got.line != row->line)
		fail_msg("%scall %d: kind %d, type %d, line %u", row->body, (int)row->call, (int)got.kind,
			 (int)got.type, got.line);
	assert_string_equal(got.reason, row->reason);
	assert_string_equal(got.action, row->action);
	if (got.kind == VERDICT_REFUSE)
		assert_int_equal(got.error, EPERM);
	discard(&parsed);
}

static void policies_and_calls(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect_row(&rows[i]);
}

static void the_reserved_call(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(reserved_in) / sizeof(reserved_in[0]); i++) {
		struct parsed parsed;

		parse(reserved_in[i], &parsed);
		for (size_t j = 0; j < sizeof(reserved) / sizeof(reserved[0]); j++) {
			const struct seccomp_data data = call_of(reserved[j]);

			assert_int_equal(verdict_of(&parsed.policy, &parsed.rules, &data).kind, VERDICT_RESERVED);
		}
		discard(&parsed);
	}
}

/* A number that is the reserved call's, of another architecture, is another call. */
static void reserved_of_another_architecture(void **state)
{
	const struct seccomp_data data = {.nr = SYS_prctl, .arch = SCMP_ARCH_X86, .args = {RESERVED_CALL, 1}};
	struct parsed parsed;

	(void)state;
	parse(LIST, &parsed);
	assert_int_equal(verdict_of(&parsed.policy, &parsed.rules, &data).kind, VERDICT_KILL);
	discard(&parsed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(policies_and_calls),
	    cmocka_unit_test(the_reserved_call),
	    cmocka_unit_test(reserved_of_another_architecture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
