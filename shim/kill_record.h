/*
 * A kill by the kernel, as its audit record tells it: type 1326, of which kernel/auditsc.c says what is in it. Pure.
 *
 *   audit(1767522600.123:456): auid=0 uid=0 gid=0 ses=1 subj=... pid=12 comm="sh" exe="/bin/dash" sig=31 arch=c000003e
 *   syscall=101 compat=0 ip=0x7f0000000000 code=0x80000000
 *
 * comm and exe are anybody's bytes. The kernel writes them between quotes, or, where there is a blank, a quote or no
 * plain character among them, all in hexadecimal, so that no name has a field of its own in it. What stands between
 * ses and pid is a security module's, and is passed over whatever it is.
 */
#ifndef AGENTSH_KILL_RECORD_H
#define AGENTSH_KILL_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define KILL_COMM_MAX 16U  /* TASK_COMM_LEN */
#define KILL_EXE_MAX  256U /* a longer one is not known */

struct kill_record {
	uint64_t time_ms; /* since the epoch */
	uint64_t serial;  /* of the record; from the boot on no two have the same */
	uint32_t uid;     /* the real one */
	pid_t pid;        /* the process, in the first pid namespace */
	uint32_t arch;    /* AUDIT_ARCH_* */
	int32_t call;     /* its number, with what an ABI has added to it */
	uint32_t code;    /* SECCOMP_RET_KILL_PROCESS, or SECCOMP_RET_KILL_THREAD */
	uint16_t comm_length;
	uint16_t exe_length; /* 0: not known */
	char comm[KILL_COMM_MAX];
	char exe[KILL_EXE_MAX];
};

enum kill_record_result {
	KILL_RECORD_KILL,
	KILL_RECORD_OTHER, /* of an action that kills nobody */
	KILL_RECORD_NONE   /* not in this form */
};

/* text: length bytes, without a NUL behind them. *record is set for KILL_RECORD_KILL alone. */
enum kill_record_result kill_record_parse(const char *text, size_t length, struct kill_record *record);

/* Room for the record's name in auditd's log, "1767522600.123:456", by kill_record_name(). */
#define KILL_RECORD_NAME_MAX 48U
void kill_record_name(const struct kill_record *record, char out[KILL_RECORD_NAME_MAX]);

#endif
