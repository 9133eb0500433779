/*
 * many_calls COUNT: makes a blocked call, getppid, so often. Exits 0 where it answered EPERM each time.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	long count = argc == 2 ? strtol(argv[1], NULL, 10) : 0;

	for (long i = 0; i < count; i++)
		if (syscall(SYS_getppid) != -1 || errno != EPERM)
			return 1;
	return 0;
}
