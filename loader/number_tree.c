#include "number_tree.h"

#include <linux/seccomp.h>

#include "syscall_table.h"

#define NEAR 128U /* spans that a jump of 8 bits passes: one instruction each, and one less between them */

/* The numbers from first on, as far as the next span, get one action. */
struct span {
	uint32_t first;
	uint32_t action;
};

/* The action of each number, the last one's of all that are beyond. */
static int find_actions(const struct stage *list, uint32_t actions[SYSCALL_NUMBERS + 1], struct error *err)
{
	for (size_t i = 0; i <= SYSCALL_NUMBERS; i++)
		actions[i] = list->otherwise;
	for (size_t i = list->count; i-- > 0;) {
		const struct rule *rule = &list->rules[i];

		if (rule->comparisons != 0 || (unsigned)rule->number >= SYSCALL_NUMBERS)
			return error_set(err, "filter: call %d is none of a list's", rule->number);
		actions[rule->number] = rule->action;
	}
	return 0;
}

/* Those that are allowed so far, and that the next stage has rules for: the first one counts. */
static int find_later(const struct stage *next, uint32_t actions[SYSCALL_NUMBERS + 1], struct error *err)
{
	for (size_t i = 0; i < next->count; i++) {
		const struct rule *rule = &next->rules[i];
		bool is_plain = rule->comparisons == 0 && rule->action != SCMP_ACT_ALLOW;

		if ((unsigned)rule->number >= SYSCALL_NUMBERS || i >= SECCOMP_RET_DATA)
			return error_set(err, "filter: call %d is beyond any kernel's", rule->number);
		if (actions[rule->number] == SCMP_ACT_ALLOW)
			actions[rule->number] = is_plain ? rule->action : NUMBER_TREE_LATER + (uint32_t)i + 1;
	}
	return 0;
}

/* Returns how many there are: at least one, which begins at 0. */
static size_t find_spans(const uint32_t actions[SYSCALL_NUMBERS + 1], struct span spans[SYSCALL_NUMBERS + 1])
{
	size_t last = 0;

	spans[0] = (struct span){.action = actions[0]};
	for (uint32_t i = 1; i <= SYSCALL_NUMBERS; i++)
		if (spans[last].action != actions[i])
			spans[++last] = (struct span){.first = i, .action = actions[i]};
	return last + 1;
}

/* Its depth is that of 641 spans, halved each time. */
static int append_spans(struct filter *filter, const struct span *spans, size_t count, struct error *err)
{
	size_t lower = count / 2;
	bool near = lower <= NEAR;
	size_t at = filter->count;
	const struct sock_filter fork[] = {
	    bpf_jump(BPF_JGE, spans[lower].first, near ? 2 * lower - 1 : 0, !near),
	    {.code = BPF_JMP | BPF_JA},
	};
	const struct sock_filter leaf = bpf_return(spans->action);

	if (count == 1)
		return bpf_append(filter, &leaf, 1, err);
	if (bpf_append(filter, fork, near ? 1 : 2, err) != 0 || append_spans(filter, spans, lower, err) != 0)
		return -1;
	if (!near)
		filter->instructions[at + 1].k = (uint32_t)(filter->count - at - 2);
	return append_spans(filter, spans + lower, count - lower, err);
}

int number_tree_append(const struct stage *list, const struct stage *next, struct filter *filter, struct error *err)
{
	uint32_t actions[SYSCALL_NUMBERS + 1];
	struct span spans[SYSCALL_NUMBERS + 1];
	size_t count;

	if (find_actions(list, actions, err) != 0 || find_later(next, actions, err) != 0)
		return -1;
	count = find_spans(actions, spans);
	return append_spans(filter, spans, count, err);
}
