/*
 * A socket address as a target gave it: our own copy, taken apart as the kernel does: unix(7). Pure.
 */
#ifndef AGENTSH_ADDRESS_H
#define AGENTSH_ADDRESS_H

#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#define ADDRESS_MAX ((size_t)sizeof(struct sockaddr_storage)) /* move_addr_to_kernel takes no more: EINVAL */

enum address_kind {
	ADDRESS_NONE,     /* length 0: there is none */
	ADDRESS_PATH,     /* AF_UNIX, a pathname */
	ADDRESS_ABSTRACT, /* AF_UNIX, an abstract name */
	ADDRESS_UNNAMED,  /* AF_UNIX, the family alone: bind(2) chooses a name */
	ADDRESS_UNSPEC,   /* AF_UNSPEC: connect(2) dissolves */
	ADDRESS_OTHER     /* of another family, or too short for any */
};

struct address {
	union {
		struct sockaddr any;
		struct sockaddr_un local;
		char bytes[sizeof(struct sockaddr_storage) + 1]; /* one more: a NUL behind the longest path */
	};
	socklen_t length;
	enum address_kind kind;
	const char *name; /* of a path: ended by a NUL; of an abstract name: behind its first NUL */
	size_t name_length;
};

/*
 * Takes address->bytes and length apart. For a Unix socket, as unix_validate_addr does it: 0, or
 * EINVAL. For any other socket (is_unix false) kind is ADDRESS_OTHER or ADDRESS_NONE, and 0.
 */
int address_parse(struct address *address, int is_unix);

#endif
