/* An older layout of a session's memory: everything that was in it, in the later one's places; or nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* The later layout, whose parts are longer by so many fields: this program's own area.c. */
#define AGENTSH_AREA_LATER 5
#include "area.c"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#define TEXTS "policy\0file\0command\0\0"

/* A memory of the layout before that one. */
struct old_memory {
	char *bytes; /* size of them; on the test's heap */
	size_t size;
};

static struct area *head_of(const struct old_memory *old)
{
	return (struct area *)(void *)old->bytes;
}

enum { PART_USED = PART_COUNT - 4, PART_SLOTS, PART_MEMBERS, PART_KILLS };

/* All that is in them, but the later fields. */
static const size_t sizes[PART_COUNT] = {
    offsetof(struct area, session),
    offsetof(struct area_session, later),
    offsetof(struct area, counts) - offsetof(struct area, next_seq),
    offsetof(struct area_counts, later),
    offsetof(struct area, line) - offsetof(struct area, committed),
    offsetof(struct area, fold) - offsetof(struct area, line),
    offsetof(struct area, bindings) - offsetof(struct area, fold),
    offsetof(struct area, pending) - offsetof(struct area, bindings),
    offsetof(struct area, used) - offsetof(struct area, pending),
    offsetof(struct area, slots) - offsetof(struct area, used),
    AREA_SLOTS *offsetof(struct area_slot, later),
    offsetof(struct area, kills) - offsetof(struct area, members),
    sizeof(struct area) - offsetof(struct area, kills),
};

static void *part_of(const struct old_memory *old, size_t part)
{
	return old->bytes + head_of(old)->layout.at[part];
}

static struct old_memory make_old(void)
{
	struct area_layout layout = area_layout();
	struct old_memory old;
	struct area *head;
	struct area_session *session;
	struct area_slot *slot;

	layout.slot_size = offsetof(struct area_slot, later);
	for (size_t i = 0; i < PART_COUNT; i++)
		layout.at[i + 1] = layout.at[i] + (uint32_t)sizes[i];
	old.size = layout.at[PART_COUNT] + sizeof(TEXTS);
	old.bytes = test_calloc(1, old.size);
	head = head_of(&old);
	head->magic = AREA_MAGIC;
	head->version = AREA_VERSION - 1;
	head->size = old.size;
	head->layout = layout;
	session = part_of(&old, 1);
	memcpy(session->id, "sess_1", 7);
	session->capabilities = 77;
	session->lengths[TEXT_POLICY] = 6;
	session->lengths[TEXT_POLICY_FILE] = 4;
	session->lengths[TEXT_COMMAND] = 7;
	memset(part_of(&old, 2), 2, sizes[2]);
	((struct area_counts *)part_of(&old, 3))->lost = 33;
	((struct area_counts *)part_of(&old, 3))->calls[AREA_CALLS - 1] = 34;
	memset(part_of(&old, PART_USED), 4, sizes[PART_USED]);
	slot = (struct area_slot *)(void *)((char *)part_of(&old, PART_SLOTS) + 3 * layout.slot_size);
	slot->notif.id = 55;
	slot->tracee.tid = 56;
	slot = (struct area_slot *)(void *)((char *)part_of(&old, PART_SLOTS) + (AREA_SLOTS - 1) * layout.slot_size);
	slot->notif.id = 57;
	((struct members *)part_of(&old, PART_MEMBERS))->places[MEMBERS_MAX - 1].pid = 58;
	((struct kills *)part_of(&old, PART_KILLS))->records[KILLS_MAX - 1].serial = 59;
	memcpy(part_of(&old, PART_COUNT), TEXTS, sizeof(TEXTS));
	return old;
}

static int memory_of(const struct old_memory *old)
{
	int memfd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_int_equal(write(memfd, old->bytes, old->size), (ssize_t)old->size);
	assert_int_equal(fcntl(memfd, F_ADD_SEALS, SEALS), 0);
	return memfd;
}

