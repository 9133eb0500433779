/*
 * signal_storm restart|interrupt CALLS: a signal each millisecond, with SA_RESTART or without, while
 * CALLS times personality(0xffffffff, N) is made, which a policy may block. Prints
 * "SIGNALS ALLOWED DENIED INTERRUPTED": how many handlers ran, and what the calls answered. Where an
 * argument N was interrupted it is not tried again.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

static volatile sig_atomic_t handled;

static void handle(int signal)
{
	(void)signal;
	handled++;
}

int main(int argc, char **argv)
{
	const struct itimerval each = {{0, 1000}, {0, 1000}};
	const struct itimerval none = {{0, 0}, {0, 0}};
	struct sigaction action = {.sa_handler = handle};
	long answers[3] = {0};
	long calls = argc == 3 ? strtol(argv[2], NULL, 10) : 0;

	if (calls <= 0)
		return 2;
	action.sa_flags = strcmp(argv[1], "restart") == 0 ? SA_RESTART : 0;
	if (sigaction(SIGALRM, &action, NULL) != 0 || setitimer(ITIMER_REAL, &each, NULL) != 0)
		return 2;
	/* Until signals have come as well: a fast machine makes many calls in a millisecond. */
	for (long number = 0; number < calls || handled < 100; number++) {
		long result = syscall(SYS_personality, 0xffffffff, number);

		if (result >= 0)
			answers[0]++;
		else if (errno == EPERM)
			answers[1]++;
		else if (errno == EINTR)
			answers[2]++;
		else
			return 3;
	}
	(void)setitimer(ITIMER_REAL, &none, NULL);
	(void)printf("%d %ld %ld %ld\n", (int)handled, answers[0], answers[1], answers[2]);
	return 0;
}
