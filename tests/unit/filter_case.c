#include "filter_case.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#include "bpf_simulator.h"
#include "kernel_row.h"
#include "syscall_table.h"

#define SEED_VARIABLE "AGENTSH_TEST_SEED"
#define ABOVE         70   /* numbers above the highest that a sweep looks at */
#define TENTH         10U  /* one call of so many is made on the kernel */
#define ERRNO_MAX     4095 /* a value of -1 to -ERRNO_MAX is an error */

const uint32_t filter_arches[2] = {AUDIT_ARCH_X86_64, AUDIT_ARCH_AARCH64};

int filter_run_begin(void **state)
{
	const char *given = getenv(SEED_VARIABLE);
	struct filter_run *run = calloc(1, sizeof(*run));
	struct timespec now;

	if (!run || clock_gettime(CLOCK_REALTIME, &now) != 0)
		return -1;
	run->seed = given ? strtoull(given, NULL, 0) : (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
	run->dice = run->seed;
	print_message("# " SEED_VARIABLE "=%llu\n", (unsigned long long)run->seed);
	*state = run;
	return 0;
}

int filter_run_end(void **state)
{
	struct filter_run *run = *state;

	print_message(
	    "# %zu calls of this machine simulated, %zu made on the kernel, %zu not to be made; %zu of either "
	    "compared with libseccomp\n",
	    run->calls, run->made, run->excluded, run->compared);
	free(run);
	return 0;
}

/* splitmix64 */
size_t filter_roll(struct filter_run *run, size_t bound)
{
	uint64_t mixed = run->dice += 0x9e3779b97f4a7c15U;

	mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9U;
	mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebU;
	return (size_t)((mixed ^ mixed >> 31) % bound);
}

static void check_program(const struct filter_case *fc)
{
	size_t at;
	const char *why = bpf_check(fc->filter.instructions, fc->filter.count, &at);

	if (why)
		fail_msg("instruction %zu of %zu: %s\n%s", at, fc->filter.count, why, fc->text);
}

void filter_case_open(struct filter_case *fc, struct filter_run *run, const char *text, uint32_t arch)
{
	struct diagnostics diagnostics;
	struct error err;

	*fc = (struct filter_case){.run = run, .text = text, .arch = arch};
	diagnostics_init(&diagnostics);
	if (policy_parse(text, strlen(text), &fc->policy, &diagnostics) != 0)
		fail_msg("line %u: %s\n%s", diagnostics.items[0].line, diagnostics.items[0].text, text);
	if (filter_build(&fc->policy, arch, &fc->filter, &err) != 0 ||
	    rules_build(&fc->policy, arch, &fc->rules, &err) != 0)
		fail_msg("%s: %s\n%s", syscall_arch_name(arch), err.text, text);
	check_program(fc);
	library_program_open(&fc->library, &fc->rules);
}

static void describe(const struct filter_case *fc, const struct seccomp_data *call, char *out, size_t size)
{
	char name[SYSCALL_NAME_MAX] = "";

	(void)syscall_name(call->arch, call->nr, name);
	(void)snprintf(out, size, "arch %08x call %d %s(%#llx, %#llx, %#llx, %#llx, %#llx, %#llx)\n%.4000s\n%s=%llu",
		       call->arch, call->nr, name, (unsigned long long)call->args[0], (unsigned long long)call->args[1],
		       (unsigned long long)call->args[2], (unsigned long long)call->args[3],
		       (unsigned long long)call->args[4], (unsigned long long)call->args[5], fc->text, SEED_VARIABLE,
		       (unsigned long long)fc->run->seed);
}

void filter_case_simulate(const struct filter_case *fc, const struct seccomp_data *call, uint32_t action)
{
	struct bpf_result result = bpf_run(fc->filter.instructions, call);
	char what[5000];
	uint32_t theirs = action;

	/* Jumps go forward only: no instruction is executed twice. */
	assert_in_range(result.steps, 1, fc->filter.count);
	if (library_program_run(&fc->library, &fc->rules, call, &theirs))
		fc->run->compared++;
	if (result.action == action && theirs == action)
		return;
	describe(fc, call, what, sizeof(what));
	fail_msg("action %08x, libseccomp's %08x, expected %08x: %s", result.action, theirs, action, what);
}

static bool runs(uint32_t action)
{
	return action == ALLOW || action == SECCOMP_RET_LOG;
}

void filter_case_call(struct filter_case *fc, const struct seccomp_data *call, uint32_t action)
{
	filter_case_simulate(fc, call, action);
	if (fc->arch != syscall_native_arch() || !kernel_row_possible(call->arch))
		return;
	fc->run->calls++;
	if (fc->call_count % 256 == 0) {
		fc->calls = reallocarray(fc->calls, fc->call_count + 256, sizeof(*fc->calls));
		assert_non_null(fc->calls);
	}
	fc->calls[fc->call_count++] = (struct filter_call){.call = *call, .action = action};
}

void filter_case_number(struct filter_case *fc, uint32_t number, const uint64_t *args, uint32_t action)
{
	struct seccomp_data call = {.nr = (int)number, .arch = fc->arch};

	for (size_t i = 0; i < 6; i++)
		call.args[i] = args ? args[i] : UINT64_MAX;
	filter_case_call(fc, &call, action);
}

void filter_case_name(struct filter_case *fc, const char *name, const uint64_t *args, uint32_t action)
{
	int number = syscall_number(fc->arch, name);

	assert_true(number >= 0);
	filter_case_number(fc, (uint32_t)number, args, action);
}

/* As seccomp_rule_add(3) defines it. */
static bool holds(const struct scmp_arg_cmp *compare, const struct seccomp_data *call)
{
	uint64_t value = call->args[compare->arg];

	switch (compare->op) {
	case SCMP_CMP_NE:
		return value != compare->datum_a;
	case SCMP_CMP_EQ:
		return value == compare->datum_a;
	case SCMP_CMP_MASKED_EQ:
		return (value & compare->datum_a) == compare->datum_b;
	default:
		fail_msg("a comparison that this test does not know");
		return false;
	}
}

uint32_t filter_case_ruling(const struct filter_case *fc, const struct seccomp_data *call)
{
	struct ruling ruling = rules_of_call(&fc->rules, call->nr);

	for (size_t i = 0; ruling.conditional && i < fc->rules.sockets.count; i++) {
		const struct rule *rule = &fc->rules.sockets.rules[i];
		bool all = rule->number == call->nr;

		for (unsigned c = 0; all && c < rule->comparisons; c++)
			all = holds(&rule->compare[c], call);
		if (all)
			return rule->action;
	}
	return ruling.action;
}

void filter_case_foreign(struct filter_case *fc, uint32_t arch, int number)
{
	const struct seccomp_data call = {
	    .nr = number,
	    .arch = arch,
	    .args = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX},
	};

	filter_case_call(fc, &call, KILL);
}

