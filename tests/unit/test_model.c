// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_model.c - the four words, looks, losses and what is forgotten. Link
 * with src/schema.c, src/model*.c and -lcmocka.
 */
#include "tape.h"

#define C 0xa07bULL
#define W 0x11ULL
#define Q 0x22ULL

static struct obj *container(const struct model *m)
{
	return model_find(m, OBJ_CONTAINER, C);
}

static unsigned int count_in(const struct obj *o, enum relation rel)
{
	unsigned int n = 0;

	for (struct edge *e = edge_in(o, rel); e; e = edge_in_next(e))
		n++;
	return n;
}

static unsigned int count_out(const struct obj *o, enum relation rel)
{
	unsigned int n = 0;

	for (struct edge *e = edge_out(o, rel); e; e = edge_out_next(e))
		n++;
	return n;
}

static void a_hook_links_and_unlinks(void **state)
{
	struct tape *t = tape_new();
	struct model *m;
	struct edge *e;

	(void)state;
	tape_as(t, 412, 412, "kworker/0:1");
	tape_block(t, C, CLASS_WORKER, W, Q);
	m = tape_model(t, TAPE_ALL);
	e = edge_in(container(m), REL_WAITS);
	assert_non_null(e);
	assert_int_equal(e->from->id, 412);
	assert_true(e->observed);
	assert_int_equal(e->looks, 0);
	assert_int_equal(((struct ev_block *)e->rec)->iova, 0x1f3c5000);
	assert_ptr_equal(edge_out(model_find(m, OBJ_WORK, W), REL_RUNS)->to, model_find(m, OBJ_TASK, 412));
	assert_ptr_equal(edge_out(model_find(m, OBJ_WORK, W), REL_IN_WQ)->to, model_find(m, OBJ_WQ, Q));
	model_free(m);

	tape_unblock(t, C);
	m = tape_model(t, TAPE_ALL);
	assert_null(edge_in(container(m), REL_WAITS));
	assert_null(edge_out(model_find(m, OBJ_WORK, W), REL_RUNS));
	assert_int_equal(model_now(m), t->ts - 1000);
	model_free(m);
	free(t);
}

static void zero_links_nothing(void **state)
{
	struct tape *t = tape_new();
	struct model *m;

	(void)state;
	tape_as(t, 5, 5, "user");
	tape_block(t, C, CLASS_USER, 0, 0);
	tape_lock(t, 0x77, 0);
	m = tape_model(t, TAPE_ALL);
	assert_null(model_first(m, OBJ_WORK));
	assert_null(model_first(m, OBJ_WQ));
	assert_null(edge_in(model_find(m, OBJ_TASK, 5), REL_RUNS));
	assert_null(edge_out(model_find(m, OBJ_LOCK, 0x77), REL_LOCK_OWNED));
	assert_non_null(edge_in(model_find(m, OBJ_LOCK, 0x77), REL_LOCK_WAIT));
	model_free(m);
	free(t);
}

static void seen_again_is_confirmed(void **state)
{
	struct tape *t = tape_new();
	struct model *m;
	struct edge *e;

	(void)state;
	tape_as(t, 412, 412, "kworker/0:1");
	tape_block(t, C, CLASS_WORKER, W, Q);
	for (__u8 i = 1; i <= 2; i++) {
		tape_look_begin(t, i);
		tape_as(t, 412, 412, "kworker/0:1");
		tape_block(t, C, CLASS_WORKER, W, Q);
		tape_block(t, C, CLASS_WORKER, W, Q); /* twice in one look is once */
		tape_look_end(t);
	}
	m = tape_model(t, TAPE_ALL);
	e = edge_in(container(m), REL_WAITS);
	assert_int_equal(count_in(container(m), REL_WAITS), 1);
	assert_true(e->observed);
	assert_int_equal(e->looks, 2);
	assert_int_equal(e->last_look, model_last_look(m));
	assert_int_equal(e->rec->look, 0);
	assert_int_equal(e->last->look, 2);
	assert_int_equal(model_looks(m), 2);
	assert_true(model_looks_sound(m));
	assert_true(model_complete(m));
	model_free(m);
	free(t);
}

