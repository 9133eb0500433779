#include "broker_child.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "handover.h"
#include "message.h"
#include "sink.h"

void broker_child_tell(const struct broker_child *broker, enum keeper_operation operation, uint64_t ticket, int error)
{
	const struct keeper_message message = {.operation = operation, .ticket = ticket, .error = error};

	if (broker->channel >= 0)
		(void)message_send(broker->channel, &message, sizeof(message), NULL, 0);
}

static void tell_known(const struct broker_child *broker, const struct kept *sessions)
{
	for (const struct kept *kept = sessions; kept; kept = kept->next) {
		const struct keeper_message message = {.operation = KEEPER_KNOWN, .ticket = kept->ticket};
		const int along[] = {kept->descriptors[KEPT_AREA], kept->descriptors[KEPT_COMMONS]};

		(void)message_send(broker->channel, &message, sizeof(message), along, along[1] < 0 ? 1 : 2);
	}
	broker_child_tell(broker, KEEPER_ALL_KNOWN, 0, 0);
}

int broker_child_start(struct broker_child *broker, int *descriptors, const struct kept *sessions)
{
	char *arguments[] = {(char *)"agentsh-sidecar", (char *)ROLE_BROKER, NULL};
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
		return -1;
	descriptors[BROKER_KEEPER - BROKER_KEEPER] = ends[1];
	broker->pid = role_start(arguments, descriptors, BROKER_END - BROKER_KEEPER);
	close(ends[1]);
	if (broker->pid <= 0) {
		broker->pid = 0;
		close(ends[0]);
		return -1;
	}
	broker->channel = ends[0];
	broker->started_at = handover_now();
	broker->has_events = false;
	tell_known(broker, sessions);
	return 0;
}

void broker_child_give_events(struct broker_child *broker, const char *events)
{
	struct keeper_message message = {.operation = KEEPER_EVENTS};
	enum sink_kind kind;
	struct error err;
	int opened = sink_open(events, &kind, &err);

	broker->has_events = true;
	if (opened < 0) {
		error_print(STDERR_FILENO, "agentsh-sidecar", &err);
		return;
	}
	message.error = (int32_t)kind;
	(void)message_send(broker->channel, &message, sizeof(message), &opened, 1);
	close(opened);
}

bool broker_child_has_said(const struct broker_child *broker)
{
	struct pollfd ready = {.fd = broker->channel, .events = POLLIN};

	return broker->channel >= 0 && poll(&ready, 1, 0) > 0;
}

void broker_child_hang_up(struct broker_child *broker)
{
	if (broker->channel >= 0)
		close(broker->channel);
	broker->channel = -1;
}

void broker_child_ended(struct broker_child *broker, bool was_killed)
{
	broker->pid = 0;
	broker_child_hang_up(broker);
	if (handover_now() - broker->started_at >= KEPT_LIVED_MS)
		broker->tries = 0;
	broker->due_at = handover_now();
	if (!was_killed)
		broker->due_at += kept_pause(++broker->tries);
}
