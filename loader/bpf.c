#include "bpf.h"

#include <stdlib.h>
#include <string.h>

int bpf_append(struct filter *filter, const struct sock_filter *code, size_t count, struct error *err)
{
	struct sock_filter *instructions;

	if (count > BPF_MAXINSNS - filter->count)
		return error_set(err, "filter: it is longer than the kernel's %d instructions (shorten block or allow)",
				 BPF_MAXINSNS);
	instructions = reallocarray(filter->instructions, filter->count + count, sizeof(*instructions));
	if (!instructions)
		return error_set(err, "filter: out of memory");
	memcpy(instructions + filter->count, code, count * sizeof(*code));
	filter->instructions = instructions;
	filter->count += count;
	return 0;
}

struct sock_filter bpf_load(size_t offset)
{
	return (struct sock_filter){.code = BPF_LD | BPF_W | BPF_ABS, .k = (uint32_t)offset};
}

struct sock_filter bpf_jump(unsigned test, uint32_t value, size_t yes, size_t no)
{
	return (struct sock_filter){
	    .code = (uint16_t)(BPF_JMP | BPF_K | test), .jt = (uint8_t)yes, .jf = (uint8_t)no, .k = value};
}

struct sock_filter bpf_return(uint32_t action)
{
	return (struct sock_filter){.code = BPF_RET | BPF_K, .k = action};
}
