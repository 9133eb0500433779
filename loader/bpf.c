#include "bpf.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM ((size_t)256)

/* -1: no memory. */
static int make_room(struct filter *filter, size_t count)
{
	struct sock_filter *instructions;
	size_t room = FIRST_ROOM;

	if (filter->room - filter->count >= count)
		return 0;
	while (room < filter->count + count)
		room *= 2;
	instructions = reallocarray(filter->instructions, room, sizeof(*instructions));
	if (!instructions)
		return -1;
	filter->instructions = instructions;
	filter->room = room;
	return 0;
}

int bpf_append(struct filter *filter, const struct sock_filter *code, size_t count, struct error *err)
{
	if (count > BPF_MAXINSNS - filter->count)
		return error_set(err, "filter: it is longer than the kernel's %d instructions (shorten block or allow)",
				 BPF_MAXINSNS);
	if (make_room(filter, count) != 0)
		return error_set(err, "filter: out of memory");
	memcpy(filter->instructions + filter->count, code, count * sizeof(*code));
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
