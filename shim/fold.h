/*
 * Identical repeats within a second: counted, with the range of their seq. Pure; what is counted
 * changes by steps (area.h).
 */
#ifndef AGENTSH_FOLD_H
#define AGENTSH_FOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "event.h"

#define FOLD_ENTRIES  64U
#define FOLD_NAME_MAX 256U /* a longer target is never folded */
#define FOLD_SPAN_US  1000000U

struct fold_key {
	enum event_type type;
	pid_t tid;
	int call;
	size_t length;
	char name[FOLD_NAME_MAX];
};

struct folded {
	struct fold_key key;
	uint64_t begun_us; /* 0: free */
	uint64_t count;    /* of repeats, the first apart */
	uint64_t first_seq;
	uint64_t last_seq;
};

struct fold {
	struct folded entries[FOLD_ENTRIES];
};

/* Makes a key. False: this is never folded. */
bool fold_key_make(struct fold_key *key, enum event_type type, pid_t tid, int call, const void *name, size_t length);

/* The one within the last second that it is a repeat of; NULL: it is the first of its kind. */
struct folded *fold_find(struct fold *fold, const struct fold_key *key, uint64_t now_us);

/* Where the first of a kind is to be remembered. Whose repeats are counted there is to be told before. */
struct folded *fold_place(struct fold *fold, const struct fold_key *key);
void fold_remember(struct folded *folded, const struct fold_key *key, uint64_t now_us);

/*
 * One whose second is over (all: any) and that has repeats, which are to be told: it stays there until
 * that is done. Those without are forgotten on the way. NULL: there is none.
 */
struct folded *fold_next(struct fold *fold, uint64_t now_us, bool all);

/* Is there one that is still counted? */
bool fold_is_open(const struct fold *fold);

#endif
