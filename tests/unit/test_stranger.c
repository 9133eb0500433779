/* stranger.h: what may be closed at once, by its kind and by whose file system it is on. */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "stranger.h"

#define CLOSED 8U /* more than a user may have under way for long */

static void expect(int descriptor, bool prompt)
{
	assert_true(descriptor >= 0);
	assert_int_equal(stranger_is_prompt(descriptor), prompt);
	close(descriptor);
}

static void pipes_terminals_and_unix_sockets_are_prompt(void **state)
{
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	expect(ends[0], true);
	expect(ends[1], true);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	expect(ends[0], true);
	expect(ends[1], true);
	expect(open("/dev/null", O_RDWR | O_CLOEXEC), true);
}

static void a_file_of_a_mounted_file_system_is(void **state)
{
	(void)state;
	expect(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), true);
	expect(open("/proc/self/status", O_RDONLY | O_CLOEXEC), true);
	expect(open("/etc/passwd", O_RDONLY | O_CLOEXEC), true);
}

static void what_is_mounted_nowhere_or_may_linger_is_not(void **state)
{
	(void)state;
	expect(memfd_create("nowhere", MFD_CLOEXEC), false);
	expect(socket(AF_INET, SOCK_STREAM, 0), false);
	assert_false(stranger_is_prompt(-1));
}

/* Those that have closed something end a moment later. */
static unsigned count_threads(void)
{
	DIR *tasks = opendir("/proc/self/task");
	unsigned count = 0;

	assert_non_null(tasks);
	while (readdir(tasks))
		count++;
	(void)closedir(tasks);
	return count - 2; /* . and .. */
}

static void all_are_closed(void **state)
{
	static struct strangers strangers;
	int descriptors[CLOSED];

	(void)state;
	strangers_begin(&strangers);
	assert_false(stranger_has_too_many(&strangers, 1));
	for (size_t i = 0; i < CLOSED; i++) {
		descriptors[i] = memfd_create("nowhere", MFD_CLOEXEC);
		assert_true(descriptors[i] >= 0);
		stranger_close(&strangers, 1, descriptors[i]);
	}
	stranger_close(&strangers, 1, -1);
	while (count_threads() > 1)
		(void)usleep(1000);
	assert_false(stranger_has_too_many(&strangers, 1));
	for (size_t i = 0; i < CLOSED; i++)
		assert_int_equal(fcntl(descriptors[i], F_GETFD), -1);
}

static void so_many_of_a_user_are_too_many(void **state)
{
	static struct strangers strangers;

	(void)state;
	strangers_begin(&strangers);
	for (size_t i = 0; i < CLOSINGS_A_USER; i++) {
		assert_false(stranger_has_too_many(&strangers, 1));
		strangers.closings[i].uid = 1;
		atomic_store(&strangers.closings[i].descriptor, 0); /* under way, and never over */
	}
	assert_true(stranger_has_too_many(&strangers, 1));
	assert_false(stranger_has_too_many(&strangers, 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(pipes_terminals_and_unix_sockets_are_prompt),
	    cmocka_unit_test(a_file_of_a_mounted_file_system_is),
	    cmocka_unit_test(what_is_mounted_nowhere_or_may_linger_is_not),
	    cmocka_unit_test(all_are_closed),
	    cmocka_unit_test(so_many_of_a_user_are_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
