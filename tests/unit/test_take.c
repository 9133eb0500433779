/* reach.h: a descriptor taken through the reader. Not under valgrind, which has no pidfd_open (tests/run). */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "reach.h"
#include "reader.h"

static void takes(void **state)
{
	int ends[2];
	struct reach reach;
	int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	int file = memfd_create("taken", MFD_CLOEXEC);
	struct stat ours;
	struct stat theirs;
	int taken;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(reader_start(ends[1]), 0);
	reach = (struct reach){.channel = ends[0], .connection = -1};
	assert_true(pidfd >= 0 && file >= 0);
	taken = reach_take(&reach, pidfd, file);
	assert_true(taken >= 0 && taken != file);
	assert_int_equal(fstat(file, &theirs), 0);
	assert_int_equal(fstat(taken, &ours), 0);
	assert_int_equal(ours.st_ino, theirs.st_ino);
	close(taken);
	close(file);
	assert_int_equal(reach_take(&reach, pidfd, 999999), -1);
	assert_int_equal(errno, EBADF);
	close(pidfd);
	reach_end(&reach);
	close(ends[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(takes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
