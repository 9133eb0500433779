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

/* As much as every layout has in the same place. */
#define HEAD_SIZE (offsetof(struct area, layout) + sizeof(struct area_layout))

/* For make bench alone: what it would cost if nothing outlived a worker. */
#ifdef AGENTSH_UNSLOTTED
#define SHARING MAP_PRIVATE
#else
#define SHARING MAP_SHARED
#endif

/* What begins a part of the memory; each goes to where the next one begins, the last one to the texts. */
static const size_t parts[] = {
    0,
    offsetof(struct area, session),
    offsetof(struct area, next_seq),
    offsetof(struct area, counts),
    offsetof(struct area, committed),
    offsetof(struct area, line),
    offsetof(struct area, fold),
    offsetof(struct area, bindings),
    offsetof(struct area, pending),
    offsetof(struct area, used),
    offsetof(struct area, slots),
    offsetof(struct area, members),
    offsetof(struct area, kills),
};

#define PART_COUNT (sizeof(parts) / sizeof(parts[0]))

_Static_assert(PART_COUNT <= AREA_PARTS_MAX, "the layout has no room for them");
_Static_assert(offsetof(struct area, texts) == sizeof(struct area), "the texts are behind all else");

struct area_layout area_layout(void)
{
	struct area_layout layout = {
	    .parts = PART_COUNT, .slot_size = sizeof(struct area_slot), .slot_count = AREA_SLOTS};

	for (uint32_t i = 0; i < PART_COUNT; i++) {
		layout.at[i] = (uint32_t)parts[i];
		if (parts[i] == offsetof(struct area, slots))
			layout.slots = i;
	}
	layout.at[PART_COUNT] = sizeof(struct area);
	return layout;
}

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

static bool put(int memfd, size_t at, const void *data, size_t length)
{
	return pwrite(memfd, data, length, (off_t)at) == (ssize_t)length;
}

static bool put_texts(int memfd, const struct area_session *session, const char *texts)
{
	size_t at = sizeof(struct area);
	bool done = true;

	for (size_t i = 0; i < TEXT_COUNT && done; i++) {
		done = session->lengths[i] == 0 || put(memfd, at, texts, session->lengths[i]);
		at += (size_t)session->lengths[i] + 1; /* a new memfd is zero */
		texts += session->lengths[i];
	}
	return done;
}

struct head {
	uint32_t magic;
	uint32_t version;
	uint64_t size;
	struct area_layout layout;
};

/* What is not zero. Written, and not mapped for it: a loader waits. */
static bool fill(int memfd, size_t size, const struct area_session *session, const char *texts)
{
	const struct head head = {.magic = AREA_MAGIC, .version = AREA_VERSION, .size = size, .layout = area_layout()};
	const uint64_t next_seq = AREA_FIRST_SEQ + 1;
	const int exit_code = EXIT_CODE_UNKNOWN;

	_Static_assert(offsetof(struct head, layout) == offsetof(struct area, layout), "an area begins with it");
	return put(memfd, 0, &head, HEAD_SIZE) &&
	       put(memfd, offsetof(struct area, session), session, sizeof(*session)) &&
	       put(memfd, offsetof(struct area, next_seq), &next_seq, sizeof(next_seq)) &&
	       put(memfd, offsetof(struct area, exit_code), &exit_code, sizeof(exit_code)) &&
	       put_texts(memfd, session, texts);
}

