// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_rescue_perform.c - the order of the steps, with a borrower that only
 * pretends: what it is asked, and what follows from its answers and from what
 * the looks in between see. Link as test_verdict.c.
 */
#include "world.h"

#include "../../src/rescue_perform.c"

#include "../../src/verdict.h"

#define BORROWER 4321
#define SECOND_RANGE 0x5000 /* below the first one, and tried first */
#define FIRST_RANGE ((C1 + 1) << 12)

/* ---- the borrower ------------------------------------------------------------------------------ */

static struct {
	struct model *m;
	struct world stuck, freed;
	__u64 frees;	 /* IOVA of the range whose unmap, or restore, frees it */
	int answer;	 /* of every unmap */
	unsigned int lends; /* so many times nobody does */
	bool changed;	 /* the borrowed file turns out to be another */
	bool is_free;
	unsigned int started, left, unmaps, revalidates;
	__u64 ts;
	__u8 look;
} fake;

int borrower_start(struct borrower *ret, const struct plan_holder *h)
{
	(void)h;
	if (fake.started++ < fake.lends)
		return -ESRCH;
	*ret = (struct borrower){ .pid = BORROWER, .channel = -1 };
	return 0;
}

int borrower_unmap(struct borrower *b, __u64 iova, __u64 size, __u64 timeout_ns, __u64 *ret_bytes)
{
	(void)timeout_ns;
	assert_int_equal(b->pid, BORROWER);
	fake.unmaps++;
	if (fake.answer)
		return fake.answer;
	fake.is_free |= iova == fake.frees;
	if (iova == SECOND_RANGE)
		fake.stuck.container[0].also = 0;
	*ret_bytes = size;
	return 0;
}

int borrower_revalidate(struct borrower *b, __u64 iova, __u64 size, __u64 vaddr, __u64 timeout_ns)
{
	(void)b;
	(void)size;
	(void)timeout_ns;
	assert_int_equal(vaddr, 0x7f0000000000ULL + iova); /* tape_range() */
	fake.revalidates++;
	fake.is_free |= iova == fake.frees;
	return 0;
}

void borrower_leave(struct borrower *b)
{
	assert_int_equal(b->pid, BORROWER);
	fake.left++;
}

/* ---- what looks see ------------------------------------------------------------------------------- */

static void apply(struct tape *t)
{
	struct record r;

	for (unsigned int i = 0; i < t->n; i++) {
		assert_true(record_decode(t->bytes + t->at[i], t->at[t->n] - t->at[i], &r) > 0);
		assert_int_equal(model_apply(fake.m, &r), 0);
	}
	fake.ts = t->ts + SETTLE;
	free(t);
}

static void look(void *ctx)
{
	struct tape *t = tape_new();
	struct world w = fake.is_free ? fake.freed : fake.stuck;

	(void)ctx;
	/* it has the file while a call is being prepared; in between that makes no difference */
	w.holder[1].container = fake.changed ? C2 : C1;
	w.holder[1].files = FILES2;
	w.holder[1].fd = 4;
	w.holder[1].tgid = BORROWER;
	t->ts = fake.ts;
	w_look(t, &w, fake.look++);
	apply(t);
}

/* pinned: by mediated devices, whose drivers are asked */
static void begin_pinned(struct rescue_plans *plans, enum known own_mm, __u64 also, __s64 pinned)
{
	const struct rescue_terms terms = { own_mm, false };
	struct world w = w_deadlock();
	struct findings f;

	memset(&fake, 0, sizeof(fake));
	w.container[0].mm = w.mm[0].mm = w.memory[0].mm = 0x3333;
	w.mm[0].users = 1;
	w.memory[0].start = 0x7f0000000000ULL;
	w.memory[0].end = 0x7f1000000000ULL;
	w.container[0].also = also;
	w.container[0].pinned = pinned;
	fake.stuck = fake.freed = w;
	fake.freed.block[0].tid = fake.freed.flush[0].tid = fake.freed.close[0].tid = 0;
	fake.freed.thread[0] = (struct w_thread){ QEMU, QEMU, "qemu", FILES1, STATE_S, WAIT_NONE, CLASS_USER, false, true };
	fake.freed.thread[1].tid = 0;
	fake.frees = FIRST_RANGE;
	fake.look = 3;
	fake.m = model_new();
	apply(w_looked_back(&w));
	assert_int_equal(verdicts_judge(fake.m, NULL, &f), 0);
	assert_int_equal(rescue_plan(plans, fake.m, &f, &terms), 0);
	assert_int_equal(plans->n, 1);
	findings_free(&f);
}

static void begin(struct rescue_plans *plans, enum known own_mm, __u64 also)
{
	begin_pinned(plans, own_mm, also, 0);
}

static struct rescue_outcome perform(struct rescue_plans *plans)
{
	struct rescuer s = { .m = fake.m, .look = look };
	struct rescue_outcome o = {};

	rescue_perform(&s, plans->v, &o);
	assert_int_equal(fake.left, fake.started - fake.lends); /* each that was started is let go */
	return o;
}

static void end(struct rescue_plans *plans)
{
	rescue_plans_free(plans);
	model_free(fake.m);
}

/* ---- tests ---------------------------------------------------------------------------------------------- */

