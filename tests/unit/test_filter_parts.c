/*
 * What a filter is put together from, with stages that no policy gives: a tree that is longer than its jumps reach,
 * comparisons that are none, programs that are too long.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bpf_simulator.h"
#include "filter_case.h"
#include "kernel_row.h"
#include "number_tree.h"
#include "rule_chain.h"
#include "syscall_table.h"

#define NUMBERS ((int)SYSCALL_NUMBERS)

static const struct stage nothing;

/* A program of this part alone, with the number in the accumulator. */
static struct filter begun(void)
{
	const struct sock_filter number = bpf_load(offsetof(struct seccomp_data, nr));
	struct filter filter = {0};
	struct error err;

	assert_int_equal(bpf_append(&filter, &number, 1, &err), 0);
	return filter;
}

static uint32_t action_of(const struct filter *filter, int number, const uint64_t *args)
{
	struct seccomp_data call = {.nr = number, .arch = AUDIT_ARCH_X86_64};

	if (args)
		memcpy(call.args, args, sizeof(call.args));
	return bpf_run(filter->instructions, &call).action;
}

static void checked(const struct filter *filter)
{
	size_t at;

	assert_null(bpf_check(filter->instructions, filter->count, &at));
}

/* Every so many numbers get an action of their own: each of them is a span, and what is between. */
static void trees_of_every_size(void **state)
{
	static const int steps[] = {1, 2, 3, 4, 5, 7, 8, 9, 100, 1000};

	(void)state;
	for (size_t s = 0; s < sizeof(steps) / sizeof(steps[0]); s++) {
		struct rule rules[NUMBERS];
		struct stage stage = {.otherwise = ALLOW, .rules = rules};
		struct filter filter = begun();
		struct error err;

		for (int number = 0; number < NUMBERS; number += steps[s])
			rules[stage.count++] = (struct rule){.number = number, .action = DENY(number % 4095)};
		assert_int_equal(number_tree_append(&stage, &nothing, &filter, &err), 0);
		checked(&filter);
		for (int number = 0; number < 3 * NUMBERS; number++)
			assert_int_equal(action_of(&filter, number, NULL),
					 number < NUMBERS && number % steps[s] == 0 ? DENY(number % 4095) : ALLOW);
		assert_int_equal(action_of(&filter, -1, NULL), ALLOW);
		filter_free(&filter);
	}
}

static void no_list(void **state)
{
	struct rule rule = {.number = NUMBERS, .action = KILL};
	const struct stage stage = {.otherwise = ALLOW, .rules = &rule, .count = 1};
	struct filter filter = begun();
	struct error err;

	(void)state;
	assert_int_equal(number_tree_append(&stage, &nothing, &filter, &err), -1);
	rule.number = -1;
	assert_int_equal(number_tree_append(&stage, &nothing, &filter, &err), -1);
	rule = (struct rule){.number = 1, .action = KILL, .comparisons = 1};
	assert_int_equal(number_tree_append(&stage, &nothing, &filter, &err), -1);
	assert_string_equal(err.text, "filter: call 1 is none of a list's");
	assert_int_equal(filter.count, 1);
	filter_free(&filter);
}

static void the_first_rule_counts(void **state)
{
	struct rule rules[] = {{.number = 7, .action = DENY(1)}, {.number = 7, .action = KILL}};
	const struct stage stage = {.otherwise = ALLOW, .rules = rules, .count = 2};
	struct filter filter = begun();
	struct error err;

	(void)state;
	assert_int_equal(number_tree_append(&stage, &nothing, &filter, &err), 0);
	assert_int_equal(action_of(&filter, 7, NULL), DENY(1));
	filter_free(&filter);
}

/* What the list allows is the next stage's: its action, or the place of the first of its rules. */
static void what_is_decided_later(void **state)
{
	struct rule listed[] = {{.number = 1, .action = DENY(1)}, {.number = 8, .action = ALLOW}};
	struct rule later[] = {
	    {.number = 7, .action = KILL, .comparisons = 1},
	    {.number = 7, .action = NOTIFY},
	    {.number = 1, .action = NOTIFY},
	    {.number = 8, .action = NOTIFY},
	    {.number = 9, .action = ALLOW},
	    {.number = 9, .action = KILL},
	    {.number = NUMBERS, .action = KILL},
	};
	const struct stage list = {.otherwise = ALLOW, .rules = listed, .count = 2};
	struct stage next = {.otherwise = ALLOW, .rules = later, .count = 6};
	struct filter filter = begun();
	struct error err;

	(void)state;
	assert_int_equal(number_tree_append(&list, &next, &filter, &err), 0);
	checked(&filter);
	assert_int_equal(action_of(&filter, 1, NULL), DENY(1));
	assert_int_equal(action_of(&filter, 2, NULL), ALLOW);
	assert_int_equal(action_of(&filter, 7, NULL), NUMBER_TREE_LATER + 1);
	assert_int_equal(action_of(&filter, 8, NULL), NOTIFY);
	assert_int_equal(action_of(&filter, 9, NULL), NUMBER_TREE_LATER + 5);
	next.count = 7;
	assert_int_equal(number_tree_append(&list, &next, &filter, &err), -1);
	filter_free(&filter);
}

