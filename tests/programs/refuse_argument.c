/*
 * Executes a command on what looks like an older kernel:
 * refuse_argument CALL INDEX VALUE ERRNO COMMAND [ARGUMENT...]
 * The system call of that number answers ERRNO where the low half of its argument INDEX is VALUE.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int load(const unsigned numbers[4])
{
	/* The machines that this runs on are little endian: the low half comes first. */
	unsigned offset = (unsigned)(offsetof(struct seccomp_data, args) + 8 * numbers[1]);
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, numbers[0], 0, 3),
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, numbers[2], 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | numbers[3]),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -1;
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

int main(int argc, char **argv)
{
	unsigned numbers[4];

	if (argc < 6)
		return 2;
	for (int i = 0; i < 4; i++)
		numbers[i] = (unsigned)strtoul(argv[i + 1], NULL, 0);
	if (numbers[1] > 5 || load(numbers) != 0) {
		perror("refuse_argument");
		return 125;
	}
	execvp(argv[5], argv + 5);
	perror("refuse_argument");
	return 127;
}
