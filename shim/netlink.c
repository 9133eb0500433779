#include "netlink.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>

bool netlink_is_to_kernel(int socket, const struct sockaddr *address, socklen_t length)
{
	struct sockaddr_nl to = {.nl_pid = 0};
	socklen_t size = sizeof(to);

	if (!address)
		return getpeername(socket, (struct sockaddr *)(void *)&to, &size) != 0 || to.nl_pid == 0;
	memcpy(&to, address, length < sizeof(to) ? length : sizeof(to));
	return to.nl_pid == 0;
}

/* rtnetlink's types come in fours: new, delete, get, set. */
static bool is_get(unsigned type)
{
	return type < NLMSG_MIN_TYPE || (type >= RTM_BASE && ((type - RTM_BASE) & 3) == RTM_GETLINK - RTM_BASE);
}

bool netlink_asks(int protocol, const void *messages, size_t length)
{
	const char *bytes = messages;
	struct nlmsghdr header;

	if (protocol == NETLINK_SOCK_DIAG)
		return true;
	if (protocol != NETLINK_ROUTE)
		return false;
	while (length >= sizeof(header)) {
		memcpy(&header, bytes, sizeof(header));
		if (header.nlmsg_len < sizeof(header) || header.nlmsg_len > length)
			return true; /* netlink_rcv_skb stops here as well */
		if (!is_get(header.nlmsg_type))
			return false;
		if (NLMSG_ALIGN(header.nlmsg_len) >= length)
			return true;
		bytes += NLMSG_ALIGN(header.nlmsg_len);
		length -= NLMSG_ALIGN(header.nlmsg_len);
	}
	return true;
}
