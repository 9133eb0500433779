/*
 * What comes from a target with a message: its address, its control data, and, to the kernel, its netlink headers.
 * The input is the control data, after one byte that says what kind of socket it is, and one that says how much of it
 * is the address as well.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "netlink.h"
#include "sending.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool good)
{
	if (!good)
		abort();
}

/* What goes on to the kernel: whole items, and the target's own ids in front where they may be claimed. */
static void check_control(const struct sending *sending)
{
	const struct msghdr message = {.msg_control = sending->control, .msg_controllen = sending->control_length};
	size_t rights = 0;

	for (struct cmsghdr *item = CMSG_FIRSTHDR(&message); item;
	     item = CMSG_NXTHDR((struct msghdr *)&message, item)) {
		expect(item->cmsg_level == SOL_SOCKET);
		expect(item->cmsg_type == SCM_RIGHTS || item->cmsg_type == SCM_CREDENTIALS);
		expect(item->cmsg_len <= sending->control_length);
		if (item->cmsg_type == SCM_RIGHTS)
			rights += (item->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	}
	expect(rights == sending->descriptor_count);
}

static void check_address(const uint8_t *data, size_t size)
{
	struct address address = {.length = (socklen_t)size};
	int error;

	memcpy(address.bytes, data, size);
	error = address_parse(&address, 1);
	expect(error == 0 || error == EINVAL);
	if (error == 0 && address.kind == ADDRESS_PATH)
		expect(address.name_length < sizeof(address.bytes) && address.name[address.name_length] == '\0');
	if (error == 0 && address.kind == ADDRESS_ABSTRACT)
		expect(address.name + address.name_length == address.bytes + size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int self = -1;
	static int sockets[2]; /* a stream's, and one of datagrams, which has addresses */
	static struct memory_page page;
	struct reach reach = {.channel = -1, .connection = -1};
	struct credentials credentials = {.tgid = getpid(), .ns_tgid = getpid()};
	struct sender sender = {.memory = {.tid = getpid(), .reach = &reach, .page = &page},
				.credentials = &credentials};
	struct sending sending;
	struct msghdr header = {0};
	uint8_t *copy;
	size_t named;

	if (size < 2)
		return 0;
	if (self < 0) {
		self = (int)syscall(SYS_pidfd_open, getpid(), 0);
		sockets[0] = socket(AF_UNIX, SOCK_STREAM, 0);
		sockets[1] = socket(AF_UNIX, SOCK_DGRAM, 0);
		expect(self >= 0 && sockets[0] >= 0 && sockets[1] >= 0);
	}
	page.length = 0;
	sender.thread = self;
	sender.is_unix = data[0] & 1;
	sender.socket = sockets[data[0] & 2 ? 1 : 0];
	sender.may_claim = data[0] & 4;
	named = data[1];
	size -= 2;
	copy = memcpy(malloc(size + 1), data + 2, size); /* so that a byte read too far is one of nobody's */
	if (named > size)
		named = size;
	header.msg_control = copy;
	header.msg_controllen = size;
	header.msg_name = named ? copy : NULL;
	header.msg_namelen = (socklen_t)named;
	if (sending_from_header(&sender, (uint64_t)(uintptr_t)&header, 0, &sending) == 0 && sender.is_unix)
		check_control(&sending);
	sending_free(&sending);
	if (size <= ADDRESS_MAX)
		check_address(copy, size);
	(void)netlink_asks(data[0] >> 3, copy, size);
	free(copy);
	return 0;
}
