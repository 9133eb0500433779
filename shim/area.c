#include "area.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exit_code.h"
#include "policy.h"

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW)

static size_t texts_size(const struct area_session *session)
{
	size_t size = 0;

	for (size_t i = 0; i < TEXT_COUNT; i++)
		size += (size_t)session->lengths[i] + 1;
	return size;
}

/* The lengths are bounded by the conversation; here so that no sum of them can overflow. */
static bool is_sane(const struct area_session *session)
{
	for (size_t i = 0; i < TEXT_COUNT; i++)
		if (session->lengths[i] > POLICY_TEXT_MAX)
			return false;
	return memchr(session->id, '\0', sizeof(session->id)) != NULL;
}

static void fill(struct area *area, size_t size, const struct area_session *session, const char *texts)
{
	char *place = area->texts;

	area->magic = AREA_MAGIC;
	area->version = AREA_VERSION;
	area->size = size;
	area->session = *session;
	area->exit_code = EXIT_CODE_UNKNOWN;
	atomic_store(&area->next_seq, AREA_FIRST_SEQ + 1);
	for (size_t i = 0; i < TEXT_COUNT; i++) {
		memcpy(place, texts, session->lengths[i]);
		place += session->lengths[i] + 1; /* a new memfd is zero */
		texts += session->lengths[i];
	}
}

int area_create(const struct area_session *session, const char *texts, struct error *err)
{
	size_t size = sizeof(struct area) + texts_size(session);
	int memfd = memfd_create("agentsh-session", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct area *area;

	if (memfd < 0)
		return error_set(err, "session: memfd_create: %s", strerrordesc_np(errno));
	area = ftruncate(memfd, (off_t)size) == 0 ? mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0)
						  : MAP_FAILED;
	if (is_sane(session) && area != MAP_FAILED) {
		fill(area, size, session, texts);
		(void)munmap(area, size);
		if (fcntl(memfd, F_ADD_SEALS, SEALS) == 0)
			return memfd;
	}
	(void)error_set(err, "session: its memory cannot be had: %s (raise its limits, as ulimit -f and -v)",
			strerrordesc_np(errno));
	close(memfd);
	return -1;
}

static bool is_whole(const struct area *area, size_t size)
{
	return area->magic == AREA_MAGIC && area->version == AREA_VERSION && area->size == size &&
	       is_sane(&area->session) && size == sizeof(*area) + texts_size(&area->session);
}

struct area *area_map(int memfd, struct error *err)
{
	struct stat status;
	struct area *area;
	size_t size;

	if (fstat(memfd, &status) != 0 || status.st_size < (off_t)sizeof(*area) || fcntl(memfd, F_GET_SEALS) != SEALS) {
		(void)error_set(err, "session: its memory is none");
		return NULL;
	}
	size = (size_t)status.st_size;
	area = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	if (area == MAP_FAILED) {
		(void)error_set(err, "session: mmap: %s", strerrordesc_np(errno));
		return NULL;
	}
	if (is_whole(area, size))
		return area;
	(void)munmap(area, size);
	(void)error_set(err, "session: its memory is of another version");
	return NULL;
}

void area_unmap(struct area *area)
{
	(void)munmap(area, area->size);
}

const char *area_text(const struct area *area, enum handover_text which)
{
	const char *place = area->texts;

	for (size_t i = 0; i < (size_t)which; i++)
		place += area->session.lengths[i] + 1;
	return place;
}

uint64_t area_next_seq(const struct area *area)
{
	return atomic_load(&area->next_seq);
}

/* --- Steps --- */

struct area_step *area_begin(struct area *area, const struct area_slot *slot)
{
	const struct area_counts *counts = &area->counts;

	area->step = (struct area_step){
	    .slot = slot ? (uint32_t)(slot - area->slots) : AREA_SLOTS,
	    .killed = atomic_load(&counts->killed),
	    .denied = atomic_load(&counts->denied),
	    .audited = atomic_load(&counts->audited),
	    .foreign = atomic_load(&counts->foreign),
	    .lost = atomic_load(&counts->lost),
	    .call = -1,
	    .fold = FOLD_ENTRIES,
	};
	return &area->step;
}

void area_count_call(struct area *area, int number)
{
	if (number < 0 || number >= (int)AREA_CALLS)
		return;
	area->step.call = number;
	area->step.calls = atomic_load(&area->counts.calls[number]) + 1;
}

static void tell_slot(struct area_slot *slot, uint32_t told)
{
	if (slot->told_of != slot->done)
		slot->told = 0;
	/* Dying here leaves less told than has been: the step is done again. */
	atomic_signal_fence(memory_order_seq_cst);
	slot->told_of = slot->done;
	slot->told |= told;
}

static void fold(struct folded *folded, const struct area_step *step)
{
	folded->count = step->folded;
	folded->first_seq = step->fold_first;
	folded->last_seq = step->fold_last;
	if (step->fold_last == 0)
		folded->begun_us = 0;
}

/* Again where it was cut short: every value is the one that it has afterwards. */
static void carry_out(struct area *area)
{
	const struct area_step *step = &area->step;
	struct area_counts *counts = &area->counts;

	if (step->seq)
		atomic_store(&area->next_seq, step->seq + 1);
	if (step->slot < AREA_SLOTS)
		tell_slot(&area->slots[step->slot], step->told);
	atomic_store(&counts->killed, step->killed);
	atomic_store(&counts->denied, step->denied);
	atomic_store(&counts->audited, step->audited);
	atomic_store(&counts->foreign, step->foreign);
	atomic_store(&counts->lost, step->lost);
	if (step->call >= 0 && step->call < (int)AREA_CALLS)
		atomic_store(&counts->calls[step->call], step->calls);
	if (step->fold < FOLD_ENTRIES)
		fold(&area->fold.entries[step->fold], step);
	if (step->marks & MARK_LOSS)
		area->pending.loss = (struct sink_loss){.count = 0};
	atomic_store(&area->marks, atomic_load(&area->marks) | step->marks);
}

void area_commit(struct area *area)
{
	atomic_store(&area->committed, 1);
	carry_out(area);
}

void area_over(struct area *area)
{
	atomic_store(&area->committed, 0);
}

bool area_redo(struct area *area)
{
	if (!atomic_load(&area->committed))
		return false;
	carry_out(area);
	if (area->step.length > 0 && area->step.length <= EVENT_LINE_MAX)
		return true;
	area_over(area);
	return false;
}

/* --- Slots --- */

bool area_is_told(const struct area_slot *slot, enum area_told what)
{
	return slot->told_of == slot->done && (slot->told & (uint32_t)what);
}

void area_free(struct area_slot *slot)
{
	slot->notif.id = 0; /* first: in a slot that is free the rest is not looked at */
	atomic_signal_fence(memory_order_seq_cst);
	memset((char *)slot + offsetof(struct area_slot, tries), 0,
	       offsetof(struct area_slot, tracee) - offsetof(struct area_slot, tries));
}
