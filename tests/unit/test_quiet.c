/* Sessions without a listener: their labels, and the processes by which a kill finds them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "members.h"
#include "quiet.h"
#include "tracee.h"

#define EXE  "/usr/bin/program"
#define DEAD 4000000 /* no process has that number */

static struct quiet quiet;

static int begin(void **state)
{
	(void)state;
	memset(&quiet, 0, sizeof(quiet));
	return 0;
}

static struct quiet_process alive(void)
{
	return (struct quiet_process){
	    .pid = getpid(), .began = tracee_began(getpid()), .program = members_program(EXE, strlen(EXE))};
}

static struct quiet_process dead(pid_t pid)
{
	return (struct quiet_process){.pid = pid, .began = 1, .program = members_program(EXE, strlen(EXE))};
}

static struct kill_record killed(pid_t pid, uid_t uid)
{
	struct kill_record record = {.pid = pid, .uid = uid, .exe_length = strlen(EXE)};
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	record.time_ms = (uint64_t)now.tv_sec * 1000;
	memcpy(record.exe, EXE, strlen(EXE));
	return record;
}

static void a_label_is_its_users(void **state)
{
	struct quiet_session *session = quiet_make(&quiet, "one", 7);
	struct quiet_process process = alive();

	(void)state;
	assert_non_null(session);
	assert_ptr_equal(quiet_make(&quiet, "one", 7), session);
	assert_ptr_equal(quiet_find(&quiet, "one", 7), session);
	assert_null(quiet_find(&quiet, "one", 8));
	assert_null(quiet_find(&quiet, "on", 7));
	assert_false(quiet_is_of_another(&quiet, "one", 8));
	(void)quiet_note(&quiet, session, &process);
	assert_true(quiet_is_of_another(&quiet, "one", 8));
	assert_false(quiet_is_of_another(&quiet, "one", 7));
	assert_false(quiet_is_of_another(&quiet, "two", 8));
}

static void a_process_by_number_and_beginning(void **state)
{
	struct quiet_session *session = quiet_make(&quiet, "one", 7);
	struct quiet_process process = alive();

	(void)state;
	assert_non_null(quiet_note(&quiet, session, &process));
	assert_ptr_equal(quiet_session_of(&quiet, process.pid, process.began), session);
	assert_null(quiet_session_of(&quiet, process.pid, process.began + 1));
	assert_null(quiet_session_of(&quiet, process.pid, 0));
	assert_null(quiet_session_of(&quiet, 0, 0));
}

static void what_was_told_is_kept_of_the_same_process(void **state)
{
	struct quiet_session *session = quiet_make(&quiet, "one", 7);
	struct quiet_process process = dead(DEAD);

	(void)state;
	quiet_note(&quiet, session, &process)->told = 5;
	assert_int_equal(quiet_note(&quiet, session, &process)->told, 5);
	process.began++;
	assert_int_equal(quiet_note(&quiet, session, &process)->told, 0);
}

static void one_that_lives_keeps_its_place(void **state)
{
	struct quiet_session *session = quiet_make(&quiet, "one", 7);
	struct quiet_process process = alive();
	struct quiet_process other = dead(process.pid + (pid_t)QUIET_MEMBERS);

	(void)state;
	assert_non_null(quiet_note(&quiet, session, &other));
	assert_non_null(quiet_note(&quiet, session, &process));
	assert_null(quiet_note(&quiet, session, &other));
	assert_ptr_equal(quiet_session_of(&quiet, process.pid, process.began), session);
}

