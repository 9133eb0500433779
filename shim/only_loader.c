#include "only_loader.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "admission.h"
#include "area.h"
#include "conversation.h"
#include "keeping.h"

_Static_assert(KEPT_COUNT + 1 <= MESSAGE_DESCRIPTORS_MAX, "all of a session is handed over at once");

/* What a worker needs that has a session, more than we have: the area, and its threads. */
#define WORKER_MEMORY ((size_t)2 * 1024 * 1024)

struct only_loader {
	struct conversation conversation;
	struct admission admission;
	const struct only_loader_pause *pause;
};

/* False: it has gone, or its time is over. */
static bool wait_for(const struct conversation *conversation)
{
	struct pollfd ready = {.fd = conversation->socket, .events = POLLIN};
	int64_t left;

	while ((left = conversation->deadline - handover_now()) > 0) {
		int count = poll(&ready, 1, (int)left);

		if (count > 0 || (count < 0 && errno != EINTR))
			return count > 0;
	}
	return false;
}

/* NULL: it has come to that state; else why it is refused, "" where there is nobody to be told. */
static const char *hear_until(struct conversation *conversation, enum conversation_state state)
{
	const char *wrong = NULL;

	while (!wrong && conversation->state < state) {
		if (!wait_for(conversation))
			return "no listener was announced in time (try again)";
		wrong = conversation_hear(conversation);
	}
	return wrong || conversation->state == state ? wrong : "";
}

/* Limits on memory are the session's starter's: one that lets no worker run would have calls that nobody answers. */
static bool has_memory(void)
{
	void *memory = mmap(NULL, WORKER_MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return memory != MAP_FAILED && munmap(memory, WORKER_MEMORY) == 0;
}

static const char *decide(struct only_loader *loader, char *reason, size_t size)
{
	struct conversation *conversation = &loader->conversation;
	const char *refused = admission_refuses(&loader->admission, conversation, reason, size);

	if (refused)
		return refused;
	if (!has_memory())
		return "there is too little memory for a session (see RLIMIT_AS and RLIMIT_DATA)";
	conversation_welcome(conversation, admission_keeper_at_risk(&loader->admission, &conversation->peer));
	if (conversation->state != CONVERSATION_WELCOMED)
		return "";
	(void)beginning_make(conversation);
	loader->pause->use(loader->pause->context);
	return NULL;
}

/* Copies, as what they are of is about to be closed. */
static int hand_over(const struct keeping *keeping, struct keeper_message *message, struct message_descriptors *came)
{
	*message = keeping->message;
	came->count = 0;
	for (size_t i = 0; i < keeping->count; i++) {
		int copy = fcntl(keeping->descriptors[i], F_DUPFD_CLOEXEC, 0);

		if (copy < 0) {
			message_close(came);
			return -1;
		}
		came->numbers[came->count++] = copy;
	}
	return 0;
}

static const char *attend(struct only_loader *loader, char *reason, size_t size, struct keeper_message *message,
			  struct message_descriptors *came)
{
	struct conversation *conversation = &loader->conversation;
	const char *wrong = hear_until(conversation, CONVERSATION_ASKED);
	struct keeping keeping;

	if (!wrong)
		wrong = decide(loader, reason, size);
	if (!wrong)
		wrong = hear_until(conversation, CONVERSATION_ANNOUNCED);
	conversation->ticket = 1;
	/* No table of the user's sockets: there is no other session that it could be shared with. */
	if (!wrong &&
	    (keeping_make(&keeping, conversation, AREA_PRIVATE, -1) != 0 || hand_over(&keeping, message, came) != 0))
		wrong = "the session cannot be kept (see RLIMIT_NOFILE and RLIMIT_FSIZE)";
	return wrong;
}

int only_loader_hear(int socket, const struct only_loader_pause *pause, struct keeper_message *message,
		     struct message_descriptors *came)
{
	struct only_loader loader = {.pause = pause};
	char reason[HANDOVER_REASON_MAX];
	const char *wrong;

	admission_begin(&loader.admission, true);
	if (conversation_begin(&loader.conversation, socket) != 0) {
		close(socket);
		return -1;
	}
	wrong = attend(&loader, reason, sizeof(reason), message, came);
	if (wrong && *wrong)
		conversation_refuse(&loader.conversation, wrong);
	conversation_end(&loader.conversation);
	return wrong ? -1 : 0;
}
