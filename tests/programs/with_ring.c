/*
 * with_ring [-p] COMMAND...: runs it with an io_uring of ours as its descriptor 40. -p: one that the kernel polls,
 * by a thread of ours, and so beside us.
 */
#include <err.h>
#include <linux/io_uring.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PLACE 40

static void end_as(pid_t child)
{
	int status;

	if (waitpid(child, &status, 0) != child || !WIFEXITED(status))
		errx(2, "the command");
	exit(WEXITSTATUS(status));
}

int main(int argc, char **argv)
{
	const bool polled = argc > 1 && strcmp(argv[1], "-p") == 0;
	struct io_uring_params parameters = {.flags = polled ? IORING_SETUP_SQPOLL : 0};
	int ring = (int)syscall(SYS_io_uring_setup, 8, &parameters);
	char **command = argv + 1 + polled;
	pid_t child = 0;

	if (argc < 2 + polled || ring < 0 || dup2(ring, PLACE) != PLACE)
		err(2, "io_uring");
	if (polled)
		child = fork();
	if (child < 0)
		err(2, "fork");
	if (child > 0)
		end_as(child);
	execvp(command[0], command);
	err(2, "%s", command[0]);
}
