// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_rescue.c - which ways out of a deadlock are sound, and what is said of
 * what came of one. Link as test_verdict.c.
 */
#include "world.h"

#include "../../src/rescue.h"

#define MM1 0x3333ULL
#define OLD_ADDRESS (0x7f0000000000ULL + ((C1 + 1) << 12)) /* tape_range() */

static const struct rescue_terms own = { KNOWN_YES, false }, none = { KNOWN_NO, false };

/* The deadlock, with the address space that its memory is in. */
static struct world w_with_memory(void)
{
	struct world w = w_deadlock();

	w.container[0].mm = MM1;
	w.mm[0].mm = MM1;
	w.mm[0].users = 1;
	w.memory[0].mm = MM1;
	w.memory[0].start = OLD_ADDRESS - 4096;
	w.memory[0].end = OLD_ADDRESS + 8192;
	return w;
}

/* ---- the plan -------------------------------------------------------------------------------- */

static struct rescue_plans plan_of(struct model *m, const struct rescue_terms *terms)
{
	struct rescue_plans plans;
	struct findings f;

	assert_int_equal(verdicts_judge(m, NULL, &f), 0);
	assert_int_equal(rescue_plan(&plans, m, &f, terms), 0);
	findings_free(&f);
	return plans;
}

struct expect {
	enum way way;
	enum answer answer;
	const char *why; /* is in it */
};

static void check_way(const struct rescue_plan *p, const struct expect *e)
{
	const struct way_plan *w = &p->ways[e->way];

	if (w->answer != e->answer || !strstr(w->why, e->why))
		fail_msg("%s is '%s', not '%s' with '%s': %s", way_name(e->way), answer_name(w->answer), answer_name(e->answer), e->why, w->why);
	/* what is to be done says what it breaks, and nothing else does */
	assert_int_equal(!!*w->breaks, w->answer == ANSWER_YES);
}

static void check_tape(const struct tape *t, const struct rescue_terms *terms, const struct expect *e, unsigned int n)
{
	struct model *m = tape_model(t, TAPE_ALL);
	struct rescue_plans plans = plan_of(m, terms);

	assert_int_equal(plans.n, 1);
	for (unsigned int i = 0; i < n; i++)
		check_way(&plans.v[0], &e[i]);
	rescue_plans_free(&plans);
	model_free(m);
}

/* A list of what is expected of each way. */
#define CHECK(world, terms, ...)                                                    \
	do {                                                                        \
		const struct expect _e[] = { __VA_ARGS__ };                         \
		struct tape *_t = w_looked_back(world);                             \
		check_tape(_t, terms, _e, sizeof(_e) / sizeof(_e[0]));              \
		free(_t);                                                           \
	} while (0)

static void names_all(void **state)
{
	struct world w = w_with_memory();
	struct tape *t = w_looked_back(&w);
	struct model *m = tape_model(t, TAPE_ALL);
	struct rescue_plans plans = plan_of(m, &none);
	const struct rescue_plan *p = plans.v;

	(void)state;
	assert_int_equal(plans.n, 1);
	assert_int_equal(p->container->id, C1);
	assert_int_equal(p->deadlock, ANSWER_YES);
	assert_int_equal(p->n_waiters, 1);
	assert_int_equal(p->waiters[0].tid, WORKER);
	assert_int_equal(p->n_closers, 1);
	assert_int_equal(p->closers[0].tid, QEMU);
	assert_int_equal(p->n_holders, 1);
	assert_int_equal(p->holders[0].tgid, QEMU);
	assert_int_equal(p->holders[0].fd, 18);
	assert_int_equal(p->n_ranges, 1);
	assert_int_equal(p->ranges[0].iova, (C1 + 1) << 12);
	assert_int_equal(p->ranges[0].wanted, ANSWER_YES);
	rescue_plans_free(&plans);
	model_free(m);
	free(t);
}

static void unmap_is_the_way(void **state)
{
	struct world w = w_with_memory();

	(void)state;
	CHECK(&w, &own, { WAY_unmap, ANSWER_YES, "No mediated device has pinned" }, { WAY_close, ANSWER_NO, "nobody can close one for another" },
	      { WAY_kill, ANSWER_NO, "SIGKILL reaches neither" });
	w.container[0].pinned = 3;
	CHECK(&w, &own, { WAY_unmap, ANSWER_YES, "their drivers are asked first" });
	w.container[0].pinned = -1;
	CHECK(&w, &own, { WAY_unmap, ANSWER_YES, "pinned pages, perhaps" });
}

