/* A session's memory: whole, sealed and of this layout, or none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "area.h"
#include "policy.h"

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW)

static const char texts[] = "policyfilecommand";

static struct area_session session(void)
{
	return (struct area_session){
	    .id = "sess_1", .loader = "0", .uid = 7, .pid = 8, .lengths = {[TEXT_POLICY] = 6, 4, 7, 0, 0}};
}

static void test_made_and_mapped(void **state)
{
	const struct area_session made = session();
	int memfd = area_create(&made, texts, NULL);
	struct area *area = area_map(memfd, NULL);

	(void)state;
	assert_non_null(area);
	assert_string_equal(area_text(area, TEXT_POLICY), "policy");
	assert_string_equal(area_text(area, TEXT_POLICY_FILE), "file");
	assert_string_equal(area_text(area, TEXT_COMMAND), "command");
	assert_string_equal(area_text(area, TEXT_INHERITED), "");
	assert_string_equal(area_text(area, TEXT_DEGRADED), "");
	assert_string_equal(area->session.id, "sess_1");
	assert_int_equal(area->session.uid, 7);
	assert_int_equal(area_next_seq(area), AREA_FIRST_SEQ + 1);
	area_begin(area, NULL)->seq = AREA_FIRST_SEQ + 1;
	area_commit(area);
	area_unmap(area);
	/* It is the memory that counts, not the mapping. */
	area = area_map(memfd, NULL);
	assert_int_equal(area_next_seq(area), AREA_FIRST_SEQ + 2);
	area_unmap(area);
	assert_int_not_equal(ftruncate(memfd, 1), 0);
	assert_int_not_equal(ftruncate(memfd, 1 << 20), 0);
	assert_true(fcntl(memfd, F_GETFD) & FD_CLOEXEC);
	close(memfd);
}

static void test_not_made(void **state)
{
	struct area_session bad = session();
	struct error err;

	(void)state;
	bad.lengths[TEXT_COMMAND] = POLICY_TEXT_MAX + 1;
	assert_int_equal(area_create(&bad, texts, &err), -1);
	bad = session();
	memset(bad.id, 'a', sizeof(bad.id));
	assert_int_equal(area_create(&bad, texts, &err), -1);
}

/* A memfd with these bytes, of that size and with those seals. */
static int memory(const void *bytes, size_t length, size_t size, int seals)
{
	int memfd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_int_equal(ftruncate(memfd, (off_t)size), 0);
	assert_int_equal(pwrite(memfd, bytes, length < size ? length : size, 0),
			 (ssize_t)(length < size ? length : size));
	assert_int_equal(fcntl(memfd, F_ADD_SEALS, seals), 0);
	return memfd;
}

static void refused(int memfd)
{
	struct error err = {.text = ""};

	assert_null(area_map(memfd, &err));
	assert_non_null(strstr(err.text, "session: its memory"));
	close(memfd);
}

/* What area_create() made, to be spoilt. */
static struct area *copy_of_good(size_t *size)
{
	const struct area_session made = session();
	int memfd = area_create(&made, texts, NULL);
	struct area *area = area_map(memfd, NULL);
	struct area *copy;

	*size = area->size;
	copy = test_malloc(*size);
	memcpy(copy, area, *size);
	area_unmap(area);
	close(memfd);
	return copy;
}

static void test_wrong_size_or_seals(void **state)
{
	size_t size;
	struct area *good = copy_of_good(&size);
	const int wrong[] = {F_SEAL_SEAL, F_SEAL_SHRINK | F_SEAL_GROW, F_SEAL_SEAL | F_SEAL_SHRINK,
			     F_SEAL_SEAL | F_SEAL_GROW, SEALS | F_SEAL_WRITE};
	int memfd = memory(good, size, size, SEALS);
	struct area *area = area_map(memfd, NULL);

	(void)state;
	assert_non_null(area);
	area_unmap(area);
	close(memfd);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		refused(memory(good, size, size, wrong[i]));
	refused(memory(good, size, 0, SEALS));
	refused(memory(good, size, sizeof(*good) - 1, SEALS));
	refused(memory(good, size, sizeof(*good), SEALS));
	refused(memory(good, size, size - 1, SEALS));
	refused(memory(good, size, size + 1, SEALS));
	refused(memory(good, size, size + 4096, SEALS));
	refused(open("/dev/null", O_RDWR | O_CLOEXEC));
	refused(-1);
	test_free(good);
}

static void test_wrong_layout(void **state)
{
	size_t size;
	struct area *good = copy_of_good(&size);
	struct area bad = *good;

	(void)state;
#define SPOILT(change)                                                                                                 \
	do {                                                                                                           \
		struct area *spoilt = copy_of_good(&size);                                                             \
		spoilt->change;                                                                                        \
		refused(memory(spoilt, size, size, SEALS));                                                            \
		test_free(spoilt);                                                                                     \
	} while (0)
	SPOILT(magic++);
	SPOILT(version++);
	SPOILT(size++);
	SPOILT(size = 0);
	SPOILT(session.lengths[TEXT_POLICY]++);
	SPOILT(session.lengths[TEXT_DEGRADED] = UINT32_MAX);
	/* Sums that come out right by overflow. */
	SPOILT(session.lengths[TEXT_POLICY] -= 1U << 31);
#undef SPOILT
	memset(bad.session.id, 'a', sizeof(bad.session.id));
	memcpy(good, &bad, offsetof(struct area, texts));
	refused(memory(good, size, size, SEALS));
	test_free(good);
}

