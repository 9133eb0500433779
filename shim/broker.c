/*
 * The broker: accepts loaders, judges what they ask for, takes their listeners and gives them to
 * the keeper. It knows which sessions there are. It may die: sessions go on without it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "admission.h"
#include "area.h"
#include "circles.h"
#include "confinement.h"
#include "connections.h"
#include "conversation.h"
#include "keeper.h"
#include "keeping.h"
#include "plain_report.h"
#include "refusal_log.h"
#include "registry.h"
#include "role.h"
#include "runtime.h"
#include "stranger.h"
#include "witness.h"

#define ACCEPTS_AT_ONCE    64U /* before those that have begun are looked at again */
#define KEEPS_AT_ONCE      32U /* sessions that the keeper is given before it has answered */
#define BREATHER_MS        100 /* without a new connection, where there are no descriptors for one */
#define FIRST_CONVERSATION 4U  /* of what is waited for: behind the keeper, two sockets that listen, the audit */

struct broker {
	int keeper;
	int socket;
	int runtimes; /* -1: none are listened for */
	struct admission admission;
	bool listens;        /* there may be more loaders, and the sessions that there are are known */
	int64_t accept_at;   /* ms: not before that */
	unsigned unanswered; /* sessions that the keeper has been given and has not answered */
	uint64_t next_ticket;
	struct registry registry;
	struct circles circles;
	struct witness witness;
	struct plain_reports reports;
	struct connections connections;
	struct refusal_log log;
	struct strangers strangers;
};

static void refuse(struct broker *broker, struct conversation *conversation, const char *reason)
{
	refusal_log_say(&broker->log, &conversation->peer, reason);
	conversation_refuse(conversation, reason);
}

/* --- What a loader asks for --- */

/* What can be put together of the session before the listener is there is: the loader loads its filter meanwhile. */
static void welcome(const struct broker *broker, struct conversation *conversation)
{
	conversation_welcome(conversation, admission_keeper_at_risk(&broker->admission, &conversation->peer));
	if (conversation->state == CONVERSATION_WELCOMED)
		(void)beginning_make(conversation);
}

/* The session's ID may be another user's, of a session that the keeper does not know. */
static const char *refuses(const struct broker *broker, uid_t uid, const char *id)
{
	const struct audit_memory *memory = broker->witness.memory;

	if (memory && quiet_is_of_another(&memory->quiet, id, uid))
		return REGISTRY_OF_ANOTHER;
	return registry_refuses(&broker->registry, uid, id);
}

static void decide(struct broker *broker, struct conversation *conversation)
{
	char reason[HANDOVER_REASON_MAX];
	const char *refused = refuses(broker, conversation->peer.uid, conversation->hello.session);

	if (!refused && conversation->strangers)
		refused = conversation_hold_back(conversation);
	if (!refused)
		refused = admission_refuses(&broker->admission, conversation, reason, sizeof(reason));
	if (refused)
		refuse(broker, conversation, refused);
	else if (conversation->is_runtime)
		conversation->state = CONVERSATION_ANNOUNCED;
	else
		welcome(broker, conversation);
}

/* --- What the keeper gets --- */

/* The table of what the user's sessions with this policy have bound; -1: none is asked for, or to be had. */
static int join_circle(struct broker *broker, const struct conversation *conversation)
{
	if (!conversation->shares)
		return -1;
	return circles_join(&broker->circles, conversation->ticket, conversation->peer.uid,
			    conversation_text(conversation, TEXT_POLICY), conversation->hello.lengths[TEXT_POLICY], -1);
}

static int give_to_keeper(struct broker *broker, struct conversation *conversation)
{
	int commons = join_circle(broker, conversation);
	struct keeping keeping;

	if (keeping_make(&keeping, conversation, broker->witness.stream >= 0 ? AREA_WITNESSED : 0U, commons) != 0 ||
	    message_send(broker->keeper, &keeping.message, sizeof(keeping.message), keeping.descriptors,
			 keeping.count) != 0)
		return -1;
	broker->unanswered++;
	/* Nothing of it is heard before what is heard next. */
	witness_add(&broker->witness, conversation->ticket, conversation->beginning.area);
	return 0;
}

