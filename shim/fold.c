#include "fold.h"

#include <stdatomic.h>
#include <string.h>

bool fold_key_make(struct fold_key *key, enum event_type type, pid_t tid, int call, const void *name, size_t length)
{
	if (length > sizeof(key->name))
		return false;
	*key = (struct fold_key){.type = type, .tid = tid, .call = call, .length = length};
	memcpy(key->name, name, length);
	return true;
}

static bool is_same(const struct fold_key *a, const struct fold_key *b)
{
	return a->type == b->type && a->tid == b->tid && a->call == b->call && a->length == b->length &&
	       memcmp(a->name, b->name, a->length) == 0;
}

static bool is_over(const struct folded *folded, uint64_t now_us)
{
	/* A clock that was set back ends it as well. */
	return now_us < folded->begun_us || now_us - folded->begun_us >= FOLD_SPAN_US;
}

struct folded *fold_find(struct fold *fold, const struct fold_key *key, uint64_t now_us)
{
	for (size_t i = 0; i < FOLD_ENTRIES; i++) {
		struct folded *folded = &fold->entries[i];

		if (folded->begun_us && is_same(&folded->key, key))
			return is_over(folded, now_us) ? NULL : folded;
	}
	return NULL;
}

struct folded *fold_place(struct fold *fold, const struct fold_key *key)
{
	struct folded *oldest = &fold->entries[0];

	for (size_t i = 0; i < FOLD_ENTRIES; i++) {
		struct folded *folded = &fold->entries[i];

		if (folded->begun_us && is_same(&folded->key, key))
			return folded;
		if (folded->begun_us < oldest->begun_us)
			oldest = folded;
	}
	return oldest;
}

void fold_remember(struct folded *folded, const struct fold_key *key, uint64_t now_us)
{
	*folded = (struct folded){.begun_us = 0}; /* free, until it is whole */
	atomic_signal_fence(memory_order_seq_cst);
	folded->key = *key;
	atomic_signal_fence(memory_order_seq_cst);
	folded->begun_us = now_us;
}

struct folded *fold_next(struct fold *fold, uint64_t now_us, bool all)
{
	for (size_t i = 0; i < FOLD_ENTRIES; i++) {
		struct folded *folded = &fold->entries[i];

		if (!folded->begun_us || (!all && !is_over(folded, now_us)))
			continue;
		if (folded->count)
			return folded;
		folded->begun_us = 0;
	}
	return NULL;
}

bool fold_is_open(const struct fold *fold)
{
	for (size_t i = 0; i < FOLD_ENTRIES; i++)
		if (fold->entries[i].begun_us && fold->entries[i].count)
			return true;
	return false;
}
