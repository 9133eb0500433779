#include "bpf_simulator.h"

#include <stdbool.h>
#include <string.h>

#define WORD_BITS 32U

/* Everything that seccomp_check_filter lets pass, and nothing else: no MOD, no byte or half word. */
static bool is_known(uint16_t code)
{
	static const uint16_t known[] = {
	    BPF_RET | BPF_K,
	    BPF_RET | BPF_A,
	    BPF_ALU | BPF_ADD | BPF_K,
	    BPF_ALU | BPF_ADD | BPF_X,
	    BPF_ALU | BPF_SUB | BPF_K,
	    BPF_ALU | BPF_SUB | BPF_X,
	    BPF_ALU | BPF_MUL | BPF_K,
	    BPF_ALU | BPF_MUL | BPF_X,
	    BPF_ALU | BPF_DIV | BPF_K,
	    BPF_ALU | BPF_DIV | BPF_X,
	    BPF_ALU | BPF_AND | BPF_K,
	    BPF_ALU | BPF_AND | BPF_X,
	    BPF_ALU | BPF_OR | BPF_K,
	    BPF_ALU | BPF_OR | BPF_X,
	    BPF_ALU | BPF_XOR | BPF_K,
	    BPF_ALU | BPF_XOR | BPF_X,
	    BPF_ALU | BPF_LSH | BPF_K,
	    BPF_ALU | BPF_LSH | BPF_X,
	    BPF_ALU | BPF_RSH | BPF_K,
	    BPF_ALU | BPF_RSH | BPF_X,
	    BPF_ALU | BPF_NEG,
	    BPF_LD | BPF_W | BPF_ABS,
	    BPF_LD | BPF_W | BPF_LEN,
	    BPF_LDX | BPF_W | BPF_LEN,
	    BPF_LD | BPF_IMM,
	    BPF_LDX | BPF_IMM,
	    BPF_LD | BPF_MEM,
	    BPF_LDX | BPF_MEM,
	    BPF_ST,
	    BPF_STX,
	    BPF_MISC | BPF_TAX,
	    BPF_MISC | BPF_TXA,
	    BPF_JMP | BPF_JA,
	    BPF_JMP | BPF_JEQ | BPF_K,
	    BPF_JMP | BPF_JEQ | BPF_X,
	    BPF_JMP | BPF_JGE | BPF_K,
	    BPF_JMP | BPF_JGE | BPF_X,
	    BPF_JMP | BPF_JGT | BPF_K,
	    BPF_JMP | BPF_JGT | BPF_X,
	    BPF_JMP | BPF_JSET | BPF_K,
	    BPF_JMP | BPF_JSET | BPF_X,
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i] == code)
			return true;
	return false;
}

static bool uses_memory(uint16_t code)
{
	return code == (BPF_LD | BPF_MEM) || code == (BPF_LDX | BPF_MEM) || code == BPF_ST || code == BPF_STX;
}

/* room: how many instructions follow. */
static const char *check_instruction(const struct sock_filter *at, size_t room)
{
	if (!is_known(at->code))
		return "unknown instruction";
	if (at->code == (BPF_LD | BPF_W | BPF_ABS) && (at->k >= sizeof(struct seccomp_data) || at->k % 4 != 0))
		return "load outside of seccomp_data, or not aligned";
	if (at->code == (BPF_ALU | BPF_DIV | BPF_K) && at->k == 0)
		return "division by zero";
	if ((at->code == (BPF_ALU | BPF_LSH | BPF_K) || at->code == (BPF_ALU | BPF_RSH | BPF_K)) && at->k >= WORD_BITS)
		return "shift by more than a word";
	if (uses_memory(at->code) && at->k >= BPF_MEMWORDS)
		return "no such word of memory";
	if (at->code == (BPF_JMP | BPF_JA) && at->k >= room)
		return "jump out of the program";
	if (BPF_CLASS(at->code) == BPF_JMP && at->code != (BPF_JMP | BPF_JA) && (at->jt >= room || at->jf >= room))
		return "jump out of the program";
	return NULL;
}

