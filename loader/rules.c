#include "rules.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "syscall_table.h"

#define LOW_32_BITS 0xffffffffU /* an int argument: the kernel looks at no more */

/* What of the arguments is compared. */
enum named_condition {
	ALWAYS,
	IS_UNIX,         /* argument 0 is AF_UNIX */
	IS_UNIX_OF_TYPE, /* and of argument 1 those bits are type */
	HAS_ADDRESS      /* argument 4 is no null pointer */
};

/* A rule of the sockets stage by name: small, for these tables are a good part of the loader's size. */
struct named_rule {
	const char *name;
	uint32_t action;
	uint8_t reason; /* enum rule_reason */
	uint8_t when;   /* enum named_condition */
	uint8_t bits;
	uint8_t type;
};

/*
 * SOCK_STREAM is 1 and SOCK_SEQPACKET 5 of the type's low four bits (the others are flags, or
 * make the kernel answer EINVAL): what has bit 0 clear, bit 1 set or bit 3 set is neither.
 */
static const struct named_rule no_unix_rules[] = {
    {"socket", SCMP_ACT_ERRNO(EACCES), RULE_NO_UNIX, IS_UNIX, 0, 0},
    {"socketpair", SCMP_ACT_ERRNO(EACCES), RULE_NO_UNIX, IS_UNIX_OF_TYPE, 1, 0},
    {"socketpair", SCMP_ACT_ERRNO(EACCES), RULE_NO_UNIX, IS_UNIX_OF_TYPE, 2, 2},
    {"socketpair", SCMP_ACT_ERRNO(EACCES), RULE_NO_UNIX, IS_UNIX_OF_TYPE, 8, 8},
};

static const struct named_rule mediated_rules[] = {
    {"connect", SCMP_ACT_NOTIFY, RULE_MEDIATED, ALWAYS, 0, 0},
    {"bind", SCMP_ACT_NOTIFY, RULE_MEDIATED, ALWAYS, 0, 0},
    {"sendto", SCMP_ACT_NOTIFY, RULE_MEDIATED, HAS_ADDRESS, 0, 0},
};

static const struct named_rule datagram_mediated_rules[] = {
    {"sendmsg", SCMP_ACT_NOTIFY, RULE_MEDIATED, ALWAYS, 0, 0},
    {"sendmmsg", SCMP_ACT_NOTIFY, RULE_MEDIATED, ALWAYS, 0, 0},
};

/* SOCK_DGRAM is 2 and SOCK_RAW, which the kernel makes a SOCK_DGRAM, 3. */
static const struct named_rule datagram_denied_rules[] = {
    {"socket", SCMP_ACT_ERRNO(EACCES), RULE_MEDIATED, IS_UNIX_OF_TYPE, 0xe, 2},
    {"socketpair", SCMP_ACT_ERRNO(EACCES), RULE_MEDIATED, IS_UNIX_OF_TYPE, 0xe, 2},
};

/* Behind those: one that listens is nobody's any more but the session's. */
static const struct named_rule made_rules[] = {
    {"socket", SCMP_ACT_NOTIFY, RULE_MEDIATED, ALWAYS, 0, 0},
    {"listen", SCMP_ACT_NOTIFY, RULE_MEDIATED, ALWAYS, 0, 0},
};

static const struct named_rule io_uring_rules[] = {
    {"io_uring_setup", SCMP_ACT_ERRNO(ENOSYS), RULE_IO_URING, ALWAYS, 0, 0},
    {"io_uring_enter", SCMP_ACT_ERRNO(ENOSYS), RULE_IO_URING, ALWAYS, 0, 0},
    {"io_uring_register", SCMP_ACT_ERRNO(ENOSYS), RULE_IO_URING, ALWAYS, 0, 0},
};

/* In audit mode it is left open, and what a ring does is not seen: that there is one is told. */
static const struct named_rule io_uring_told_rules[] = {
    {"io_uring_setup", SCMP_ACT_NOTIFY, RULE_IO_URING, ALWAYS, 0, 0},
};

#define TABLE(rules) (rules), sizeof(rules) / sizeof((rules)[0])

/* Arguments that name a process to be acted on: what a session must not do to its keeper. */
struct process_argument {
	char name[sizeof("rt_tgsigqueueinfo")];
	uint8_t argument;
	bool group; /* the negative number names the process group */
};

static const struct process_argument keeper_arguments[] = {
    {"kill", 0, false},
    {"kill", 0, true},
    {"tkill", 0, false},
    {"tgkill", 0, false},
    {"rt_sigqueueinfo", 0, false},
    {"rt_tgsigqueueinfo", 0, false},
    {"pidfd_open", 0, false},
    {"prlimit64", 0, false},
    {"ptrace", 1, false},
    {"process_vm_readv", 0, false},
    {"process_vm_writev", 0, false},
};

