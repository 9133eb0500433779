/* The filter's first stage: what a policy's block and allow lists make of each call. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "filter_case.h"
#include "kernel_row.h"
#include "syscall_table.h"

#define NAMES_OF_TABLE 600  /* no number of a name reaches this */
#define LIST_LENGTH    400U /* of the long allow-list */

/* The calls of the default block list; each with arguments that do no harm. */
#define DEFAULT_BLOCKED(action)                                                                                        \
	{"ptrace", {UINT64_MAX, UINT64_MAX}, action}, {"process_vm_readv", {UINT64_MAX, 0, 0, 0, 0, 1}, action},       \
	    {"process_vm_writev", {UINT64_MAX, 0, 0, 0, 0, 1}, action}, {"personality", {UINT64_MAX}, action},         \
	    {"mount", {0}, action}, {"umount2", {0, UINT64_MAX}, action}, {"pivot_root", {0}, action},                 \
	    {"reboot", {1, 1}, action}, {"kexec_load", {0, 1, 0, UINT64_MAX}, action}, {"init_module", {0}, action},   \
	    {"finit_module", {UINT64_MAX}, action},                                                                    \
	{                                                                                                              \
		"delete_module", {0}, action                                                                           \
	}

static const struct filter_row harmless_rows[] = {
    {"getppid", {0}, ALLOW},
    {"read", {UINT64_MAX}, ALLOW},
    {"execve", {0}, ALLOW},
    {"socket", {AF_UNIX, SOCK_STREAM}, ALLOW},
    {"socket", {HIGH(AF_UNIX), SOCK_DGRAM}, ALLOW},
    {"connect", {UINT64_MAX}, ALLOW},
    {"io_uring_setup", {0}, ALLOW},
    {"move_mount", {UINT64_MAX}, ALLOW},
    {"open_tree_attr", {UINT64_MAX}, ALLOW},
    {"mseal", {UINT64_MAX}, ALLOW},
};

static void the_default_policy(void **state)
{
	static const struct filter_row rows[] = {DEFAULT_BLOCKED(KILL)};
	static const struct filter_row mediated[] = {{"getppid", {0}, ALLOW},
						     {"socket", {AF_UNIX, SOCK_DGRAM}, ALLOW},
						     {"connect", {UINT64_MAX}, NOTIFY},
						     {"bind", {UINT64_MAX}, NOTIFY},
						     {"sendmsg", {UINT64_MAX}, NOTIFY},
						     {"sendmmsg", {UINT64_MAX}, NOTIFY},
						     {"io_uring_setup", {0}, DENY(ENOSYS)}};

	FILTER_TABLE(state, "", rows);
	FILTER_TABLE(state, "", mediated);
	FILTER_TABLE(state, OPEN, harmless_rows);
}

static void what_on_block_does(void **state)
{
	static const struct filter_row kill[] = {DEFAULT_BLOCKED(KILL)};
	static const struct filter_row denied[] = {DEFAULT_BLOCKED(DENY(EPERM))};
	static const struct filter_row notified[] = {DEFAULT_BLOCKED(NOTIFY)};

	FILTER_TABLE(state, SYSCALLS("on_block = kill"), kill);
	FILTER_TABLE(state, SYSCALLS("on_block = errno"), denied);
	FILTER_TABLE(state, OPEN SYSCALLS("on_block = errno"), harmless_rows);
	FILTER_TABLE(state, SYSCALLS("on_block = log"), notified);
	FILTER_TABLE(state, SYSCALLS("on_block = log_and_kill"), notified);
	FILTER_TABLE(state, OPEN SYSCALLS("on_block = log"), harmless_rows);
}

static void audit_notifies_whatever_on_block_says(void **state)
{
	static const struct filter_row rows[] = {DEFAULT_BLOCKED(NOTIFY)};
	static const struct filter_row listed[] = {
	    {"execve", {0}, ALLOW}, {"getppid", {0}, NOTIFY}, {"mount", {0}, NOTIFY}, {"mseal", {UINT64_MAX}, NOTIFY}};

	FILTER_TABLE(state, MODE("audit"), rows);
	FILTER_TABLE(state, OPEN MODE("audit"), harmless_rows);
	FILTER_TABLE(state, MODE("audit") SYSCALLS("on_block = errno"), rows);
	FILTER_TABLE(state, MODE("audit") SYSCALLS("on_block = log_and_kill"), rows);
	FILTER_TABLE(state, MODE("audit") ALLOW_LIST("read"), listed);
}

static void an_empty_block_list(void **state)
{
	static const struct filter_row rows[] = {DEFAULT_BLOCKED(ALLOW)};

	FILTER_TABLE(state, SYSCALLS("block ="), rows);
	FILTER_TABLE(state, OPEN SYSCALLS("block ="), harmless_rows);
}

