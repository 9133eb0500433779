/*
 * The rules in libseccomp's own terms: its pseudo filter code for people to read (agentshctl export), and, in the
 * tests, its program for the same rules, which ours (filter.h) is held against.
 */
#ifndef AGENTSH_PSEUDO_CODE_H
#define AGENTSH_PSEUDO_CODE_H

#include <seccomp.h>
#include <stdint.h>
#include <stdio.h>

#include "error.h"
#include "policy.h"
#include "rules.h"

/*
 * A stage's rules, as far as libseccomp knows the calls (syscall_is_supplementary). The caller's to release with
 * seccomp_release(3); NULL and *err where libseccomp refuses one.
 */
scmp_filter_ctx pseudo_code_stage(const struct rules *rules, const struct stage *stage, struct error *err);

/* Writes the policy as pseudo filter code, stage by stage. 0, or -1 and *err. */
int pseudo_code_print(const struct policy *policy, uint32_t arch, FILE *stream, struct error *err);

#endif
