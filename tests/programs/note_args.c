/*
 * A [shell] program that notes how it was called, a line a call: argv, then SHELL. Each argument
 * stands in <>, bytes other than plain ASCII as \xNN. Then it is /bin/bash, with the same argv.
 */
#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NOTES "/run/noted" /* made by the test, for everyone to append to */

static void note(FILE *notes, const char *argument)
{
	(void)fputc('<', notes);
	for (const unsigned char *byte = (const unsigned char *)argument; *byte; byte++) {
		if (*byte < 0x80 && isprint(*byte) && *byte != '\\' && *byte != '<' && *byte != '>')
			(void)fputc(*byte, notes);
		else
			(void)fprintf(notes, "\\x%02x", *byte);
	}
	(void)fputc('>', notes);
}

int main(int argc, char **argv)
{
	int descriptor = open(NOTES, O_WRONLY | O_APPEND | O_CLOEXEC);
	FILE *notes = descriptor < 0 ? NULL : fdopen(descriptor, "a");
	const char *shell = getenv("SHELL");

	if (!notes)
		return EXIT_FAILURE;
	for (int i = 0; i < argc; i++)
		note(notes, argv[i]);
	(void)fprintf(notes, " SHELL=%s\n", shell ? shell : "");
	if (fclose(notes) != 0)
		return EXIT_FAILURE;
	execv("/bin/bash", argv);
	return EXIT_FAILURE;
}
