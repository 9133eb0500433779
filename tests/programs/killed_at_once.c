/*
 * killed_at_once COUNT [NAME]: COUNT processes, of that name, make a blocked call, getppid, at the same time. Prints
 * the pid of each and the signal that ended it, a line each. They are buried when there is a line, or the end, on
 * standard input.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define STATUS_USAGE 2

/* Waits for the end of the pipe, which is everybody's at once. */
static void call_with_others(const int *start, const char *name)
{
	char byte;

	close(start[1]);
	if (name)
		(void)prctl(PR_SET_NAME, name);
	if (read(start[0], &byte, 1) == 0)
		(void)syscall(SYS_getppid);
	_exit(0);
}

/* They are dead, and have their numbers still. */
static void await_deaths(const pid_t *children, long count)
{
	siginfo_t information;

	for (long i = 0; i < count; i++) {
		if (waitid(P_PID, (id_t)children[i], &information, WEXITED | WNOWAIT) == 0)
			printf("%d %d\n", children[i], information.si_code == CLD_EXITED ? 0 : information.si_status);
	}
	(void)fflush(stdout);
}

int main(int argc, char **argv)
{
	long count = argc >= 2 ? strtol(argv[1], NULL, 10) : 0;
	pid_t *children = calloc(count > 0 ? (size_t)count : 1, sizeof(*children));
	int start[2];

	if (count <= 0 || !children || pipe(start) != 0)
		return STATUS_USAGE;
	for (long i = 0; i < count; i++) {
		children[i] = fork();
		if (children[i] == 0)
			call_with_others(start, argc > 2 ? argv[2] : NULL);
	}
	close(start[1]);
	await_deaths(children, count);
	(void)getchar();
	for (long i = 0; i < count; i++)
		(void)waitpid(children[i], NULL, 0);
	free(children);
	return 0;
}
