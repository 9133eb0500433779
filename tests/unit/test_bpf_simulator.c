/* The simulator itself: what it refuses and what it computes is what the kernel does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "bpf_simulator.h"
#include "filter_case.h"
#include "kernel_row.h"
#include "syscall_table.h"

/* Versions 14 and 19 differ here. */
/* clang-format off */
#define S(code_, value)       {.code = (code_), .k = (value)}
#define J(op, value, yes, no) {.code = BPF_JMP | (op), .jt = (yes), .jf = (no), .k = (value)}
/* clang-format on */
#define ALU(op, value) S(BPF_ALU | (op), value)
#define LOAD(offset)   S(BPF_LD | BPF_W | BPF_ABS, offset)
#define SET_A(value)   S(BPF_LD | BPF_IMM, value)
#define SET_X(value)   S(BPF_LDX | BPF_IMM, value)
#define PASS           S(BPF_RET | BPF_K, ALLOW)
#define LENGTH_MAX     12

struct program {
	struct sock_filter code[LENGTH_MAX];
	size_t count;
	size_t at; /* where it is bad */
};

/* Makes getppid(args) behind the program. */
static struct kernel_row on_kernel(const struct sock_filter *code, size_t count)
{
	struct kernel_row row = {
	    .runs = true,
	    .call = {.nr = SYS_getppid,
		     .arch = syscall_native_arch(),
		     .args = {1, HIGH(2), 3, 4, 5, 0x1122334455667788U}},
	};

	kernel_rows_run(code, count, &row, 1);
	assert_true(row.plain.returned);
	return row;
}

static void bad_programs(void **state)
{
	static const struct program programs[] = {
	    {{S(BPF_RET | BPF_X, 0)}, 1, 0},                /* no such RET */
	    {{S(0xffff, 0), PASS}, 2, 0},                   /* unknown */
	    {{S(BPF_LD | BPF_B | BPF_ABS, 0), PASS}, 2, 0}, /* of sockets, not of seccomp */
	    {{S(BPF_LD | BPF_H | BPF_ABS, 0), PASS}, 2, 0},
	    {{S(BPF_LD | BPF_W | BPF_IND, 0), PASS}, 2, 0},
	    {{S(BPF_LDX | BPF_B | BPF_MSH, 0), PASS}, 2, 0},
	    {{ALU(BPF_MOD | BPF_K, 3), PASS}, 2, 0},
	    {{ALU(BPF_DIV | BPF_K, 0), PASS}, 2, 0},
	    {{ALU(BPF_LSH | BPF_K, 32), PASS}, 2, 0},
	    {{ALU(BPF_RSH | BPF_K, 32), PASS}, 2, 0},
	    {{LOAD(1), PASS}, 2, 0}, /* not aligned */
	    {{LOAD(62), PASS}, 2, 0},
	    {{LOAD(64), PASS}, 2, 0}, /* beyond the data */
	    {{LOAD(0xfffffffc), PASS}, 2, 0},
	    {{LOAD(0)}, 1, 0}, /* no RET */
	    {{PASS, LOAD(0)}, 2, 1},
	    {{S(BPF_JMP | BPF_JA, 1), PASS}, 2, 0}, /* out of the program */
	    {{S(BPF_JMP | BPF_JA, 0xffffffff), PASS}, 2, 0},
	    {{J(BPF_JEQ, 0, 1, 0), PASS}, 2, 0},
	    {{J(BPF_JEQ, 0, 0, 1), PASS}, 2, 0},
	    {{J(BPF_JGT, 0, 255, 0), PASS, PASS}, 3, 0},
	    {{PASS, S(BPF_JMP | BPF_JA, 0)}, 2, 1}, /* and no RET */
	    {{S(BPF_ST, 16), PASS}, 2, 0},          /* no such memory */
	    {{S(BPF_STX, 0xffffffff), PASS}, 2, 0},
	    {{S(BPF_LD | BPF_MEM, 0), PASS}, 2, 0}, /* nothing was stored */
	    {{S(BPF_ST, 1), S(BPF_LDX | BPF_MEM, 2), PASS}, 3, 1},
	    {{J(BPF_JEQ, 0, 0, 1), S(BPF_ST, 1), S(BPF_LD | BPF_MEM, 1), PASS}, 4, 2},
	    {{S(BPF_JMP | BPF_JA, 1), S(BPF_ST, 1), S(BPF_LD | BPF_MEM, 1), PASS}, 4, 2},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		const struct program *program = &programs[i];
		struct kernel_row row = on_kernel(program->code, program->count);
		size_t at;

		if (!bpf_check(program->code, program->count, &at))
			fail_msg("program %zu is taken", i);
		assert_int_equal(at, program->at);
		/* seccomp(2) has refused it, so that nothing was called. */
		assert_false(row.filtered.returned);
		assert_true(WIFEXITED(row.filtered.status) && WEXITSTATUS(row.filtered.status) == EXIT_FAILURE);
	}
}