static void test_everything_is_there(void **state)
{
	const struct old_memory old = make_old();
	int before = memory_of(&old);
	int after = area_convert(before, NULL);
	struct area *area;

	(void)state;
	assert_true(after >= 0 && after != before);
	assert_true(fcntl(after, F_GETFD) & FD_CLOEXEC);
	area = area_map(after, NULL);
	assert_non_null(area);
	assert_string_equal(area->session.id, "sess_1");
	assert_int_equal(area->session.capabilities, 77);
	assert_memory_equal(&area->next_seq, part_of(&old, 2), sizes[2]);
	assert_int_equal(area->counts.lost, 33);
	assert_int_equal(area->counts.calls[AREA_CALLS - 1], 34);
	assert_memory_equal(&area->used, part_of(&old, PART_USED), sizeof(area->used));
	assert_int_equal(area->slots[2].notif.id, 0);
	assert_int_equal(area->slots[3].notif.id, 55);
	assert_int_equal(area->slots[3].tracee.tid, 56);
	assert_int_equal(area->slots[AREA_SLOTS - 1].notif.id, 57);
	assert_int_equal(area->members.places[MEMBERS_MAX - 1].pid, 58);
	assert_int_equal(area->kills.records[KILLS_MAX - 1].serial, 59);
	assert_string_equal(area_text(area, TEXT_POLICY), "policy");
	assert_string_equal(area_text(area, TEXT_COMMAND), "command");
	for (size_t i = 0; i < AGENTSH_AREA_LATER; i++)
		assert_true(area->session.later[i] == 0 && area->counts.later[i] == 0 && area->slots[3].later[i] == 0);
	area_unmap(area);
	/* And nothing is to be done with that one. */
	assert_int_equal(area_convert(after, NULL), after);
	close(before);
	close(after);
	test_free(old.bytes);
}

/* One that had not the last two parts, as layout 2 had not: they are empty. */
static void test_fewer_parts(void **state)
{
	struct old_memory old = make_old();
	const uint32_t end = head_of(&old)->layout.at[PART_MEMBERS];
	struct area *area;
	int before;
	int after;

	(void)state;
	head_of(&old)->layout.parts = PART_MEMBERS;
	memcpy(old.bytes + end, TEXTS, sizeof(TEXTS));
	old.size = end + sizeof(TEXTS);
	head_of(&old)->size = old.size;
	head_of(&old)->version = AREA_OLDEST;
	before = memory_of(&old);
	after = area_convert(before, NULL);
	area = area_map(after, NULL);
	assert_non_null(area);
	assert_int_equal(area->slots[3].notif.id, 55);
	assert_int_equal(area->members.places[MEMBERS_MAX - 1].pid, 0);
	assert_int_equal(area->kills.put, 0);
	assert_string_equal(area_text(area, TEXT_COMMAND), "command");
	area_unmap(area);
	close(before);
	close(after);
	test_free(old.bytes);
}

/* Is one of this content, which is freed, refused, with these words? */
static void refused(struct old_memory old, const char *words)
{
	struct error err = {.text = ""};
	int memfd = memory_of(&old);

	assert_int_equal(area_convert(memfd, &err), -1);
	assert_non_null(strstr(err.text, words));
	close(memfd);
	test_free(old.bytes);
}

static void test_newer_or_none(void **state)
{
	struct old_memory old = make_old();

	(void)state;
	head_of(&old)->version = AREA_VERSION + 1;
	refused(old, "newer version");
	old = make_old();
	head_of(&old)->version = AREA_OLDEST - 1;
	refused(old, "its memory is none");
	old = make_old();
	head_of(&old)->magic++;
	refused(old, "its memory is none");
	old = make_old();
	head_of(&old)->size++;
	refused(old, "its memory is none");
	old = make_old();
	old.size = HEAD_SIZE - 1;
	refused(old, "its memory is none");
	/* This layout's number, and not its content. */
	old = make_old();
	head_of(&old)->version = AREA_VERSION;
	refused(old, "broken");
}

