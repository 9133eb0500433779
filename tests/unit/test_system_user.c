/* The account of the broker, among others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "system_user.h"

static bool find(const char *text, struct system_user *user)
{
	FILE *passwd = fmemopen((void *)text, strlen(text), "r");
	bool found;

	assert_non_null(passwd);
	found = system_user_find(passwd, user);
	assert_int_equal(fclose(passwd), 0);
	return found;
}

static void is_found_among_others(void **state)
{
	struct system_user user;

	(void)state;
	assert_true(find("root:x:0:0:root:/root:/bin/bash\n"
			 "agent:x:1000:1000::/home/agent:/usr/bin/agentsh-shell\n"
			 "_agentsh:x:998:997:sidecar:/nonexistent:/usr/sbin/nologin\n"
			 "last:x:5:5::/:/bin/sh\n",
			 &user));
	assert_int_equal(user.uid, 998);
	assert_int_equal(user.gid, 997);
}

static void only_that_name_counts(void **state)
{
	struct system_user user;

	(void)state;
	assert_false(find("root:x:0:0:_agentsh:/root:/bin/bash\n"
			  "agentsh:x:1000:1000:_agentsh:/home/_agentsh:/bin/sh\n"
			  "_agentsh2:x:7:7::/:/bin/sh\n"
			  "#_agentsh:x:8:8::/:/bin/sh\n",
			  &user));
}

/* A line that is none hides no other, and is no account. */
static void what_is_no_line_is_passed_over(void **state)
{
	struct system_user user;

	(void)state;
	assert_false(find("_agentsh\n_agentsh:x\n_agentsh:x:y:z:::\n", &user));
	assert_true(find("rubbish\n_agentsh:x\n_agentsh:x:998:997:::\n", &user));
	assert_int_equal(user.uid, 998);
}

/* What has root's ids is not another than root. */
static void root_by_another_name_is_none(void **state)
{
	struct system_user user;

	(void)state;
	assert_false(find("_agentsh:x:0:997:::\n", &user));
	assert_false(find("_agentsh:x:998:0:::\n", &user));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(is_found_among_others),
	    cmocka_unit_test(only_that_name_counts),
	    cmocka_unit_test(what_is_no_line_is_passed_over),
	    cmocka_unit_test(root_by_another_name_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
