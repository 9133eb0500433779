/*
 * The loader that stays, where only an ancestor may read a process: the loader executes this in its
 * own place, so that the session's reader is above all of it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "init.h"
#include "program.h"
#include "reader.h"
#include "role.h"

int ancestor_main(int argc, char **argv)
{
	char *rest = argc == 3 ? argv[2] : (char *)"";
	int numbers[4]; /* as init_stay wrote them */

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		char *start = rest;

		numbers[i] = (int)strtol(start, &rest, 10);
		if (rest == start)
			return EXIT_FAILURE;
	}
	init_attend(numbers[0], numbers[1], numbers[2], numbers[3], reader_start);
}
