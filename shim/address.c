#include "address.h"

#include <errno.h>
#include <string.h>

#define HEADER ((socklen_t)offsetof(struct sockaddr_un, sun_path))

static void name(struct address *address)
{
	size_t room = address->length - HEADER;

	if (address->local.sun_path[0] == '\0') {
		address->kind = ADDRESS_ABSTRACT;
		address->name = address->local.sun_path + 1;
		address->name_length = room - 1;
		return;
	}
	/* The kernel ends it behind the length that was given: it may be as long as sun_path is. */
	address->bytes[address->length] = '\0';
	address->kind = ADDRESS_PATH;
	address->name = address->local.sun_path;
	address->name_length = strlen(address->name);
}

int address_parse(struct address *address, int is_unix)
{
	address->name = NULL;
	address->name_length = 0;
	address->kind = address->length ? ADDRESS_OTHER : ADDRESS_NONE;
	if (!is_unix || address->length == 0)
		return 0;
	if (address->length < sizeof(address->any.sa_family))
		return EINVAL;
	if (address->any.sa_family == AF_UNSPEC) {
		address->kind = ADDRESS_UNSPEC;
		return 0;
	}
	if (address->any.sa_family != AF_UNIX || address->length > sizeof(struct sockaddr_un))
		return EINVAL;
	if (address->length <= HEADER) {
		address->kind = ADDRESS_UNNAMED;
		return 0;
	}
	name(address);
	return 0;
}
