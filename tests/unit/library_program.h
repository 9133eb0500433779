/*
 * libseccomp's own program for a policy's rules: what ours is held against.
 */
#ifndef AGENTSH_TEST_LIBRARY_PROGRAM_H
#define AGENTSH_TEST_LIBRARY_PROGRAM_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>

#include "rules.h"

struct library_program {
	struct sock_filter *list; /* owned; one for each stage, as libseccomp exports it */
	struct sock_filter *sockets;
};

/* Fails the test that calls it where libseccomp refuses a rule. */
void library_program_open(struct library_program *program, const struct rules *rules);
void library_program_close(struct library_program *program);

/* What it does with the call. False: libseccomp cannot say (a number that it does not know, the reserved call). */
bool library_program_run(const struct library_program *program, const struct rules *rules,
			 const struct seccomp_data *call, uint32_t *action);

#endif
