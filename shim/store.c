#include "store.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "keeper.h"
#include "message.h"
#include "notify.h"

#define RECORD_MAGIC   0x41475353U /* "AGSS" */
#define RECORD_VERSION 1U
#define PATIENCE_MS    10000 /* with a manager that is busy */
#define PROBE          "probe"
#define NOBODY_ELSE    4294967294U /* a user id that nothing runs as */
#define KINDS_NEEDED   (1U << KEPT_LISTENER | 1U << KEPT_AREA | 1U << KEPT_ROOT)
#define KINDS_KNOWN    ((1U << KEPT_COUNT) - 1)

_Static_assert(KEPT_COUNT <= MESSAGE_DESCRIPTORS_MAX, "all of a session goes into one message");

/* The message. Programs of several versions read it: enum keeper_descriptor only ever gets new ones, at its end. */
struct record {
	uint32_t magic;
	uint32_t version;
	uint64_t ticket;
	uint32_t kinds; /* of descriptors that come along, in order: bits, by enum keeper_descriptor */
	uint32_t none;
};

/* FDPOLL=0: that a session has ended, or this end's other end is closed, is nothing to let it go for. */
static int put(const char *name, int descriptor)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "FDSTORE=1\nFDPOLL=0\nFDNAME=%s", name);
	return notify_send(text, descriptor);
}

void store_remove_named(const char *name)
{
	char text[NOTIFY_NAME_SIZE + 32];

	if (*name == '\0')
		return;
	(void)snprintf(text, sizeof(text), "FDSTOREREMOVE=1\nFDNAME=%s", name);
	(void)notify_send(text, -1);
}

static void name_of(uint32_t number, char *name)
{
	(void)snprintf(name, STORE_NAME_SIZE, "s%x", number);
}

/* systemd does not say whether it has kept something; but what it has not kept it has closed. */
bool store_is_there(void)
{
	struct pollfd ours = {.fd = -1};
	struct error err;
	int ends[2];
	bool kept;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
		return false;
	ours.fd = ends[0];
	kept = put(PROBE, ends[1]) == 0;
	close(ends[1]);
	if (kept && !notify_settled(PATIENCE_MS)) {
		(void)error_set(&err,
				"the service manager does not answer: a restart will end the sessions (restart it "
				"again, once it does)");
		error_print(STDERR_FILENO, "agentsh-sidecar", &err);
		kept = false;
	}
	kept = kept && poll(&ours, 1, 0) == 0;
	store_remove_named(PROBE);
	close(ends[0]);
	return kept;
}

static int fill(int socket, uint64_t ticket, const int *descriptors)
{
	struct record record = {.magic = RECORD_MAGIC, .version = RECORD_VERSION, .ticket = ticket};
	int along[KEPT_COUNT];
	size_t count = 0;

	for (unsigned i = 0; i < KEPT_COUNT; i++) {
		if (descriptors[i] < 0)
			continue;
		record.kinds |= 1U << i;
		along[count++] = descriptors[i];
	}
	return message_send(socket, &record, sizeof(record), along, count);
}

/*
 * What lies in a queue is in flight, and counts as its sender's real user's. Who has more of that in flight than a
 * process may have open sends no other descriptor (ETOOMANYREFS), but with a capability that root in a container has
 * not: some hundred sessions are not to be counted as root's. What is not to be had is done without. The calling thread
 * alone is changed, and with its own id still there (effective, saved) for all that asks for it.
 */
static int fill_for_nobody(int socket, uint64_t ticket, const int *descriptors)
{
	uid_t own = getuid();
	bool is_other = syscall(SYS_setresuid, NOBODY_ELSE, -1, -1) == 0;
	int result = fill(socket, ticket, descriptors);
	int error = errno;

	if (is_other && syscall(SYS_setresuid, own, -1, -1) != 0)
		_exit(
		    EXIT_FAILURE); /* its children are not to begin as another; what is stored is there for the next */
	errno = error;
	return result;
}

int store_put(uint32_t number, uint64_t ticket, const int *descriptors, struct error *err)
{
	char name[STORE_NAME_SIZE];
	int ends[2];
	int result;

	name_of(number, name);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
		return error_set(err, "session: it cannot be stored: %s", strerror(errno));
	result = fill_for_nobody(ends[0], ticket, descriptors);
	if (result == 0)
		result = put(name, ends[1]);
	if (result != 0)
		(void)error_set(err, "session: it cannot be stored: %s", strerror(errno));
	close(ends[0]);
	close(ends[1]);
	return result;
}

void store_remove(uint32_t number)
{
	char name[STORE_NAME_SIZE];

	name_of(number, name);
	store_remove_named(name);
}

static bool is_sane(const struct record *record, ssize_t length, size_t count)
{
	return length == (ssize_t)sizeof(*record) && record->magic == RECORD_MAGIC &&
	       record->version == RECORD_VERSION && record->ticket != 0 && !(record->kinds & ~KINDS_KNOWN) &&
	       (record->kinds & KINDS_NEEDED) == KINDS_NEEDED && (size_t)__builtin_popcount(record->kinds) == count;
}

int store_read(int stored, uint64_t *ticket, int *descriptors, struct error *err)
{
	struct record record;
	struct message_descriptors came;
	ssize_t length = message_peek(stored, &record, sizeof(record), &came);

	if (length < 0)
		return error_set(err, "session: what was stored of it cannot be had: %s", strerror(errno));
	if (!is_sane(&record, length, came.count)) {
		message_close(&came);
		return error_set(err, "session: what was stored of it is none");
	}
	*ticket = record.ticket;
	for (unsigned i = 0; i < KEPT_COUNT; i++)
		descriptors[i] = record.kinds & 1U << i ? message_take(&came) : -1;
	return 0;
}

uint32_t store_number(const char *name)
{
	unsigned long number;
	char *end;

	if (name[0] != 's' || name[1] == '\0')
		return 0;
	number = strtoul(name + 1, &end, 16);
	return *end == '\0' && number <= UINT32_MAX ? (uint32_t)number : 0;
}
