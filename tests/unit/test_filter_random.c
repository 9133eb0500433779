/*
 * Policies drawn at random, each held against the rules and against a model of the lists that
 * knows only what was written into the policy. The seed is printed and can be given.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "filter_case.h"
#include "kernel_row.h"
#include "syscall_table.h"

#define POLICIES     16
#define NUMBERS      600 /* no number of a name reaches this */
#define CALLS_RANDOM 2000

struct drawn {
	char text[POLICY_TEXT_MAX];
	char names[NUMBERS][SYSCALL_NAME_MAX]; /* of the list, in its order */
	size_t count;
	bool allow_list;
	bool observed; /* mode = audit */
	bool sockets;
	uint32_t blocked;
};

static bool is_listed(const struct drawn *drawn, const char *name)
{
	for (size_t i = 0; i < drawn->count; i++)
		if (strcmp(drawn->names[i], name) == 0)
			return true;
	return false;
}

/* A share of all names of both architectures, some of them twice, shuffled. */
static void draw_names(struct drawn *drawn, struct filter_run *run)
{
	static const size_t shares[] = {1, 10, 50, 95};
	size_t share = shares[filter_roll(run, sizeof(shares) / sizeof(shares[0]))];

	drawn->count = 0;
	if (drawn->allow_list)
		memcpy(drawn->names[drawn->count++], "execve", sizeof("execve"));
	for (int number = 0; number < NUMBERS && drawn->count < NUMBERS; number++) {
		uint32_t arch = filter_arches[filter_roll(run, 2)];

		if (filter_roll(run, 100) < share && syscall_name(arch, number, drawn->names[drawn->count]) &&
		    (drawn->allow_list || strcmp(drawn->names[drawn->count], "execve") != 0))
			drawn->count++;
	}
	for (size_t i = drawn->count; i > 1; i--) {
		size_t other = filter_roll(run, i);
		char name[SYSCALL_NAME_MAX];

		memcpy(name, drawn->names[other], sizeof(name));
		memcpy(drawn->names[other], drawn->names[i - 1], sizeof(name));
		memcpy(drawn->names[i - 1], name, sizeof(name));
	}
}

static void print_list(const struct drawn *drawn, struct filter_run *run, FILE *stream)
{
	(void)fprintf(stream, "[sandbox.seccomp.syscalls]\ndefault_action = %s\n%s",
		      drawn->allow_list ? "block" : "allow", drawn->allow_list ? "block =\nallow =" : "block =");
	for (size_t i = 0; i < drawn->count; i++) {
		(void)fprintf(stream, "%s %s", i % 8 == 7 ? "\n  " : "", drawn->names[i]);
		if (filter_roll(run, 20) == 0)
			(void)fprintf(stream, ", %s", drawn->names[filter_roll(run, i + 1)]);
	}
	(void)fputc('\n', stream);
}

static void draw_policy(struct drawn *drawn, struct filter_run *run)
{
	static const char *const answers[] = {"kill", "errno", "log", "log_and_kill"};
	static const uint32_t actions[] = {KILL, DENY(EPERM), NOTIFY, NOTIFY};
	static const char *const sockets[] = {"degraded = no_unix", "datagram = deny", "datagram = mediate",
					      "action = audit"};
	FILE *stream = fmemopen(drawn->text, sizeof(drawn->text), "w");
	size_t answer = filter_roll(run, 4);

	assert_non_null(stream);
	drawn->allow_list = filter_roll(run, 2) == 0;
	drawn->observed = filter_roll(run, 8) == 0;
	drawn->sockets = filter_roll(run, 3) != 0;
	drawn->blocked = drawn->observed ? NOTIFY : actions[answer];
	draw_names(drawn, run);
	(void)fprintf(stream, MODE("%s"), drawn->observed ? "audit" : "enforce");
	if (drawn->sockets)
		(void)fprintf(stream, SOCKETS("%s"), sockets[filter_roll(run, 4)]);
	else
		(void)fputs(OPEN, stream);
	print_list(drawn, run, stream);
	(void)fprintf(stream, "on_block = %s\n", answers[answer]);
	assert_int_equal(fclose(stream), 0);
}

/* What the lists alone make of a call; sockets can turn no more than an ALLOW into something else. */
static uint32_t listed_action(const struct drawn *drawn, uint32_t arch, int number)
{
	char name[SYSCALL_NAME_MAX];
	bool listed = syscall_name(arch, number, name) && is_listed(drawn, name);

	if (drawn->allow_list && !drawn->observed && number > syscall_highest(arch))
		return DENY(ENOSYS);
	return listed == drawn->allow_list ? ALLOW : drawn->blocked;
}

static void check_lists(const struct drawn *drawn, const struct filter_case *fc)
{
	for (int number = 0; number < NUMBERS; number++) {
		struct seccomp_data call = {.nr = number, .arch = fc->arch};
		uint32_t expected = listed_action(drawn, fc->arch, number);

		if (expected != ALLOW || !drawn->sockets)
			filter_case_simulate(fc, &call, expected);
		else if (rules_of_call(&fc->rules, number).reason == RULE_BLOCK_LIST)
			fail_msg("call %d is not blocked: %s", number, drawn->text);
	}
}

/* Any call with any arguments, small ones and those with high bits more often than not. */
static void check_arguments(const struct filter_case *fc, struct filter_run *run)
{
	static const char *const compared[] = {"socket", "socketpair", "sendto", "connect", "sendmsg"};

	for (size_t i = 0; i < CALLS_RANDOM; i++) {
		struct seccomp_data call = {.arch = fc->arch, .nr = (int)filter_roll(run, NUMBERS)};

		if (filter_roll(run, 2))
			call.nr = syscall_number(fc->arch, compared[filter_roll(run, 5)]);
		for (size_t a = 0; a < 6; a++)
			call.args[a] = (uint64_t)filter_roll(run, 12) | (uint64_t)filter_roll(run, 3) << 32 |
				       (filter_roll(run, 4) ? 0 : (uint64_t)filter_roll(run, SIZE_MAX));
		filter_case_simulate(fc, &call, filter_case_ruling(fc, &call));
	}
}

static void random_policies(void **state)
{
	struct filter_run *run = *state;
	static struct drawn drawn;

	for (size_t i = 0; i < POLICIES; i++) {
		draw_policy(&drawn, run);
		for (size_t a = 0; a < 2; a++) {
			struct filter_case fc;

			filter_case_open(&fc, run, drawn.text, filter_arches[a]);
			check_lists(&drawn, &fc);
			check_arguments(&fc, run);
			filter_case_sweep(&fc);
			filter_case_close(&fc);
		}
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(random_policies),
	};

	kernel_rows_serve(argc, argv);
	return cmocka_run_group_tests_name("filter_random", tests, filter_run_begin, filter_run_end);
}