static void forget(struct broker *broker, uint64_t ticket)
{
	registry_remove(&broker->registry, ticket);
	circles_leave(&broker->circles, ticket);
	witness_ended(&broker->witness, ticket);
}

static void learn_known(struct broker *broker, uint64_t ticket, struct message_descriptors *came)
{
	int memfd = message_take(came);
	int commons = message_take(came);
	struct area *area = memfd >= 0 ? area_map(memfd, NULL) : NULL;

	if (area) {
		witness_add(&broker->witness, ticket, memfd);
		(void)registry_add(&broker->registry, ticket, area->session.uid, area->session.id);
		if (commons >= 0)
			(void)circles_join(&broker->circles, ticket, area->session.uid, area_text(area, TEXT_POLICY),
					   area->session.lengths[TEXT_POLICY], commons);
		area_unmap(area);
	}
	if (memfd >= 0)
		close(memfd);
	if (ticket >= broker->next_ticket)
		broker->next_ticket = ticket + 1;
}

static void hear_operation(struct broker *broker, const struct keeper_message *message,
			   struct message_descriptors *came)
{
	struct conversation *conversation = connections_announced(&broker->connections, message->ticket);

	switch (message->operation) {
	case KEEPER_KEPT:
		broker->unanswered--;
		if (conversation)
			conversation->state = CONVERSATION_OVER;
		break;
	case KEEPER_REFUSED:
		broker->unanswered--;
		forget(broker, message->ticket);
		if (conversation)
			refuse(broker, conversation, KEEPER_CANNOT);
		break;
	case KEEPER_ENDED:
		forget(broker, message->ticket);
		break;
	case KEEPER_KNOWN:
		learn_known(broker, message->ticket, came);
		break;
	case KEEPER_ALL_KNOWN:
		broker->listens = true;
		break;
	case KEEPER_EVENTS:
		witness_events(&broker->witness, message_take(came), (enum sink_kind)message->error);
		break;
	case KEEPER_LOST:
		witness_lost(&broker->witness, (uint32_t)message->ticket);
		break;
	default:
		break;
	}
}

/*
 * False: the keeper has gone. A message whose descriptors did not fit, as loaders have taken all, is heard without
 * them: whom it is about is known all the same, and events are asked for again.
 */
static bool hear_keeper(struct broker *broker)
{
	struct keeper_message message = {.operation = 0};
	struct message_descriptors came;
	ssize_t length = message_receive(broker->keeper, &message, sizeof(message), &came);

	if (length == 0 || (length < 0 && errno != EAGAIN && errno != EMSGSIZE))
		return false;
	if (length == (ssize_t)sizeof(message) || (length < 0 && errno == EMSGSIZE))
		hear_operation(broker, &message, &came);
	message_close(&came);
	return true;
}

static void announce(struct broker *broker, struct conversation *conversation)
{
	const char *refused;

	/* Both ends of a channel that were full would wait for each other: it takes that many in any case. */
	while (broker->unanswered >= KEEPS_AT_ONCE)
		if (!hear_keeper(broker))
			return;
	/* Once more: another loader with the same ID may have been welcomed at the same time. */
	refused = registry_refuses(&broker->registry, conversation->peer.uid, conversation->hello.session);
	if (refused) {
		refuse(broker, conversation, refused);
		return;
	}
	conversation->ticket = broker->next_ticket++;
	/* Registered before it is kept: its end may be told as soon as it is. */
	if (registry_add(&broker->registry, conversation->ticket, conversation->peer.uid,
			 conversation->hello.session) != 0)
		refuse(broker, conversation, "it is out of memory (try again)");
	else if (give_to_keeper(broker, conversation) != 0) {
		forget(broker, conversation->ticket);
		refuse(broker, conversation, "the session cannot be kept (try again)");
	}
}

/* --- Connections --- */

