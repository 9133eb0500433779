/*
 * call_until FILE: makes personality(0xffffffff, N), N = 0, 1, ..., until the file is there. Prints
 * "CALLS DENIED OTHERS": how many there were, and how many answered EPERM, or anything else.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	unsigned long denied = 0;
	unsigned long others = 0;
	unsigned long number = 0;

	if (argc != 2)
		return 2;
	for (; access(argv[1], F_OK) != 0; number++)
		if (syscall(SYS_personality, 0xffffffff, number) < 0 && errno == EPERM)
			denied++;
		else
			others++;
	(void)printf("%lu %lu %lu\n", number, denied, others);
	return 0;
}
