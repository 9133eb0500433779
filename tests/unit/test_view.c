/*
 * view.h: the name of what is pinned is the kernel's, asked each time, however it is asked; and where a thread works.
 * Not under valgrind, which has no openat2 (tests/run).
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "view.h"

struct given {
	struct view_origin origin;
	struct view view;
	struct naming naming;
	char folder[32];
	char path[PATH_MAX];
};

static const char *path_of(struct given *given, const char *name)
{
	(void)snprintf(given->path, sizeof(given->path), "%s/%s", given->folder, name);
	return given->path;
}

static void make_socket(struct given *given, const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int made = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", given->folder, name);
	assert_int_equal(bind(made, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(made, 8), 0);
	/* It stays open, for as long as the test runs. */
}

static int set_up(void **state)
{
	struct given *given = calloc(1, sizeof(*given));
	int self = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);

	assert_non_null(given);
	strcpy(given->folder, "/tmp/agentsh-view.XXXXXX");
	assert_non_null(mkdtemp(given->folder));
	assert_int_equal(view_origin_open(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), &given->origin), 0);
	assert_int_equal(view_open(&given->origin, self, false, VIEW_NO_MASK, "/", &given->view), 0);
	close(self);
	given->naming = (struct naming){.number = -1, .link = -1};
	make_socket(given, "one");
	make_socket(given, "two");
	*state = given;
	return 0;
}

static int tear_down(void **state)
{
	static const char *const names[] = {"one", "two", "three", "link"};
	struct given *given = *state;

	assert_int_equal(chdir("/"), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)unlink(path_of(given, names[i]));
	assert_int_equal(rmdir(given->folder), 0);
	view_close(&given->view);
	if (given->naming.link >= 0)
		close(given->naming.link);
	free(given);
	return 0;
}

/* Pins it, and it has that name. Returns the descriptor's number. */
static int assert_pins(struct given *given, const char *name)
{
	struct pinned pinned;
	int number;

	assert_true(view_pin_straight(&given->view, path_of(given, name), &given->naming, &pinned));
	assert_string_equal(pinned.name, given->path);
	assert_true(pinned.is_in_first);
	number = pinned.descriptor;
	view_unpin(&pinned);
	return number;
}

static void names_whatever_has_the_number(void **state)
{
	struct given *given = *state;
	int number = assert_pins(given, "one");
	char before[PATH_MAX];

	assert_int_equal(assert_pins(given, "one"), number); /* now the link is kept */
	assert_true(given->naming.link >= 0);
	assert_int_equal(given->naming.number, number);
	assert_int_equal(assert_pins(given, "two"), number);
	(void)snprintf(before, sizeof(before), "%s/one", given->folder);
	assert_int_equal(rename(before, path_of(given, "three")), 0);
	assert_int_equal(assert_pins(given, "three"), number);
}

static void names_other_numbers(void **state)
{
	struct given *given = *state;
	int number = assert_pins(given, "one");
	int taken;

	(void)assert_pins(given, "one");
	taken = dup(0); /* the number that it would have had */
	assert_int_equal(taken, number);
	assert_int_not_equal(assert_pins(given, "two"), number);
	close(taken);
	assert_int_equal(assert_pins(given, "one"), number);
	assert_true(given->naming.link < 0); /* nothing is kept for one that is not asked for again */
	(void)assert_pins(given, "one");
	(void)assert_pins(given, "two");
}

static void goes_on_after_a_link(void **state)
{
	struct given *given = *state;
	struct pinned pinned;

	(void)assert_pins(given, "one");
	(void)assert_pins(given, "one");
	assert_int_equal(symlink("one", path_of(given, "link")), 0);
	assert_false(view_pin_straight(&given->view, path_of(given, "link"), &given->naming, &pinned));
	(void)assert_pins(given, "one");
}

/* A number is the name of a descriptor's file where a thread works, and again when it has been elsewhere. */
static void works_among_descriptors(void **state)
{
	struct given *given = *state;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct pinned pinned;
	int client;

	assert_true(view_settle(&given->origin));
	given->view.cwd = open(given->folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(view_enter(&given->view), 0);
	assert_int_equal(view_change_directory(&given->view), 0);
	assert_int_equal(access("one", F_OK), 0);
	assert_true(view_leave(&given->view));
	assert_int_equal(access("one", F_OK), -1);
	assert_true(view_pin_straight(&given->view, path_of(given, "one"), &given->naming, &pinned));
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%d", pinned.descriptor);
	client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(client, (const struct sockaddr *)&address, sizeof(address)), 0);
	close(client);
	view_unpin(&pinned);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(names_whatever_has_the_number, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(names_other_numbers, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(goes_on_after_a_link, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(works_among_descriptors, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
