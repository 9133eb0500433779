#include "filter.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>

#include "number_tree.h"
#include "rule_chain.h"
#include "rules.h"
#include "syscall_table.h"

/*
 * What is no call of this architecture: of another one, or, on x86_64, x32's. A tracer skips a call by the number
 * -1, which is neither.
 */
static int append_architecture(const struct rules *rules, struct filter *filter, struct error *err)
{
	const struct sock_filter code[] = {
	    bpf_load(offsetof(struct seccomp_data, arch)),
	    bpf_jump(BPF_JEQ, rules->arch, 1, 0),
	    bpf_return(rules->foreign),
	    bpf_load(offsetof(struct seccomp_data, nr)),
	    bpf_jump(BPF_JGE, X32_NUMBERS, 0, 2),
	    bpf_jump(BPF_JEQ, NO_NUMBER, 1, 0),
	    bpf_return(rules->foreign),
	};

	return bpf_append(filter, code, rules->arch == SCMP_ARCH_X86_64 ? 7 : 4, err);
}

/* The reserved call, before everything that a policy says of prctl. An int: its low 32 bits count. */
static int append_reserved(const struct rules *rules, struct filter *filter, struct error *err)
{
	const struct sock_filter code[] = {
	    bpf_jump(BPF_JEQ, (uint32_t)syscall_number(rules->arch, "prctl"), 0, 4),
	    bpf_load(offsetof(struct seccomp_data, args)),
	    bpf_jump(BPF_JEQ, RESERVED_CALL, 0, 1),
	    bpf_return(rules->answered),
	    bpf_load(offsetof(struct seccomp_data, nr)),
	};

	return rules->reserved ? bpf_append(filter, code, sizeof(code) / sizeof(code[0]), err) : 0;
}

/* Calls newer than the table: ENOSYS. */
static int append_ceiling(const struct rules *rules, struct filter *filter, struct error *err)
{
	const struct sock_filter code[] = {
	    bpf_jump(BPF_JEQ, NO_NUMBER, 2, 0),
	    bpf_jump(BPF_JGT, (uint32_t)rules->highest, 0, 1),
	    bpf_return(SCMP_ACT_ERRNO(ENOSYS)),
	};

	return rules->highest < 0 ? 0 : bpf_append(filter, code, sizeof(code) / sizeof(code[0]), err);
}

/*
 * Where the code from last on stands already, behind first: what several calls get by the same arguments stands once,
 * for the kernel translates and tries a program when it is loaded. Else last.
 */
static size_t find_same(const struct filter *filter, size_t first, size_t last)
{
	const struct sock_filter *code = filter->instructions;
	const size_t length = filter->count - last;

	while (first + length <= last && memcmp(code + first, code + last, length * sizeof(*code)) != 0)
		first++;
	return first + length <= last ? first : last;
}

/*
 * The tree's leaves that are no actions yet become jumps to what is appended for them. (Before the tree there is none:
 * no action of a call of another architecture, or of the reserved one, has a number behind it.)
 */
static int append_later(const struct rules *rules, struct filter *filter, struct error *err)
{
	const size_t end = filter->count;

	for (size_t i = 0; i < end; i++) {
		const struct sock_filter leaf = filter->instructions[i];
		const size_t last = filter->count;
		const struct rule *rule;
		size_t at;

		if (leaf.code != (BPF_RET | BPF_K) || (leaf.k & SECCOMP_RET_ACTION_FULL) != NUMBER_TREE_LATER ||
		    leaf.k == NUMBER_TREE_LATER)
			continue;
		rule = &rules->sockets.rules[leaf.k - NUMBER_TREE_LATER - 1];
		if (rule_chain_append(&rules->sockets, rule->number, filter, err) != 0)
			return -1;
		at = find_same(filter, end, last);
		if (at < last)
			filter->count = last;
		filter->instructions[i] = (struct sock_filter){.code = BPF_JMP | BPF_JA, .k = (uint32_t)(at - i - 1)};
	}
	return 0;
}

int filter_compile(const struct rules *rules, struct filter *filter, struct error *err)
{
	*filter = (struct filter){0};
	if (append_architecture(rules, filter, err) == 0 && append_reserved(rules, filter, err) == 0 &&
	    append_ceiling(rules, filter, err) == 0 &&
	    number_tree_append(&rules->list, &rules->sockets, filter, err) == 0 &&
	    append_later(rules, filter, err) == 0)
		return 0;
	filter_free(filter);
	return -1;
}

int filter_build(const struct policy *policy, uint32_t arch, struct filter *filter, struct error *err)
{
	const struct rules_setting alone = {0};

	return filter_build_for(policy, &alone, arch, filter, err);
}

int filter_build_for(const struct policy *policy, const struct rules_setting *setting, uint32_t arch,
		     struct filter *filter, struct error *err)
{
	struct rules rules;
	int result;

	*filter = (struct filter){0};
	if (!policy_filters(policy))
		return error_set(err, "filter: the policy has none (enabled = true and mode = enforce ask for one)");
	if (rules_build_for(policy, setting, arch, &rules, err) != 0)
		return -1;
	result = filter_compile(&rules, filter, err);
	rules_free(&rules);
	return result;
}

void filter_free(struct filter *filter)
{
	free(filter->instructions);
	*filter = (struct filter){0};
}