static void look(struct tape *t, __u8 n, bool blocked, __u64 switches)
{
	tape_look_begin(t, n);
	tape_container(t, C, 1, true);
	tape_as(t, 412, 412, "kworker/0:1");
	if (blocked)
		tape_block(t, C, CLASS_WORKER, W, Q);
	if (switches)
		tape_thread(t, 0, 2, WAIT_VADDR, CLASS_WORKER)->switches = switches;
	tape_look_end(t);
}

static void what_a_look_no_longer_shows_is_dropped(void **state)
{
	struct tape *t = tape_new();
	struct model *m;

	(void)state;
	look(t, 1, true, 7);
	look(t, 2, false, 0);
	m = tape_model(t, TAPE_ALL);
	assert_null(edge_in(container(m), REL_WAITS));
	assert_null(model_find(m, OBJ_WORK, W)); /* nobody knows it any more */
	assert_null(model_find(m, OBJ_TASK, 412));
	assert_non_null(container(m));
	model_free(m);

	/* shown, not shown, shown, shown: two looks in a row, not three */
	look(t, 3, true, 7);
	look(t, 4, true, 7);
	m = tape_model(t, TAPE_ALL);
	assert_int_equal(edge_in(container(m), REL_WAITS)->looks, 2);
	model_free(m);
	free(t);
}

static void what_a_hook_saw_outlives_a_look(void **state)
{
	struct tape *t = tape_new();
	struct model *m;

	(void)state;
	tape_as(t, 412, 412, "kworker/0:1");
	tape_block(t, C, CLASS_WORKER, W, Q);
	look(t, 1, false, 0);
	m = tape_model(t, TAPE_ALL);
	assert_non_null(edge_in(container(m), REL_WAITS));
	assert_int_equal(edge_in(container(m), REL_WAITS)->looks, 0);
	model_free(m);
	free(t);
}

static void a_look_without_end_drops_nothing(void **state)
{
	struct tape *t = tape_new();
	struct model *m;

	(void)state;
	look(t, 1, true, 7);
	tape_look_begin(t, 2);
	m = tape_model(t, TAPE_ALL);
	assert_non_null(edge_in(container(m), REL_WAITS));
	assert_int_equal(model_looks(m), 1);
	assert_false(model_complete(m));
	assert_false(model_looks_sound(m));
	model_free(m);

	/* an end whose begin was lost ends nothing either */
	t->look = 3;
	tape_look_end(t);
	m = tape_model(t, TAPE_ALL);
	assert_non_null(edge_in(container(m), REL_WAITS));
	assert_int_equal(model_looks(m), 1);
	model_free(m);
	free(t);
}

static void notes_come_in_pairs(void **state)
{
	struct tape *t = tape_new();
	struct model *m;
	struct obj *o;

	(void)state;
	look(t, 1, true, 7);
	look(t, 2, true, 8);
	m = tape_model(t, TAPE_ALL);
	o = model_find(m, OBJ_TASK, 412);
	assert_int_equal(NOTE_OF(o, thread)->switches, 8);
	assert_int_equal(((struct ev_thread *)o->prev_note)->switches, 7);
	assert_int_equal(o->note_look, 2);
	assert_int_equal(o->prev_look, 1);
	assert_null(NOTE_OF(o, container));
	model_free(m);

	/* described twice in the same look: the pair is still of two looks */
	t->n--; /* take back the end */
	t->look = 2;
	tape_as(t, 412, 412, "kworker/0:1");
	tape_thread(t, 0, 2, WAIT_VADDR, CLASS_WORKER)->switches = 9;
	tape_look_end(t);
	m = tape_model(t, TAPE_ALL);
	o = model_find(m, OBJ_TASK, 412);
	assert_int_equal(NOTE_OF(o, thread)->switches, 9);
	assert_int_equal(((struct ev_thread *)o->prev_note)->switches, 7);
	model_free(m);
	free(t);
}

