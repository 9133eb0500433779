#include "rule_chain.h"

#include <linux/seccomp.h>

/* Each argument's halves: both architectures are little-endian. */
#define ARGUMENT(N) (offsetof(struct seccomp_data, args) + (N) * sizeof(uint64_t))
#define HALF        sizeof(uint32_t)
#define LONGEST     4U /* instructions of a comparison */

/*
 * The code of one comparison, which has behind it those of the rest of the rule: so many instructions. Returns its
 * length, or 0 where it is none of these.
 */
static size_t compare(const struct scmp_arg_cmp *comparison, size_t rest, struct sock_filter code[LONGEST])
{
	size_t at = 0;

	if ((comparison->datum_a | comparison->datum_b) > UINT32_MAX)
		return 0;
	code[0] = bpf_load(ARGUMENT(comparison->arg));
	if (comparison->op == SCMP_CMP_MASKED_EQ) {
		if (comparison->datum_a != UINT32_MAX)
			code[++at] =
			    (struct sock_filter){.code = BPF_ALU | BPF_AND | BPF_K, .k = (uint32_t)comparison->datum_a};
		code[++at] = bpf_jump(BPF_JEQ, (uint32_t)comparison->datum_b, 0, rest);
		return at + 1;
	}
	if (comparison->op != SCMP_CMP_NE)
		return 0;
	code[1] = bpf_jump(BPF_JEQ, (uint32_t)comparison->datum_a, 0, 2);
	code[2] = bpf_load(ARGUMENT(comparison->arg) + HALF);
	code[3] = bpf_jump(BPF_JEQ, 0, rest, 0);
	return 4;
}

static int append_rule(const struct rule *rule, struct filter *filter, struct error *err)
{
	/* From the end: a jump to it needs to know how far it is. */
	struct sock_filter code[RULE_COMPARISONS_MAX * LONGEST + 1];
	const size_t end = sizeof(code) / sizeof(code[0]);
	size_t at = end;

	code[--at] = bpf_return(rule->action);
	for (unsigned i = rule->comparisons; i-- > 0;) {
		struct sock_filter comparison[LONGEST];
		size_t length = compare(&rule->compare[i], end - at, comparison);

		if (length == 0)
			return error_set(err, "filter: a comparison for call %d that is not known", rule->number);
		while (length-- > 0)
			code[--at] = comparison[length];
	}
	return bpf_append(filter, code + at, end - at, err);
}

int rule_chain_append(const struct stage *stage, int number, struct filter *filter, struct error *err)
{
	const struct sock_filter otherwise = bpf_return(stage->otherwise);

	for (size_t i = 0; i < stage->count; i++)
		if (stage->rules[i].number == number && append_rule(&stage->rules[i], filter, err) != 0)
			return -1;
	return bpf_append(filter, &otherwise, 1, err);
}
