/*
 * A policy's program for seccomp(2), in the kernel's classic BPF. Pure.
 *
 * It is built here, from libseccomp's numbers, and not by libseccomp: that takes a tenth of the start of /bin/true
 * for ten rules, and three starts for a list of 400. What is left is mostly the reading of the text, which a cached
 * program saves (program_cache.h). The tests hold it against libseccomp's program for the same rules (pseudo_code.h),
 * call by call.
 */
#ifndef AGENTSH_FILTER_H
#define AGENTSH_FILTER_H

#include <stddef.h>
#include <stdint.h>

#include "bpf.h"
#include "error.h"
#include "policy.h"
#include "rules.h"

/*
 * Compiles the policy for an architecture (syscall_native_arch() for this machine). Returns 0
 * (free with filter_free) or -1 and *err. Either every rule is in the program or it is an error.
 */
int filter_build(const struct policy *policy, uint32_t arch, struct filter *filter, struct error *err);

/* The same for a setting; filter_build is that of a setting that is all zero. */
int filter_build_for(const struct policy *policy, const struct rules_setting *setting, uint32_t arch,
		     struct filter *filter, struct error *err);

/* The same for rules that are there already. */
int filter_compile(const struct rules *rules, struct filter *filter, struct error *err);
void filter_free(struct filter *filter);

#endif