static void an_allow_list(void **state)
{
	static const struct filter_row listed[] = {
	    {"execve", {0}, ALLOW}, {"read", {UINT64_MAX}, ALLOW}, {"mseal", {UINT64_MAX}, ALLOW}};
	static const struct filter_row killed[] = {
	    {"getppid", {0}, KILL},        {"mount", {0}, KILL},          {"write", {UINT64_MAX}, KILL},
	    {"open_tree_attr", {0}, KILL}, {"file_setattr", {0}, KILL},   {"set_mempolicy_home_node", {0}, KILL},
	    {"io_uring_setup", {0}, KILL}, {"socket", {AF_UNIX, 1}, KILL}};
	static const struct filter_row denied[] = {{"getppid", {0}, DENY(EPERM)},
						   {"mount", {0}, DENY(EPERM)},
						   {"open_tree_attr", {0}, DENY(EPERM)},
						   {"file_setattr", {0}, DENY(EPERM)}};
	static const struct filter_row notified[] = {{"getppid", {0}, NOTIFY}, {"file_setattr", {0}, NOTIFY}};

	FILTER_TABLE(state, ALLOW_LIST("read, mseal"), listed);
	FILTER_TABLE(state, ALLOW_LIST("read, mseal"), killed);
	FILTER_TABLE(state, ALLOW_LIST("read, mseal") "on_block = errno\n", listed);
	FILTER_TABLE(state, ALLOW_LIST("read, mseal") "on_block = errno\n", denied);
	FILTER_TABLE(state, ALLOW_LIST("read, mseal") "on_block = log\n", notified);
}

/* Names in the order of their numbers: those of one architecture, then what only others have. */
static size_t collect_names(uint32_t arch, char names[][SYSCALL_NAME_MAX], size_t most)
{
	static const uint32_t tables[] = {SCMP_ARCH_X86_64, SCMP_ARCH_AARCH64, SCMP_ARCH_X86, SCMP_ARCH_ARM};
	size_t count = 0;

	for (int number = 0; number < NAMES_OF_TABLE && count < most; number++)
		if (syscall_name(arch, number, names[count]))
			count++;
	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
		for (int number = 0; number < NAMES_OF_TABLE && count < most; number++)
			if (syscall_name(tables[t], number, names[count]) && syscall_number(arch, names[count]) < 0)
				count++;
	return count;
}

/* "allow = ..." of execve, without which nothing is built, and all names but one, over continuation lines. */
static void print_allow_list(char *text, size_t size, char names[][SYSCALL_NAME_MAX], size_t count, size_t left_out)
{
	FILE *stream = fmemopen(text, size, "w");

	assert_non_null(stream);
	(void)fputs(OPEN "[sandbox.seccomp.syscalls]\ndefault_action = block\nblock =\nallow = execve", stream);
	for (size_t i = 0; i < count; i++)
		if (i != left_out)
			(void)fprintf(stream, "%s %s", i % 10 == 9 ? "\n  " : "", names[i]);
	(void)fputc('\n', stream);
	assert_int_equal(fclose(stream), 0);
}

/* Each of the list's ends and its middle is left out in turn: it alone is then blocked. */
static void an_allow_list_of_400_names(void **state)
{
	static char names[LIST_LENGTH + 1][SYSCALL_NAME_MAX];
	static char text[POLICY_TEXT_MAX];

	for (size_t a = 0; a < 2; a++) {
		size_t natives = collect_names(filter_arches[a], names, LIST_LENGTH + 1);
		size_t last = LIST_LENGTH;
		size_t left_out[4];

		assert_int_equal(natives, LIST_LENGTH + 1);
		while (syscall_number(filter_arches[a], names[last]) < 0)
			last--;
		left_out[0] = 0;
		left_out[1] = last / 2;
		left_out[2] = last;
		left_out[3] = LIST_LENGTH; /* of another architecture: nothing is blocked */
		for (size_t i = 0; i < 4; i++) {
			struct filter_case fc;

			print_allow_list(text, sizeof(text), names, LIST_LENGTH + 1, left_out[i]);
			filter_case_open(&fc, *state, text, filter_arches[a]);
			assert_true(fc.policy.syscalls.allow.count >= LIST_LENGTH);
			for (size_t n = 0; n < 3; n++)
				filter_case_name(&fc, names[left_out[n]], NULL, n == i ? KILL : ALLOW);
			filter_case_sweep(&fc);
			filter_case_close(&fc);
		}
	}
}

#define FAR_ROOT 514 /* about so many instructions, and half the tree is longer than a jump of 8 bits */

