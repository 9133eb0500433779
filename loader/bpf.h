/*
 * A program for seccomp(2) as it grows, in the kernel's classic BPF: Documentation/networking/filter.rst. Pure.
 */
#ifndef AGENTSH_BPF_H
#define AGENTSH_BPF_H

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

#define X32_NUMBERS 0x40000000U /* from here on a number on x86_64 is x32's */
#define NO_NUMBER   0xffffffffU /* a tracer skips a call by this one */

struct filter {
	struct sock_filter *instructions; /* owned */
	size_t count;                     /* 1 to BPF_MAXINSNS (4096) */
	size_t room;
};

/* 0, or -1 and *err: it would be longer than the kernel takes, or there is no memory. */
int bpf_append(struct filter *filter, const struct sock_filter *code, size_t count, struct error *err);

/* The accumulator becomes the 32 bits at that offset of struct seccomp_data. */
struct sock_filter bpf_load(size_t offset);

/* test: BPF_JEQ, BPF_JGT or BPF_JGE, of the accumulator and value. So many instructions are passed by. */
struct sock_filter bpf_jump(unsigned test, uint32_t value, size_t yes, size_t no);

struct sock_filter bpf_return(uint32_t action);

#endif
