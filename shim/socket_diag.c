#include "socket_diag.h"

#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <unistd.h>

#define ANSWER_SIZE 2048
#define ANSWER_S    1 /* the kernel answers at once; a lost answer must not hold anybody up */

void socket_diag_open(struct socket_diag *diag)
{
	const struct timeval limit = {.tv_sec = ANSWER_S};

	(void)pthread_mutex_init(&diag->lock, NULL);
	diag->netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (diag->netlink >= 0)
		(void)setsockopt(diag->netlink, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
}

struct answer {
	union {
		struct nlmsghdr header;
		char bytes[ANSWER_SIZE];
	};
	ssize_t length;
};

/* Asks for that one socket. False: there is none. */
static bool ask(const struct socket_diag *diag, const struct socket_identity *identity, struct answer *answer)
{
	const uint64_t cookie = identity->cookie ? identity->cookie : ~0ULL; /* INET_DIAG_NOCOOKIE */
	const struct {
		struct nlmsghdr header;
		struct unix_diag_req request;
	} question = {
	    .header = {.nlmsg_len = sizeof(question), .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST},
	    .request = {.sdiag_family = AF_UNIX,
			.udiag_states = ~0U,
			.udiag_ino = (uint32_t)identity->inode,
			.udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_VFS,
			.udiag_cookie = {(uint32_t)cookie, (uint32_t)(cookie >> 32)}},
	};

	if (diag->netlink < 0 || send(diag->netlink, &question, sizeof(question), 0) != (ssize_t)sizeof(question))
		return false;
	answer->length = recv(diag->netlink, answer->bytes, sizeof(answer->bytes), 0);
	return answer->length >= (ssize_t)NLMSG_LENGTH(sizeof(struct unix_diag_msg)) &&
	       answer->header.nlmsg_type == SOCK_DIAG_BY_FAMILY && answer->header.nlmsg_len <= (size_t)answer->length;
}

/* An attribute of the answer, or NULL. */
static const struct nlattr *find(const struct answer *answer, unsigned type)
{
	size_t offset = NLMSG_LENGTH(sizeof(struct unix_diag_msg));

	while (offset + sizeof(struct nlattr) <= (size_t)answer->header.nlmsg_len) {
		const struct nlattr *attribute = (const struct nlattr *)(const void *)(answer->bytes + offset);

		if (attribute->nla_len < sizeof(*attribute) ||
		    offset + attribute->nla_len > (size_t)answer->header.nlmsg_len)
			return NULL;
		if (attribute->nla_type == type)
			return attribute;
		offset += ((size_t)attribute->nla_len + NLA_ALIGNTO - 1) & ~((size_t)NLA_ALIGNTO - 1);
	}
	return NULL;
}

static bool ask_alone(struct socket_diag *diag, const struct socket_identity *identity, struct answer *answer)
{
	bool answered;

	(void)pthread_mutex_lock(&diag->lock);
	answered = ask(diag, identity, answer);
	(void)pthread_mutex_unlock(&diag->lock);
	return answered;
}

bool socket_diag_knows(struct socket_diag *diag, ino_t socket)
{
	const struct socket_identity identity = {.inode = socket};
	struct answer answer;

	return ask_alone(diag, &identity, &answer);
}

bool socket_diag_is_named(struct socket_diag *diag, const struct socket_identity *identity, const char *name,
			  size_t length)
{
	struct answer answer;
	const struct nlattr *attribute = ask_alone(diag, identity, &answer) ? find(&answer, UNIX_DIAG_NAME) : NULL;
	const char *found;

	if (!attribute || attribute->nla_len - sizeof(*attribute) != length + 1)
		return false;
	found = (const char *)(attribute + 1);
	return found[0] == '\0' && memcmp(found + 1, name, length) == 0;
}

/* Of its pathname. False: it has none. */
static bool find_place(const struct answer *answer, struct unix_diag_vfs *place)
{
	const struct nlattr *attribute = find(answer, UNIX_DIAG_VFS);

	if (!attribute || attribute->nla_len - sizeof(*attribute) < sizeof(*place))
		return false;
	memcpy(place, attribute + 1, sizeof(*place));
	return true;
}

bool socket_diag_is_bound_to(struct socket_diag *diag, const struct socket_identity *identity,
			     const struct stat *status)
{
	struct answer answer;
	struct unix_diag_vfs place;

	/* As the kernel writes a device: MKDEV. An inode's number is cut to 32 bits there. */
	return ask_alone(diag, identity, &answer) && find_place(&answer, &place) &&
	       place.udiag_vfs_ino == (uint32_t)status->st_ino &&
	       place.udiag_vfs_dev == ((major(status->st_dev) << 20) | minor(status->st_dev));
}

enum socket_place socket_diag_place(struct socket_diag *diag, const struct socket_identity *identity, ino_t inode)
{
	struct answer answer;
	struct unix_diag_vfs place;

	if (!ask_alone(diag, identity, &answer))
		return SOCKET_UNKNOWN;
	return find_place(&answer, &place) && place.udiag_vfs_ino == (uint32_t)inode ? SOCKET_THERE : SOCKET_ELSEWHERE;
}
