/*
 * What the kernel does with a program of seccomp(2): checks it (bpf_check_classic and
 * check_load_and_stores of net/core/filter.c, seccomp_check_filter of kernel/seccomp.c), and runs it.
 */
#ifndef AGENTSH_TEST_BPF_SIMULATOR_H
#define AGENTSH_TEST_BPF_SIMULATOR_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>

/* Why the kernel would answer EINVAL, and at which instruction (*at). NULL: it takes the program. */
const char *bpf_check(const struct sock_filter *code, size_t count, size_t *at);

struct bpf_result {
	uint32_t action; /* SECCOMP_RET_* with its data */
	size_t steps;    /* instructions executed, the RET too */
};

/* Runs a program, which bpf_check must have found good, on a call. */
struct bpf_result bpf_run(const struct sock_filter *code, const struct seccomp_data *data);

#endif