static void lengths(void **state)
{
	static struct sock_filter code[BPF_MAXINSNS + 1];
	size_t at;

	(void)state;
	for (size_t i = 0; i <= BPF_MAXINSNS; i++)
		code[i] = (struct sock_filter)PASS;
	assert_non_null(bpf_check(code, 0, &at));
	assert_null(bpf_check(code, 1, &at));
	assert_null(bpf_check(code, BPF_MAXINSNS, &at));
	assert_non_null(bpf_check(code, BPF_MAXINSNS + 1, &at));
	assert_true(on_kernel(code, BPF_MAXINSNS).filtered.returned);
	assert_false(on_kernel(code, 0).filtered.returned);
}

/* Each leaves a value in A, below 4096: the errno that getppid is then answered. */
struct computation {
	struct sock_filter code[LENGTH_MAX];
	size_t count;
	uint32_t value;
	size_t steps; /* with the two that make an answer of it */
};

static const struct computation computations[] = {
    {{SET_A(7)}, 1, 7, 3},
    {{LOAD(16)}, 1, 1, 3},
    {{LOAD(24)}, 1, 2, 3},
    {{LOAD(28)}, 1, 1, 3}, /* the high half */
    {{LOAD(56), ALU(BPF_AND | BPF_K, 0xfff)}, 2, 0x788, 4},
    {{LOAD(60), ALU(BPF_RSH | BPF_K, 20)}, 2, 0x112, 4},
    {{S(BPF_LD | BPF_W | BPF_LEN, 0)}, 1, 64, 3},
    {{S(BPF_LDX | BPF_W | BPF_LEN, 0), S(BPF_MISC | BPF_TXA, 0)}, 2, 64, 4},
    {{SET_A(7), ALU(BPF_ADD | BPF_K, 5)}, 2, 12, 4},
    {{SET_A(7), ALU(BPF_SUB | BPF_K, 5)}, 2, 2, 4},
    {{SET_A(7), ALU(BPF_MUL | BPF_K, 5)}, 2, 35, 4},
    {{SET_A(70), ALU(BPF_DIV | BPF_K, 6)}, 2, 11, 4},
    {{SET_A(0xffffffff), ALU(BPF_DIV | BPF_K, 0x1000000)}, 2, 255, 4},
    {{SET_A(6), ALU(BPF_OR | BPF_K, 9)}, 2, 15, 4},
    {{SET_A(6), ALU(BPF_XOR | BPF_K, 3)}, 2, 5, 4},
    {{SET_A(3), ALU(BPF_LSH | BPF_K, 4)}, 2, 48, 4},
    {{SET_A(0xfffffff0), ALU(BPF_NEG, 0)}, 2, 16, 4},
    {{SET_A(7), SET_X(5), ALU(BPF_ADD | BPF_X, 0)}, 3, 12, 5},
    {{SET_A(7), SET_X(5), ALU(BPF_SUB | BPF_X, 0)}, 3, 2, 5},
    {{SET_A(7), SET_X(5), ALU(BPF_MUL | BPF_X, 0)}, 3, 35, 5},
    {{SET_A(70), SET_X(6), ALU(BPF_DIV | BPF_X, 0)}, 3, 11, 5},
    {{SET_A(6), SET_X(3), ALU(BPF_AND | BPF_X, 0)}, 3, 2, 5},
    {{SET_A(6), SET_X(9), ALU(BPF_OR | BPF_X, 0)}, 3, 15, 5},
    {{SET_A(6), SET_X(3), ALU(BPF_XOR | BPF_X, 0)}, 3, 5, 5},
    {{SET_A(3), SET_X(4), ALU(BPF_LSH | BPF_X, 0)}, 3, 48, 5},
    {{SET_A(48), SET_X(4), ALU(BPF_RSH | BPF_X, 0)}, 3, 3, 5},
    {{SET_A(9), S(BPF_MISC | BPF_TAX, 0), SET_A(1), S(BPF_MISC | BPF_TXA, 0)}, 4, 9, 6},
    {{SET_A(9), S(BPF_ST, 15), SET_A(1), S(BPF_LD | BPF_MEM, 15)}, 4, 9, 6},
    {{SET_X(9), S(BPF_STX, 0), S(BPF_LD | BPF_MEM, 0)}, 3, 9, 5},
    {{SET_A(9), S(BPF_ST, 3), S(BPF_LDX | BPF_MEM, 3), SET_A(0), S(BPF_MISC | BPF_TXA, 0)}, 5, 9, 7},
    {{SET_A(1), S(BPF_JMP | BPF_JA, 1), SET_A(2), ALU(BPF_ADD | BPF_K, 4)}, 4, 5, 5},
    {{SET_A(5), J(BPF_JEQ, 5, 0, 1), SET_A(1), ALU(BPF_ADD | BPF_K, 4)}, 4, 5, 6},
    {{SET_A(5), J(BPF_JEQ, 4, 0, 1), SET_A(1), ALU(BPF_ADD | BPF_K, 4)}, 4, 9, 5},
    {{SET_A(5), J(BPF_JGT, 5, 0, 1), SET_A(1), ALU(BPF_ADD | BPF_K, 4)}, 4, 9, 5},
    {{SET_A(5), J(BPF_JGE, 5, 0, 1), SET_A(1), ALU(BPF_ADD | BPF_K, 4)}, 4, 5, 6},
    {{SET_A(0x80000000), J(BPF_JGT, 5, 1, 0), SET_A(1), ALU(BPF_RSH | BPF_K, 24)}, 4, 128, 5},
    {{SET_A(5), J(BPF_JSET, 4, 1, 0), SET_A(1), ALU(BPF_ADD | BPF_K, 4)}, 4, 9, 5},
    {{SET_A(5), J(BPF_JSET, 2, 1, 0), SET_A(1), ALU(BPF_ADD | BPF_K, 4)}, 4, 5, 6},
    {{SET_A(5), SET_X(5), J(BPF_JEQ | BPF_X, 0, 1, 0), SET_A(1), ALU(BPF_ADD | BPF_K, 4)}, 5, 9, 6},
    {{SET_A(5), SET_X(4), J(BPF_JGT | BPF_X, 9, 1, 0), SET_A(1), ALU(BPF_ADD | BPF_K, 4)}, 5, 9, 6},
};

