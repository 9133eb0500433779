/* Sessions in a manager's FD store: what goes there, what comes back, and what is not taken for one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keeper.h"
#include "message.h"
#include "notify.h"
#include "store.h"

#define TEXT_SIZE 128

/* The manager's end. */
struct manager {
	int socket;
	bool keeps;  /* else it closes what it gets */
	int kept[8]; /* descriptors; count of them */
	size_t count;
	char text[TEXT_SIZE]; /* the last that came */
};

static int set_up(void **state)
{
	static struct manager manager;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char name[64];

	(void)snprintf(name, sizeof(name), "@agentsh-test-%d", getpid());
	manager = (struct manager){.socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), .keeps = true};
	memcpy(address.sun_path + 1, name + 1, strlen(name) - 1);
	*state = &manager;
	return bind(manager.socket, (const struct sockaddr *)&address,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))) == 0 &&
		       setenv("NOTIFY_SOCKET", name, 1) == 0
		   ? 0
		   : -1;
}

static int tear_down(void **state)
{
	struct manager *manager = *state;

	for (size_t i = 0; i < manager->count; i++)
		close(manager->kept[i]);
	close(manager->socket);
	return unsetenv("NOTIFY_SOCKET");
}

/* What came next; its descriptor or -1. */
static int hear(struct manager *manager)
{
	struct message_descriptors came;
	ssize_t length = message_receive(manager->socket, manager->text, TEXT_SIZE - 1, &came);

	assert_true(length > 0);
	manager->text[length] = '\0';
	return message_take(&came);
}

