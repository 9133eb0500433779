#include "keeping.h"

#include "area.h"

/* As the loader has it. */
static uint32_t flags_of(const struct conversation *conversation)
{
	uint32_t said = conversation->hello.flags;

	return (conversation->wait_killable ? AREA_WAIT_KILLABLE : 0U) | (said & HANDOVER_NOTICES ? AREA_NOTICES : 0U) |
	       (said & HANDOVER_NOTICES_EACH ? AREA_NOTICES_EACH : 0U) | (said & HANDOVER_EVENTS ? AREA_COPY : 0U) |
	       (said & HANDOVER_POLICY_WRITABLE ? AREA_POLICY_WRITABLE : 0U) |
	       (conversation->is_runtime ? AREA_RUNTIME : 0U);
}

/* Is there one? */
static bool append(struct keeping *keeping, int descriptor)
{
	if (descriptor >= 0)
		keeping->descriptors[keeping->count++] = descriptor;
	return descriptor >= 0;
}

int keeping_make(struct keeping *keeping, struct conversation *conversation, uint32_t flags, int commons)
{
	const struct beginning *begun = &conversation->beginning;
	struct keeper_message *message = &keeping->message;

	flags |= flags_of(conversation) | (commons >= 0 ? AREA_COMMONS : 0U);
	if (beginning_make(conversation) != 0 || beginning_complete(begun, flags) != 0)
		return -1;
	*keeping = (struct keeping){.message = {.operation = KEEPER_KEEP,
						.uid = conversation->peer.uid,
						.capabilities = begun->capabilities,
						.ticket = conversation->ticket}};
	(void)append(keeping, conversation->listener);
	(void)append(keeping, begun->area);
	(void)append(keeping, begun->root);
	message->has_target = append(keeping, conversation->peer.process);
	message->has_notices = append(keeping, conversation->notices);
	message->has_copy = append(keeping, conversation->copy);
	message->has_commons = append(keeping, commons);
	message->has_reader = append(keeping, conversation->reader);
	message->has_user = append(keeping, begun->user);
	message->answers = append(keeping, conversation->is_runtime ? -1 : conversation->socket);
	return 0;
}