/* Those of other architectures, and x32's, at numbers that the policy may rule over. */
static void sweep_foreign(struct filter_case *fc)
{
	static const uint32_t foreign[] = {AUDIT_ARCH_I386, AUDIT_ARCH_ARM, AUDIT_ARCH_X86_64, AUDIT_ARCH_AARCH64,
					   AUDIT_ARCH_S390X};
	static const int numbers[] = {0, 20, 59, 101, 221, 335, 462, 467, 469, 470, 1000, -1, (int)X32};

	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
		for (size_t n = 0; foreign[i] != fc->arch && n < sizeof(numbers) / sizeof(numbers[0]); n++)
			filter_case_foreign(fc, foreign[i], numbers[n]);
	for (size_t n = 0; fc->arch == AUDIT_ARCH_X86_64 && n < sizeof(numbers) / sizeof(numbers[0]); n++)
		if (numbers[n] >= 0)
			filter_case_number(fc, (uint32_t)numbers[n] | X32, NULL, KILL);
}

void filter_case_sweep(struct filter_case *fc)
{
	for (int number = 0; number <= syscall_highest(fc->arch) + ABOVE; number++) {
		const struct seccomp_data call = {
		    .nr = number,
		    .arch = fc->arch,
		    .args = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX},
		};

		filter_case_call(fc, &call, filter_case_ruling(fc, &call));
	}
	/* A tracer's "skip it": no call at all, so not one that is newer than the table. */
	filter_case_number(fc, UINT32_MAX, NULL, fc->rules.list.otherwise);
	if (fc->policy.mode != MODE_AUDIT)
		sweep_foreign(fc);
}