static void one_that_is_gone(void **state)
{
	struct quiet_session *one = quiet_make(&quiet, "one", 7);
	struct quiet_session *two = quiet_make(&quiet, "two", 7);
	struct quiet_process process = dead(DEAD);
	struct kill_record record = killed(DEAD, 7);

	(void)state;
	assert_null(quiet_session_was(&quiet, &record));
	(void)quiet_note(&quiet, one, &process);
	assert_ptr_equal(quiet_session_was(&quiet, &record), one);
	record.exe[record.exe_length - 1U] = 'x';
	assert_null(quiet_session_was(&quiet, &record));
	/* Not seen: by its user, and for a moment. */
	process.began = 0;
	process.program = 0;
	(void)quiet_note(&quiet, one, &process);
	assert_ptr_equal(quiet_session_was(&quiet, &record), one);
	record.uid = 8;
	assert_null(quiet_session_was(&quiet, &record));
	record.uid = 7;
	record.time_ms += 60000;
	assert_null(quiet_session_was(&quiet, &record));
	record.time_ms -= 120000;
	assert_null(quiet_session_was(&quiet, &record));
	/* Two that say something else of the same number. */
	record = killed(DEAD, 7);
	assert_null(quiet_note(&quiet, two, &process));
	assert_null(quiet_session_was(&quiet, &record));
}

static void fill(uid_t uid, unsigned count, const struct quiet_process *process)
{
	char id[SESSION_ID_SIZE];

	for (unsigned i = 0; i < count; i++) {
		struct quiet_session *session;

		(void)snprintf(id, sizeof(id), "s%u-%u", uid, i);
		session = quiet_make(&quiet, id, uid);
		assert_non_null(session);
		(void)quiet_note(&quiet, session, process);
	}
}

static void sessions_that_live_keep_their_places(void **state)
{
	const struct quiet_process process = alive();

	(void)state;
	fill(1, QUIET_SESSIONS_PER_USER, &process);
	assert_null(quiet_make(&quiet, "more", 1));
	for (uid_t uid = 2; uid <= QUIET_SESSIONS / QUIET_SESSIONS_PER_USER; uid++)
		fill(uid, QUIET_SESSIONS_PER_USER, &process);
	assert_null(quiet_make(&quiet, "more", 9));
	assert_ptr_equal(quiet_make(&quiet, "s1-0", 1), quiet_find(&quiet, "s1-0", 1));
}

static void sessions_that_have_ended_do_not(void **state)
{
	const struct quiet_process process = dead(DEAD);
	struct quiet_session *session;

	(void)state;
	fill(1, QUIET_SESSIONS_PER_USER, &process);
	session = quiet_make(&quiet, "more", 1);
	assert_non_null(session);
	/* Its members are not the new one's. */
	assert_null(quiet_find(&quiet, "s1-1", 1));
	for (unsigned i = 0; i < QUIET_SESSIONS - QUIET_SESSIONS_PER_USER; i++)
		fill(1000 + i, 1, &process);
	assert_non_null(quiet_make(&quiet, "more", 9));
}

static void members_of_one_that_has_ended_are_of_none(void **state)
{
	struct quiet_process process = dead(DEAD);
	struct kill_record record = killed(DEAD, 1);
	char id[SESSION_ID_SIZE];

	(void)state;
	fill(1, QUIET_SESSIONS_PER_USER, &process);
	assert_ptr_equal(quiet_session_was(&quiet, &record), quiet_find(&quiet, "s1-255", 1));
	for (unsigned i = 0; i < 2 * QUIET_SESSIONS; i++) {
		(void)snprintf(id, sizeof(id), "other%u", i);
		assert_non_null(quiet_make(&quiet, id, 1));
	}
	assert_null(quiet_session_was(&quiet, &record));
	assert_null(quiet_session_of(&quiet, DEAD, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(a_label_is_its_users, begin),
	    cmocka_unit_test_setup(a_process_by_number_and_beginning, begin),
	    cmocka_unit_test_setup(what_was_told_is_kept_of_the_same_process, begin),
	    cmocka_unit_test_setup(one_that_lives_keeps_its_place, begin),
	    cmocka_unit_test_setup(one_that_is_gone, begin),
	    cmocka_unit_test_setup(sessions_that_live_keep_their_places, begin),
	    cmocka_unit_test_setup(sessions_that_have_ended_do_not, begin),
	    cmocka_unit_test_setup(members_of_one_that_has_ended_are_of_none, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
