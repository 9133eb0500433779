/*
 * What a hostile user has loaded into every dynamic program, by LD_PRELOAD or LD_AUDIT: notes in
 * /tmp/evil whether the program it is in runs behind a filter. A line with seccomp=0 is a program
 * that could as well have executed an unfiltered shell.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

unsigned int la_version(unsigned int version);

/* Makes it an audit module too: rtld-audit(7). */
unsigned int la_version(unsigned int version)
{
	return version;
}

__attribute__((constructor)) static void note(void)
{
	char line[64];
	int length =
	    snprintf(line, sizeof(line), "%s seccomp=%d\n", program_invocation_short_name, prctl(PR_GET_SECCOMP));
	int descriptor = open("/tmp/evil", O_WRONLY | O_APPEND | O_CLOEXEC);

	if (descriptor < 0 || length <= 0)
		return;
	(void)!write(descriptor, line, (size_t)length);
	(void)close(descriptor);
}