/* Is what the kernel did the action? plain: what it does without a filter. */
static bool agrees(const struct kernel_row *row, uint32_t action)
{
	const struct kernel_result *got = &row->filtered;
	const struct kernel_result *plain = &row->plain;
	uint32_t kind = action & SECCOMP_RET_ACTION_FULL;

	if (kind == KILL)
		return !got->returned && WIFSIGNALED(got->status) && WTERMSIG(got->status) == SIGSYS;
	if (kind == NOTIFY) /* nobody listens */
		return got->returned && got->value == -ENOSYS;
	if (kind == SECCOMP_RET_ERRNO)
		return got->returned && got->value == -(int64_t)(action & SECCOMP_RET_DATA);
	if (!got->returned || !plain->returned)
		return false;
	if (plain->value < 0 && plain->value >= -ERRNO_MAX)
		return got->value == plain->value;
	return got->value >= 0 || got->value < -ERRNO_MAX;
}

static void compare_with_kernel(const struct filter_case *fc, const struct kernel_row *row, uint32_t action)
{
	char what[5000];

	if (agrees(row, action))
		return;
	describe(fc, &row->call, what, sizeof(what));
	fail_msg("the kernel: %s status %#x value %lld, without the filter %s status %#x value %lld; expected %08x: %s",
		 row->filtered.returned ? "returned," : "no return,", (unsigned)row->filtered.status,
		 (long long)row->filtered.value, row->plain.returned ? "returned," : "no return,",
		 (unsigned)row->plain.status, (long long)row->plain.value, action, what);
}

/* Moves the calls that cannot be made out of the way. */
static void exclude_hazards(struct filter_case *fc)
{
	size_t kept = 0;

	for (size_t i = 0; i < fc->call_count; i++)
		if (!kernel_row_hazard(&fc->calls[i].call, runs(fc->calls[i].action)))
			fc->calls[kept++] = fc->calls[i];
	fc->run->excluded += fc->call_count - kept;
	fc->call_count = kept;
}

/* Moves so many calls, drawn by lot, to the front. */
static void draw(struct filter_case *fc, size_t wanted)
{
	for (size_t i = 0; i < wanted; i++) {
		size_t other = i + filter_roll(fc->run, fc->call_count - i);
		struct filter_call drawn = fc->calls[other];

		fc->calls[other] = fc->calls[i];
		fc->calls[i] = drawn;
	}
}

static void make_on_kernel(const struct filter_case *fc, const struct filter_call *calls, size_t count)
{
	struct kernel_row rows[KERNEL_ROWS_MAX] = {0};

	for (size_t i = 0; i < count; i++)
		rows[i] = (struct kernel_row){.call = calls[i].call, .runs = runs(calls[i].action)};
	kernel_rows_run(fc->filter.instructions, fc->filter.count, rows, count);
	for (size_t i = 0; i < count; i++)
		compare_with_kernel(fc, &rows[i], calls[i].action);
}

static void make_a_tenth(struct filter_case *fc)
{
	size_t wanted = (fc->call_count + TENTH - 1) / TENTH;

	exclude_hazards(fc);
	assert_true(wanted <= fc->call_count);
	draw(fc, wanted);
	for (size_t done = 0; done < wanted;) {
		size_t count = wanted - done < KERNEL_ROWS_MAX ? wanted - done : KERNEL_ROWS_MAX;

		make_on_kernel(fc, fc->calls + done, count);
		done += count;
	}
	fc->run->made += wanted;
}

void filter_case_close(struct filter_case *fc)
{
	make_a_tenth(fc);
	free(fc->calls);
	library_program_close(&fc->library);
	rules_free(&fc->rules);
	filter_free(&fc->filter);
	policy_free(&fc->policy);
}

void filter_table(struct filter_run *run, const char *text, const struct filter_row *rows, size_t count)
{
	for (size_t a = 0; a < 2; a++) {
		struct filter_case fc;

		filter_case_open(&fc, run, text, filter_arches[a]);
		for (size_t i = 0; i < count; i++)
			filter_case_name(&fc, rows[i].name, rows[i].args, rows[i].action);
		filter_case_sweep(&fc);
		filter_case_close(&fc);
	}
}