static void restoring_depends_on_the_kernel(void **state)
{
	const struct rescue_terms not_known = { NOT_KNOWN, false };
	struct world w = w_with_memory();

	(void)state;
	CHECK(&w, &own, { WAY_revalidate, ANSWER_NO, "becomes its owner" });
	CHECK(&w, &not_known, { WAY_revalidate, ANSWER_CANNOT_TELL, "is not known" });
	CHECK(&w, &none, { WAY_revalidate, ANSWER_YES, "Second step" });
	w.memory[0].end = OLD_ADDRESS + 2048; /* not all of it */
	CHECK(&w, &none, { WAY_revalidate, ANSWER_NO, "no memory at the old address" });
	w.memory[0].mm = 0;
	CHECK(&w, &none, { WAY_revalidate, ANSWER_CANNOT_TELL, "was not seen" });
	w.mm[0].users = 0;
	CHECK(&w, &none, { WAY_revalidate, ANSWER_NO, "it has ended" });
}

static void a_user_thread_is_not_woken(void **state)
{
	const struct rescue_terms all = { KNOWN_NO, true };
	struct world w = w_with_memory();

	(void)state;
	w.thread[2] = (struct w_thread){ QEMU, QEMU + 1, "vcpu", FILES1, STATE_KILLABLE, WAIT_VADDR, CLASS_USER, false, false };
	w.block[1].tid = QEMU + 1;
	w.block[1].container = C1;
	w.block[1].class = CLASS_USER;
	CHECK(&w, &all, { WAY_unmap, ANSWER_NO, "user thread. Waking it" }, { WAY_revalidate, ANSWER_NO, "user thread. Waking it" },
	      { WAY_kill, ANSWER_NO, "oopses the kernel" });
	w.thread[2].class = w.block[1].class = CLASS_UNKNOWN;
	CHECK(&w, &all, { WAY_unmap, ANSWER_CANNOT_TELL, "is not known" }, { WAY_revalidate, ANSWER_CANNOT_TELL, "is not known" });
}

static void without_a_descriptor_there_is_no_way(void **state)
{
	struct world w = w_with_memory();

	(void)state;
	w.holder[0].container = 0;
	w.thread[1].files = 0;
	w.thread[1].exiting = true;
	w.pending[0].tid = QEMU;
	w.pending[0].container = C1;
	w.container[0].refs = 0;
	CHECK(&w, &none, { WAY_unmap, ANSWER_NO, "chain of releases of qemu" }, { WAY_revalidate, ANSWER_NO, "chain of releases" });
}

static void likely_is_not_enough(void **state)
{
	const struct rescue_terms likely = { KNOWN_YES, true };
	struct world w = w_with_memory();

	(void)state;
	w.thread[2] = (struct w_thread){ QEMU, QEMU + 1, "other", FILES1, STATE_S, WAIT_NONE, CLASS_USER, false, false };
	CHECK(&w, &own, { WAY_unmap, ANSWER_CANNOT_TELL, "--likely" });
	CHECK(&w, &likely, { WAY_unmap, ANSWER_YES, "wakes the blocked thread" });
}

static void a_stall_is_left_alone(void **state)
{
	const struct rescue_terms likely = { KNOWN_YES, true };
	struct world w = w_with_memory();

	(void)state;
	w.container[0].refs = 2;
	w.holder[1].container = C1;
	w.holder[1].files = FILES2;
	w.holder[1].fd = 7;
	w.holder[1].tgid = OTHER;
	w.holder[1].comm = "other";
	w.thread[2] = (struct w_thread){ OTHER, OTHER, "other", FILES2, STATE_S, WAIT_NONE, CLASS_USER, false, false };
	CHECK(&w, &likely, { WAY_unmap, ANSWER_NO, "it is no deadlock" }, { WAY_revalidate, ANSWER_NO, "it is no deadlock" });
}

static void no_range_no_plan(void **state)
{
	struct world w = w_with_memory();

	(void)state;
	w.container[0].empty = true;
	CHECK(&w, &own, { WAY_unmap, ANSWER_CANNOT_TELL, "none of its ranges" });
}

/* Of two ranges a look cannot tell which; a hook saw it. */
static void which_range(void **state)
{
	struct world w = w_with_memory();
	struct tape *looked, *watched;
	struct rescue_plans plans;
	struct model *m;

	(void)state;
	w.container[0].also = 0x1f3c5000; /* what tape_block() is about */
	looked = w_looked_back(&w);
	m = tape_model(looked, TAPE_ALL);
	plans = plan_of(m, &own);
	assert_int_equal(plans.v[0].n_ranges, 2);
	assert_int_equal(plans.v[0].ranges[0].wanted, ANSWER_CANNOT_TELL);
	assert_int_equal(plans.v[0].ranges[1].wanted, ANSWER_CANNOT_TELL);
	rescue_plans_free(&plans);
	model_free(m);
	watched = w_watched(&w);
	m = tape_model(watched, TAPE_ALL);
	plans = plan_of(m, &own);
	assert_int_equal(plans.v[0].ranges[0].iova, 0x1f3c5000);
	assert_int_equal(plans.v[0].ranges[0].wanted, ANSWER_YES);
	assert_int_equal(plans.v[0].ranges[1].wanted, ANSWER_NO);
	assert_int_equal(plans.v[0].ways[WAY_unmap].answer, ANSWER_YES);
	rescue_plans_free(&plans);
	model_free(m);
	free(watched);
	w.container[0].also = 0x5000; /* and neither is what the hook saw */
	watched = w_watched(&w);
	m = tape_model(watched, TAPE_ALL);
	plans = plan_of(m, &own);
	check_way(plans.v, &(struct expect){ WAY_unmap, ANSWER_CANNOT_TELL, "seen to fall asleep on" });
	rescue_plans_free(&plans);
	model_free(m);
	free(watched);
	free(looked);
}

