/*
 * Writes a line for each signal that arrives: number, si_code, value where it was queued. First
 * "ready PID". All are blocked, so that none is lost; ends by SIGRTMAX. "signal_log -g" makes a
 * process group of its own first, as an interactive shell does.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	sigset_t all;
	siginfo_t info;
	int signo;

	if (argc > 1 && strcmp(argv[1], "-g") == 0 && setpgid(0, 0) != 0)
		return EXIT_FAILURE;
	if (sigfillset(&all) != 0 || sigprocmask(SIG_BLOCK, &all, NULL) != 0 || setvbuf(stdout, NULL, _IOLBF, 0) != 0)
		return EXIT_FAILURE;
	if (printf("ready %d\n", getpid()) < 0)
		return EXIT_FAILURE;
	do {
		signo = sigwaitinfo(&all, &info);
		if (signo > 0 && printf("%d %d %d\n", signo, info.si_code,
					info.si_code == SI_QUEUE ? info.si_value.sival_int : 0) < 0)
			return EXIT_FAILURE;
	} while (signo != SIGRTMAX);
	return EXIT_SUCCESS;
}