/* NULL, or why it is not heard. */
static const char *begin(struct broker *broker, struct conversation *conversation, bool is_runtime)
{
	if (is_runtime)
		return runtime_begin(conversation, broker->admission.uid);
	if (admission_is_own_user(&broker->admission, &conversation->peer))
		return "that user is the sidecar's own, and has no sessions (begin it as another)";
	if (stranger_has_too_many(&broker->strangers, conversation->peer.uid))
		return "what its user has sent before cannot be closed (end the process that serves those files)";
	return registry_wait(&broker->registry, conversation->peer.uid);
}

static void add(struct broker *broker, int socket, bool is_runtime)
{
	struct conversation *conversation = malloc(sizeof(*conversation));
	const char *refused;

	if (!conversation || !connections_have_room(&broker->connections, is_runtime) ||
	    conversation_begin(conversation, socket) != 0) {
		close(socket);
		free(conversation);
		return;
	}
	if (!is_runtime)
		conversation->strangers = &broker->strangers;
	refused = begin(broker, conversation, is_runtime);
	if (refused) {
		refuse(broker, conversation, refused);
		conversation_end(conversation);
		free(conversation);
		return;
	}
	connections_add(&broker->connections, conversation);
}

static void attend(struct broker *broker, struct conversation *conversation)
{
	const char *wrong;

	if (conversation->state == CONVERSATION_OVER)
		return;
	wrong = conversation->is_runtime ? runtime_hear(conversation) : conversation_hear(conversation);
	/* What belongs to a HELLO mostly is there with it. */
	if (!wrong && !conversation->is_runtime && conversation->state == CONVERSATION_TEXT)
		wrong = conversation_hear(conversation);
	if (wrong && *wrong)
		refuse(broker, conversation, wrong);
	else if (wrong)
		conversation->state = CONVERSATION_OVER;
	else if (conversation->state == CONVERSATION_ASKED)
		decide(broker, conversation);
	if (conversation->state == CONVERSATION_ANNOUNCED)
		announce(broker, conversation);
	if (conversation->state != CONVERSATION_TOLD)
		return;
	plain_report_take(&broker->reports, &broker->witness, &broker->registry, conversation);
	conversation->state = CONVERSATION_OVER;
}

/* A report is all there when it is accepted, or a moment later, and whoever made it may be gone in another. */
static void attend_report(struct broker *broker, struct conversation *conversation)
{
	if (conversation->state == CONVERSATION_HELLO)
		attend(broker, conversation);
	if (conversation->state == CONVERSATION_REPORTED)
		attend(broker, conversation);
}

static void accept_some(struct broker *broker, int listening)
{
	bool is_runtime = listening == broker->runtimes;

	for (unsigned i = 0; i < ACCEPTS_AT_ONCE && connections_have_room(&broker->connections, is_runtime); i++) {
		int socket = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		size_t before = broker->connections.count;

		if (socket < 0) {
			/* No descriptor is left for it, and it would be ready again at once. */
			if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
				broker->accept_at = handover_now() + BREATHER_MS;
			return;
		}
		add(broker, socket, is_runtime);
		if (broker->connections.count > before)
			attend_report(broker, broker->connections.all[before]);
	}
}

/* Reports that have come already: they were made before the kill that the witness looks at. */
static void settle(void *whose)
{
	struct broker *broker = whose;

	if (broker->listens && broker->accept_at <= handover_now())
		accept_some(broker, broker->socket);
	for (size_t i = 0; i < broker->connections.count; i++)
		attend_report(broker, broker->connections.all[i]);
}

static void drop_ended(struct broker *broker)
{
	int64_t now = handover_now();

	for (size_t i = 0; i < broker->connections.count;) {
		struct conversation *conversation = broker->connections.all[i];

		if (conversation->state == CONVERSATION_REPORTED && conversation->deadline <= now)
			conversation->state = CONVERSATION_OVER;
		if (conversation->state != CONVERSATION_OVER && conversation->deadline <= now)
			refuse(broker, conversation, "no listener was announced in time (try again)");
		if (conversation->state != CONVERSATION_OVER) {
			i++;
			continue;
		}
		if (!conversation->is_runtime)
			registry_wait_over(&broker->registry, conversation->peer.uid);
		connections_remove(&broker->connections, i);
		conversation_end(conversation);
		free(conversation);
	}
}

