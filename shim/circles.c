#include "circles.h"

#include <fcntl.h>
#include <sha256.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commons.h"

_Static_assert(CIRCLE_DIGEST_SIZE == SHA256_DIGEST_STRING_LENGTH, "a digest fits");

/* A descriptor of the table that such sessions have, or of a new one. */
static int table_of(const struct circles *circles, const struct circle_member *wanted)
{
	for (size_t i = 0; i < circles->count; i++) {
		const struct circle_member *member = &circles->members[i];

		if (member->uid == wanted->uid && strcmp(member->digest, wanted->digest) == 0)
			return fcntl(member->memfd, F_DUPFD_CLOEXEC, 0);
	}
	return commons_create();
}

int circles_join(struct circles *circles, uint64_t ticket, uid_t uid, const char *policy, size_t length, int known)
{
	struct circle_member *members = reallocarray(circles->members, circles->count + 1, sizeof(*members));
	struct circle_member *member;

	if (members)
		circles->members = members;
	if (!members) {
		if (known >= 0)
			close(known);
		return -1;
	}
	member = &members[circles->count];
	*member = (struct circle_member){.ticket = ticket, .uid = uid};
	(void)SHA256Data((const uint8_t *)policy, length, member->digest);
	member->memfd = known >= 0 ? known : table_of(circles, member);
	if (member->memfd < 0)
		return -1;
	circles->count++;
	return member->memfd;
}

void circles_leave(struct circles *circles, uint64_t ticket)
{
	for (size_t i = 0; i < circles->count; i++) {
		if (circles->members[i].ticket != ticket)
			continue;
		close(circles->members[i].memfd);
		circles->members[i] = circles->members[--circles->count];
		return;
	}
}
