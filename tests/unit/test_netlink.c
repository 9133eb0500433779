/* netlink.h: what asks, and what changes something. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "netlink.h"

/* Messages of those types one after the other, each with so many bytes behind its header. */
static size_t compose(char *out, const uint16_t *types, size_t count, size_t payload)
{
	size_t used = 0;

	for (size_t i = 0; i < count; i++) {
		const struct nlmsghdr header = {.nlmsg_len = (uint32_t)(NLMSG_HDRLEN + payload),
						.nlmsg_type = types[i]};

		memset(out + used, 0, NLMSG_SPACE(payload));
		memcpy(out + used, &header, sizeof(header));
		used += NLMSG_SPACE(payload);
	}
	return used;
}

static bool asks(int protocol, const uint16_t *types, size_t count)
{
	char bytes[1024];
	size_t length = compose(bytes, types, count, 5);

	return netlink_asks(protocol, bytes, length);
}

static void questions(void **state)
{
	static const uint16_t good[] = {RTM_GETLINK, RTM_GETADDR, RTM_GETROUTE, RTM_GETNSID, NLMSG_DONE};
	static const uint16_t bad[] = {RTM_NEWLINK, RTM_DELLINK, RTM_SETLINK, RTM_NEWADDR, RTM_NEWNSID, RTM_NEWTFILTER};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(asks(NETLINK_ROUTE, &good[i], 1));
		assert_false(asks(NETLINK_GENERIC, &good[i], 1));
		assert_true(asks(NETLINK_SOCK_DIAG, &good[i], 1));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const uint16_t behind[] = {RTM_GETLINK, bad[i]};

		assert_false(asks(NETLINK_ROUTE, &bad[i], 1));
		assert_false(asks(NETLINK_ROUTE, behind, 2));
	}
	assert_true(asks(NETLINK_ROUTE, good, 5));
}

/* What is cut short, or says that it is, the kernel does not read either. */
static void stubs(void **state)
{
	const uint16_t type = RTM_NEWLINK;
	char bytes[64] = {0};
	size_t length = compose(bytes, &type, 1, 4);

	(void)state;
	assert_true(netlink_asks(NETLINK_ROUTE, bytes, 0));
	assert_true(netlink_asks(NETLINK_ROUTE, bytes, NLMSG_HDRLEN - 1));
	assert_true(netlink_asks(NETLINK_ROUTE, bytes, length - 1));
	assert_false(netlink_asks(NETLINK_ROUTE, bytes, length));
	((struct nlmsghdr *)(void *)bytes)->nlmsg_len = 15;
	assert_true(netlink_asks(NETLINK_ROUTE, bytes, length));
	((struct nlmsghdr *)(void *)bytes)->nlmsg_len = UINT32_MAX;
	assert_true(netlink_asks(NETLINK_ROUTE, bytes, length));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(questions),
	    cmocka_unit_test(stubs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