/* With any one record lost, and the loss known, nothing is called sound. */
static void nothing_is_sound_with_a_loss(void **state)
{
	struct world w = w_with_memory();
	struct tape *t = w_looked_back(&w);

	(void)state;
	for (unsigned int skip = 0; skip < t->n; skip++) {
		struct model *m = tape_model_lossy(t, skip);
		struct rescue_plans plans = plan_of(m, &none);

		for (unsigned int i = 0; i < plans.n; i++)
			for (enum way way = 0; way < WAY__max; way++)
				assert_int_not_equal(plans.v[i].ways[way].answer, ANSWER_YES);
		rescue_plans_free(&plans);
		model_free(m);
	}
	free(t);
}

/* ---- what came of it ----------------------------------------------------------------------------- */

/* Looks at before, twice, and at after; the plan is of before. */
struct rescued {
	struct tape *t;
	struct model *m;
	struct rescue_plans plans;
	struct rescue_outcome o;
};

static void apply_look(struct rescued *r, const struct world *w)
{
	unsigned int from = r->t->n;
	struct record rec;

	r->t->ts += SETTLE;
	w_look(r->t, w, 3);
	for (unsigned int i = from; i < r->t->n; i++) {
		assert_true(record_decode(r->t->bytes + r->t->at[i], r->t->at[r->t->n] - r->t->at[i], &rec) > 0);
		assert_int_equal(model_apply(r->m, &rec), 0);
	}
}

static struct rescued rescued(const struct world *before, const struct world *after)
{
	struct rescued r = { .t = w_looked_back(before) };

	r.m = tape_model(r.t, TAPE_ALL);
	r.plans = plan_of(r.m, &own);
	balance_before(&r.o.balance, r.m, r.plans.v);
	r.o.n_steps = 1;
	apply_look(&r, after);
	rescue_compare(&r.o, r.m, r.plans.v);
	return r;
}

static void rescued_free(struct rescued *r)
{
	rescue_plans_free(&r->plans);
	model_free(r->m);
	free(r->t);
}

/* The container is as it was, nobody waits, the closer does something else. */
static struct world w_freed(void)
{
	struct world w = w_with_memory();

	w.container[0].empty = true;
	w.thread[0].tid = 0;
	w.block[0].tid = w.flush[0].tid = w.close[0].tid = 0;
	w.thread[0] = (struct w_thread){ QEMU, QEMU, "qemu", FILES1, STATE_S, WAIT_NONE, CLASS_USER, false, true };
	w.thread[1].tid = 0;
	return w;
}

static void freed_and_balanced(void **state)
{
	struct world before = w_with_memory(), after = w_freed();
	struct rescued r;

	(void)state;
	before.container[0].pinned = 8;
	before.mm[0].locked_vm = 10; /* two are somebody else's */
	after.mm[0].locked_vm = 2;
	r = rescued(&before, &after);
	assert_int_equal(r.o.threads, ANSWER_YES);
	assert_int_equal(r.o.closers, ANSWER_YES);
	assert_int_equal(r.o.balance.answer, ANSWER_YES);
	assert_int_equal(r.o.end, RESCUE_FREED);
	assert_int_equal(rescue_status(r.o.end), 0);
	rescued_free(&r);

	after.mm[0].locked_vm = -6; /* credited twice */
	r = rescued(&before, &after);
	assert_int_equal(r.o.balance.answer, ANSWER_NO);
	assert_non_null(strstr(r.o.balance.why, "off by -8 pages"));
	assert_int_equal(r.o.end, RESCUE_UNBALANCED);
	assert_int_equal(rescue_status(r.o.end), 2);
	rescued_free(&r);

	after.mm[0].users = 0; /* the process has ended */
	r = rescued(&before, &after);
	assert_int_equal(r.o.balance.answer, ANSWER_CANNOT_TELL);
	assert_int_equal(r.o.end, RESCUE_FREED);
	rescued_free(&r);
}

