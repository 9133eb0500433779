/*
 * What filter_build makes of libseccomp's program: longer than any that a policy of today's names
 * gives (some 450 instructions), too long, cut short, or none. Here seccomp_export_bpf is ours.
 */
#include <dlfcn.h>
#include <seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "filter_case.h"
#include "kernel_row.h"
#include "syscall_table.h"

/* What the next exports write; reset by each test. The interposed function has no other way to know. */
static struct {
	struct sock_filter code[BPF_MAXINSNS + 2];
	size_t bytes;    /* of code; 0: libseccomp's own program */
	unsigned fake;   /* how many exports are of code, before they are libseccomp's own */
	int result;      /* what it returns */
	unsigned called; /* how often */
} export;

int seccomp_export_bpf(const scmp_filter_ctx context, int fd)
{
	int (*real)(scmp_filter_ctx, int);
	void *symbol = dlsym(RTLD_NEXT, "seccomp_export_bpf");

	memcpy(&real, &symbol, sizeof(real));
	if (export.called++ >= export.fake)
		return real(context, fd);
	if (export.bytes > 0 && write(fd, export.code, export.bytes) != (ssize_t) export.bytes)
		return -EIO;
	return export.result;
}

static void statement(uint16_t code, uint32_t value)
{
	export.code[export.bytes / sizeof(struct sock_filter)] = (struct sock_filter){.code = code, .k = value};
	export.bytes += sizeof(struct sock_filter);
}

static void jump_equal(uint32_t value, uint8_t yes, uint8_t no)
{
	statement(BPF_JMP | BPF_JEQ | BPF_K, value);
	export.code[export.bytes / sizeof(struct sock_filter) - 1].jt = yes;
	export.code[export.bytes / sizeof(struct sock_filter) - 1].jf = no;
}

/* Every call n below highest, of x86_64, gets ERRNO(n) if it is even and is allowed if it is odd; -1 as well. */
static void export_each_call(uint32_t highest)
{
	memset(&export, 0, sizeof(export));
	export.fake = 1;
	statement(BPF_LD | BPF_W | BPF_ABS, 4);
	jump_equal(AUDIT_ARCH_X86_64, 1, 0);
	statement(BPF_RET | BPF_K, KILL);
	statement(BPF_LD | BPF_W | BPF_ABS, 0);
	for (uint32_t number = 0; number < highest; number++) {
		jump_equal(number, 0, 1);
		statement(BPF_RET | BPF_K, number % 2 ? ALLOW : DENY(number));
	}
	statement(BPF_RET | BPF_K, ALLOW);
}

/* A program of so many instructions: all but the last load. */
static void export_length(size_t length)
{
	memset(&export, 0, sizeof(export));
	export.fake = 1;
	for (size_t i = 0; i + 1 < length; i++)
		statement(BPF_LD | BPF_W | BPF_ABS, 0);
	statement(BPF_RET | BPF_K, ALLOW);
}

static int build(const char *text, struct filter *filter, struct error *err)
{
	struct diagnostics diagnostics;
	struct policy policy;
	int result;

	diagnostics_init(&diagnostics);
	assert_int_equal(policy_parse(text, strlen(text), &policy, &diagnostics), 0);
	result = filter_build(&policy, AUDIT_ARCH_X86_64, filter, err);
	policy_free(&policy);
	if (result != 0) {
		assert_null(filter->instructions);
		assert_int_equal(filter->count, 0);
	}
	return result;
}

static void refused(const char *text, const char *why)
{
	struct filter filter;
	struct error err;

	if (build(text, &filter, &err) == 0)
		fail_msg("built, of %zu instructions: %s", filter.count, why);
	if (!strstr(err.text, why))
		fail_msg("%s, expected: %s", err.text, why);
}

/* Joined to what stands before and after it: every jump still hits, though none of 8 bits could. */
static void expect_joined(struct filter_run *run, const char *text, uint32_t highest, bool sockets)
{
	struct filter_case fc;

	export_each_call(highest);
	filter_case_open(&fc, run, text, AUDIT_ARCH_X86_64);
	assert_true(fc.filter.count > (size_t)2 * highest);
	for (uint32_t number = 0; number <= 2 * highest; number++) {
		bool odd = number % 2 != 0 || number >= highest;

		/* mseal, of the prologue, and the sockets stage rule over what is theirs. */
		if (number == 462)
			filter_case_number(&fc, number, NULL, DENY(EPERM));
		else if (!odd)
			filter_case_number(&fc, number, NULL, DENY(number));
		else if (!sockets || (number != 41 && number != 53 && (number < 425 || number > 427)))
			filter_case_number(&fc, number, NULL, ALLOW);
	}
	if (sockets) {
		filter_case_number(&fc, 41, (const uint64_t[6]){HIGH(AF_UNIX), SOCK_STREAM}, DENY(EACCES));
		filter_case_number(&fc, 41, (const uint64_t[6]){AF_INET, SOCK_STREAM}, ALLOW);
		filter_case_number(&fc, 53, (const uint64_t[6]){AF_UNIX, SOCK_DGRAM}, DENY(EACCES));
		filter_case_number(&fc, 53, (const uint64_t[6]){AF_UNIX, SOCK_STREAM}, ALLOW);
		filter_case_number(&fc, 425, (const uint64_t[6]){0}, DENY(ENOSYS));
		filter_case_number(&fc, 427, NULL, DENY(ENOSYS));
	}
	for (int number = -1; number < 500; number += 50)
		filter_case_foreign(&fc, AUDIT_ARCH_I386, number);
	filter_case_close(&fc);
}