/* Every other name, so that each is a span of its own. On both sides of FAR_ROOT. */
static void lists_of_each_length(void **state)
{
	static char collected[NAMES_OF_TABLE][SYSCALL_NAME_MAX];
	static char names[NAMES_OF_TABLE][SYSCALL_NAME_MAX];
	static char text[POLICY_TEXT_MAX];

	for (size_t a = 0; a < 2; a++) {
		size_t count = collect_names(filter_arches[a], collected, NAMES_OF_TABLE);
		size_t shortest = BPF_MAXINSNS;
		size_t longest = 0;

		for (size_t i = 0; i < count / 2; i++)
			memcpy(names[i], collected[2 * i], SYSCALL_NAME_MAX);
		for (size_t length = 110; length <= 150; length += 2) {
			struct filter_case fc;

			assert_true(length < count / 2);
			print_allow_list(text, sizeof(text), names, length, SIZE_MAX);
			filter_case_open(&fc, *state, text, filter_arches[a]);
			shortest = fc.filter.count < shortest ? fc.filter.count : shortest;
			longest = fc.filter.count > longest ? fc.filter.count : longest;
			for (int number = 0; number <= syscall_highest(fc.arch); number++) {
				const struct seccomp_data call = {.nr = number, .arch = fc.arch};

				filter_case_simulate(&fc, &call, filter_case_ruling(&fc, &call));
			}
			filter_case_name(&fc, names[0], NULL, ALLOW);
			filter_case_name(&fc, names[length - 1], NULL, ALLOW);
			filter_case_name(&fc, names[length], NULL, KILL);
			filter_case_close(&fc);
		}
		assert_true(shortest < FAR_ROOT && longest > FAR_ROOT);
	}
}

/* Numbers that no table has. */
static void newer_calls(void **state)
{
	for (size_t a = 0; a < 2; a++) {
		uint32_t arch = filter_arches[a];
		uint32_t highest = (uint32_t)syscall_highest(arch);
		const uint32_t newer[] = {highest + 1, highest + 2, 511, 512, 547, 548, 1000, X32 - 1};
		struct filter_case listed;
		struct filter_case blocked;

		assert_true(highest >= 469);
		filter_case_open(&listed, *state, ALLOW_LIST("read"), arch);
		filter_case_open(&blocked, *state, "", arch);
		for (size_t i = 0; i < sizeof(newer) / sizeof(newer[0]); i++) {
			filter_case_number(&listed, newer[i], NULL, DENY(ENOSYS));
			filter_case_number(&blocked, newer[i], NULL, ALLOW);
		}
		filter_case_number(&listed, highest, NULL, KILL);
		filter_case_number(&listed, UINT32_MAX, NULL, KILL);
		filter_case_number(&blocked, UINT32_MAX, NULL, ALLOW);
		for (size_t i = 0; i < 3; i++) {
			const uint32_t number = (const uint32_t[]){X32, 0x80000000U, UINT32_MAX - 1}[i];
			bool x32 = arch == AUDIT_ARCH_X86_64;

			filter_case_number(&listed, number, NULL, x32 ? KILL : DENY(ENOSYS));
			filter_case_number(&blocked, number, NULL, x32 ? KILL : ALLOW);
		}
		filter_case_close(&listed);
		filter_case_close(&blocked);
	}
}

static void calls_that_libseccomp_does_not_know(void **state)
{
	static const struct filter_row blocked[] = {
	    {"open_tree_attr", {UINT64_MAX}, KILL}, {"mseal", {UINT64_MAX}, KILL},
	    {"file_setattr", {UINT64_MAX}, KILL},   {"set_mempolicy_home_node", {UINT64_MAX}, KILL},
	    {"cachestat", {UINT64_MAX}, ALLOW},     {"fchmodat2", {UINT64_MAX}, ALLOW},
	    {"removexattrat", {UINT64_MAX}, ALLOW}, {"ptrace", {UINT64_MAX}, ALLOW}};
	static const struct filter_row allowed[] = {{"open_tree_attr", {UINT64_MAX}, ALLOW},
						    {"cachestat", {UINT64_MAX}, ALLOW},
						    {"mseal", {UINT64_MAX}, DENY(EPERM)},
						    {"file_setattr", {UINT64_MAX}, DENY(EPERM)},
						    {"statmount", {UINT64_MAX}, DENY(EPERM)}};

	assert_int_equal(syscall_number(AUDIT_ARCH_AARCH64, "open_tree_attr"), 467);
	assert_int_equal(syscall_number(AUDIT_ARCH_X86_64, "open_tree_attr"), 467);
	FILTER_TABLE(state, SYSCALLS("block = open_tree_attr, mseal, file_setattr, set_mempolicy_home_node"), blocked);
	FILTER_TABLE(state, ALLOW_LIST("cachestat, open_tree_attr") "on_block = errno\n", allowed);
}