static int make_memfd(size_t size)
{
	int memfd = memfd_create("agentsh-session", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (memfd < 0 || ftruncate(memfd, (off_t)size) == 0)
		return memfd;
	close(memfd);
	return -1;
}

/* A new memfd, all zero, and its mapping. -1 with errno. */
static int allocate(size_t size, struct area **area)
{
	int memfd = make_memfd(size);

	if (memfd < 0)
		return -1;
	*area = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	if (*area != MAP_FAILED)
		return memfd;
	close(memfd);
	return -1;
}

static int give_up(int memfd, struct error *err)
{
	(void)error_set(err, "session: its memory cannot be had: %s (raise its limits, as ulimit -f and -v)",
			strerror(errno));
	if (memfd >= 0)
		close(memfd);
	return -1;
}

int area_create(const struct area_session *session, const char *texts, struct error *err)
{
	size_t size;
	int memfd;

	if (!is_sane(session))
		return error_set(err, "session: what is to be kept of it is none");
	size = sizeof(struct area) + texts_size(session);
	memfd = make_memfd(size);
	if (memfd >= 0 && fill(memfd, size, session, texts) && fcntl(memfd, F_ADD_SEALS, SEALS) == 0)
		return memfd;
	return give_up(memfd, err);
}

int area_start(int memfd, uint32_t flags, uint64_t began_us)
{
	const off_t flags_at = offsetof(struct area, session) + offsetof(struct area_session, flags);
	const off_t began_at = offsetof(struct area, session) + offsetof(struct area_session, began_us);

	if (pwrite(memfd, &flags, sizeof(flags), flags_at) != (ssize_t)sizeof(flags) ||
	    pwrite(memfd, &began_us, sizeof(began_us), began_at) != (ssize_t)sizeof(began_us))
		return -1;
	return 0;
}

static bool is_whole(const struct area *area, size_t size)
{
	const struct area_layout layout = area_layout();

	return memcmp(&area->layout, &layout, sizeof(layout)) == 0 && area->magic == AREA_MAGIC &&
	       area->version == AREA_VERSION && area->size == size && is_sane(&area->session) &&
	       size == sizeof(*area) + texts_size(&area->session);
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
	area = mmap(NULL, size, PROT_READ | PROT_WRITE, SHARING, memfd, 0);
	if (area == MAP_FAILED) {
		(void)error_set(err, "session: mmap: %s", strerror(errno));
		return NULL;
	}
	if (is_whole(area, size))
		return area;
	(void)munmap(area, size);
	(void)error_set(err, "session: its memory is of another version");
	return NULL;
}

/* By process (fcntl(2), "Traditional record locks"): all that hold the memory share one open file. */
static int set_lock(int memfd, short type)
{
	struct flock whole = {.l_type = type, .l_whence = SEEK_SET};

	return fcntl(memfd, F_SETLK, &whole);
}

int area_lock(int memfd, struct error *err)
{
	if (set_lock(memfd, F_WRLCK) == 0)
		return 0;
	return error_set(err, "session: another process serves it: %s", strerror(errno));
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
	if (step->kills)
		atomic_store(&area->kills.taken, step->kills);
	if (step->kills_lost)
		atomic_store(&area->kills.lost_taken, step->kills_lost);
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

/* --- An older layout: what is in the memory is judged before it is used --- */

struct old {
	const char *bytes; /* mapped, size of them */
	size_t size;
	struct area_layout layout;
};

static size_t part_size(const struct area_layout *layout, size_t part)
{
	return layout->at[part + 1] - layout->at[part];
}

/* Is every part within the memory and no larger than ours? */
static bool fits(const struct area_layout *old, const struct area_layout *ours, size_t size)
{
	if (old->parts < 2 || old->parts > ours->parts || old->slots != ours->slots || old->slots >= old->parts ||
	    old->slot_size > ours->slot_size || old->slot_count > ours->slot_count || old->at[old->parts] > size)
		return false;
	for (size_t i = 0; i < old->parts; i++)
		if (old->at[i] > old->at[i + 1] || (i != old->slots && part_size(old, i) > part_size(ours, i)))
			return false;
	return part_size(old, old->slots) >= (size_t)old->slot_size * old->slot_count;
}

/* 1: it is of our layout; 0: of an older one, in *old; -1 and *err. */
static int judge(int memfd, struct old *old, struct error *err)
{
	const struct area_layout ours = area_layout();
	const struct area *head = (const struct area *)(const void *)old->bytes;

	if (fcntl(memfd, F_GET_SEALS) != SEALS || head->magic != AREA_MAGIC || head->size != old->size ||
	    head->version < AREA_OLDEST)
		return error_set(err, "session: its memory is none");
	if (head->version > AREA_VERSION)
		return error_set(err,
				 "session: its memory is of layout %u, of a newer version of this program, which "
				 "knows %u at the most",
				 head->version, AREA_VERSION);
	if (head->version == AREA_VERSION && old->size >= sizeof(*head) && is_whole(head, old->size))
		return 1;
	old->layout = head->layout;
	if (head->version < AREA_VERSION && fits(&old->layout, &ours, old->size))
		return 0;
	return error_set(err, "session: its memory is broken");
}

static void copy_parts(const struct old *old, struct area *area)
{
	const size_t slots = old->layout.slots;

	for (size_t i = 0; i < old->layout.parts; i++)
		if (i != slots)
			memcpy((char *)area + parts[i], old->bytes + old->layout.at[i], part_size(&old->layout, i));
	for (size_t i = 0; i < old->layout.slot_count; i++)
		memcpy(&area->slots[i], old->bytes + old->layout.at[slots] + i * old->layout.slot_size,
		       old->layout.slot_size);
}

static int renew(const struct old *old, struct error *err)
{
	const size_t texts = old->layout.at[old->layout.parts];
	const size_t size = sizeof(struct area) + old->size - texts;
	struct area *area;
	int memfd = allocate(size, &area);
	bool whole;

	if (memfd < 0)
		return give_up(memfd, err);
	copy_parts(old, area);
	memcpy(area->texts, old->bytes + texts, old->size - texts);
	area->version = AREA_VERSION;
	area->size = size;
	area->layout = area_layout();
	whole = is_whole(area, size);
	(void)munmap(area, size);
	if (whole && fcntl(memfd, F_ADD_SEALS, SEALS) == 0)
		return memfd;
	close(memfd);
	return error_set(err, "session: its memory is broken");
}

static int convert(int memfd, size_t size, struct error *err)
{
	struct old old = {.size = size};
	int result;

	old.bytes = mmap(NULL, size, PROT_READ, MAP_SHARED, memfd, 0);
	if (old.bytes == MAP_FAILED)
		return error_set(err, "session: mmap: %s", strerror(errno));
	result = judge(memfd, &old, err);
	if (result == 0)
		result = renew(&old, err);
	else if (result > 0)
		result = memfd;
	(void)munmap((void *)(uintptr_t)old.bytes, size);
	return result;
}

int area_convert(int memfd, struct error *err)
{
	struct stat status;
	int result;

	if (fstat(memfd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size < (off_t)HEAD_SIZE)
		return error_set(err, "session: its memory is none");
	if (area_lock(memfd, err) != 0)
		return -1;
	result = convert(memfd, (size_t)status.st_size, err);
	(void)set_lock(memfd, F_UNLCK);
	return result;
}
