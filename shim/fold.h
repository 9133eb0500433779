/*
 * Identical repeats within a second: counted, with the range of their seq. Pure.
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

/*
 * Is it a repeat of one within the last second? Then it is to be counted by fold_count. Else it is
 * the first of its kind, and remembered; a place that this takes over is handed out in *over, whose
 * count is to be told where it is not 0.
 */
struct folded *fold_find(struct fold *fold, const struct fold_key *key, uint64_t now_us, struct folded *over);
void fold_count(struct folded *folded, uint64_t seq);

/* Takes out one whose second is over (all: any). False: there is none. */
bool fold_take(struct fold *fold, uint64_t now_us, bool all, struct folded *taken);
/* Is there one that is still counted? */
bool fold_is_open(const struct fold *fold);

#endif