static void still_stuck(void **state)
{
	struct world before = w_with_memory(), after = before;
	struct rescued r = rescued(&before, &after);

	(void)state;
	assert_int_equal(r.o.threads, ANSWER_NO);
	assert_int_equal(r.o.closers, ANSWER_NO);
	assert_int_equal(r.o.end, RESCUE_STUCK);
	assert_int_equal(rescue_status(r.o.end), 2);
	rescued_free(&r);

	/* the worker is free, and the closer has not run: no edge says why, and it is not called returned */
	after = w_freed();
	after.thread[0] = before.thread[1];
	r = rescued(&before, &after);
	assert_int_equal(r.o.threads, ANSWER_YES);
	assert_int_equal(r.o.closers, ANSWER_NO);
	rescued_free(&r);
}

static void not_seen_is_not_free(void **state)
{
	struct world before = w_with_memory(), after = w_freed();
	struct rescued r = rescued(&before, &after);
	struct ev_gap gap = { .h = { .size = sizeof(gap), .type = EV_gap }, .what = "threads", .why = "no rights" };
	struct record rec;

	(void)state;
	assert_true(record_decode(&gap, sizeof(gap), &rec) > 0);
	assert_int_equal(model_apply(r.m, &rec), 0);
	rescue_compare(&r.o, r.m, r.plans.v);
	assert_int_equal(r.o.threads, ANSWER_CANNOT_TELL);
	assert_int_equal(r.o.closers, ANSWER_CANNOT_TELL);
	assert_int_equal(r.o.end, RESCUE_UNKNOWN);
	assert_int_equal(rescue_status(r.o.end), 3);
	rescued_free(&r);
}

/* Somebody else was first: free, and no word on the books. */
static void free_already(void **state)
{
	struct world before = w_with_memory(), after = w_freed();
	struct rescued r = rescued(&before, &after);

	(void)state;
	r.o = (struct rescue_outcome){};
	rescue_compare(&r.o, r.m, r.plans.v);
	assert_int_equal(r.o.end, RESCUE_FREED);
	assert_int_equal(r.o.balance.answer, ANSWER_CANNOT_TELL);
	rescued_free(&r);
}

/* What is asked right before the call, with the borrower's descriptor there. */
static const char *objection(const struct world *now, __u32 borrower)
{
	struct world before = w_with_memory();
	struct rescued r = { .t = w_looked_back(&before) };
	const char *ret;

	r.m = tape_model(r.t, TAPE_ALL);
	r.plans = plan_of(r.m, &own);
	apply_look(&r, now);
	ret = last_objection(r.m, r.plans.v, &r.plans.v[0].ranges[0], borrower, true);
	rescued_free(&r);
	return ret;
}

static void the_last_look(void **state)
{
	struct world w = w_with_memory();

	(void)state;
	assert_non_null(strstr(objection(&w, OTHER), "not of this container"));
	w.container[0].refs = 2;
	w.holder[1].container = C1;
	w.holder[1].files = FILES2;
	w.holder[1].fd = 4;
	w.holder[1].tgid = OTHER;
	assert_null(objection(&w, OTHER));
	w.container[0].valid = true;
	assert_non_null(strstr(objection(&w, OTHER), "the range is not what it was"));
	w.container[0].valid = false;
	w.container[0].unstable = true;
	assert_non_null(strstr(objection(&w, OTHER), "changed"));
	w.container[0].unstable = false;
	w.block[1].tid = OTHER;
	w.block[1].container = C1;
	w.block[1].class = CLASS_USER;
	assert_non_null(strstr(objection(&w, OTHER), "must not be woken"));
	w.block[1].tid = 0;
	/* invalid again, with another address or of another owner: another window */
	w.container[0].mm = 0x4444;
	assert_non_null(strstr(objection(&w, OTHER), "the range is not what it was"));
	w.container[0].mm = MM1;
	/* the plan is old: they wait again, in the same place */
	w.thread[0].runs = true;
	assert_non_null(strstr(objection(&w, OTHER), "has run since"));
	w.thread[0].runs = false;
	w.thread[1].runs = true;
	assert_non_null(strstr(objection(&w, OTHER), "has run since"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_all),
		cmocka_unit_test(unmap_is_the_way),
		cmocka_unit_test(restoring_depends_on_the_kernel),
		cmocka_unit_test(a_user_thread_is_not_woken),
		cmocka_unit_test(without_a_descriptor_there_is_no_way),
		cmocka_unit_test(likely_is_not_enough),
		cmocka_unit_test(a_stall_is_left_alone),
		cmocka_unit_test(no_range_no_plan),
		cmocka_unit_test(which_range),
		cmocka_unit_test(nothing_is_sound_with_a_loss),
		cmocka_unit_test(freed_and_balanced),
		cmocka_unit_test(still_stuck),
		cmocka_unit_test(not_seen_is_not_free),
		cmocka_unit_test(free_already),
		cmocka_unit_test(the_last_look),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