uint32_t rules_block_action(const struct policy *policy, bool sidecar)
{
	if (policy->mode == MODE_AUDIT)
		return SCMP_ACT_NOTIFY;
	switch (policy->syscalls.on_block) {
	case ON_BLOCK_ERRNO:
		return SCMP_ACT_ERRNO(EPERM);
	case ON_BLOCK_LOG:
	case ON_BLOCK_LOG_AND_KILL:
		return SCMP_ACT_NOTIFY;
	case ON_BLOCK_KILL:
	default:
		return sidecar ? SCMP_ACT_NOTIFY : SCMP_ACT_KILL_PROCESS;
	}
}

static int make_room(struct stage *stage, size_t room, struct error *err)
{
	struct rule *rules = reallocarray(stage->rules, room, sizeof(*rules));

	if (!rules)
		return error_set(err, "filter: out of memory");
	stage->rules = rules;
	stage->room = room;
	return 0;
}

static int add_rule(struct stage *stage, const struct rule *rule, struct error *err)
{
	if (stage->count == stage->room && make_room(stage, 2 * stage->room + 4, err) != 0)
		return -1;
	stage->rules[stage->count++] = *rule;
	return 0;
}

static struct rule *find_rule(const struct stage *stage, int number)
{
	for (size_t i = 0; i < stage->count; i++)
		if (stage->rules[i].number == number)
			return &stage->rules[i];
	return NULL;
}

/* Was the number marked before? One that is beyond them is not, and gets a rule that the filter then refuses. */
static bool mark(uint64_t marks[SYSCALL_NUMBERS / 64], int number)
{
	uint64_t bit;
	bool marked;

	if ((unsigned)number >= SYSCALL_NUMBERS)
		return false;
	bit = (uint64_t)1 << number % 64;
	marked = marks[number / 64] & bit;
	marks[number / 64] |= bit;
	return marked;
}

/* Looked up by whoever read the policy, where it is for this machine. */
static int number_of(uint32_t arch, const struct list_entry *entry)
{
	if (entry->number != LIST_NUMBER_UNKNOWN && arch == syscall_native_arch())
		return entry->number;
	return syscall_number(arch, entry->text);
}

static int add_list(struct rules *rules, const struct list *list, uint32_t action, enum rule_reason reason,
		    struct error *err)
{
	uint64_t ruled[SYSCALL_NUMBERS / 64] = {0};

	for (size_t i = 0; i < rules->list.count; i++)
		mark(ruled, rules->list.rules[i].number);
	for (size_t i = 0; i < list->count; i++) {
		const struct rule rule = {
		    .number = number_of(rules->arch, &list->entries[i]),
		    .action = action,
		    .reason = reason,
		    .line = list->entries[i].line,
		};

		/* A name of another architecture has no call to rule over; a name given twice needs one rule. */
		if (rule.number < 0 || mark(ruled, rule.number))
			continue;
		if (add_rule(&rules->list, &rule, err) != 0)
			return -1;
	}
	return 0;
}

/* How many; they are written to compare. */
static unsigned comparisons_of(const struct named_rule *named, struct scmp_arg_cmp compare[RULE_COMPARISONS_MAX])
{
	if (named->when == ALWAYS)
		return 0;
	compare[0] = named->when == HAS_ADDRESS
			 ? (struct scmp_arg_cmp){.arg = 4, .op = SCMP_CMP_NE}
			 : (struct scmp_arg_cmp){.op = SCMP_CMP_MASKED_EQ, .datum_a = LOW_32_BITS, .datum_b = AF_UNIX};
	if (named->when != IS_UNIX_OF_TYPE)
		return 1;
	compare[1] =
	    (struct scmp_arg_cmp){.arg = 1, .op = SCMP_CMP_MASKED_EQ, .datum_a = named->bits, .datum_b = named->type};
	return 2;
}

static int add_named(struct rules *rules, const struct named_rule *named, size_t count, unsigned line,
		     struct error *err)
{
	for (size_t i = 0; i < count; i++) {
		struct rule rule = {
		    .number = syscall_number(rules->arch, named[i].name),
		    .action = named[i].action,
		    .reason = named[i].reason,
		    .line = line,
		};

		if (rule.number < 0)
			continue;
		rule.comparisons = comparisons_of(&named[i], rule.compare);
		if (add_rule(&rules->sockets, &rule, err) != 0)
			return -1;
	}
	return 0;
}