/* --- Steps: what a worker that died had committed becomes so, once --- */

static struct area *fresh(void)
{
	const struct area_session made = session();
	int memfd = area_create(&made, texts, NULL);
	struct area *area = area_map(memfd, NULL);

	assert_non_null(area);
	close(memfd);
	return area;
}

/* An event of a call that is denied, and a repeat of another's. */
static void prepare(struct area *area)
{
	struct area_step *step = area_begin(area, &area->slots[3]);

	step->seq = area_next_seq(area);
	step->told = TOLD_DENIED;
	step->denied++;
	area_count_call(area, 42);
	step->fold = 5;
	step->folded = 2;
	step->fold_first = 7;
	step->fold_last = 9;
	step->length = 1;
}

static void expect_done(const struct area *area)
{
	assert_int_equal(area_next_seq(area), AREA_FIRST_SEQ + 2);
	assert_true(area_is_told(&area->slots[3], TOLD_DENIED));
	assert_false(area_is_told(&area->slots[3], TOLD_ALLOWED));
	assert_false(area_is_told(&area->slots[2], TOLD_DENIED));
	assert_int_equal(area->counts.denied, 1);
	assert_int_equal(area->counts.killed, 0);
	assert_int_equal(area->counts.calls[42], 1);
	assert_int_equal(area->fold.entries[5].count, 2);
	assert_int_equal(area->fold.entries[5].last_seq, 9);
}

static void test_step_not_committed(void **state)
{
	struct area *area = fresh();

	(void)state;
	prepare(area);
	assert_false(area_redo(area));
	assert_int_equal(area_next_seq(area), AREA_FIRST_SEQ + 1);
	assert_false(area_is_told(&area->slots[3], TOLD_DENIED));
	area_unmap(area);
}

static void test_step_done_again(void **state)
{
	struct area *area = fresh();

	(void)state;
	prepare(area);
	area_commit(area);
	expect_done(area);
	/* Its line may not have been written; nothing is counted twice. */
	assert_true(area_redo(area));
	expect_done(area);
	area_over(area);
	assert_false(area_redo(area));
	area_unmap(area);
}

static void test_step_cut_short(void **state)
{
	struct area *area = fresh();

	(void)state;
	prepare(area);
	area->committed = 1; /* and no more */
	assert_true(area_redo(area));
	expect_done(area);
	area_unmap(area);
}

static void test_step_without_line(void **state)
{
	struct area *area = fresh();

	(void)state;
	area_begin(area, NULL)->killed++;
	area->committed = 1;
	assert_false(area_redo(area));
	assert_false(area_redo(area));
	assert_int_equal(area->counts.killed, 1);
	assert_int_equal(area_next_seq(area), AREA_FIRST_SEQ + 1);
	area_unmap(area);
}

static void test_told_of_a_message(void **state)
{
	struct area *area = fresh();
	struct area_slot *slot = &area->slots[0];

	(void)state;
	area_begin(area, slot)->told = TOLD_ALLOWED;
	area_commit(area);
	area_over(area);
	slot->done++; /* the next message: nothing of it has been told */
	assert_false(area_is_told(slot, TOLD_ALLOWED));
	area_begin(area, slot)->told = TOLD_DENIED;
	area_commit(area);
	assert_true(area_is_told(slot, TOLD_DENIED));
	assert_false(area_is_told(slot, TOLD_ALLOWED));
	area_unmap(area);
}

static void test_free_slot(void **state)
{
	struct area *area = fresh();
	struct area_slot *slot = &area->slots[0];

	(void)state;
	*slot =
	    (struct area_slot){.notif.id = 7, .tries = 2, .done = 1, .begun = 2, .told = TOLD_ALLOWED, .told_of = 1};
	slot->is_over = slot->killed = slot->waits = slot->is_kept = slot->is_known = true;
	area_free(slot);
	assert_int_equal(slot->notif.id, 0);
	assert_int_equal(slot->tries + slot->done + slot->begun + slot->told, 0);
	assert_false(slot->is_over || slot->killed || slot->waits || slot->is_kept || slot->is_known);
	area_unmap(area);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_made_and_mapped),     cmocka_unit_test(test_not_made),
	    cmocka_unit_test(test_wrong_size_or_seals), cmocka_unit_test(test_wrong_layout),
	    cmocka_unit_test(test_step_not_committed),  cmocka_unit_test(test_step_done_again),
	    cmocka_unit_test(test_step_cut_short),      cmocka_unit_test(test_step_without_line),
	    cmocka_unit_test(test_told_of_a_message),   cmocka_unit_test(test_free_slot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
