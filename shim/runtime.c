#include "runtime.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "container_state.h"
#include "listener.h"

#define CHUNK        ((size_t)32 * 1024)
#define POLICY_NAME  "listenerMetadata" /* where events and hints say that the policy is */
#define UNDER_FILTER "Seccomp:\t2"      /* proc_pid_status(5) */

const char *runtime_begin(struct conversation *conversation, uid_t keeper)
{
	conversation->is_runtime = true;
	if (conversation->peer.uid != 0 && conversation->peer.uid != keeper)
		return "it is another user's runtime (start a sidecar of that user's for it)";
	if (conversation->peer.pid == 0)
		return "it numbers processes otherwise: its PID namespace is another (start a sidecar in that one)";
	return NULL;
}

/* False: there are more than a message may have. */
static bool keep_descriptors(struct conversation *conversation, struct message_descriptors *came)
{
	struct message_descriptors *along = &conversation->along;

	while (came->count > 0 && along->count < MESSAGE_DESCRIPTORS_MAX) {
		int descriptor = message_take(came);

		if (descriptor < 0)
			return true;
		along->numbers[along->count++] = descriptor;
	}
	return message_take(came) < 0;
}

static const char *append(struct conversation *conversation, const char *bytes, size_t length)
{
	char *texts;

	if (length > CONTAINER_STATE_MAX - conversation->texts_length)
		return "what it says is too long (1 MiB)";
	texts = realloc(conversation->texts, conversation->texts_length + length);
	if (!texts)
		return "it is out of memory (try again)";
	memcpy(texts + conversation->texts_length, bytes, length);
	conversation->texts = texts;
	conversation->texts_length += length;
	return NULL;
}

static bool is_under_filter(pid_t pid)
{
	char line[128];
	bool found = false;
	FILE *file;

	(void)snprintf(line, sizeof(line), "/proc/%d/status", pid);
	file = fopen(line, "re");
	while (file && !found && fgets(line, sizeof(line), file))
		found = strncmp(line, UNDER_FILTER, sizeof(UNDER_FILTER) - 1) == 0;
	if (file)
		(void)fclose(file);
	return found;
}

/* crun 1.8 says 0 of what it executes in a container later: that is its one child. 0: there is none. */
static pid_t filtered_child(pid_t runtime)
{
	char line[1024] = "";
	char *rest = line;
	FILE *file;

	(void)snprintf(line, sizeof(line), "/proc/%d/task/%d/children", runtime, runtime);
	file = fopen(line, "re");
	if (!file)
		return 0;
	if (!fgets(line, sizeof(line), file))
		line[0] = '\0';
	(void)fclose(file);
	for (;;) {
		const char *start = rest;
		pid_t child = (pid_t)strtol(start, &rest, 10);

		if (rest == start)
			return 0;
		if (is_under_filter(child))
			return child;
	}
}

/* A pidfd of it; -1: it has gone, or *wrong says what else is. A number that was another's is hardly under a filter. */
static int open_process(pid_t pid, const char **wrong)
{
	int process = (int)syscall(SYS_pidfd_open, pid, 0);

	*wrong = NULL;
	if (process < 0 && errno != ESRCH)
		*wrong = "the process that it names is none (mend the runtime)";
	if (process < 0 || is_under_filter(pid))
		return process;
	/* It may have gone since. */
	if (syscall(SYS_pidfd_send_signal, process, 0, NULL, 0) == 0 || errno != ESRCH)
		*wrong = "the process that it names is under no filter (see the runtime's log)";
	close(process);
	return -1;
}

/*
 * The peer is now whoever the session is about. The runtime did not wait for us, so a short command may be over by now:
 * that is a session as well, whose process is not known.
 */
static const char *pin_process(struct conversation *conversation, pid_t pid)
{
	int process = -1;
	const char *wrong = NULL;

	if (pid == 0)
		pid = filtered_child(conversation->peer.pid);
	if (pid > 0)
		process = open_process(pid, &wrong);
	if (wrong)
		return wrong;
	if (conversation->peer.process >= 0)
		close(conversation->peer.process);
	conversation->peer.process = process;
	conversation->peer.pid = process >= 0 ? pid : 0;
	return NULL;
}

static const char *take_listener(struct conversation *conversation, size_t which)
{
	int *taken = &conversation->along.numbers[which];

	if (!listener_is_one(*taken))
		return "what came along is no listener (mend the runtime)";
	conversation->listener = *taken;
	*taken = -1;
	message_close(&conversation->along);
	conversation->along.count = 0;
	return NULL;
}

/* As if a loader had said it: HELLO and its texts. */
static const char *take_texts(struct conversation *conversation, const struct container_state *state)
{
	struct handover_hello *hello = &conversation->hello;
	size_t name = state->policy_length > 0 ? sizeof(POLICY_NAME) - 1 : 0;
	char *texts = malloc(state->policy_length + name + 1);

	if (!texts)
		return "it is out of memory (try again)";
	*hello = (struct handover_hello){.head = handover_head(HANDOVER_HELLO)};
	hello->lengths[TEXT_POLICY] = (uint32_t)state->policy_length;
	hello->lengths[TEXT_POLICY_FILE] = (uint32_t)name;
	memcpy(hello->session, state->session, sizeof(hello->session));
	memcpy(hello->loader, state->version, sizeof(hello->loader));
	memcpy(texts, state->policy, state->policy_length);
	memcpy(texts + state->policy_length, POLICY_NAME, name);
	free(conversation->texts);
	conversation->texts = texts;
	conversation->texts_length = conversation->texts_due = state->policy_length + name;
	return NULL;
}

static const char *take_state(struct conversation *conversation)
{
	struct container_state state;
	const char *wrong =
	    container_state_read(conversation->texts, conversation->texts_length, conversation->along.count, &state);

	if (wrong)
		return wrong;
	wrong = take_listener(conversation, state.listener);
	if (!wrong)
		wrong = pin_process(conversation, state.pid);
	if (!wrong)
		wrong = take_texts(conversation, &state);
	container_state_free(&state);
	if (!wrong)
		conversation->state = CONVERSATION_ASKED;
	return wrong;
}

static const char *take_bytes(struct conversation *conversation, const char *bytes, size_t length)
{
	const char *wrong = append(conversation, bytes, length);

	if (wrong)
		return wrong;
	conversation->state = CONVERSATION_TEXT;
	return container_state_ends(&conversation->scan, bytes, length) ? take_state(conversation) : NULL;
}

const char *runtime_hear(struct conversation *conversation)
{
	char bytes[CHUNK];
	struct message_descriptors came;
	ssize_t length = message_receive(conversation->socket, bytes, sizeof(bytes), &came);
	const char *wrong;

	if (length < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return NULL;
	if (length < 0 && errno == EMSGSIZE)
		return "too many descriptors came along (mend the runtime)";
	if (length < 0)
		return "";
	if (!keep_descriptors(conversation, &came))
		wrong = "too many descriptors came along (mend the runtime)";
	else if (length > 0)
		wrong = take_bytes(conversation, bytes, (size_t)length);
	else
		wrong = conversation->state == CONVERSATION_HELLO ? "" : "it ended before all was said (try again)";
	message_close(&came);
	return wrong;
}
