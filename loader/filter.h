/*
 * A policy's program for seccomp(2), in the kernel's classic BPF. Pure but for a memfd: the only
 * way to get a program out of libseccomp 2.5.
 */
#ifndef AGENTSH_FILTER_H
#define AGENTSH_FILTER_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "error.h"
#include "policy.h"
#include "rules.h"

struct filter {
	struct sock_filter *instructions; /* owned */
	size_t count;                     /* 1 to BPF_MAXINSNS (4096) */
};

/*
 * Compiles the policy for an architecture (syscall_native_arch() for this machine). Returns 0
 * (free with filter_free) or -1 and *err. Either every rule is in the program or it is an error.
 */
int filter_build(const struct policy *policy, uint32_t arch, struct filter *filter, struct error *err);

/* The same for a setting; filter_build is that of a setting that is all zero. */
int filter_build_for(const struct policy *policy, const struct rules_setting *setting, uint32_t arch,
		     struct filter *filter, struct error *err);
void filter_free(struct filter *filter);

/* Writes the policy as libseccomp's pseudo filter code, stage by stage. 0, or -1 and *err. */
int filter_print_pfc(const struct policy *policy, uint32_t arch, FILE *stream, struct error *err);

/*
 * Can the program be left only by a RET: no jump leaves it, and it ends with one? A program that
 * was cut short is not so: libseccomp's first test, of the architecture, jumps to its end.
 */
bool filter_is_whole(const struct sock_filter *code, size_t count);

#endif