/* Wherever parts are said to be: it is refused, or nothing but what is in the memory was taken. */
static void test_parts_that_lie(void **state)
{
	const uint32_t wrong[] = {1, 8, 1U << 12, 1U << 16, 1U << 31, UINT32_MAX};
	unsigned taken = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		for (size_t field = 0; field < sizeof(struct area_layout) / sizeof(uint32_t); field++) {
			struct old_memory old = make_old();
			int before;
			int after;

			((uint32_t *)(void *)&head_of(&old)->layout)[field] += wrong[i];
			before = memory_of(&old);
			after = area_convert(before, NULL);
			if (after >= 0) {
				struct area *area = area_map(after, NULL);

				assert_non_null(area);
				area_unmap(area);
				close(after);
				taken++;
			}
			close(before);
			test_free(old.bytes);
		}
	}
	assert_true(taken > 0); /* what is behind the last part's end means nothing */
}

static void test_parts_beyond(void **state)
{
	struct old_memory old = make_old();

	(void)state;
	head_of(&old)->layout.parts = PART_COUNT + 1;
	refused(old, "broken");
	old = make_old();
	head_of(&old)->layout.parts = 0;
	refused(old, "broken");
	old = make_old();
	head_of(&old)->layout.at[PART_COUNT] = (uint32_t)old.size + 1;
	refused(old, "broken");
	old = make_old();
	head_of(&old)->layout.at[1] = head_of(&old)->layout.at[2] + 1;
	refused(old, "broken");
	old = make_old();
	head_of(&old)->layout.slot_size = sizeof(struct area_slot) + 1;
	refused(old, "broken");
	old = make_old();
	head_of(&old)->layout.slot_count = AREA_SLOTS + 1;
	refused(old, "broken");
	old = make_old();
	head_of(&old)->layout.slots = PART_COUNT - 2;
	refused(old, "broken");
}

static void test_texts_that_do_not_fit(void **state)
{
	struct old_memory old = make_old();
	struct area_session *session = part_of(&old, 1);

	(void)state;
	session->lengths[TEXT_POLICY]++;
	refused(old, "broken");
	old = make_old();
	session = part_of(&old, 1);
	session->lengths[TEXT_POLICY] = UINT32_MAX;
	refused(old, "broken");
	old = make_old();
	session = part_of(&old, 1);
	memset(session->id, 'a', sizeof(session->id));
	refused(old, "broken");
	old = make_old();
	old.size--;
	head_of(&old)->size--;
	refused(old, "broken");
}

/* Another process serves it: in that one's hands it stays. */
static void test_served(void **state)
{
	const struct old_memory old = make_old();
	const int memfd = memory_of(&old);
	struct error err;
	int ready[2];
	pid_t child;
	char byte;

	(void)state;
	test_free(old.bytes);
	assert_int_equal(pipe(ready), 0);
	child = fork();
	if (child == 0)
		_exit(area_lock(memfd, NULL) == 0 && write(ready[1], "", 1) == 1 ? pause() : 1);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(area_lock(memfd, &err), -1);
	assert_int_equal(area_convert(memfd, &err), -1);
	assert_non_null(strstr(err.text, "another process serves it"));
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	/* And it is nobody's when it has been converted. */
	close(area_convert(memfd, NULL));
	child = fork();
	if (child == 0)
		_exit(area_lock(memfd, NULL) == 0 ? 0 : 1);
	assert_int_equal(waitpid(child, &ready[0], 0), child);
	assert_int_equal(ready[0], 0);
	close(memfd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_everything_is_there),
	    cmocka_unit_test(test_newer_or_none),
	    cmocka_unit_test(test_fewer_parts),
	    cmocka_unit_test(test_parts_that_lie),
	    cmocka_unit_test(test_parts_beyond),
	    cmocka_unit_test(test_texts_that_do_not_fit),
	    cmocka_unit_test(test_served),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
