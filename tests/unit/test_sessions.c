/* Whom the keeper believes that it is free, and what it gives such a worker then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "handover.h"
#include "message.h"
#include "sessions.h"

#define TICKET 7U
#define WORKER 4000000 /* no process: pids end before */

/* The keeper with one session, and its worker's end of the channel. */
struct fixture {
	struct sessions sessions;
	struct broker_child broker;
	int worker;
};

static struct fixture *begin(bool may_return)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct kept *kept = kept_make(TICKET);
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = TICKET};
	int ends[2];

	assert_non_null(fixture);
	assert_non_null(kept);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	fixture->broker = (struct broker_child){.channel = -1};
	fixture->sessions = (struct sessions){
	    .workers = epoll_create1(EPOLL_CLOEXEC), .spares = {.filter = -1}, .broker = &fixture->broker};
	fixture->worker = ends[1];
	kept->control = ends[0];
	kept->worker = WORKER;
	kept->whose = (struct spare_whose){.uid = 1000, .capabilities = 5};
	kept->may_return = may_return;
	assert_int_equal(epoll_ctl(fixture->sessions.workers, EPOLL_CTL_ADD, kept->control, &event), 0);
	kept_insert(&fixture->sessions.first, kept);
	return fixture;
}

static void end(struct fixture *fixture)
{
	struct kept *kept = fixture->sessions.first;

	if (kept)
		kept_remove(&fixture->sessions.first, kept);
	kept_free(kept);
	for (size_t i = 0; i < fixture->sessions.spares.count; i++)
		close(fixture->sessions.spares.all[i].control);
	close(fixture->sessions.workers);
	close(fixture->worker);
	free(fixture);
}

static void say(struct fixture *fixture, uint32_t word)
{
	const struct keeper_told told = {.word = word};

	assert_int_equal(message_send(fixture->worker, &told, sizeof(told), NULL, 0), 0);
	sessions_hear(&fixture->sessions);
}

static void test_is_free(void **state)
{
	struct fixture *fixture = begin(true);
	const struct spare *spare = fixture->sessions.spares.all;

	(void)state;
	say(fixture, KEEPER_FREE);
	assert_null(fixture->sessions.first);
	assert_int_equal(fixture->sessions.spares.count, 1);
	assert_true(spare->is_used);
	assert_int_equal(spare->worker, WORKER);
	end(fixture);
}

/* It says that it is free: it is given nothing, and its session stays until it has ended. */
static void is_let_go(struct fixture *fixture)
{
	char byte;

	say(fixture, KEEPER_FREE);
	assert_non_null(fixture->sessions.first);
	assert_int_equal(fixture->sessions.spares.count, 0);
	assert_int_equal(read(fixture->worker, &byte, 1), 0);
	assert_true(sessions_child_ended(&fixture->sessions, WORKER, 0, false));
	assert_null(fixture->sessions.first);
}

static void test_not_free(void **state)
{
	struct fixture *fixture;

	(void)state;
	/* One that has served a call. */
	fixture = begin(true);
	say(fixture, KEEPER_SERVES);
	is_let_go(fixture);
	end(fixture);
	/* One that follows one that died, or whose session is an older keeper's. */
	fixture = begin(false);
	/* Whatever else it says. */
	for (uint32_t word = KEEPER_FREE + 1; word < 70; word++)
		say(fixture, word);
	say(fixture, UINT32_MAX);
	is_let_go(fixture);
	end(fixture);
}

static void test_dies_behind_its_word(void **state)
{
	struct fixture *fixture = begin(true);

	(void)state;
	say(fixture, KEEPER_FREE);
	assert_false(sessions_child_ended(&fixture->sessions, WORKER, 9, true));
	assert_int_equal(fixture->sessions.spares.count, 0);
	end(fixture);
	/* Its death is heard of first: another follows, and finds that all is told. */
	fixture = begin(true);
	assert_false(sessions_child_ended(&fixture->sessions, WORKER, 9, true));
	assert_non_null(fixture->sessions.first);
	assert_false(fixture->sessions.first->may_return);
	assert_int_equal(fixture->sessions.first->control, -1);
	sessions_hear(&fixture->sessions);
	assert_int_equal(fixture->sessions.spares.count, 0);
	end(fixture);
}

