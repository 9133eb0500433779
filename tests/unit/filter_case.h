/*
 * A policy's filter under test: its text compiled for one architecture, the program checked as
 * the kernel does, and calls made to it in the simulator. A tenth of them, drawn anew each run,
 * is made on the kernel as well when the case is closed. Each function fails the test that calls it.
 */
#ifndef AGENTSH_TEST_FILTER_CASE_H
#define AGENTSH_TEST_FILTER_CASE_H

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "filter.h"
#include "library_program.h"
#include "policy.h"
#include "rules.h"

#define ALLOW       SECCOMP_RET_ALLOW
#define KILL        SECCOMP_RET_KILL_PROCESS
#define NOTIFY      SECCOMP_RET_USER_NOTIF
#define DENY(error) (SECCOMP_RET_ERRNO | (uint32_t)(error))

#define X32     0x40000000U
#define HIGH(x) (0x100000000U | (uint64_t)(x)) /* the kernel sees x where it takes an int */

/* Sections of a policy. */
#define SYSCALLS(text) "[sandbox.seccomp.syscalls]\n" text "\n"
#define SOCKETS(text)  "[sandbox.seccomp.unix_socket]\nenabled = true\n" text "\n"
#define OPEN           "[sandbox.seccomp.unix_socket]\nenabled = false\n" /* every socket can be reached */
#define MODE(mode)     "[sandbox.seccomp]\nmode = " mode "\n"
#define ALLOW_LIST(names)                                                                                              \
	"[sandbox.seccomp.syscalls]\ndefault_action = block\nblock =\nallow = execve, exit_group, " names "\n"

/* The architectures that filters are built for. */
extern const uint32_t filter_arches[2];

/* One run of a test program: the state of its cmocka group. */
struct filter_run {
	uint64_t seed; /* $AGENTSH_TEST_SEED, else of the clock; printed */
	uint64_t dice;
	size_t calls;    /* simulated, of an architecture that this machine has */
	size_t made;     /* of these, on the kernel */
	size_t compared; /* simulated calls that libseccomp's program was run on as well */
	size_t excluded; /* of these, kernel_row_hazard() has a reason against */
};

/* Group setup and teardown: a *state of struct filter_run. */
int filter_run_begin(void **state);
int filter_run_end(void **state);

/* A number below the bound, of the run's seed. */
size_t filter_roll(struct filter_run *run, size_t bound);

struct filter_call {
	struct seccomp_data call;
	uint32_t action;
};

struct filter_case {
	struct filter_run *run;
	const char *text; /* not owned: outlives the case */
	uint32_t arch;
	struct policy policy;
	struct filter filter;
	struct rules rules;
	struct library_program library;
	struct filter_call *calls; /* owned; those that could be made on the kernel */
	size_t call_count;
};

void filter_case_open(struct filter_case *fc, struct filter_run *run, const char *text, uint32_t arch);
void filter_case_close(struct filter_case *fc);

/* The call is to get the action, which is a kernel row where this machine can make it. */
void filter_case_call(struct filter_case *fc, const struct seccomp_data *call, uint32_t action);

/* The same by name or number of the case's architecture. args: six, or NULL: each is -1. */
void filter_case_name(struct filter_case *fc, const char *name, const uint64_t *args, uint32_t action);
void filter_case_number(struct filter_case *fc, uint32_t number, const uint64_t *args, uint32_t action);

/* A call of another architecture, which is to get KILL. */
void filter_case_foreign(struct filter_case *fc, uint32_t arch, int number);

/* Simulates only: for arguments by the thousand. */
void filter_case_simulate(const struct filter_case *fc, const struct seccomp_data *call, uint32_t action);

/* What rules_of_call and the comparisons of its stage say of a call of the case's architecture. */
uint32_t filter_case_ruling(const struct filter_case *fc, const struct seccomp_data *call);

/* Every call from 0 to some above the highest gets what the rules say, and foreign ones KILL (in enforce mode). */
void filter_case_sweep(struct filter_case *fc);

/* Calls x arguments -> action. */
struct filter_row {
	const char *name;
	uint64_t args[6];
	uint32_t action;
};

/* Opens the policy for each architecture, makes these calls, sweeps, and closes it. */
void filter_table(struct filter_run *run, const char *text, const struct filter_row *rows, size_t count);

#define FILTER_TABLE(state, text, rows) filter_table(*(state), text, rows, sizeof(rows) / sizeof((rows)[0]))

#endif
