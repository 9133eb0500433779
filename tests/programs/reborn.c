/* reborn PID COMMAND [ARGUMENT...]: the command, in a process of that number, which must be free. Its status. */
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	pid_t wanted = argc > 2 ? (pid_t)strtol(argv[1], NULL, 10) : 0;
	struct clone_args arguments = {
	    .exit_signal = SIGCHLD, .set_tid = (uint64_t)(uintptr_t)&wanted, .set_tid_size = 1};
	long child = syscall(SYS_clone3, &arguments, sizeof(arguments));
	int status;

	if (child == 0) {
		execv(argv[2], argv + 2);
		_exit(127);
	}
	if (child < 0) {
		perror("reborn");
		return 125;
	}
	if (waitpid((pid_t)child, &status, 0) < 0)
		return 125;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
