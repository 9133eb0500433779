/* Writes argv, then the environment, to descriptor 1: a count a list, each string with its NUL. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int dump(char *const *strings)
{
	size_t count = 0;

	while (strings[count])
		count++;
	if (printf("%zu\n", count) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		if (fwrite(strings[i], 1, strlen(strings[i]) + 1, stdout) != strlen(strings[i]) + 1)
			return -1;
	return 0;
}

int main(int argc, char **argv)
{
	(void)argc;
	return dump(argv) == 0 && dump(environ) == 0 && fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
