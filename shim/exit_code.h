/*
 * How a process that is not our child has ended. PIDFD_GET_INFO of pidfd_open(2); proc_pid_stat(5).
 */
#ifndef AGENTSH_EXIT_CODE_H
#define AGENTSH_EXIT_CODE_H

#include <sys/types.h>

#define EXIT_CODE_UNKNOWN (-1)

/*
 * The status, as waitpid(2) gives it, of a process that has ended: from its entry in /proc as long as
 * its parent has not reaped it, then from the pidfd (Linux 6.15). EXIT_CODE_UNKNOWN: it runs, or
 * nobody can tell any more.
 */
int exit_code_read(int pidfd, pid_t pid);

#endif