static void two_descriptors_in_one_table(void **state)
{
	struct tape *t = tape_new();
	struct model *m;

	(void)state;
	tape_look_begin(t, 1);
	tape_as(t, 20733, 20733, "qemu");
	tape_holder(t, C, 0xf1, 18);
	tape_holder(t, C, 0xf1, 19);
	tape_holder(t, C, 0xf2, 18);
	tape_look_end(t);
	m = tape_model(t, TAPE_ALL);
	assert_int_equal(count_out(container(m), REL_HELD), 2);
	assert_int_equal(count_out(container(m), REL_REF), 3);
	model_free(m);

	tape_add(t, EV_release, C);
	m = tape_model(t, TAPE_ALL);
	assert_int_equal(count_out(container(m), REL_HELD), 0);
	assert_int_equal(count_out(container(m), REL_REF), 0);
	model_free(m);
	free(t);
}

static void one_place_at_a_time(void **state)
{
	struct tape *t = tape_new();
	struct model *m;

	(void)state;
	tape_as(t, 20733, 20733, "qemu");
	tape_close(t, C, 0xd1);
	tape_close(t, C + 1, 0xd1); /* the device has come to another container */
	m = tape_model(t, TAPE_ALL);
	assert_null(edge_in(container(m), REL_MEMBER));
	assert_int_equal(count_in(model_find(m, OBJ_CONTAINER, C + 1), REL_MEMBER), 1);
	model_free(m);
	free(t);
}

/* Closed after the file of its container, as by a process that ends: in it until then; closed before: in it still, as its group is. */
static void closed_after_its_container(void **state)
{
	(void)state;
	for (int after = 0; after < 2; after++) {
		struct tape *t = tape_new();
		struct model *m;

		tape_as(t, 20733, 20733, "qemu");
		if (after)
			tape_add(t, EV_release, C);
		tape_close(t, C, 0xd1);
		m = tape_model(t, TAPE_ALL);
		assert_int_equal(count_in(container(m), REL_MEMBER), 1);
		model_free(m);
		tape_closed(t, C, 0xd1);
		m = tape_model(t, TAPE_ALL);
		assert_int_equal(count_in(container(m), REL_MEMBER), !after);
		model_free(m);
		free(t);
	}
}

static void invalidation_ends_with_the_last_range(void **state)
{
	struct tape *t = tape_new();
	struct model *m;

	(void)state;
	tape_as(t, 20733, 20733, "qemu");
	tape_invalidate(t, C, 2);
	tape_revalidate(t, C);
	((struct ev_revalidate *)(t->bytes + t->at[1]))->closed = 0;
	m = tape_model(t, TAPE_ALL);
	assert_non_null(edge_out(container(m), REL_INVALIDATED));
	model_free(m);
	tape_revalidate(t, C);
	m = tape_model(t, TAPE_ALL);
	assert_null(edge_out(container(m), REL_INVALIDATED));
	model_free(m);
	free(t);
}

static void gaps_and_losses_are_counted(void **state)
{
	struct tape *t = tape_new();
	struct model *m;
	struct ev_end *end;

	(void)state;
	look(t, 1, false, 0);
	look(t, 2, false, 0);
	t->ts = 0; /* a gap made by hand may have no time */
	tape_gap(t, "blocked threads", "hook vfio_wait is not there", true);
	t->ts = 0;
	tape_gap(t, "other users' containers", "no rights", false);
	tape_gap(t, "blocked threads", "hook vfio_wait is not there", true); /* said again */
	m = tape_model(t, TAPE_ALL);
	assert_int_equal(model_gaps(m), 2);
	assert_int_equal(model_look_gaps(m), 1);
	assert_false(model_complete(m));
	assert_false(model_looks_sound(m));
	model_free(m);
	free(t);

	t = tape_new();
	look(t, 1, false, 0);
	tape_lost(t, 3);
	look(t, 2, false, 0);
	m = tape_model(t, TAPE_ALL);
	assert_int_equal(model_lost(m), 3);
	assert_false(model_looks_sound(m));
	model_free(m);
	look(t, 3, false, 0); /* two looks after the loss: they are whole again */
	m = tape_model(t, TAPE_ALL);
	assert_true(model_looks_sound(m));
	assert_false(model_complete(m));
	model_free(m);
	end = tape_add(t, EV_end, 0);
	end->lost = 5;
	m = tape_model(t, TAPE_ALL);
	assert_int_equal(model_lost(m), 5);
	assert_false(model_looks_sound(m));
	model_free(m);
	free(t);
}