static void one_step(void **state)
{
	struct rescue_plans plans;
	struct rescue_outcome o;

	(void)state;
	begin(&plans, KNOWN_YES, 0);
	o = perform(&plans);
	assert_int_equal(o.end, RESCUE_FREED);
	assert_int_equal(o.n_steps, 1);
	assert_int_equal(o.steps[0].iova, FIRST_RANGE);
	assert_int_equal(o.steps[0].bytes, 4096);
	assert_int_equal(o.steps[0].tgid, QEMU);
	assert_int_equal(o.steps[0].fd, 18);
	assert_int_equal(fake.revalidates, 0);
	end(&plans);
}

static void free_before(void **state)
{
	struct rescue_plans plans;
	struct rescue_outcome o;

	(void)state;
	begin(&plans, KNOWN_YES, 0);
	fake.is_free = true;
	o = perform(&plans);
	assert_int_equal(o.end, RESCUE_FREED);
	assert_int_equal(fake.started + fake.unmaps, 0);
	end(&plans);
}

static void the_driver_stops_it(void **state)
{
	struct rescue_plans plans;
	struct rescue_outcome o;

	(void)state;
	begin_pinned(&plans, KNOWN_YES, 0, 1);
	fake.answer = -ETIMEDOUT;
	o = perform(&plans);
	assert_int_equal(o.end, RESCUE_STUCK);
	assert_int_equal(o.n_steps, 1);
	assert_int_equal(o.steps[0].result, STEP_CAUGHT);
	assert_non_null(strstr(o.why, "left behind"));
	assert_non_null(strstr(o.why, "becomes its owner"));
	assert_int_equal(fake.revalidates, 0); /* whatever else: not where it does harm */
	end(&plans);

	begin_pinned(&plans, KNOWN_NO, 0, 1);
	fake.answer = -ETIMEDOUT;
	o = perform(&plans);
	assert_int_equal(o.end, RESCUE_FREED);
	assert_int_equal(o.n_steps, 2);
	assert_int_equal(o.steps[1].way, WAY_revalidate);
	assert_int_equal(fake.revalidates, 1);
	end(&plans);

	/* no driver is asked: it only takes long */
	begin(&plans, KNOWN_NO, 0);
	fake.answer = -ETIMEDOUT;
	o = perform(&plans);
	assert_int_equal(o.end, RESCUE_STUCK);
	assert_int_equal(o.n_steps, 1);
	assert_non_null(strstr(o.why, "no driver"));
	assert_int_equal(fake.revalidates, 0);
	end(&plans);
}

/* The plan was made, and then somebody took his time: the same threads wait again, in another window. */
static void an_old_plan(void **state)
{
	struct rescue_plans plans;
	struct rescue_outcome o;

	(void)state;
	begin(&plans, KNOWN_YES, 0);
	fake.stuck.thread[0].runs = true;
	o = perform(&plans);
	assert_int_equal(o.end, RESCUE_REFUSED);
	assert_non_null(strstr(o.why, "has run since"));
	assert_int_equal(fake.unmaps, 0);
	end(&plans);
}

static void the_call_fails(void **state)
{
	struct rescue_plans plans;
	struct rescue_outcome o;

	(void)state;
	begin(&plans, KNOWN_NO, 0);
	fake.answer = -EINVAL;
	o = perform(&plans);
	assert_int_equal(o.end, RESCUE_STUCK);
	assert_int_equal(o.steps[0].error, EINVAL);
	assert_int_equal(fake.revalidates, 0); /* not what the second step is for */
	end(&plans);
}

static void nobody_lends(void **state)
{
	struct rescue_plans plans;
	struct rescue_outcome o;

	(void)state;
	begin(&plans, KNOWN_YES, 0);
	fake.lends = 1;
	o = perform(&plans);
	assert_int_equal(o.end, RESCUE_REFUSED);
	assert_non_null(strstr(o.why, "cannot borrow fd 18 of qemu"));
	assert_int_equal(fake.unmaps, 0);
	end(&plans);
}

static void another_file(void **state)
{
	struct rescue_plans plans;
	struct rescue_outcome o;

	(void)state;
	begin(&plans, KNOWN_YES, 0);
	fake.changed = true;
	o = perform(&plans);
	assert_int_equal(o.end, RESCUE_REFUSED);
	assert_non_null(strstr(o.why, "not of this container"));
	assert_int_equal(fake.unmaps, 0);
	end(&plans);
}

/* Of two ranges the wrong one comes first: the thread goes on waiting, and the other is next. */
static void range_by_range(void **state)
{
	struct rescue_plans plans;
	struct rescue_outcome o;

	(void)state;
	begin(&plans, KNOWN_YES, SECOND_RANGE);
	o = perform(&plans);
	assert_int_equal(o.end, RESCUE_FREED);
	assert_int_equal(o.n_steps, 2);
	assert_int_equal(o.steps[0].iova, SECOND_RANGE);
	assert_int_equal(o.steps[1].iova, FIRST_RANGE);
	end(&plans);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_step),	  cmocka_unit_test(free_before),  cmocka_unit_test(the_driver_stops_it),
		cmocka_unit_test(the_call_fails), cmocka_unit_test(nobody_lends), cmocka_unit_test(another_file),
		cmocka_unit_test(range_by_range), cmocka_unit_test(an_old_plan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