/* A spare of that user's, or (0) of nobody's. Its worker's end of the channel. */
static int add(struct spares *spares, pid_t pid, uid_t uid, uint64_t capabilities)
{
	const struct spare_whose whose = {.uid = uid, .capabilities = capabilities};
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	spare_take_back(spares, pid, ends[0], &whose);
	if (uid == 0)
		spares->all[spares->count - 1].is_used = false;
	return ends[1];
}

static pid_t given(struct spares *spares, const struct spare_whose *whose)
{
	const struct spare_session session = {.kind = 0};
	int descriptors[WORKER_DESCRIPTORS];
	pid_t worker = 0;
	int control = -1;

	for (size_t i = 0; i < WORKER_DESCRIPTORS; i++)
		descriptors[i] = -1;
	if (!spare_give(spares, whose, &session, descriptors, &worker, &control))
		return 0;
	close(control);
	return worker;
}

static void test_whose(void **state)
{
	const struct spare_whose anna = {.uid = 1000, .capabilities = 0};
	const struct spare_whose able = {.uid = 1000, .capabilities = 1};
	const struct spare_whose ben = {.uid = 1001, .capabilities = 0};
	struct spares spares = {.filter = -1};
	int ends[4];

	(void)state;
	ends[0] = add(&spares, 11, 1000, 0);
	ends[1] = add(&spares, 12, 0, 0);
	ends[2] = add(&spares, 13, 1000, 0);
	assert_true(spare_is_fresh(&spares));
	/* Her own first, and of these the last one. */
	assert_int_equal(given(&spares, &anna), 13);
	assert_int_equal(given(&spares, &able), 12);
	assert_false(spare_is_fresh(&spares));
	assert_false(spare_is_there(&spares, &able));
	assert_false(spare_is_there(&spares, &ben));
	assert_false(spare_is_there(&spares, NULL));
	assert_int_equal(given(&spares, &ben), 0);
	/* One that has died is none. */
	close(ends[0]);
	assert_int_equal(given(&spares, &anna), 0);
	assert_int_equal(spares.count, 0);
	close(ends[1]);
	close(ends[2]);
}

static void test_bounds(void **state)
{
	const int64_t later = handover_now() + SPARE_PATIENCE_MS + 1000;
	struct spares spares = {.filter = -1};
	int fresh;
	int last;
	char byte;

	(void)state;
	assert_int_equal(spare_due(&spares), -1);
	fresh = add(&spares, 99, 0, 0);
	for (unsigned i = 1; i < SPARES_MOST; i++)
		close(add(&spares, 100 + (pid_t)i, 1000, 0));
	assert_int_equal(spares.count, SPARES_MOST);
	/* One too many ends: its channel does. */
	last = add(&spares, 9999, 1000, 0);
	assert_int_equal(spares.count, SPARES_MOST);
	assert_int_equal(read(last, &byte, 1), 0);
	close(last);
	/* Each in its time, but for those that have had no session. */
	spare_trim(&spares, handover_now());
	assert_int_equal(spares.count, SPARES_MOST);
	assert_true(spare_due(&spares) > 0 && spare_due(&spares) <= later);
	spare_trim(&spares, later);
	assert_int_equal(spares.count, 1);
	assert_true(spare_is_fresh(&spares));
	assert_int_equal(spare_due(&spares), -1);
	spare_ended(&spares, 99);
	assert_int_equal(spares.count, 0);
	close(fresh);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_is_free),
	    cmocka_unit_test(test_not_free),
	    cmocka_unit_test(test_dies_behind_its_word),
	    cmocka_unit_test(test_whose),
	    cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
