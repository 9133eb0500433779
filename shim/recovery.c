#include "recovery.h"

#include "listener.h"
#include "mediation.h"
#include "worker.h"

enum fate recovery_fate(const struct area_slot *slot)
{
	if (slot->is_over)
		return FATE_ANSWERED;
	if (slot->tries >= AREA_TRIES && !slot->waits)
		return FATE_DENIED;
	if (slot->begun != slot->done + 1)
		return FATE_ANEW;
	return mediation_is_send(slot->notif.data.nr) ? FATE_UNKNOWN : FATE_RESOLVED;
}

static void count(const struct worker *worker, const struct area_slot *slot, struct event_recovered *recovered)
{
	if (!listener_is_valid(worker->listener, slot->notif.id)) {
		recovered->gone++;
		return;
	}
	switch (recovery_fate(slot)) {
	case FATE_RESOLVED:
		recovered->resolved++;
		break;
	case FATE_ANSWERED:
		recovered->answered++;
		break;
	case FATE_UNKNOWN:
		recovered->unknown++;
		break;
	case FATE_DENIED:
		recovered->denied++;
		break;
	case FATE_ANEW:
	default:
		recovered->anew++;
		break;
	}
}

bool recovery_begin(struct worker *worker, struct event_recovered *recovered)
{
	struct area *area = worker->area;

	*recovered = (struct event_recovered){.anew = 0};
	worker_redo(worker);
	if (atomic_load(&area->marks) & MARK_END)
		return false;
	for (size_t i = 0; i < AREA_SLOTS; i++) {
		struct area_slot *slot = &area->slots[i];

		if (i >= atomic_load(&area->used))
			break;
		if (slot->notif.id)
			count(worker, slot, recovered);
		else
			area_free(slot);
	}
	return true;
}
