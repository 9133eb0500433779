/*
 * reserved_call rubbish|exhausted|thousand: makes the reserved call of a session.
 * rubbish: with operations that there are not; prints what they answer, where it is one thing.
 * exhausted: with no descriptor left; prints what it answers.
 * thousand: as it should be made, a thousand times; "as before": the table of descriptors is.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attestation.h"
#include "rules.h"

#define TIMES 1000

static long reserved(uint64_t operation, uint64_t more)
{
	long result = syscall(SYS_prctl, (long)RESERVED_CALL, operation, more, more, more);

	return result < 0 ? -errno : result;
}

static int rubbish(void)
{
	static const uint64_t operations[] = {0, 2, 3, 0x7fffffff, 0xffffffff, 1ULL << 32, UINT64_MAX, 0x100000001};

	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
		long result = reserved(operations[i], UINT64_MAX);

		if (result != -EINVAL) {
			(void)printf("%llx: %ld\n", (unsigned long long)operations[i], result);
			return 1;
		}
	}
	(void)puts(strerror(EINVAL));
	return 0;
}

static int exhausted(void)
{
	const struct rlimit few = {16, 16};
	long result;

	(void)setvbuf(stdout, NULL, _IOLBF, 256);
	if (setrlimit(RLIMIT_NOFILE, &few) != 0)
		return 2;
	while (dup(STDOUT_FILENO) >= 0)
		continue;
	result = reserved(RESERVED_ATTEST, 0);
	(void)puts(result < 0 ? strerror((int)-result) : "a descriptor");
	close(15);
	result = reserved(RESERVED_ATTEST, 0);
	return result == 15 ? 0 : 1;
}

static unsigned count_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned count = 0;

	while (directory && readdir(directory))
		count++;
	if (directory)
		(void)closedir(directory);
	return count;
}

static int thousand(void)
{
	unsigned before = count_descriptors();

	for (int i = 0; i < TIMES; i++) {
		long descriptor = reserved(RESERVED_ATTEST, 0);

		if (descriptor < 0 || fcntl((int)descriptor, F_GETFD) != FD_CLOEXEC || close((int)descriptor) != 0)
			return 1;
		if (reserved(RESERVED_ATTEST + 1, 0) != -EINVAL)
			return 1;
	}
	if (count_descriptors() != before)
		return 1;
	(void)puts("as before");
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "rubbish") == 0)
		return rubbish();
	if (argc == 2 && strcmp(argv[1], "exhausted") == 0)
		return exhausted();
	return argc == 2 && strcmp(argv[1], "thousand") == 0 ? thousand() : 2;
}