/* A name that exists, but not here, rules over nothing; its number elsewhere means nothing. */
static void names_of_one_architecture(void **state)
{
	const char *text = SYSCALLS("block = uretprobe, open, socketcall, set_tls, s390_guarded_storage, mount");

	for (size_t a = 0; a < 2; a++) {
		bool x86 = filter_arches[a] == AUDIT_ARCH_X86_64;
		struct filter_case fc;

		filter_case_open(&fc, *state, text, filter_arches[a]);
		filter_case_number(&fc, 335, NULL, x86 ? KILL : ALLOW);
		filter_case_number(&fc, 2, NULL, x86 ? KILL : ALLOW);
		filter_case_number(&fc, 102, NULL, ALLOW); /* socketcall of i386: getuid, getitimer */
		filter_case_name(&fc, "mount", NULL, KILL);
		filter_case_sweep(&fc);
		filter_case_close(&fc);
	}
}

static void a_name_listed_twice(void **state)
{
	static const struct filter_row rows[] = {
	    {"mount", {0}, KILL}, {"mseal", {UINT64_MAX}, KILL}, {"ptrace", {UINT64_MAX}, KILL}, {"read", {0}, ALLOW}};
	struct filter_case once;
	struct filter_case twice;

	FILTER_TABLE(state, SYSCALLS("block = mount, mseal, mount, ptrace, mseal, mount"), rows);
	for (size_t a = 0; a < 2; a++) {
		filter_case_open(&once, *state, SYSCALLS("block = mount, mseal, ptrace"), filter_arches[a]);
		filter_case_open(&twice, *state, SYSCALLS("block = mount, mseal, mount,\n  ptrace, mseal"),
				 filter_arches[a]);
		assert_int_equal(once.filter.count, twice.filter.count);
		assert_memory_equal(once.filter.instructions, twice.filter.instructions,
				    once.filter.count * sizeof(struct sock_filter));
		filter_case_close(&once);
		filter_case_close(&twice);
	}
}

/* No filter, rather than one that lets everything pass, or one of an architecture nobody asked for. */
static void what_no_filter_is_built_for(void **state)
{
	static const char *const texts[] = {MODE("disabled"), "[sandbox.seccomp]\nenabled = false\n"};
	struct diagnostics diagnostics;
	struct policy policy;
	struct filter filter;
	struct error err;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		diagnostics_init(&diagnostics);
		assert_int_equal(policy_parse(texts[i], strlen(texts[i]), &policy, &diagnostics), 0);
		assert_int_equal(filter_build(&policy, AUDIT_ARCH_X86_64, &filter, &err), -1);
		assert_null(filter.instructions);
		policy_free(&policy);
	}
	assert_int_equal(policy_defaults(&policy), 0);
	assert_int_equal(filter_build(&policy, AUDIT_ARCH_I386, &filter, &err), -1);
	assert_non_null(strstr(err.text, "no support for this architecture"));
	assert_null(filter.instructions);
	policy_free(&policy);
}

/* policy_parse refuses it; a policy made otherwise does not get past the filter. */
static void execve_blocked(void **state)
{
	static const enum on_block answers[] = {ON_BLOCK_KILL, ON_BLOCK_ERRNO};
	struct policy policy;
	struct filter filter;
	struct error err;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(policy_defaults(&policy), 0);
		policy.syscalls.on_block = answers[i % 2];
		if (i < 2)
			policy.syscalls.default_action = DEFAULT_BLOCK;
		else
			assert_int_equal(list_add(&policy.syscalls.block, "execve", 6, 1), 0);
		assert_int_equal(filter_build(&policy, filter_arches[i % 2], &filter, &err), -1);
		assert_non_null(strstr(err.text, "execve is blocked"));
		assert_null(filter.instructions);
		policy_free(&policy);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_default_policy),
	    cmocka_unit_test(what_on_block_does),
	    cmocka_unit_test(audit_notifies_whatever_on_block_says),
	    cmocka_unit_test(an_empty_block_list),
	    cmocka_unit_test(an_allow_list),
	    cmocka_unit_test(an_allow_list_of_400_names),
	    cmocka_unit_test(lists_of_each_length),
	    cmocka_unit_test(newer_calls),
	    cmocka_unit_test(calls_that_libseccomp_does_not_know),
	    cmocka_unit_test(names_of_one_architecture),
	    cmocka_unit_test(a_name_listed_twice),
	    cmocka_unit_test(what_no_filter_is_built_for),
	    cmocka_unit_test(execve_blocked),
	};

	kernel_rows_serve(argc, argv);
	return cmocka_run_group_tests_name("filter", tests, filter_run_begin, filter_run_end);
}
