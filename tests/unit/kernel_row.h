/*
 * Calls made on the kernel: each in a process of its own, behind the filter. What executes them is this same program,
 * executed anew, so that neither valgrind nor a sanitizer's own calls stand behind the filter.
 */
#ifndef AGENTSH_TEST_KERNEL_ROW_H
#define AGENTSH_TEST_KERNEL_ROW_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KERNEL_ROWS_MAX 256U

struct kernel_result {
	int returned;  /* did the call return? */
	int status;    /* of waitpid(2) */
	int64_t value; /* what it returned: -errno as the kernel gives it */
};

struct kernel_row {
	struct seccomp_data call; /* of the native architecture, or of i386 where int $0x80 makes it */
	bool runs;                /* the filter is to let it pass: then it is made without the filter as well */
	struct kernel_result plain;
	struct kernel_result filtered;
};

/* Can this machine make a call of that architecture? */
bool kernel_row_possible(uint32_t arch);

/*
 * Why the call cannot be made here though its arguments are invalid, or NULL. runs: the filter
 * is to let it pass; few calls have a reason where it does not.
 */
const char *kernel_row_hazard(const struct seccomp_data *call, bool runs);

/* Makes the calls of up to KERNEL_ROWS_MAX rows and fills in their results. Fails the test where it cannot. */
void kernel_rows_run(const struct sock_filter *code, size_t count, struct kernel_row *rows, size_t row_count);

/* First in main(): where this process was started by kernel_rows_run, it does that work and exits. */
void kernel_rows_serve(int argc, char **argv);

#endif
