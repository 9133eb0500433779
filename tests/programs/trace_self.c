/* Makes one call of the default block list, ptrace(PTRACE_TRACEME). Exits 0 where that worked. */
#include <stdio.h>
#include <sys/ptrace.h>

int main(void)
{
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0)
		return 0;
	perror("ptrace");
	return 1;
}
