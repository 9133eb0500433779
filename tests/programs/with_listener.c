/*
 * Executes a command behind a filter with a listener that nobody reads: with_listener NUMBER COMMAND [ARGUMENT...]
 * The system call of that number waits for ever; the command holds the listener itself.
 */
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int load(unsigned number)
{
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -1;
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

int main(int argc, char **argv)
{
	int listener;

	if (argc < 3)
		return 2;
	listener = load((unsigned)strtoul(argv[1], NULL, 10));
	if (listener < 0 || fcntl(listener, F_SETFD, 0) != 0) {
		perror("with_listener");
		return 125;
	}
	execvp(argv[2], argv + 2);
	perror("with_listener");
	return 127;
}
