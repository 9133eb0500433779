#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl.h"

/* conf/agentsh.ini, whole: what init writes is what the tests hold against the built-in defaults. */
__asm__(".pushsection .rodata\n"
	"agentsh_starter:\n"
	".incbin \"conf/agentsh.ini\"\n"
	"agentsh_starter_end:\n"
	".popsection\n");
extern const char agentsh_starter[] __attribute__((visibility("hidden")));
extern const char agentsh_starter_end[] __attribute__((visibility("hidden")));

static int write_starter(FILE *stream)
{
	/* Two labels of one object, which C has no word for. */
	size_t length = (size_t)((uintptr_t)agentsh_starter_end - (uintptr_t)agentsh_starter);

	return fwrite(agentsh_starter, 1, length, stream) == length && fflush(stream) == 0 ? 0 : -1;
}

/* Half a policy is none: it would also keep the next try from making the file. */
static int give_up(const char *path, int error, struct error *err)
{
	(void)unlink(path);
	return error_set(err, "init: %s: %s", path, strerror(error));
}

static int write_file(const char *path, struct error *err)
{
	/* A policy that others could write would be refused by agentsh-exec. */
	int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOCTTY | O_CLOEXEC, 0644);
	FILE *stream;
	int result;
	int error;

	if (descriptor < 0)
		return error_set(err, "init: %s: %s", path, strerror(errno));
	stream = fdopen(descriptor, "w");
	if (!stream) {
		close(descriptor);
		return give_up(path, errno, err);
	}
	result = fchmod(descriptor, 0644) == 0 ? write_starter(stream) : -1;
	error = errno;
	if (fclose(stream) == 0 && result == 0)
		return 0;
	return give_up(path, result == 0 ? errno : error, err);
}

int ctl_init(int argc, char **argv)
{
	struct error err;

	if (argc > 2 || (argc == 2 && argv[1][0] == '-'))
		return ctl_usage("init", "it takes one file and no option");
	if (argc == 1) {
		(void)write_starter(stdout);
		return ctl_finish();
	}
	return write_file(argv[1], &err) == 0 ? CTL_OK : ctl_failed(&err);
}
