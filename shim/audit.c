#include "audit.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/netlink.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "audit_stream.h"

static void close_it(int *descriptor)
{
	if (*descriptor >= 0)
		close(*descriptor);
	*descriptor = -1;
}

static int make_memory(void)
{
	int memfd = memfd_create("agentsh-audit", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (memfd < 0)
		return -1;
	if (ftruncate(memfd, (off_t)sizeof(struct audit_memory)) == 0)
		return memfd;
	close(memfd);
	return -1;
}

void audit_begin(struct audit *audit)
{
	const char *call;

	*audit = (struct audit){.stream = -1, .memory = make_memory(), .control = -1};
	if (audit->memory >= 0)
		audit->stream = audit_stream_open(&call);
	if (audit->stream < 0)
		return;
	if (!audit_stream_hears(audit->stream)) {
		close_it(&audit->stream);
		return;
	}
	audit->control = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_AUDIT);
}

void audit_end(struct audit *audit)
{
	close_it(&audit->stream);
	close_it(&audit->memory);
	close_it(&audit->control);
}

void audit_ask_lost(const struct audit *audit)
{
	const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	const struct nlmsghdr get = {.nlmsg_len = sizeof(get), .nlmsg_type = AUDIT_GET, .nlmsg_flags = NLM_F_REQUEST};

	if (audit->control >= 0)
		(void)sendto(audit->control, &get, sizeof(get), MSG_DONTWAIT | MSG_NOSIGNAL,
			     (const struct sockaddr *)&kernel, sizeof(kernel));
}

/* Without leave to ask there comes an error, which is no answer. */
bool audit_hear_lost(const struct audit *audit, uint32_t *lost)
{
	struct sockaddr_nl from = {.nl_pid = 1};
	socklen_t from_size = sizeof(from);
	char answer[512];
	struct nlmsghdr header;
	const size_t at = NLMSG_HDRLEN + offsetof(struct audit_status, lost);
	ssize_t length =
	    recvfrom(audit->control, answer, sizeof(answer), MSG_DONTWAIT, (struct sockaddr *)&from, &from_size);

	if (length < (ssize_t)(at + sizeof(*lost)) || from.nl_pid != 0)
		return false;
	memcpy(&header, answer, sizeof(header));
	if (header.nlmsg_type != AUDIT_GET)
		return false;
	memcpy(lost, answer + at, sizeof(*lost));
	return true;
}