static int build_list(const struct policy *policy, const struct rules_setting *setting, struct rules *rules,
		      struct error *err)
{
	uint32_t blocked = rules_block_action(policy, setting->sidecar);
	bool allow_list = policy->syscalls.default_action == DEFAULT_BLOCK;

	rules->list.otherwise = allow_list ? blocked : SCMP_ACT_ALLOW;
	/* In audit mode nothing is answered for the kernel, an unknown call neither. */
	rules->highest = allow_list && policy->mode != MODE_AUDIT ? syscall_highest(rules->arch) : -1;
	if (make_room(&rules->list, policy->syscalls.block.count + policy->syscalls.allow.count + 1, err) != 0 ||
	    add_list(rules, &policy->syscalls.block, blocked, RULE_BLOCK_LIST, err) != 0)
		return -1;
	if (allow_list)
		return add_list(rules, &policy->syscalls.allow, SCMP_ACT_ALLOW, RULE_ALLOW_LIST, err);
	return 0;
}

static int build_mediated(const struct policy *policy, bool makes_sockets, struct rules *rules, struct error *err)
{
	unsigned line = policy->lines[KEY_UNIX_ENABLED];

	if (add_named(rules, TABLE(mediated_rules), line, err) != 0)
		return -1;
	if (policy->unix_socket.datagram == DATAGRAM_MEDIATE && !makes_sockets)
		return add_named(rules, TABLE(datagram_mediated_rules), line, err);
	if (add_named(rules, TABLE(datagram_denied_rules), policy->lines[KEY_UNIX_DATAGRAM], err) != 0)
		return -1;
	return makes_sockets ? add_named(rules, TABLE(made_rules), line, err) : 0;
}

static int build_sockets(const struct policy *policy, const struct rules_setting *setting, struct rules *rules,
			 struct error *err)
{
	bool observed = policy_observes_sockets(policy);
	unsigned line = policy->lines[KEY_UNIX_DEGRADED];

	rules->sockets.otherwise = SCMP_ACT_ALLOW;
	if (!policy->unix_socket.enabled)
		return 0;
	if (policy->unix_socket.degraded == DEGRADED_NO_UNIX && !observed) {
		if (add_named(rules, TABLE(no_unix_rules), line, err) != 0)
			return -1;
	} else if (setting->outer) {
		return 0; /* inside a session its own sidecar mediates: nesting.h has seen to it */
	} else {
		line = policy->lines[KEY_UNIX_ENABLED];
		if (build_mediated(policy, setting->makes_sockets, rules, err) != 0)
			return -1;
	}
	if (observed)
		return add_named(rules, TABLE(io_uring_told_rules), line, err);
	return add_named(rules, TABLE(io_uring_rules), line, err);
}

int rules_guard(struct rules *rules, int keeper, struct error *err)
{
	for (size_t i = 0; keeper && i < sizeof(keeper_arguments) / sizeof(keeper_arguments[0]); i++) {
		const struct process_argument *named = &keeper_arguments[i];
		const int process = named->group ? -keeper : keeper;
		const struct rule rule = {
		    .number = syscall_number(rules->arch, named->name),
		    .action = SCMP_ACT_ERRNO(EPERM),
		    .comparisons = 1,
		    .compare = {{.arg = named->argument,
				 .op = SCMP_CMP_MASKED_EQ,
				 .datum_a = LOW_32_BITS,
				 .datum_b = (uint32_t)process}},
		    .reason = RULE_KEEPER,
		};

		if (rule.number >= 0 && add_rule(&rules->sockets, &rule, err) != 0)
			return -1;
	}
	return 0;
}

/*
 * What the outer session blocks is left to it: its notification, and so its event, would be lost
 * behind an action of ours, which the kernel takes for the stronger one.
 */
static int leave_to_outer(const struct policy *outer, struct rules *rules, struct error *err)
{
	const struct rules_setting setting = {.sidecar = true};
	struct rules theirs;
	const int numbers = syscall_highest(rules->arch) + 1;
	int result = 0;

	if (rules_build_for(outer, &setting, rules->arch, &theirs, err) != 0)
		return -1;
	for (int number = 0; result == 0 && number < numbers; number++) {
		struct rule *rule = find_rule(&rules->list, number);
		const struct rule left = {.number = number, .action = SCMP_ACT_ALLOW, .reason = RULE_OUTER};

		if (rules_of_call(rules, number).action == SCMP_ACT_ALLOW || !rules_block(&theirs, number))
			continue;
		if (rule)
			*rule = left;
		else
			result = add_rule(&rules->list, &left, err);
	}
	rules_free(&theirs);
	return result;
}

