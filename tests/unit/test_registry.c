/* Who is served: a session's ID is one user's, and so much is each user's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "registry.h"

#define ANNA 1000
#define BEN  1001

static void add(struct registry *registry, uint64_t ticket, uid_t uid, const char *id)
{
	assert_null(registry_refuses(registry, uid, id));
	assert_int_equal(registry_add(registry, ticket, uid, id), 0);
}

static void refused(const struct registry *registry, uid_t uid, const char *id, const char *why)
{
	const char *reason = registry_refuses(registry, uid, id);

	assert_non_null(reason);
	assert_non_null(strstr(reason, why));
}

static void test_id_is_its_users(void **state)
{
	struct registry registry = {0};

	(void)state;
	add(&registry, 1, ANNA, "same");
	add(&registry, 2, ANNA, "same");
	refused(&registry, BEN, "same", "another user");
	assert_null(registry_refuses(&registry, BEN, "sam"));
	assert_null(registry_refuses(&registry, BEN, "same2"));
	registry_remove(&registry, 1);
	refused(&registry, BEN, "same", "another user");
	registry_remove(&registry, 7);
	refused(&registry, BEN, "same", "another user");
	registry_remove(&registry, 2);
	add(&registry, 3, BEN, "same");
	refused(&registry, ANNA, "same", "another user");
	registry_free(&registry);
}

static void test_longest_id(void **state)
{
	struct registry registry = {0};
	char id[SESSION_ID_SIZE];

	(void)state;
	memset(id, 'a', sizeof(id) - 1);
	id[sizeof(id) - 1] = '\0';
	add(&registry, 1, ANNA, id);
	refused(&registry, BEN, id, "another user");
	id[sizeof(id) - 2] = '\0';
	assert_null(registry_refuses(&registry, BEN, id));
	registry_free(&registry);
}

static void test_sessions_of_a_user(void **state)
{
	struct registry registry = {0};
	uint64_t ticket = 0;

	(void)state;
	for (unsigned i = 0; i < REGISTRY_SESSIONS_PER_USER; i++)
		add(&registry, ++ticket, ANNA, "a");
	refused(&registry, ANNA, "b", "as many sessions as one user may");
	add(&registry, ++ticket, BEN, "b");
	registry_remove(&registry, 1);
	add(&registry, ++ticket, ANNA, "a");
	registry_free(&registry);
}

static void test_sessions_of_all(void **state)
{
	struct registry registry = {0};

	(void)state;
	for (unsigned i = 0; i < REGISTRY_SESSIONS_MAX; i++)
		assert_int_equal(registry_add(&registry, i + 1, ANNA + i, "a"), 0);
	refused(&registry, 1, "b", "as many sessions as it can");
	registry_remove(&registry, 5);
	assert_null(registry_refuses(&registry, 1, "b"));
	registry_free(&registry);
}

static void test_waiting_of_a_user(void **state)
{
	struct registry registry = {0};

	(void)state;
	for (unsigned i = 0; i < REGISTRY_WAITING_PER_USER; i++)
		assert_null(registry_wait(&registry, ANNA));
	assert_non_null(registry_wait(&registry, ANNA));
	assert_null(registry_wait(&registry, BEN));
	registry_wait_over(&registry, ANNA);
	assert_null(registry_wait(&registry, ANNA));
	assert_non_null(registry_wait(&registry, ANNA));
	registry_free(&registry);
}

static void test_waiting_of_all(void **state)
{
	struct registry registry = {0};

	(void)state;
	for (unsigned i = 0; i < REGISTRY_WAITING_MAX; i++)
		assert_null(registry_wait(&registry, i % 8));
	assert_non_null(strstr(registry_wait(&registry, BEN), "too many loaders"));
	for (unsigned i = 0; i < REGISTRY_WAITING_MAX; i++)
		registry_wait_over(&registry, i % 8);
	assert_int_equal(registry.waiting_count, 0);
	assert_int_equal(registry.waiting_users, 0);
	registry_wait_over(&registry, BEN); /* one that never waited */
	assert_int_equal(registry.waiting_count, 0);
	registry_free(&registry);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_id_is_its_users),    cmocka_unit_test(test_longest_id),
	    cmocka_unit_test(test_sessions_of_a_user), cmocka_unit_test(test_sessions_of_all),
	    cmocka_unit_test(test_waiting_of_a_user),  cmocka_unit_test(test_waiting_of_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
