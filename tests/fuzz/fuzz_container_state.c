/*
 * The container process state: any bytes, in any pieces, with any number of descriptors, are either refused or give a
 * session's ID, a process, a listener among the descriptors and a policy that is whole. Where an object ends does not
 * depend on the pieces. The input's first byte is the number of descriptors, its second where the first piece ends.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "container_state.h"
#include "message.h"
#include "policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct container_state *state, size_t descriptors)
{
	char id[SESSION_ID_SIZE];

	if (state->pid < 0 || state->listener >= descriptors || !state->policy ||
	    strlen(state->policy) != state->policy_length || state->policy_length > POLICY_TEXT_MAX)
		abort();
	if (!memchr(state->session, '\0', sizeof(state->session)) || session_id(state->session, "", id, NULL) != 0 ||
	    strcmp(id, state->session) != 0 || !memchr(state->version, '\0', sizeof(state->version)))
		abort();
}

static bool ends_at_once(const char *text, size_t length)
{
	struct container_scan scan = {.depth = 0};

	return container_state_ends(&scan, text, length);
}

static bool ends_in_pieces(const char *text, size_t length, size_t first)
{
	struct container_scan scan = {.depth = 0};

	return container_state_ends(&scan, text, first) || container_state_ends(&scan, text + first, length - first);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data + 2;
	struct container_state state;
	size_t descriptors;
	size_t first;

	if (size < 2)
		return 0;
	size -= 2;
	descriptors = data[0] % (MESSAGE_DESCRIPTORS_MAX + 1);
	first = size ? data[1] % size : 0;
	if (ends_at_once(text, size) != ends_in_pieces(text, size, first))
		abort();
	if (container_state_read(text, size, descriptors, &state) == NULL) {
		/* Whoever waits for the end of it has seen that. */
		if (!ends_at_once(text, size))
			abort();
		check(&state, descriptors);
		container_state_free(&state);
	} else if (state.policy) {
		abort();
	}
	return 0;
}
