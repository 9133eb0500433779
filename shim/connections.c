#include "connections.h"

bool connections_have_room(const struct connections *connections, bool is_runtime)
{
	return is_runtime ? connections->of_runtimes < CONNECTIONS_OF_RUNTIMES
			  : connections->count - connections->of_runtimes < REGISTRY_WAITING_MAX;
}

void connections_add(struct connections *connections, struct conversation *conversation)
{
	connections->all[connections->count++] = conversation;
	connections->of_runtimes += conversation->is_runtime;
}

void connections_remove(struct connections *connections, size_t which)
{
	connections->of_runtimes -= connections->all[which]->is_runtime;
	connections->all[which] = connections->all[--connections->count];
}

struct conversation *connections_announced(const struct connections *connections, uint64_t ticket)
{
	for (size_t i = 0; i < connections->count; i++)
		if (connections->all[i]->state == CONVERSATION_ANNOUNCED && connections->all[i]->ticket == ticket)
			return connections->all[i];
	return NULL;
}

int64_t connections_deadline(const struct connections *connections, int64_t other)
{
	int64_t first = other;

	for (size_t i = 0; i < connections->count; i++)
		if (first < 0 || connections->all[i]->deadline < first)
			first = connections->all[i]->deadline;
	return first;
}