static void longer_than_256_and_1024(void **state)
{
	static const uint32_t highest[] = {100, 130, 470, 513, 600, 1000, 1900};
	const char *listed = OPEN SYSCALLS("on_block = errno\nblock = mount, mseal");
	const char *both = SYSCALLS("on_block = errno\nblock = mount, mseal") SOCKETS("degraded = no_unix");

	for (size_t i = 0; i < sizeof(highest) / sizeof(highest[0]); i++) {
		expect_joined(*state, listed, highest[i], false);
		expect_joined(*state, both, highest[i], true);
	}
}

/* 4096 is the kernel's limit; what is prepended or follows counts. */
static void too_long(void **state)
{
	const char *plain = OPEN SYSCALLS("block = mount");
	const char *prologue = OPEN SYSCALLS("block = mount, mseal"); /* 4 instructions, and 2 of mseal */
	const char *sockets = SYSCALLS("block = mount") SOCKETS("degraded = no_unix");
	struct filter filter;
	struct error err;
	size_t stage;

	(void)state;
	export_length(BPF_MAXINSNS);
	assert_int_equal(build(plain, &filter, &err), 0);
	assert_int_equal(filter.count, BPF_MAXINSNS);
	filter_free(&filter);
	export_length(BPF_MAXINSNS + 1);
	refused(plain, "longer than the kernel's 4096");
	export_length(BPF_MAXINSNS + 2);
	refused(plain, "longer than the kernel's 4096");
	export_length(BPF_MAXINSNS - 6);
	assert_int_equal(build(prologue, &filter, &err), 0);
	assert_int_equal(filter.count, BPF_MAXINSNS);
	filter_free(&filter);
	export_length(BPF_MAXINSNS - 5);
	refused(prologue, "longer than the kernel's 4096");
	export_length(1);
	assert_int_equal(build(sockets, &filter, &err), 0);
	stage = filter.count - 1;
	filter_free(&filter);
	export_length(BPF_MAXINSNS - stage);
	assert_int_equal(build(sockets, &filter, &err), 0);
	assert_int_equal(filter.count, BPF_MAXINSNS);
	filter_free(&filter);
	export_length(BPF_MAXINSNS - stage + 1);
	refused(sockets, "longer than the kernel's 4096");
}

static void cut_short(void **state)
{
	const char *plain = OPEN SYSCALLS("block = mount");

	(void)state;
	export_length(0);
	export.bytes = 0;
	refused(plain, "cannot be read back");
	export_length(20);
	export.bytes -= 1;
	refused(plain, "cannot be read back");
	export.called = 0;
	export.bytes = 19 * sizeof(struct sock_filter);
	refused(plain, "was cut short");
	/* The end is a RET, and a jump goes beyond it. */
	export_each_call(200);
	export.bytes -= 3 * sizeof(struct sock_filter);
	export.code[export.bytes / sizeof(struct sock_filter) - 2].jf = 2;
	refused(plain, "was cut short");
	export_length(20);
	export.code[3] = (struct sock_filter){.code = BPF_JMP | BPF_JA, .k = 16};
	refused(plain, "was cut short");
}

/* Of either stage. */
static void libseccomp_fails(void **state)
{
	const char *sockets = SYSCALLS("block = mount") SOCKETS("degraded = no_unix");

	(void)state;
	export_length(20);
	export.result = -ENOMEM;
	refused(sockets, "libseccomp cannot compile it: Cannot allocate memory");
	assert_int_equal(export.called, 1);
	export_length(20);
	export.fake = 2;
	export.code[5] = (struct sock_filter){.code = BPF_JMP | BPF_JA, .k = UINT32_MAX};
	refused(sockets, "was cut short");
}

static void the_longest_policies_fit(void **state)
{
	static char text[POLICY_TEXT_MAX];

	memset(&export, 0, sizeof(export));
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
	    cmocka_unit_test(longer_than_256_and_1024),
	    cmocka_unit_test(too_long),
	    cmocka_unit_test(cut_short),
	    cmocka_unit_test(libseccomp_fails),
	    cmocka_unit_test(the_longest_policies_fit),
	};

	kernel_rows_serve(argc, argv);
	return cmocka_run_group_tests_name("filter_export", tests, filter_run_begin, filter_run_end);
}