/* Is each word of memory stored to on every way that leads to its load? */
static const char *check_memory(const struct sock_filter *code, size_t count, size_t *at)
{
	uint16_t reached[BPF_MAXINSNS]; /* by jumps: the words that all of them have stored */
	uint16_t stored = 0;

	memset(reached, 0xff, sizeof(reached));
	for (*at = 0; *at < count; ++*at) {
		const struct sock_filter *now = &code[*at];
		bool conditional = BPF_CLASS(now->code) == BPF_JMP && now->code != (BPF_JMP | BPF_JA);

		stored &= reached[*at];
		if (now->code == BPF_ST || now->code == BPF_STX)
			stored |= (uint16_t)(1U << now->k);
		else if (uses_memory(now->code) && !(stored & 1U << now->k))
			return "load of memory that nothing was stored to";
		if (BPF_CLASS(now->code) != BPF_JMP)
			continue;
		if (!conditional)
			reached[*at + 1 + now->k] &= stored;
		for (unsigned way = 0; conditional && way < 2; way++)
			reached[*at + 1 + (way ? now->jt : now->jf)] &= stored;
		stored = UINT16_MAX;
	}
	return NULL;
}

const char *bpf_check(const struct sock_filter *code, size_t count, size_t *at)
{
	*at = 0;
	if (count == 0 || count > BPF_MAXINSNS)
		return "not 1 to 4096 instructions";
	for (; *at < count; ++*at) {
		const char *why = check_instruction(&code[*at], count - *at - 1);

		if (why)
			return why;
	}
	*at = count - 1;
	if (BPF_CLASS(code[*at].code) != BPF_RET)
		return "no RET at the end";
	return check_memory(code, count, at);
}

struct machine {
	uint32_t a;
	uint32_t x;
	uint32_t memory[BPF_MEMWORDS];
};

static uint32_t load_word(const struct seccomp_data *data, uint32_t offset)
{
	uint32_t word;

	memcpy(&word, (const char *)data + offset, sizeof(word));
	return word;
}

static uint32_t calculate(uint16_t code, uint32_t a, uint32_t operand)
{
	switch (BPF_OP(code)) {
	case BPF_ADD:
		return a + operand;
	case BPF_SUB:
		return a - operand;
	case BPF_MUL:
		return a * operand;
	case BPF_DIV:
		return operand ? a / operand : 0;
	case BPF_AND:
		return a & operand;
	case BPF_OR:
		return a | operand;
	case BPF_XOR:
		return a ^ operand;
	case BPF_LSH:
		return a << (operand % WORD_BITS);
	case BPF_RSH:
		return a >> (operand % WORD_BITS);
	default: /* BPF_NEG */
		return 0 - a;
	}
}

/* How many instructions a jump passes over. */
static uint32_t distance(const struct sock_filter *at, const struct machine *machine)
{
	uint32_t operand = BPF_SRC(at->code) == BPF_X ? machine->x : at->k;
	bool yes;

	switch (BPF_OP(at->code)) {
	case BPF_JA:
		return at->k;
	case BPF_JEQ:
		yes = machine->a == operand;
		break;
	case BPF_JGT:
		yes = machine->a > operand;
		break;
	case BPF_JGE:
		yes = machine->a >= operand;
		break;
	default: /* BPF_JSET */
		yes = (machine->a & operand) != 0;
		break;
	}
	return yes ? at->jt : at->jf;
}

static uint32_t loaded(const struct sock_filter *at, const struct machine *machine, const struct seccomp_data *data)
{
	switch (BPF_MODE(at->code)) {
	case BPF_ABS:
		return load_word(data, at->k);
	case BPF_LEN:
		return sizeof(*data);
	case BPF_MEM:
		return machine->memory[at->k];
	default: /* BPF_IMM */
		return at->k;
	}
}

/* Everything but jumps and RET. */
static void step(const struct sock_filter *at, struct machine *machine, const struct seccomp_data *data)
{
	switch (BPF_CLASS(at->code)) {
	case BPF_LD:
		machine->a = loaded(at, machine, data);
		break;
	case BPF_LDX:
		machine->x = loaded(at, machine, data);
		break;
	case BPF_ST:
		machine->memory[at->k] = machine->a;
		break;
	case BPF_STX:
		machine->memory[at->k] = machine->x;
		break;
	case BPF_ALU:
		machine->a = calculate(at->code, machine->a, BPF_SRC(at->code) == BPF_X ? machine->x : at->k);
		break;
	default: /* BPF_MISC */
		if (BPF_MISCOP(at->code) == BPF_TAX)
			machine->x = machine->a;
		else
			machine->a = machine->x;
		break;
	}
}

struct bpf_result bpf_run(const struct sock_filter *code, const struct seccomp_data *data)
{
	struct machine machine = {0};
	struct bpf_result result = {.steps = 1};

	for (; BPF_CLASS(code->code) != BPF_RET; code++, result.steps++) {
		if (BPF_CLASS(code->code) == BPF_JMP)
			code += distance(code, &machine);
		else
			step(code, &machine, data);
	}
	result.action = BPF_RVAL(code->code) == BPF_A ? machine.a : code->k;
	return result;
}