static void what_is_computed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(computations) / sizeof(computations[0]); i++) {
		const struct computation *now = &computations[i];
		struct sock_filter code[LENGTH_MAX + 2];
		struct bpf_result result;
		struct kernel_row row;
		size_t at;

		for (size_t c = 0; c < now->count; c++)
			code[c] = now->code[c];
		code[now->count] = (struct sock_filter)ALU(BPF_OR | BPF_K, SECCOMP_RET_ERRNO);
		code[now->count + 1] = (struct sock_filter)S(BPF_RET | BPF_A, 0);
		assert_null(bpf_check(code, now->count + 2, &at));
		row = on_kernel(code, now->count + 2);
		result = bpf_run(code, &row.call);
		if (result.action != DENY(now->value) || result.steps != now->steps)
			fail_msg("computation %zu: action %08x after %zu steps", i, result.action, result.steps);
		assert_true(row.filtered.returned);
		assert_int_equal(row.filtered.value, -(int64_t)now->value);
	}
}

/* A division by zero of the kernel's is 0, but for the check, and so is its RET then: the process is killed. */
static void division_by_x(void **state)
{
	const struct sock_filter code[] = {SET_A(9), SET_X(0), ALU(BPF_DIV | BPF_X, 0), S(BPF_RET | BPF_A, 0)};
	struct kernel_row row = on_kernel(code, 4);

	(void)state;
	assert_int_equal(bpf_run(code, &row.call).action, SECCOMP_RET_KILL_THREAD);
	assert_true(WIFSIGNALED(row.filtered.status) && !row.filtered.returned);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(bad_programs),
	    cmocka_unit_test(lengths),
	    cmocka_unit_test(what_is_computed),
	    cmocka_unit_test(division_by_x),
	};

	kernel_rows_serve(argc, argv);
	return cmocka_run_group_tests_name("bpf_simulator", tests, NULL, NULL);
}
