/* made_sockets.h: which copies are kept, for how long, and what is answered for those that are not. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "made_sockets.h"

static struct made_sockets made;

static int begin(void **state)
{
	(void)state;
	return made_sockets_init(&made);
}

static int end(void **state)
{
	(void)state;
	for (size_t i = 0; i < made.count; i++)
		if (made.all[i].copy >= 0)
			close(made.all[i].copy);
	return 0;
}

/* One that the target has. */
static ino_t give(int domain, int type)
{
	ino_t inode = 0;

	assert_true(made_sockets_add(&made, socket(domain, type | SOCK_CLOEXEC, 0), &inode));
	made_sockets_give(&made, inode);
	return inode;
}

static bool is_kept(ino_t inode)
{
	int copy = made_sockets_find(&made, inode);
	struct stat status = {0};

	if (copy < 0)
		return false;
	assert_int_equal(fstat(copy, &status), 0);
	assert_int_equal(status.st_ino, inode);
	assert_true(fcntl(copy, F_GETFD) & FD_CLOEXEC);
	close(copy);
	return true;
}

static void is_answered(ino_t inode, int error)
{
	assert_int_equal(made_sockets_find(&made, inode), -1);
	assert_int_equal(errno, error);
}

static void look(unsigned patience)
{
	made_sockets_begin_look(&made);
	made_sockets_end_look(&made, patience);
}

static void found_by_inode(void **state)
{
	ino_t one = give(AF_UNIX, SOCK_STREAM);
	ino_t two = give(AF_INET, SOCK_DGRAM);

	(void)state;
	assert_int_not_equal(one, two);
	assert_true(is_kept(one) && is_kept(two));
	is_answered(two + 1000000, ESRCH);
	made_sockets_remove(&made, one);
	is_answered(one, ESRCH);
	assert_true(is_kept(two));
}

/* A stream that is connected: the copy is gone, and with it what would keep its peer from seeing its end. */
static void connected(void **state)
{
	struct sockaddr_un name;
	socklen_t size = sizeof(name);
	int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ino_t inode = give(AF_UNIX, SOCK_STREAM);
	int target = made_sockets_find(&made, inode);
	char byte;
	int accepted;

	(void)state;
	/* A name of the kernel's choice. */
	assert_int_equal(bind(server, &(struct sockaddr){.sa_family = AF_UNIX}, sizeof(sa_family_t)), 0);
	assert_int_equal(listen(server, 1), 0);
	assert_int_equal(getsockname(server, (struct sockaddr *)&name, &size), 0);
	made_sockets_connected(&made, inode, false);
	assert_true(is_kept(inode)); /* it is not */
	assert_int_equal(connect(target, (struct sockaddr *)&name, size), 0);
	made_sockets_connected(&made, inode, false);
	is_answered(inode, EISCONN);
	accepted = accept4(server, NULL, NULL, SOCK_CLOEXEC);
	close(target);
	assert_int_equal(read(accepted, &byte, 1), 0);
	close(accepted);
	close(server);
}

static void listening(void **state)
{
	ino_t stream = give(AF_INET, SOCK_STREAM);
	ino_t datagram = give(AF_INET, SOCK_DGRAM);

	(void)state;
	made_sockets_listens(&made, stream);
	made_sockets_listens(&made, datagram); /* it cannot, so it stays */
	is_answered(stream, EINVAL);
	assert_true(is_kept(datagram));
}

static void connecting(void **state)
{
	ino_t stream = give(AF_INET, SOCK_STREAM);
	ino_t datagram = give(AF_INET, SOCK_DGRAM);
	int copies[4];
	ino_t inodes[4];

	(void)state;
	assert_int_equal(made_sockets_connecting(&made, copies, inodes, 4), 0);
	made_sockets_connected(&made, stream, true);
	made_sockets_connected(&made, datagram, true); /* it is not one that could be waited for */
	assert_int_equal(made_sockets_connecting(&made, copies, inodes, 4), 1);
	assert_int_equal(inodes[0], stream);
	made_sockets_connected(&made, stream, false);
	assert_int_equal(made_sockets_connecting(&made, copies, inodes, 4), 0);
	assert_true(is_kept(stream)); /* it has been refused */
}

static void not_seen(void **state)
{
	ino_t seen = give(AF_INET, SOCK_DGRAM);
	ino_t gone = give(AF_INET, SOCK_DGRAM);
	ino_t to_come = 0;

	(void)state;
	assert_true(made_sockets_add(&made, socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), &to_come));
	for (int i = 0; i < 2; i++) {
		made_sockets_begin_look(&made);
		assert_false(made_sockets_all_seen(&made));
		made_sockets_seen(&made, seen);
		assert_false(made_sockets_all_seen(&made));
		made_sockets_seen(&made, seen + 1000000);
		made_sockets_end_look(&made, 2);
		assert_true(is_kept(seen) && is_kept(to_come));
		assert_int_equal(is_kept(gone), i == 0);
	}
	is_answered(gone, ESRCH);
	assert_true(made_sockets_any(&made));
	made_sockets_give(&made, to_come);
	/* Missed once, then seen, then missed: that is not twice in a row. */
	look(2);
	made_sockets_begin_look(&made);
	made_sockets_seen(&made, seen);
	made_sockets_seen(&made, to_come);
	assert_true(made_sockets_all_seen(&made));
	made_sockets_end_look(&made, 2);
	look(2);
	assert_true(is_kept(seen) && is_kept(to_come));
	look(2);
	is_answered(seen, ESRCH);
	is_answered(to_come, ESRCH);
	assert_false(made_sockets_any(&made));
}

static void room(void **state)
{
	ino_t inode = 0;
	ino_t first = give(AF_INET, SOCK_STREAM);
	int more;

	(void)state;
	made_sockets_listens(&made, first);
	for (unsigned i = 1; i < MADE_SOCKETS_MAX; i++)
		give(AF_INET, SOCK_DGRAM);
	is_answered(first, EINVAL);
	give(AF_INET, SOCK_DGRAM); /* in its place */
	is_answered(first, ESRCH);
	more = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_false(made_sockets_add(&made, more, &inode));
	look(1);
	assert_int_equal(made.count, 0);
	assert_true(made_sockets_add(&made, more, &inode));
}

/* An inode's number may come again: what was known of it is another's. */
static void same_number(void **state)
{
	ino_t inode = give(AF_INET, SOCK_STREAM);
	ino_t again = 0;
	int kept = made_sockets_find(&made, inode);

	(void)state;
	made_sockets_listens(&made, inode);
	is_answered(inode, EINVAL);
	assert_true(made_sockets_add(&made, kept, &again));
	assert_int_equal(again, inode);
	assert_int_equal(made.count, 1);
	assert_true(is_kept(inode));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(found_by_inode, begin, end),
	    cmocka_unit_test_setup_teardown(connected, begin, end),
	    cmocka_unit_test_setup_teardown(listening, begin, end),
	    cmocka_unit_test_setup_teardown(connecting, begin, end),
	    cmocka_unit_test_setup_teardown(not_seen, begin, end),
	    cmocka_unit_test_setup_teardown(room, begin, end),
	    cmocka_unit_test_setup_teardown(same_number, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