static void nothing_known_is_not_complete(void **state)
{
	struct tape *t = tape_new();
	struct model *m = tape_model(t, TAPE_ALL);

	(void)state;
	assert_false(model_complete(m));
	assert_false(model_has_history(m));
	model_free(m);
	tape_session(t, true);
	m = tape_model(t, TAPE_ALL);
	assert_true(model_complete(m));
	assert_true(model_has_history(m));
	model_free(m);
	free(t);
}

/* The same container opened and closed, again and again, for days. */
static void memory_is_bounded(void **state)
{
	struct model *m = model_new();
	struct ev_block block = { .h = { .size = sizeof(block), .type = EV_block, .tid = 4, .tgid = 4 } };
	struct ev_open open = { .h = { .size = sizeof(open), .type = EV_open } };
	struct record r;
	unsigned int n = 0;

	(void)state;
	assert_non_null(m);
	for (__u64 i = 1; i <= 300000; i++) {
		open.h.container = block.h.container = i;
		block.work = i;
		block.wq = i / 1000 + 1;
		assert_true(record_decode(&open, sizeof(open), &r) > 0);
		assert_int_equal(model_apply(m, &r), 0);
		assert_true(record_decode(&block, sizeof(block), &r) > 0);
		assert_int_equal(model_apply(m, &r), 0);
	}
	for (struct obj *o = model_first(m, OBJ_NONE); o; o = model_next(o, OBJ_NONE))
		n++;
	assert_true(n < 100000);
	/* what holds now is still known */
	assert_non_null(edge_in(model_find(m, OBJ_CONTAINER, 300000), REL_WAITS));
	assert_int_equal(count_out(model_find(m, OBJ_TASK, 4), REL_WAITS), 1);
	model_free(m);
}

/* A container that changed while it was read is read again: only what the last reading showed is there. */
static void a_second_reading_replaces_the_first(void **state)
{
	struct tape *t = tape_new();
	struct model *m;

	(void)state;
	tape_look_begin(t, 1);
	tape_range(t, C, 1);
	tape_range(t, C, 2);
	tape_range(t, C + 1, 3);
	tape_add(t, EV_reread, C);
	tape_range(t, C, 2);
	m = tape_model(t, TAPE_ALL);
	assert_int_equal(count_in(container(m), REL_PART), 1);
	assert_int_equal(edge_in(container(m), REL_PART)->from->id, 2);
	assert_int_equal(count_in(model_find(m, OBJ_CONTAINER, C + 1), REL_PART), 1);
	model_free(m);
	free(t);
}

/* Of a range the first of the records that say the same is kept: since when it has been so. */
static void a_range_is_as_it_is_since(void **state)
{
	struct tape *t = tape_new();
	__u64 at[4];
	struct model *m;
	struct edge *e;

	(void)state;
	for (__u8 n = 1; n <= 3; n++) {
		tape_look_begin(t, n);
		at[n] = t->ts;
		tape_range(t, C, 1)->vaddr += n == 3 ? 4096 : 0;
		tape_look_end(t);
		t->ts += 1000000;
		m = tape_model(t, TAPE_ALL);
		e = edge_in(container(m), REL_PART);
		assert_int_equal(e->rec->ts_ns, n == 3 ? at[3] : at[1]);
		assert_ptr_equal(e->rec, e->last);
		assert_int_equal(e->looks, n);
		model_free(m);
	}
	free(t);
}

