/*
 * Who makes a call: what /proc says of a thread. proc(5).
 */
#ifndef AGENTSH_TRACEE_H
#define AGENTSH_TRACEE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define TRACEE_COMM_MAX 64U

struct tracee {
	pid_t tid;
	pid_t tgid;  /* the process; 0: not known */
	int64_t uid; /* effective; -1: not known */
	char comm[TRACEE_COMM_MAX];
	size_t comm_length;
	bool has_comm;
	char exe[PATH_MAX];
	size_t exe_length;
	bool has_exe; /* false: no executable file, or it may not be read */
};

/*
 * Reads what there is of a thread, by one opened directory, so that all of it is of the same one.
 * The caller then checks that its notification is still valid: the number may have been another's.
 * False where there is no such thread: only tid is set.
 */
bool tracee_read(pid_t tid, struct tracee *tracee);

/*
 * The same by its directory in /proc (borrowed; -1: there is none): for a thread that has a target's root, where /proc
 * is whatever the target has put there.
 */
bool tracee_read_in(int directory, pid_t tid, struct tracee *tracee);

/* When a process began, in the kernel's ticks since the boot; 0: not known. */
uint64_t tracee_began(pid_t tgid);

/*
 * That of a process by its directory (borrowed; -1: there is none), and of what tracee_read_in reads comm and exe; all
 * else is left as it is. In as few looks as it takes: for each, the kernel makes an inode.
 */
uint64_t tracee_describe(int directory, struct tracee *tracee);

/* That, and whose child it is (0: nobody's here). False: there is no such process, or *began is not known. */
bool tracee_origin(pid_t tgid, uint64_t *began, pid_t *parent);

/* Is it under a filter, and bound to stay so by no_new_privs? */
bool tracee_is_filtered(pid_t tgid);

/* The number of a process in its own pid namespace, the innermost; -1: it is not to be had. */
pid_t tracee_own_pid(pid_t tgid);

#endif