/* ms until the next deadline; -1: there is none. */
static int until_deadline(const struct broker *broker)
{
	int64_t now = handover_now();
	int64_t first = connections_deadline(&broker->connections, broker->accept_at > now ? broker->accept_at : -1);

	if (first < 0)
		return -1;
	return first > now ? (int)(first - now) : 0;
}

/* What a conversation waits for; -1: for nothing that comes from there, and a runtime has gone by then. */
static int awaited(const struct conversation *conversation)
{
	return conversation->is_runtime && conversation->state == CONVERSATION_ANNOUNCED ? -1 : conversation->socket;
}

static int shorter(int a, int b)
{
	if (a < 0 || b < 0)
		return a < 0 ? b : a;
	return a < b ? a : b;
}

/* What is due now. ms until more is; -1: nothing is. */
static int turn(struct broker *broker)
{
	int due = broker->witness.memory ? plain_report_turn(&broker->reports, &broker->witness) : -1;

	return shorter(due, witness_turn(&broker->witness));
}

static bool accepts(const struct broker *broker, bool is_runtime)
{
	return broker->listens && connections_have_room(&broker->connections, is_runtime) &&
	       broker->accept_at <= handover_now();
}

static int serve(struct broker *broker)
{
	static struct pollfd ready[CONNECTIONS_MAX + FIRST_CONVERSATION];

	for (;;) {
		size_t begun = broker->connections.count;

		ready[0] = (struct pollfd){.fd = broker->keeper, .events = POLLIN};
		ready[1] = (struct pollfd){.fd = accepts(broker, false) ? broker->socket : -1, .events = POLLIN};
		ready[2] = (struct pollfd){.fd = accepts(broker, true) ? broker->runtimes : -1, .events = POLLIN};
		/* Not before the sessions are known that there are. */
		ready[3] =
		    (struct pollfd){.fd = broker->listens ? witness_waits_for(&broker->witness) : -1, .events = POLLIN};
		for (size_t i = 0; i < begun; i++)
			ready[i + FIRST_CONVERSATION] =
			    (struct pollfd){.fd = awaited(broker->connections.all[i]), .events = POLLIN};
		if (poll(ready, begun + FIRST_CONVERSATION, shorter(until_deadline(broker), turn(broker))) < 0 &&
		    errno != EINTR)
			return EXIT_FAILURE;
		/* A process that was killed is not to be seen for long. */
		if (ready[3].revents)
			witness_look(&broker->witness);
		for (size_t i = 0; i < begun; i++)
			if (ready[i + FIRST_CONVERSATION].revents)
				attend(broker, broker->connections.all[i]);
		if (ready[0].revents && !hear_keeper(broker))
			return EXIT_SUCCESS;
		if (ready[1].revents)
			accept_some(broker, broker->socket);
		if (ready[2].revents)
			accept_some(broker, broker->runtimes);
		drop_ended(broker);
	}
}

int broker_main(int argc, char **argv)
{
	static struct broker broker;
	struct error err;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN); /* a session of no memory is refused, not the end of all */
	(void)argv;
	if (argc != 2)
		return EXIT_FAILURE;
	broker.keeper = BROKER_KEEPER;
	broker.socket = BROKER_SOCKET;
	broker.next_ticket = 1;
	strangers_begin(&broker.strangers);
	admission_begin(&broker.admission, false);
	broker.runtimes = fcntl(BROKER_RUNTIMES, F_GETFD) >= 0 ? BROKER_RUNTIMES : -1;
	if (confinement_enter(CONFINED_BROKER, -1, &err) != 0) {
		error_print(STDERR_FILENO, "agentsh-sidecar", &err);
		return EXIT_FAILURE;
	}
	if (witness_begin(&broker.witness, fcntl(BROKER_STREAM, F_GETFD) < 0 ? -1 : BROKER_STREAM,
			  fcntl(BROKER_MEMORY, F_GETFD) < 0 ? -1 : BROKER_MEMORY, BROKER_KEEPER) != 0)
		return EXIT_FAILURE;
	broker.witness.settle = settle;
	broker.witness.broker = &broker;
	return serve(&broker);
}