/* Both comparisons in one rule, in each order, with what is around each. */
static void comparisons(void **state)
{
	const struct scmp_arg_cmp masked = {.arg = 1, .op = SCMP_CMP_MASKED_EQ, .datum_a = 0xe, .datum_b = 2};
	const struct scmp_arg_cmp unequal = {.arg = 4, .op = SCMP_CMP_NE, .datum_a = 5};
	static const uint64_t firsts[] = {2, 3, 0, 6, HIGH(2), HIGH(0)};
	static const uint64_t seconds[] = {5, 0, 4, HIGH(5), HIGH(0), UINT64_MAX};

	(void)state;
	for (int order = 0; order < 2; order++) {
		struct rule rules[] = {
		    {.number = 3, .action = KILL, .comparisons = 2, .compare = {masked, unequal}},
		    {.number = 3, .action = NOTIFY, .comparisons = 1, .compare = {unequal}},
		    {.number = 4, .action = DENY(4)},
		};
		const struct stage stage = {.otherwise = ALLOW, .rules = rules, .count = 3};
		struct filter filter = begun();
		struct filter other = begun();
		struct error err;

		if (order == 1) {
			rules[0].compare[0] = unequal;
			rules[0].compare[1] = masked;
		}
		assert_int_equal(rule_chain_append(&stage, 3, &filter, &err), 0);
		assert_int_equal(rule_chain_append(&stage, 4, &other, &err), 0);
		checked(&filter);
		checked(&other);
		for (size_t i = 0; i < 36; i++) {
			const uint64_t args[6] = {9, firsts[i / 6], 9, 9, seconds[i % 6], 9};
			uint32_t otherwise = args[4] != 5 ? NOTIFY : ALLOW;

			assert_int_equal(action_of(&filter, 3, args),
					 (args[1] & 0xe) == 2 && args[4] != 5 ? KILL : otherwise);
			assert_int_equal(action_of(&other, 4, args), DENY(4));
		}
		filter_free(&filter);
		filter_free(&other);
	}
}

static void no_comparisons(void **state)
{
	static const struct scmp_arg_cmp others[] = {
	    {.arg = 0, .op = SCMP_CMP_EQ, .datum_a = 1},
	    {.arg = 0, .op = SCMP_CMP_GT, .datum_a = 1},
	    {.arg = 0, .op = SCMP_CMP_NE, .datum_a = HIGH(0)},
	    {.arg = 0, .op = SCMP_CMP_MASKED_EQ, .datum_a = UINT64_MAX, .datum_b = 1},
	    {.arg = 0, .op = SCMP_CMP_MASKED_EQ, .datum_a = 1, .datum_b = HIGH(0)},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct rule rule = {.number = 3, .action = KILL, .comparisons = 1, .compare = {others[i]}};
		const struct stage stage = {.otherwise = ALLOW, .rules = &rule, .count = 1};
		struct filter filter = begun();
		struct error err;

		assert_int_equal(rule_chain_append(&stage, 3, &filter, &err), -1);
		assert_string_equal(err.text, "filter: a comparison for call 3 that is not known");
		filter_free(&filter);
	}
}

/* 4096 is the kernel's limit. */
static void too_long(void **state)
{
	static struct sock_filter code[BPF_MAXINSNS];
	const struct stage stage = {.otherwise = ALLOW};
	struct filter filter = {0};
	struct error err;

	(void)state;
	assert_int_equal(bpf_append(&filter, code, BPF_MAXINSNS - 1, &err), 0);
	assert_int_equal(bpf_append(&filter, code, 2, &err), -1);
	assert_int_equal(number_tree_append(&stage, &nothing, &filter, &err), 0);
	assert_int_equal(filter.count, BPF_MAXINSNS);
	assert_int_equal(number_tree_append(&stage, &nothing, &filter, &err), -1);
	assert_int_equal(rule_chain_append(&stage, 1, &filter, &err), -1);
	assert_non_null(strstr(err.text, "longer than the kernel's 4096"));
	filter_free(&filter);
}

static void the_longest_policies_fit(void **state)
{
	static char text[POLICY_TEXT_MAX];

	for (size_t a = 0; a < 2; a++) {
		char name[SYSCALL_NAME_MAX];
		struct filter_case fc;
		size_t length = (size_t)snprintf(text, sizeof(text), SOCKETS("datagram = deny") "%s",
						 "[sandbox.seccomp.syscalls]\nblock =");

		for (int number = 0; number < 600; number++)
			if (syscall_name(filter_arches[a], number, name) && strcmp(name, "execve") != 0)
				length += (size_t)snprintf(text + length, sizeof(text) - length, "\n  %s", name);
		(void)snprintf(text + length, sizeof(text) - length, "\n");
		filter_case_open(&fc, *state, text, filter_arches[a]);
		filter_case_name(&fc, "execve", NULL, ALLOW);
		filter_case_sweep(&fc);
		filter_case_close(&fc);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(trees_of_every_size),      cmocka_unit_test(no_list),
	    cmocka_unit_test(the_first_rule_counts),    cmocka_unit_test(comparisons),
	    cmocka_unit_test(no_comparisons),           cmocka_unit_test(too_long),
	    cmocka_unit_test(the_longest_policies_fit), cmocka_unit_test(what_is_decided_later),
	};

	kernel_rows_serve(argc, argv);
	return cmocka_run_group_tests_name("filter_parts", tests, filter_run_begin, filter_run_end);
}