/* policy_parse has refused such a policy; nothing that was made in another way gets past here either. */
static int check_execve(const struct rules *rules, struct error *err)
{
	struct ruling ruling = rules_of_call(rules, syscall_number(rules->arch, "execve"));

	if (ruling.action == SCMP_ACT_ALLOW || ruling.action == SCMP_ACT_NOTIFY)
		return 0;
	return error_set(err, "filter: execve is blocked (a command is started by it: allow execve)");
}

int rules_build(const struct policy *policy, uint32_t arch, struct rules *rules, struct error *err)
{
	const struct rules_setting alone = {0};

	return rules_build_for(policy, &alone, arch, rules, err);
}

static int build(const struct policy *policy, const struct rules_setting *setting, struct rules *rules,
		 struct error *err)
{
	if (build_list(policy, setting, rules, err) != 0 || build_sockets(policy, setting, rules, err) != 0)
		return -1;
	if (setting->outer && leave_to_outer(setting->outer, rules, err) != 0)
		return -1;
	return check_execve(rules, err);
}

/* Inside a session it is left to that, as what it blocks is: its event would be lost. In audit mode it would run. */
static uint32_t foreign_action(const struct rules_setting *setting)
{
	if (setting->sidecar)
		return SCMP_ACT_NOTIFY;
	return setting->outer && setting->outer->mode == MODE_ENFORCE ? SCMP_ACT_ALLOW : SCMP_ACT_KILL_PROCESS;
}

int rules_build_for(const struct policy *policy, const struct rules_setting *setting, uint32_t arch,
		    struct rules *rules, struct error *err)
{
	*rules = (struct rules){
	    .arch = arch,
	    .list = {.otherwise = SCMP_ACT_ALLOW},
	    .sockets = {.otherwise = SCMP_ACT_ALLOW},
	    .highest = -1,
	    .foreign = foreign_action(setting),
	    .reserved = setting->sidecar || setting->outer,
	    .answered = setting->sidecar ? SCMP_ACT_NOTIFY : SCMP_ACT_ALLOW,
	};
	if (!syscall_arch_name(arch))
		return error_set(err, "filter: no support for this architecture (run on x86_64 or aarch64)");
	if (!policy_filters(policy))
		return 0;
	if (build(policy, setting, rules, err) == 0)
		return 0;
	rules_free(rules);
	return -1;
}

void rules_free(struct rules *rules)
{
	free(rules->list.rules);
	free(rules->sockets.rules);
	*rules = (struct rules){0};
}

static struct ruling ruling_of_list(const struct rules *rules, int number)
{
	const struct rule *rule = find_rule(&rules->list, number);

	if (rules->highest >= 0 && number > rules->highest)
		return (struct ruling){.action = SCMP_ACT_ERRNO(ENOSYS), .reason = RULE_NEWER};
	if (rule)
		return (struct ruling){.action = rule->action, .reason = rule->reason, .line = rule->line};
	return (struct ruling){.action = rules->list.otherwise,
			       .reason =
				   rules->list.otherwise == SCMP_ACT_ALLOW ? RULE_DEFAULT_ALLOW : RULE_NOT_LISTED};
}

struct ruling rules_of_call(const struct rules *rules, int number)
{
	struct ruling ruling = ruling_of_list(rules, number);
	const struct rule *rule = find_rule(&rules->sockets, number);

	if (ruling.action != SCMP_ACT_ALLOW || !rule)
		return ruling;
	if (rule->comparisons == 0)
		return (struct ruling){.action = rule->action, .reason = rule->reason, .line = rule->line};
	ruling.conditional = true;
	ruling.exception = rule;
	return ruling;
}

bool rules_block(const struct rules *rules, int number)
{
	const struct ruling ruling = ruling_of_list(rules, number);

	return ruling.action != SCMP_ACT_ALLOW && ruling.reason != RULE_NEWER;
}

const char *const rules_awaited[] = {"chroot", "pivot_root", "setns", "unshare", NULL};

bool rules_await(uint32_t arch, int number)
{
	for (size_t i = 0; rules_awaited[i]; i++)
		if (number == syscall_number(arch, rules_awaited[i]))
			return true;
	return false;
}

bool rules_mediate(const struct rules *rules, int number)
{
	for (size_t i = 0; i < rules->sockets.count; i++) {
		const struct rule *rule = &rules->sockets.rules[i];

		if (rule->number == number && rule->action == SCMP_ACT_NOTIFY && rule->reason == RULE_MEDIATED)
			return true;
	}
	return false;
}
