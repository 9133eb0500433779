/*
 * PIDFD_GET_INFO of linux/pidfd.h, which the headers may be too old to have. Linux 6.13: whose a process is. Linux
 * 6.15: what became of it, also when its parent has reaped it.
 */
#ifndef AGENTSH_PIDFD_INFORMATION_H
#define AGENTSH_PIDFD_INFORMATION_H

#include <stdint.h>
#include <sys/ioctl.h>

struct pidfd_information {
	uint64_t mask;
	uint64_t cgroup;
	uint32_t pid;
	uint32_t tgid;
	uint32_t ppid;
	uint32_t ruid;
	uint32_t rgid;
	uint32_t euid;
	uint32_t egid;
	uint32_t suid;
	uint32_t sgid;
	uint32_t fsuid;
	uint32_t fsgid;
	int32_t exit_code;
	uint64_t more[2];
};

#define PIDFD_INFORMATION      _IOWR(0xFF, 11, struct pidfd_information)
#define PIDFD_INFORMATION_IDS  (1ULL << 1)
#define PIDFD_INFORMATION_EXIT (1ULL << 3)

#endif
