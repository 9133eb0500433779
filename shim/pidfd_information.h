/*
 * PIDFD_GET_INFO of linux/pidfd.h, which the headers may be too old to have. Linux 6.15: what became
 * of a process, also when its parent has reaped it.
 */
#ifndef AGENTSH_PIDFD_INFORMATION_H
#define AGENTSH_PIDFD_INFORMATION_H

#include <stdint.h>
#include <sys/ioctl.h>

struct pidfd_information {
	uint64_t mask;
	uint64_t cgroup;
	uint32_t ids[11]; /* pid, tgid, ppid, and four pairs of uid and gid */
	int32_t exit_code;
	uint64_t more[2];
};

#define PIDFD_INFORMATION      _IOWR(0xFF, 11, struct pidfd_information)
#define PIDFD_INFORMATION_EXIT (1ULL << 3)

#endif
