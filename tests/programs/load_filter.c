/*
 * Loads the program in a file, as agentshctl export writes it, and executes a command behind it; no more than that, as
 * the bench has it for the least that a loader can be.
 */
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	static struct sock_filter code[BPF_MAXINSNS + 1];
	struct sock_fprog program = {.filter = code};
	int file = argc > 2 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;
	ssize_t length = read(file, code, sizeof(code));

	if (length < 0)
		return 2;
	close(file);
	program.len = (unsigned short)((size_t)length / sizeof(code[0]));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) {
		perror("load_filter");
		return 125;
	}
	execvp(argv[2], argv + 2);
	perror("load_filter");
	return 127;
}
