/* Loads the program in a file, as agentshctl export writes it, and executes a command behind it. */
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
	FILE *file = argc > 2 ? fopen(argv[1], "re") : NULL;

	if (!file)
		return 2;
	program.len = (unsigned short)fread(code, sizeof(code[0]), BPF_MAXINSNS + 1, file);
	(void)fclose(file);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) {
		perror("load_filter");
		return 125;
	}
	execvp(argv[2], argv + 2);
	perror("load_filter");
	return 127;
}