static void who_cleared_it_last(void **state)
{
	struct tape *t = tape_new();
	struct model *m;
	__u64 at;

	(void)state;
	tape_as(t, 7, 7, "vmm");
	tape_invalidate(t, C, 1);
	tape_revalidate(t, C);
	tape_invalidate(t, C, 1);
	tape_as(t, 8, 8, "vmm");
	at = t->ts;
	tape_revalidate(t, C);
	m = tape_model(t, TAPE_ALL);
	assert_int_equal(count_out(container(m), REL_CLEARED), 1);
	assert_int_equal(edge_out(container(m), REL_CLEARED)->last->ts_ns, at);
	assert_int_equal(edge_out(container(m), REL_CLEARED)->to->id, 8);
	model_free(m);
	tape_add(t, EV_release, C);
	m = tape_model(t, TAPE_ALL);
	assert_null(edge_out(container(m), REL_CLEARED));
	model_free(m);
	free(t);
}

static void many_ranges_do_not_hide_a_waiter(void **state)
{
	struct model *m = model_new();
	struct ev_range range = { .h = { .size = sizeof(range), .type = EV_range, .container = C, .look = 1 } };
	struct ev_look bound = { .h = { .size = sizeof(bound), .type = EV_look, .look = 1 }, .look = 1 };
	struct ev_block block = {
		.h = { .size = sizeof(block), .type = EV_block, .container = C, .tid = 4, .look = 1 }
	};
	struct record r;

	(void)state;
	assert_non_null(m);
	for (__u8 n = 1; n <= 3; n++) {
		bound.h.look = range.h.look = block.h.look = n;
		bound.end = 0;
		assert_true(record_decode(&bound, sizeof(bound), &r) > 0 && !model_apply(m, &r));
		for (__u64 i = 1; i <= 65535; i++) {
			range.id = n == 3 ? i + 100000 : i; /* the third look finds other ranges */
			assert_true(record_decode(&range, sizeof(range), &r) > 0 && !model_apply(m, &r));
		}
		assert_true(record_decode(&block, sizeof(block), &r) > 0 && !model_apply(m, &r));
		bound.end = 1;
		assert_true(record_decode(&bound, sizeof(bound), &r) > 0 && !model_apply(m, &r));
		assert_int_equal(count_in(container(m), REL_PART), 65535);
		assert_int_equal(count_in(container(m), REL_WAITS), 1);
	}
	assert_int_equal(edge_in(container(m), REL_WAITS)->looks, 3);
	assert_int_equal(model_dropped(m), 0);
	model_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hook_links_and_unlinks),
		cmocka_unit_test(zero_links_nothing),
		cmocka_unit_test(seen_again_is_confirmed),
		cmocka_unit_test(what_a_look_no_longer_shows_is_dropped),
		cmocka_unit_test(what_a_hook_saw_outlives_a_look),
		cmocka_unit_test(a_look_without_end_drops_nothing),
		cmocka_unit_test(notes_come_in_pairs),
		cmocka_unit_test(two_descriptors_in_one_table),
		cmocka_unit_test(one_place_at_a_time),
		cmocka_unit_test(closed_after_its_container),
		cmocka_unit_test(invalidation_ends_with_the_last_range),
		cmocka_unit_test(gaps_and_losses_are_counted),
		cmocka_unit_test(nothing_known_is_not_complete),
		cmocka_unit_test(memory_is_bounded),
		cmocka_unit_test(a_second_reading_replaces_the_first),
		cmocka_unit_test(a_range_is_as_it_is_since),
		cmocka_unit_test(who_cleared_it_last),
		cmocka_unit_test(many_ranges_do_not_hide_a_waiter),
	};

	return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