static bool same(int a, int b)
{
	struct stat first;
	struct stat second;

	assert_int_equal(fstat(a, &first), 0);
	assert_int_equal(fstat(b, &second), 0);
	return first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

static void close_all(const int *descriptors)
{
	for (size_t i = 0; i < KEPT_COUNT; i++)
		if (descriptors[i] >= 0)
			close(descriptors[i]);
}

static void none(int *descriptors)
{
	for (size_t i = 0; i < KEPT_COUNT; i++)
		descriptors[i] = -1;
}

static void test_there_and_back(void **state)
{
	struct manager *manager = *state;
	int kept[KEPT_COUNT];
	int read_back[KEPT_COUNT];
	uint64_t ticket;
	int stored;

	none(kept);
	kept[KEPT_LISTENER] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	kept[KEPT_AREA] = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	kept[KEPT_ROOT] = open("/", O_PATH | O_CLOEXEC);
	kept[KEPT_COPY] = open("/dev/full", O_WRONLY | O_CLOEXEC);
	assert_int_equal(store_put(0x1f, 77, kept, NULL), 0);
	stored = hear(manager);
	assert_string_equal(manager->text, "FDSTORE=1\nFDPOLL=0\nFDNAME=s1f");
	/* As often as a keeper begins. */
	for (int i = 0; i < 3; i++) {
		assert_int_equal(store_read(stored, &ticket, read_back, NULL), 0);
		assert_int_equal(ticket, 77);
		for (size_t which = 0; which < KEPT_COUNT; which++) {
			assert_int_equal(read_back[which] < 0, kept[which] < 0);
			assert_true(kept[which] < 0 || same(kept[which], read_back[which]));
		}
		assert_true(fcntl(read_back[KEPT_ROOT], F_GETFD) & FD_CLOEXEC);
		close_all(read_back);
	}
	store_remove(0x1f);
	assert_int_equal(hear(manager), -1);
	assert_string_equal(manager->text, "FDSTOREREMOVE=1\nFDNAME=s1f");
	close(stored);
	close_all(kept);
}

#define SOMEBODY 3999999999U /* a user that nothing else runs as */
#define FEW      16U         /* descriptors that a process may have open */

/* As root, by effective id: more than FEW are stored. */
static void store_many(struct manager *manager)
{
	int kept[KEPT_COUNT];

	for (size_t i = 0; i < KEPT_COUNT; i++)
		kept[i] = manager->socket;
	for (unsigned number = 1; number <= FEW; number++) {
		assert_int_equal(store_put(number, number, kept, NULL), 0);
		assert_true(hear(manager) >= 0);
	}
}

/* What lies in the store does not keep others of the keeper's user from sending descriptors. */
static void test_in_flight(void **state)
{
	struct rlimit limit;
	uid_t real;
	uid_t effective;
	uid_t saved;
	int ends[2];
	int status;
	pid_t child;

	if (geteuid() != 0)
		skip(); /* needs root: for a user that nothing else runs as */
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	child = fork();
	if (child == 0) {
		if (setresuid(SOMEBODY, 0, 0) != 0)
			_exit(2);
		store_many(*state);
		if (getresuid(&real, &effective, &saved) != 0 || real != SOMEBODY || effective != 0 || saved != 0)
			_exit(3);
		if (setresuid(SOMEBODY, SOMEBODY, SOMEBODY) != 0 || getrlimit(RLIMIT_NOFILE, &limit) != 0)
			_exit(4);
		limit.rlim_cur = FEW;
		if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
			_exit(5);
		_exit(message_send(ends[0], "", 1, &ends[1], 1) == 0 ? 0 : errno);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	close(ends[0]);
	close(ends[1]);
}

static void refused(int stored)
{
	int descriptors[KEPT_COUNT];
	uint64_t ticket;
	struct error err = {.text = ""};

	assert_int_equal(store_read(stored, &ticket, descriptors, &err), -1);
	assert_non_null(strstr(err.text, "session: what was stored"));
	close(stored);
}

/* Half of one: without a listener, an area or a root. */
static void test_half(void **state)
{
	struct manager *manager = *state;
	int kept[KEPT_COUNT];

	for (unsigned without = KEPT_LISTENER; without <= KEPT_ROOT; without++) {
		none(kept);
		for (unsigned i = KEPT_LISTENER; i <= KEPT_TARGET; i++)
			kept[i] = i == without ? -1 : open("/dev/null", O_RDONLY | O_CLOEXEC);
		assert_int_equal(store_put(1, 1, kept, NULL), 0);
		refused(hear(manager));
		close_all(kept);
	}
	none(kept);
	assert_int_equal(store_put(1, 1, kept, NULL), 0);
	refused(hear(manager));
}

static void test_rubbish(void **state)
{
	const char bytes[24] = "SSGA";
	const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	const int three[] = {null, null, null};
	int ends[2];

	(void)state;
	refused(open("/dev/zero", O_RDONLY | O_CLOEXEC));
	refused(-1);
	for (size_t length = 0; length <= sizeof(bytes); length += 12) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
		if (length > 0)
			assert_int_equal(message_send(ends[0], bytes, length, three, 3), 0);
		refused(ends[1]);
		close(ends[0]);
	}
	/* Nobody ever comes: it is not waited for. */
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	refused(ends[1]);
	close(ends[0]);
	close(null);
}

static void test_names(void **state)
{
	const char *names;
	char name[NOTIFY_NAME_SIZE];
	char long_one[NOTIFY_NAME_SIZE + 64];

	(void)state;
	assert_int_equal(store_number("s1"), 1);
	assert_int_equal(store_number("sffffffff"), UINT32_MAX);
	assert_int_equal(store_number("s100000000"), 0);
	assert_int_equal(store_number("s"), 0);
	assert_int_equal(store_number(""), 0);
	assert_int_equal(store_number("s1 "), 0);
	assert_int_equal(store_number("agentsh-sidecar.socket"), 0);
	memset(long_one, 'a', sizeof(long_one) - 1);
	memcpy(long_one + sizeof(long_one) - 5, ":s2:", 5);
	assert_int_equal(setenv("LISTEN_FDNAMES", long_one, 1), 0);
	names = notify_names();
	notify_next_name(&names, name);
	assert_string_equal(name, "");
	notify_next_name(&names, name);
	assert_string_equal(name, "s2");
	for (int i = 0; i < 3; i++) {
		notify_next_name(&names, name);
		assert_string_equal(name, "");
	}
	assert_int_equal(unsetenv("LISTEN_FDNAMES"), 0);
}

/* Three messages: the probe, the barrier, and the probe's removal; a manager that keeps nothing closes it at once. */
static void *manage(void *argument)
{
	struct manager *manager = argument;

	for (int i = 0; i < 3; i++) {
		int descriptor = hear(manager);

		if (descriptor < 0)
			continue;
		if (manager->keeps && strncmp(manager->text, "FDSTORE=1", 9) == 0)
			manager->kept[manager->count++] = descriptor;
		else
			close(descriptor);
	}
	return NULL;
}

static bool is_there(struct manager *manager, bool keeps)
{
	pthread_t thread;
	bool there;

	manager->keeps = keeps;
	assert_int_equal(pthread_create(&thread, NULL, manage, manager), 0);
	there = store_is_there();
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_string_equal(manager->text, "FDSTOREREMOVE=1\nFDNAME=probe");
	return there;
}

static void test_is_there(void **state)
{
	struct manager *manager = *state;

	assert_true(is_there(manager, true));
	assert_false(is_there(manager, false));
	assert_int_equal(setenv("NOTIFY_SOCKET", "/nonexistent/notify", 1), 0);
	assert_false(store_is_there());
	assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
	assert_false(store_is_there());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_there_and_back, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_in_flight, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_half, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_rubbish, set_up, tear_down),
	    cmocka_unit_test(test_names),
	    cmocka_unit_test_setup_teardown(test_is_there, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
