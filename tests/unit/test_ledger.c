// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_ledger.c - accounts, and the verdict drift: each kind of it, the clean
 * courses beside it, and with every single record lost. Link as test_verdict.c.
 */
#include "ledger_check.h"

#include "../../src/util.h"

/* ---- type1 ---------------------------------------------------------------------- */

static void balanced(void **state)
{
	struct tape *t = ledger_begin(C1);

	(void)state;
	tape_charge(t, C1, A, 512, OP_MAP);
	ledger_locked = 512;
	tape_charge(t, C1, A, -512, OP_UNMAP);
	tape_unmapped(t, C1, 512);
	NO(t);
}

/* 6.1 before the fixes: the credit goes to whoever lives there now. */
static void underflow_over_exec(void **state)
{
	struct tape *t = ledger_begin(C1);

	(void)state;
	tape_charge(t, C1, A, 256, OP_MAP);
	tape_exec(t, A, B, 256);
	tape_charge(t, C1, B, -256, OP_UNMAP);
	tape_unmapped(t, C1, 256);
	check(t, C1, "yes/proven", true, "underflow of 1M", "in unmap credited 1M to mm-00bb", "locked_vm went from 0 to -1M",
	      "they had been charged to mm-00aa", "left mm-00aa by exec, with 1M charged to it", "18446744073709550592 kB",
	      "mm-00bb: charged 0, credited 1M, left -1M", "mm-00aa: charged 1M, credited 0, left 1M; no process", NULL);
}

/* The same where other locked memory keeps the counter above zero. */
static void wrong_mm_over_exec(void **state)
{
	struct tape *t = ledger_begin(C1);

	(void)state;
	tape_charge(t, C1, A, 256, OP_MAP);
	tape_exec(t, A, B, 256);
	ledger_locked = 1000;
	tape_charge(t, C1, B, -256, OP_UNMAP);
	tape_unmapped(t, C1, 256);
	check(t, C1, "yes/proven", false, "wrong address space of 1M", "had not been charged for them; that was mm-00aa", NULL);
}

static void restored_after_exec(void **state)
{
	struct tape *t = ledger_begin(C1);

	(void)state;
	tape_charge(t, C1, A, 512, OP_MAP);
	tape_exec(t, A, B, 512);
	t->ts += 5000000;
	tape_charge(t, C1, B, 512, OP_REVALIDATE);
	tape_revalidate(t, C1);
	tape_look(t, 2);
	check(t, C1, "no/none", false, "2M stayed pinned and charged to nobody for 5", "by exec; the pages stay pinned", "charged them again after", NULL);
}

static void restored_in_part(void **state)
{
	struct tape *t = ledger_begin(C1);

	(void)state;
	tape_charge(t, C1, A, 512, OP_MAP);
	tape_exec(t, A, B, 512);
	tape_charge(t, C1, B, 256, OP_REVALIDATE);
	tape_revalidate(t, C1);
	check(t, C1, "yes/proven", false, "uncharged: 1M stay pinned", "since exec", NULL);
}

/* The kernel does not credit an address space that has gone: only the call tells. */
static void unmapped_after_exec(void **state)
{
	struct tape *t = ledger_begin(C1);

	(void)state;
	tape_charge(t, C1, A, 512, OP_MAP);
	tape_exec(t, A, B, 512);
	tape_unmapped_of_gone(t, C1, 512);
	tape_look(t, 2);
	check(t, C1, "no/none", false, "ended that they are pinned, after", NULL);
}

/* Memory of a device is never charged. A kernel that does not say what was charged for what is unmapped leaves it open. */
static void device_memory_unmapped(void **state)
{
	(void)state;
	for (int counted = 0; counted < 2; counted++) {
		struct tape *t = ledger_begin(C1);

		tape_charge(t, C1, A, 512, OP_MAP);
		tape_exec(t, A, B, 512);
		tape_unmapped(t, C1, 4096)->counted = counted;
		tape_look(t, 2);
		check(t, C1, counted ? "yes/proven" : "cannot-tell/likely", false, counted ? "uncharged: 2M stay pinned" : "2M", NULL);
	}
}

/* What the successor maps for itself, and unmaps, has nothing to do with what is charged to nobody. */
static void own_ranges_after_exec(void **state)
{
	struct tape *t = ledger_begin(C1);

	(void)state;
	tape_charge(t, C1, A, 512, OP_MAP);
	tape_exec(t, A, B, 512);
	tape_charge(t, C1, B, 100, OP_MAP);
	ledger_locked = 100;
	tape_charge(t, C1, B, -100, OP_UNMAP);
	tape_unmapped(t, C1, 100);
	check(t, C1, "yes/proven", false, "uncharged: 2M stay pinned", NULL);
}

/* Somebody who looks into it in /proc gives it up last: before the exec is told, or after. */
static void looked_into_during_exec(void **state)
{
	(void)state;
	for (int after = 0; after < 2; after++) {
		struct tape *t = ledger_begin(C1);

		tape_charge(t, C1, A, 512, OP_MAP);
		if (after)
			tape_left_by_exec(t, A, B, 512);
		tape_as(t, OTHER, OTHER, "ps");
		tape_mm_gone(t, A, 512);
		tape_as(t, QEMU, QEMU, "qemu");
		if (!after)
			tape_left_by_exec(t, A, B, 512);
		t->ts += 5000000;
		tape_charge(t, C1, B, 512, OP_REVALIDATE);
		tape_revalidate(t, C1);
		tape_look(t, 2);
		check(t, C1, "no/none", false, "charged to nobody for 5", "from exec on", "qemu [20733] left", NULL);
	}
}

/* A child of vfork() leaves its parent's address space by exec. That is no end of it: the parent's exit is, or its own exec. */
static void left_by_a_child(void **state)
{
	struct tape *t = ledger_begin(C1);

	(void)state;
	tape_charge(t, C1, A, 512, OP_MAP);
	tape_as(t, OTHER, OTHER, "qemu");
	tape_left_by_exec(t, A, 0xccULL, 512);
	tape_as(t, QEMU, QEMU, "qemu");
	tape_mm_gone(t, A, 512)->exiting = 1;
	t->ts += 2000000000;
	tape_look(t, 2);
	check(t, C1, "yes/proven", false, "since exit", NULL);

	t = ledger_begin(C1);
	tape_charge(t, C1, A, 512, OP_MAP);
	tape_as(t, OTHER, OTHER, "qemu");
	tape_left_by_exec(t, A, 0xccULL, 512);
	tape_as(t, QEMU, QEMU, "qemu");
	tape_exec(t, A, B, 512);
	check(t, C1, "yes/proven", false, "since exec", "qemu [20733] left", NULL);
}

static void residue_of_an_exit(void **state)
{
	struct tape *t = ledger_begin(C1);

	(void)state;
	tape_charge(t, C1, A, 512, OP_MAP);
	tape_mm_gone(t, A, 512);
	tape_add(t, EV_release, C1);
	NO(t);
}

static void survived_by_another(void **state)
{
	struct tape *t = ledger_begin(C1);

	(void)state;
	tape_charge(t, C1, A, 512, OP_MAP);
	tape_mm_gone(t, A, 512);
	t->ts += 2000000000;
	tape_look(t, 2);
	check(t, C1, "yes/proven", false, "since exit", NULL);
}

/* Who has it besides ends much later: nobody was charged in between, though nobody went on by an exec. */
static void survived_for_a_time(void **state)
{
	struct tape *t = ledger_begin(C1);

	(void)state;
	tape_charge(t, C1, A, 512, OP_MAP);
	tape_mm_gone(t, A, 512);
	t->ts += 2000000000;
	tape_as(t, OTHER, OTHER, "qemu-new");
	tape_add(t, EV_release, C1);
	check(t, C1, "no/none", false, "2M stayed pinned and charged to nobody for 2.00s, from exit on", "ended that they are pinned", NULL);
}

/* The end of one process can take long: what it closes then was its own to the last. */
static void a_long_end(void **state)
{
	(void)state;
	for (int how = 0; how < 2; how++) {
		struct tape *t = ledger_begin(C1);

		tape_charge(t, C1, A, 512, OP_MAP);
		tape_mm_gone(t, A, 512);
		((struct ev_mm_gone *)(t->bytes + t->at[t->n - 1]))->exiting = 1;
		t->ts += 2000000000;
		if (how)
			tape_unmapped_of_gone(t, C1, 512);
		tape_add(t, EV_release, C1);
		NO(t);
	}
}

/* It has not come to its files yet. */
static void still_ending(void **state)
{
	struct tape *t = ledger_begin(C1);

	(void)state;
	tape_charge(t, C1, A, 512, OP_MAP);
	tape_mm_gone(t, A, 512);
	t->ts += 500000000;
	tape_look(t, 2);
	NO(t);
}

static void hand_over(void **state)
{
	struct tape *t = ledger_begin(C1);

	(void)state;
	tape_charge(t, C1, A, 512, OP_MAP);
	tape_as(t, OTHER, OTHER, "qemu-new");
	tape_charge(t, C1, B, 512, OP_REVALIDATE);
	ledger_locked = 512;
	tape_charge(t, C1, A, -512, OP_REVALIDATE);
	tape_revalidate(t, C1);
	tape_charge(t, C1, B, -512, OP_UNMAP);
	tape_unmapped(t, C1, 512);
	NO(t);
}

static void charged_twice(void **state)
{
	struct tape *t = ledger_begin(C1);

	(void)state;
	tape_charge(t, C1, A, 512, OP_MAP);
	tape_as(t, OTHER, OTHER, "qemu-new");
	tape_charge(t, C1, B, 512, OP_REVALIDATE);
	tape_revalidate(t, C1);
	check(t, C1, "yes/proven", false, "charged twice of 2M", "and mm-00aa, which is charged for the same pages, was not credited", NULL);
}

/* The end of what was left by exec is told late: until then nobody can say whether it could have been credited. */
static void restored_before_the_end_is_told(void **state)
{
	(void)state;
	for (int told = 0; told < 2; told++) {
		struct tape *t = ledger_begin(C1);

		tape_charge(t, C1, A, 512, OP_MAP);
		tape_left_by_exec(t, A, B, 512);
		tape_charge(t, C1, B, 512, OP_REVALIDATE);
		tape_revalidate(t, C1);
		if (told) {
			tape_as(t, OTHER, OTHER, "qemu");
			tape_mm_gone(t, A, 512);
			tape_as(t, QEMU, QEMU, "qemu");
			t->ts += 2000000000;
			tape_look(t, 2);
			NO(t);
		} else {
			check(t, C1, "cannot-tell/likely", false, "charged twice of 2M", "was not credited", NULL);
		}
	}
}

/* Who has left it by exec was a child: whoever has it still should have been credited. */
static void charged_twice_beside_a_child(void **state)
{
	struct tape *t = ledger_begin(C1);

	(void)state;
	tape_charge(t, C1, A, 512, OP_MAP);
	tape_as(t, OTHER, OTHER, "qemu");
	tape_left_by_exec(t, A, 0xccULL, 512);
	tape_as(t, QEMU, QEMU, "qemu");
	tape_charge(t, C1, B, 512, OP_REVALIDATE);
	tape_revalidate(t, C1);
	check(t, C1, "yes/proven", false, "charged twice of 2M", NULL);
}

/* Three live, two of them with as much to their debit: whose range it is that is handed over the ledger does not know. */
static void handed_over_by_either(void **state)
{
	(void)state;
	for (int which = 0; which < 2; which++) {
		struct tape *t = ledger_begin(C1);

		tape_charge(t, C1, A, 512, OP_MAP);
		tape_charge(t, C1, B, 512, OP_MAP);
		tape_as(t, OTHER, OTHER, "qemu-new");
		tape_charge(t, C1, 0xccULL, 512, OP_REVALIDATE);
		ledger_locked = 512;
		tape_charge(t, C1, which ? B : A, -512, OP_REVALIDATE);
		tape_revalidate(t, C1);
		NO(t);
	}
}

/*
 * What of a range is pinned for a mediated device its mapping does not say: what was unmapped is not what is charged to
 * nobody, and who restores a range of those has nobody to credit. Once all of them are charged again he has.
 */
static void restored_for_a_device(void **state)
{
	(void)state;
	for (int again = 0; again < 2; again++) {
		struct tape *t = ledger_begin(C1);

		((struct ev_attach *)tape_add(t, EV_attach, C1))->backed = BACKED_EMULATED;
		tape_charge(t, C1, A, 3, OP_PIN);
		tape_exec(t, A, B, 3);
		tape_charge(t, C1, B, 10, OP_PIN);
		tape_unmapped(t, C1, 32);
		tape_as(t, OTHER, OTHER, "qemu-new");
		tape_charge(t, C1, 0xccULL, 3, OP_REVALIDATE);
		tape_revalidate(t, C1);
		if (again) {
			tape_charge(t, C1, 0xccULL, 4, OP_REVALIDATE);
			ledger_locked = 10;
			tape_charge(t, C1, B, -4, OP_REVALIDATE);
			tape_revalidate(t, C1);
			tape_charge(t, C1, 0xccULL, 6, OP_REVALIDATE);
			tape_revalidate(t, C1);
			check(t, C1, "yes/proven", false, "charged twice of 24K", "and mm-00bb, which is charged for the same pages", NULL);
		} else {
			check(t, C1, "no/none", false, "12K stayed pinned and charged to nobody", NULL);
		}
	}
}

static void driver_unpins(struct tape *t, __u64 device, __s64 pages)
{
	struct ev_unpin *e = tape_add(t, EV_unpin, C1);

	e->device = device;
	e->size = pages * 4096;
	TAPE_STR(e->device_name, "an-mdev");
}

/* A driver unpins what was charged to an address space that is gone, and nobody is credited: or what is pinned once more. Then who restores may be charged twice. */
static void unpinned_without_credit(void **state)
{
	(void)state;
	for (int left = 0; left < 2; left++) {
		struct tape *t = ledger_begin(C1);

		((struct ev_attach *)tape_add(t, EV_attach, C1))->backed = BACKED_EMULATED;
		tape_charge(t, C1, A, 3, OP_PIN);
		tape_exec(t, A, B, 3);
		tape_charge(t, C1, B, 10, OP_PIN);
		driver_unpins(t, D1, left ? 1 : 3);
		tape_as(t, OTHER, OTHER, "qemu-new");
		tape_charge(t, C1, 0xccULL, left ? 2 : 10, OP_REVALIDATE);
		tape_revalidate(t, C1);
		/* how many of the three are still pinned, and charged to nobody, is not known either */
		check(t, C1, "cannot-tell/likely", false, left ? "stay pinned" : "charged twice of 40K", NULL);
	}
}

/* What is watched begins when an address space has gone already: who restores its pages has nobody to credit. */
static void restored_after_the_look(void **state)
{
	struct tape *t = tape_new();
	struct model *m;

	(void)state;
	tape_session(t, true);
	((struct ev_session *)(void *)(t->bytes + t->at[0]))->charges = 1;
	tape_as(t, QEMU, QEMU, "qemu");
	look_at_nobody(t, 1, A);
	tape_charge(t, C1, B, 512, OP_REVALIDATE);
	tape_revalidate(t, C1);
	m = tape_model(t, TAPE_ALL);
	assert_int_equal(model_ledger(m)->n_drifts, 0);
	model_free(m);
	free(t);
}

/* A restoration that credited nobody whom it should have takes nothing from what nobody was charged for later. */
static void restored_beside_a_drift(void **state)
{
	struct tape *t = ledger_begin(C1);
	struct model *m;

	(void)state;
	((struct ev_attach *)tape_add(t, EV_attach, C1))->backed = BACKED_EMULATED;
	tape_charge(t, C1, B, 40, OP_PIN);
	tape_charge(t, C1, A, 10, OP_REVALIDATE);
	tape_revalidate(t, C1);
	tape_exec(t, A, 0xddULL, 10);
	tape_as(t, OTHER, OTHER, "qemu-new");
	tape_charge(t, C1, 0xccULL, 10, OP_REVALIDATE);
	tape_revalidate(t, C1);
	m = tape_model(t, TAPE_ALL);
	assert_int_equal(model_ledger(m)->n_drifts, 1);
	assert_int_equal(model_ledger(m)->drifts->kind, DRIFT_DOUBLE);
	model_free(m);
	free(t);
}

/* An IOMMU has all of a range pinned: beside one, its unmapping says what is pinned no longer. */
static void restored_for_both(void **state)
{
	struct tape *t = ledger_begin(C1);

	(void)state;
	((struct ev_attach *)tape_add(t, EV_attach, C1))->backed = BACKED_EMULATED;
	((struct ev_attach *)tape_add(t, EV_attach, C1))->backed = BACKED_IOMMU;
	tape_charge(t, C1, A, 3, OP_MAP);
	tape_exec(t, A, B, 3);
	tape_charge(t, C1, B, 10, OP_MAP);
	tape_unmapped_of_gone(t, C1, 3);
	tape_as(t, OTHER, OTHER, "qemu-new");
	tape_charge(t, C1, 0xccULL, 10, OP_REVALIDATE);
	tape_revalidate(t, C1);
	check(t, C1, "yes/proven", false, "charged twice of 40K", "and mm-00bb, which is charged for the same pages", NULL);
}

/* The one window of a tape was closed by the charge of that moment. */
static void paid_at(const struct tape *t, __u64 ts)
{
	struct model *m = tape_model(t, TAPE_ALL);
	const struct uncharged *u = model_ledger(m)->uncharged;

	assert_non_null(u);
	assert_null(u->next);
	assert_int_equal(u->until_ns, ts);
	model_free(m);
}

/*
 * Some of it is left from an exec, and the rest is its own: what changes hands pays
 * for nothing of what was left, in whatever order it is restored.
 */
static void restored_after_its_own(void **state)
{
	(void)state;
	for (int turn = 0; turn < 12; turn++) {
		const bool calls = turn < 6; /* else only charges were asked for */
		const __s64 left = turn % 6 < 3 ? 1 : 64; /* less than its own, or more */
		struct tape *t = ledger_begin(C1);
		__u64 last;

		tape_charge(t, C1, A, left, OP_MAP);
		tape_exec(t, A, B, left);
		ledger_locked = 0;
		tape_charge(t, C1, B, 32, OP_MAP);
		ledger_locked = 32;
		tape_charge(t, C1, B, 5, OP_MAP);
		tape_as(t, OTHER, OTHER, "qemu-new");
		for (int i = 0; i < 3; i++) {
			const __s64 pages[] = { 32, 5, left };
			__s64 n = pages[(i + turn) % 3];

			ledger_locked = 0;
			if (n == left)
				last = t->ts;
			tape_charge(t, C1, 0xccULL, n, OP_REVALIDATE);
			ledger_locked = 38;
			if (n != left)
				tape_charge(t, C1, B, -n, OP_REVALIDATE);
			if (calls)
				tape_revalidate(t, C1);
		}
		paid_at(t, last);
		check(t, C1, "no/none", false, left > 1 ? "256K stayed pinned and charged to nobody" : "4K stayed pinned and charged to nobody",
		      "charged them again", NULL);
	}
}

/* An address that is used again is another address space. */
static void same_id_again(void **state)
{
	struct tape *t = ledger_begin(C1);

	(void)state;
	tape_charge(t, C1, A, 512, OP_MAP);
	tape_mm_gone(t, A, 512);
	tape_add(t, EV_release, C1);
	tape_add(t, EV_open, C1);
	tape_charge(t, C1, A, 10, OP_MAP);
	ledger_locked = 10;
	tape_charge(t, C1, A, -10, OP_UNMAP);
	NO(t);
}

/* Each that had the id has its own verdict: the longest window of one hides no other, nor does a drift, and accounts are of who has it now. */
static void verdict_of_each(void **state)
{
	struct tape *t = ledger_begin(C1);
	unsigned int n = 0, no = 0, yes = 0;
	struct findings f;
	struct model *m;

	(void)state;
	for (int life = 0; life < 3; life++) {
		if (life)
			tape_add(t, EV_open, C1);
		ledger_locked = 0;
		tape_charge(t, C1, A, 512, OP_MAP);
		tape_exec(t, A, B, 512);
		t->ts += 5000000 * (life + 1);
		if (life == 1) {
			tape_charge(t, C1, B, -512, OP_UNMAP);
			tape_unmapped(t, C1, 512);
		} else {
			tape_charge(t, C1, B, 512, OP_REVALIDATE);
			tape_revalidate(t, C1);
			ledger_locked = 512;
			tape_charge(t, C1, B, -512, OP_UNMAP);
			tape_unmapped(t, C1, 512);
		}
		tape_add(t, EV_release, C1);
	}
	tape_look(t, 2);
	m = tape_model(t, TAPE_ALL);
	assert_int_equal(verdicts_judge(m, NULL, &f), 0);
	for (unsigned int i = 0; i < f.n; i++) {
		if (strcmp(f.f[i].verdict->name, "drift"))
			continue;
		n++;
		assert_int_equal(f.f[i].container, C1);
		if (f.f[i].answer == ANSWER_NO) {
			assert_true(has(&f.f[i], "2M stayed pinned and charged to nobody for"));
			/* the first has no accounts any more, the last has */
			assert_int_equal(has(&f.f[i], "mm-00bb: charged 2M, credited 2M, left 0"), no++);
		} else {
			assert_int_equal(f.f[i].answer, ANSWER_YES);
			assert_true(has(&f.f[i], "in unmap credited 2M to mm-00bb"));
			assert_false(has(&f.f[i], "mm-00bb: charged"));
			yes++;
		}
	}
	assert_int_equal(n, 3);
	assert_int_equal(no, 2);
	assert_int_equal(yes, 1);
	findings_free(&f);
	model_free(m);
	free(t);
}

/* Refused: nothing is charged. */
static void refused(void **state)
{
	struct tape *t = ledger_begin(C1);
	struct ev_charge *e;

	(void)state;
	e = tape_charge(t, C1, A, 0, OP_MAP);
	e->asked = 512;
	e->result = -12;
	e->limit = 8 << 20;
	NO(t);
}

/* ---- older than the tool ------------------------------------------------------- */

static void look_at_range(struct tape *t, __s64 charged)
{
	struct ev_range *r;

	tape_look_begin(t, 1);
	tape_container(t, C1, 1, true)->ranges = 1;
	r = tape_range(t, C1, 0x77);
	r->mm = A;
	r->charged = charged;
	r->size = 512 * 4096;
	r->mapped = 1;
	r->account = CHARGED_MM;
	tape_look_end(t);
	tape_as(t, QEMU, QEMU, "qemu");
	ledger_locked = 512;
}

static struct tape *watched(void)
{
	struct tape *t = tape_new();

	tape_session(t, true);
	((struct ev_session *)(void *)(t->bytes + t->at[0]))->charges = 1;
	return t;
}

/* Charged before it was watched, as a look has read it. */
static struct tape *older(__s64 charged)
{
	struct tape *t = watched();

	look_at_range(t, charged);
	return t;
}

static void older_balance(void **state)
{
	struct tape *t = older(512);
	struct model *m;
	const struct ledger_account *a;

	(void)state;
	tape_charge(t, C1, A, -500, OP_UNMAP);
	m = tape_model(t, TAPE_ALL);
	a = model_ledger(m)->accounts;
	assert_non_null(a);
	assert_int_equal(a->older, 512);
	assert_int_equal(a->credited, 500);
	assert_int_equal(account_balance(a), 12);
	assert_false(a->unsure);
	model_free(m);
	NO(t);
}

/* Two areas with the same pages of iommufd, and a third with its own. */
static void older_and_shared(void **state)
{
	static const struct { __u64 id, pages; __s64 charged; } areas[] = { { 0x77, 0x99, 512 }, { 0x78, 0x99, 512 }, { 0x79, 0x9a, 8 } };
	struct tape *t = tape_new();
	struct model *m;

	(void)state;
	tape_session(t, true);
	((struct ev_session *)(void *)(t->bytes + t->at[0]))->charges = 1;
	tape_look_begin(t, 1);
	tape_container(t, FD1, 1, true)->ranges = 3;
	for (size_t i = 0; i < ARRAY_SIZE(areas); i++) {
		struct ev_range *r = tape_range(t, FD1, areas[i].id);

		r->mm = A;
		r->pages = areas[i].pages;
		r->charged = areas[i].charged;
		r->account = CHARGED_MM;
	}
	tape_look_end(t);
	m = tape_model(t, TAPE_ALL);
	assert_non_null(model_ledger(m)->accounts);
	assert_int_equal(model_ledger(m)->accounts->older, 520);
	model_free(m);
	free(t);
}

static void older_and_uncharged(void **state)
{
	struct tape *t = older(512);

	(void)state;
	tape_exec(t, A, B, 512);
	check(t, C1, "yes/proven", false, "uncharged: 2M", "2M before, charged 0", NULL);
}

/* A kernel that does not say what is charged for a range: then it is not known to the page. */
static void older_but_estimated(void **state)
{
	struct tape *t = older(-1);

	(void)state;
	tape_exec(t, A, B, 512);
	check(t, C1, "cannot-tell/likely", false, "uncharged: 2M", NULL);
}

/* Credited before the look, which then does not find the container any more. */
static void gone_before_the_look(void **state)
{
	struct tape *t = tape_new();

	(void)state;
	tape_session(t, true);
	tape_as(t, QEMU, QEMU, "qemu");
	ledger_locked = 600;
	tape_charge(t, C1, A, -512, OP_UNMAP);
	tape_look(t, 1);
	((struct ev_session *)(void *)(t->bytes + t->at[0]))->charges = 1;
	NO(t);
}

/* What was credited before the look read the container is in what it read; what was credited while it read may be or not. */
static void moved_and_the_look(void **state)
{
	(void)state;
	for (int late = 0; late <= 1; late++) {
		struct tape *t = tape_new();
		struct ev_range *r;

		tape_session(t, true);
		((struct ev_session *)(void *)(t->bytes + t->at[0]))->charges = 1;
		tape_as(t, QEMU, QEMU, "qemu");
		ledger_locked = 600;
		if (!late)
			tape_charge(t, C1, A, -512, OP_UNMAP);
		tape_look_begin(t, 1);
		r = tape_range(t, C1, 0x77);
		r->mm = A;
		r->charged = 10;
		r->account = CHARGED_MM;
		tape_container(t, C1, 1, true)->ranges = 1;
		if (late) /* told by a hook while the look goes on */
			tape_charge(t, C1, A, -512, OP_UNMAP)->h.look = 0;
		tape_look_end(t);
		tape_as(t, QEMU, QEMU, "qemu");
		ledger_locked = 10;
		tape_charge(t, C1, A, -10, OP_UNMAP);
		if (late)
			check(t, C1, "cannot-tell/none", false, "2M more than vfio-a07b is known to have charged", NULL);
		else
			NO(t);
	}
}

/*
 * A call was under way when the watch began: of what it charges it is not known where, and the rest nothing.
 */
static void begun_before_the_watch(void **state)
{
	(void)state;
	for (int early = 0; early < 2; early++) {
		struct tape *t = early ? watched() : older(256);

		tape_as(t, QEMU, QEMU, "qemu");
		tape_charge(t, 0, A, 256, OP_OTHER);
		if (early)
			look_at_range(t, 256);
		ledger_locked = 1512;
		tape_charge(t, C1, A, -512, OP_UNMAP);
		tape_unmapped(t, C1, 512);
		check(t, C1, "cannot-tell/none", false, "1M more than vfio-a07b is known to have charged", NULL);
	}
}

/* A container that was opened since has nothing to do with that. */
static void begun_before_another_opened(void **state)
{
	struct tape *t = watched();

	(void)state;
	tape_as(t, QEMU, QEMU, "qemu");
	tape_charge(t, 0, A, 256, OP_OTHER);
	tape_look(t, 1);
	tape_as(t, QEMU, QEMU, "qemu");
	tape_add(t, EV_open, C1);
	tape_charge(t, C1, A, 512, OP_MAP);
	tape_exec(t, A, B, 768);
	check(t, C1, "yes/proven", false, "uncharged: 2M", NULL);
}

/* A call charges as the look reads what there is, and tells it afterwards. */
static void charged_around_the_look(void **state)
{
	(void)state;
	for (int around = 0; around < 2; around++) {
		struct tape *t = older(512);
		struct ev_charge *e;

		t->ts += 1000;
		e = tape_charge(t, C1, A, 512, OP_MAP);
		e->span_ns = around ? 1000000 : 1;
		ledger_locked = 1024;
		tape_charge(t, C1, A, -512, OP_UNMAP);
		tape_unmapped(t, C1, 512);
		tape_exec(t, A, B, 512);
		check(t, C1, around ? "cannot-tell/likely" : "yes/proven", false, "uncharged: 2M", NULL);
	}
}

/* It was read while it changed: what it had charged by then is not known to the page. */
static void changed_while_it_was_read(void **state)
{
	struct tape *t = older(512);

	(void)state;
	for (unsigned int k = 0; k < t->n; k++) {
		struct ev_container *e = (void *)(t->bytes + t->at[k]);

		if (e->h.type == EV_container)
			e->unstable = 1;
	}
	ledger_locked = 1000;
	tape_charge(t, C1, A, -520, OP_UNMAP);
	check(t, C1, "cannot-tell/none", false, "32K more than vfio-a07b is known to have charged", NULL);
}

/* Containers come and go for as long as it watches, and the books do not fill with them. */
static void many_lives(void **state)
{
	struct ledger l;

	(void)state;
	ledger_init(&l);
	for (__u64 i = 0; i < 5000; i++) {
		struct tape *t = tape_new();
		__u64 c = C1 + (i << 20);

		tape_add(t, EV_open, c);
		ledger_locked = 0;
		tape_charge(t, c, A + i, 512, OP_MAP);
		ledger_locked = 512;
		if (i & 1)
			tape_add(t, EV_release, c);
		else
			tape_mm_gone(t, A + i, 512);
		if (i & 1)
			tape_charge(t, c, A + i, -512, OP_RELEASE);
		else
			tape_add(t, EV_release, c);
		for (unsigned int k = 0; k < t->n; k++)
			assert_int_equal(ledger_apply(&l, (void *)(t->bytes + t->at[k])), 0);
		free(t);
	}
	assert_false(l.cut);
	assert_int_equal(l.n_uncharged, 0);
	assert_int_equal(l.n_drifts, 0);
	assert_true(HASH_COUNT(l.accounts) <= 1024 + 1);
	ledger_free(&l);
}

static void group_of_c1(struct tape *t, int type)
{
	if (type == EV_attach)
		((struct ev_attach *)tape_add(t, EV_attach, C1))->group = 7;
	else
		((struct ev_detach *)tape_add(t, EV_detach, C1))->group = 7;
}

/* What type1 had to credit in the call that ended it is still charged when its thread goes on. */
static void container_ends_in_debt(void **state)
{
	(void)state;
	for (int how = 0; how < 6; how++) {
		struct tape *t = ledger_begin(C1);

		group_of_c1(t, EV_attach);
		tape_charge(t, C1, A, 512, OP_MAP);
		if (how % 2) { /* the file is closed last */
			group_of_c1(t, EV_detach);
			tape_add(t, EV_release, C1);
		} else {
			tape_add(t, EV_release, C1);
			group_of_c1(t, EV_detach);
		}
		if (how < 2)
			tape_add(t, EV_open, C2);
		else if (how < 4)
			tape_mm_gone(t, A, 512);
		else
			tape_left_by_exec(t, A, B, 512);
		check(t, C1, "yes/proven", false, "leak of 2M", how % 2 ? "released vfio-a07b, and 2M stay charged to mm-00aa" :
		      "took the last group from vfio-a07b, which is closed, and 2M stay charged to mm-00aa", NULL);
	}
}

/* It is not over yet, or another group keeps it, or what is left is credited to nobody as its address space goes meanwhile. */
static void container_ends_in_time(void **state)
{
	(void)state;
	for (int how = 0; how < 6; how++) {
		struct tape *t = ledger_begin(C1);

		if (how != 5) /* groups were not asked for */
			group_of_c1(t, EV_attach);
		if (how == 1)
			group_of_c1(t, EV_attach);
		tape_charge(t, C1, A, 512, OP_MAP);
		ledger_locked = 512;
		tape_add(t, EV_release, C1);
		if (how == 2 || how == 5)
			tape_add(t, EV_open, C2);
		group_of_c1(t, EV_detach);
		if (how == 1)
			tape_add(t, EV_open, C2);
		if (how == 3) {
			tape_mm_gone(t, A, 256);
			tape_charge(t, C1, A, -256, OP_DETACH)->users = 0;
			tape_add(t, EV_open, C2);
		} else if (how != 1 && how != 4) {
			tape_charge(t, C1, A, -512, OP_DETACH);
			tape_add(t, EV_open, C2);
		}
		NO(t);
	}
}

/* ---- iommufd --------------------------------------------------------------------- */

/* CAP_IPC_LOCK when mapped, on 7.3: the charge stays, the next credit goes to the caller. */
static void change_process_none(void **state)
{
	struct tape *t = ledger_begin(FD1);

	(void)state;
	tape_fd_charge(t, A, 64, OP_MAP, CHARGED_NONE);
	tape_exec(t, A, B, 0);
	tape_change_process(t, B, 0);
	tape_fd_charge(t, B, -64, OP_UNMAP, CHARGED_NONE);
	check(t, FD1, "yes/proven", true, "with IOMMU_IOAS_CHANGE_PROCESS gave iommufd-91d0 to mm-00bb, but 256K stay charged to mm-00aa",
	      "in unmap credited 256K to mm-00bb, whose pinned_vm went from 0 to -256K", "VmPin: 18446744073709551360 kB", NULL);
}

/* It is tried whether it works, taken back, and done: told once. */
static void change_process_tried(void **state)
{
	struct tape *t = ledger_begin(FD1);

	(void)state;
	tape_fd_charge(t, A, 64, OP_MAP, CHARGED_NONE);
	tape_change_process(t, B, 0);
	tape_change_process(t, A, 0);
	tape_change_process(t, B, 0);
	check(t, FD1, "yes/proven", true, "but 256K stay charged to mm-00aa", "the same call, with the same effect, 1 more time", NULL);
}

/* A credit to A that is refused, as no process has it any more. */
static void tape_late(struct tape *t, __s64 pages, __u32 op)
{
	struct ev_charge *e = tape_fd_charge(t, A, 0, op, CHARGED_MM);

	e->asked = -pages;
	e->result = -22;
	e->users = 0;
}

/* The rlimit mode that counts in the mm, on 7.3: the call fails and leaves a charge. */
static void change_process_mm(void **state)
{
	struct tape *t = ledger_begin(FD1);

	(void)state;
	tape_fd_charge(t, A, 64, OP_MAP, CHARGED_MM);
	tape_exec(t, A, B, 64);
	tape_fd_charge(t, B, 64, OP_CHANGE_PROCESS, CHARGED_MM);
	tape_late(t, 64, OP_CHANGE_PROCESS);
	tape_change_process(t, B, -22);
	check(t, FD1, "yes/proven", false, "leak of 256K", "in change-process charged 256K to mm-00bb and failed, as mm-00aa could not be "
	      "credited (EINVAL)", NULL);
}

static void change_process_user(void **state)
{
	struct tape *t = ledger_begin(FD1);

	(void)state;
	tape_fd_charge(t, A, 64, OP_MAP, CHARGED_USER);
	ledger_locked = 64;
	tape_exec(t, A, B, 0);
	tape_fd_charge(t, B, 64, OP_CHANGE_PROCESS, CHARGED_USER);
	ledger_locked = 128;
	ledger_pinned = 64;
	tape_fd_charge(t, A, -64, OP_CHANGE_PROCESS, CHARGED_USER)->users = 0;
	tape_change_process(t, B, 0);
	ledger_locked = 64;
	tape_fd_charge(t, B, -64, OP_UNMAP, CHARGED_USER);
	tape_add(t, EV_release, FD1);
	NO(t);
}

/* iommufd cannot credit an address space that has gone: it says so, and the pages are pinned no longer. */
static void credit_comes_late(void **state)
{
	(void)state;
	for (int part = 0; part < 2; part++) {
		struct tape *t = ledger_begin(FD1);

		tape_fd_charge(t, A, 64, OP_MAP, CHARGED_MM);
		tape_exec(t, A, B, 64);
		tape_late(t, part ? 24 : 64, OP_UNMAP);
		if (part)
			check(t, FD1, "yes/proven", false, "uncharged: 160K stay pinned", NULL);
		else
			check(t, FD1, "no/none", false, "ended that they are pinned, after", NULL);
	}
}

/* Such a residue is nobody's: the next hand-over leaves it, rightly. What else stays is a drift */
static void residue_is_not_moved(void **state)
{
	(void)state;
	for (int more = 0; more < 2; more++) {
		struct tape *t = ledger_begin(FD1);

		tape_fd_charge(t, A, 64, OP_MAP, CHARGED_MM);
		tape_exec(t, A, B, 64);
		tape_late(t, more ? 40 : 64, OP_UNPIN);
		tape_change_process(t, B, 0);
		if (more)
			check(t, FD1, "yes/proven", false, "wrong address space of 96K", NULL);
		else
			check(t, FD1, "no/none", false, NULL);
	}
}

/* A page of a file is pinned after the exec, and charged to the address space before: it is owed by nobody. */
static void charged_after_the_end(void **state)
{
	struct tape *t = ledger_begin(FD1);

	(void)state;
	tape_exec(t, A, B, 0);
	tape_fd_charge(t, A, 1, OP_PIN, CHARGED_NONE)->users = 0;
	tape_add(t, EV_release, FD1);
	NO(t);
}

/* A context is told to be released when it is freed, and the next may have its place by then; who is next owes what it owes. */
static void released_late(void **state)
{
	(void)state;
	for (int debt = 0; debt < 2; debt++) {
		struct tape *t = ledger_begin(FD1);

		tape_add(t, EV_open, FD1);
		tape_fd_charge(t, A, 64, OP_MAP, CHARGED_USER);
		tape_add(t, EV_release, FD1);
		ledger_locked = ledger_pinned = 64;
		if (!debt)
			tape_fd_charge(t, A, -64, OP_UNMAP, CHARGED_USER);
		tape_add(t, EV_release, FD1);
		if (debt)
			check(t, FD1, "yes/proven", false, "leak of 256K", NULL);
		else
			NO(t);
	}
}

/* What is mapped is charged when a device joins, and credited when it leaves: again and again. */
static void device_comes_and_goes(void **state)
{
	struct tape *t = ledger_begin(FD1);

	(void)state;
	for (int i = 0; i < 2; i++) {
		tape_fd_charge(t, A, 64, OP_ATTACH, CHARGED_USER);
		ledger_locked = ledger_pinned = 64;
		tape_fd_charge(t, A, -64, i ? OP_CLOSE : OP_DETACH, CHARGED_USER);
		ledger_locked = ledger_pinned = 0;
	}
	tape_add(t, EV_release, FD1);
	NO(t);
}

/* Probes and trials of a VMM move it back and forth. */
static void change_process_several_times(void **state)
{
	struct tape *t = ledger_begin(FD1);

	(void)state;
	tape_fd_charge(t, A, 64, OP_MAP, CHARGED_USER);
	ledger_pinned = 64;
	for (int i = 0; i < 3; i++) {
		ledger_locked = 64;
		tape_fd_charge(t, i & 1 ? A : B, 64, OP_CHANGE_PROCESS, CHARGED_USER);
		ledger_locked = 128;
		tape_fd_charge(t, i & 1 ? B : A, -64, OP_CHANGE_PROCESS, CHARGED_USER);
		tape_change_process(t, i & 1 ? A : B, 0);
	}
	ledger_locked = 64;
	tape_fd_charge(t, B, -64, OP_UNMAP, CHARGED_USER);
	tape_add(t, EV_release, FD1);
	NO(t);
}

/* Refused before anything moved, or taken back: no harm. */
static void change_process_refused(void **state)
{
	struct tape *t = ledger_begin(FD1);

	(void)state;
	tape_fd_charge(t, A, 64, OP_MAP, CHARGED_USER);
	ledger_locked = 64;
	tape_change_process(t, B, -22);
	tape_fd_charge(t, B, 64, OP_CHANGE_PROCESS, CHARGED_USER);
	ledger_locked = 128;
	ledger_pinned = 64;
	tape_fd_charge(t, B, -64, OP_CHANGE_PROCESS, CHARGED_USER);
	tape_change_process(t, B, -12);
	NO(t);
}

static void context_ends_in_debt(void **state)
{
	struct tape *t = ledger_begin(FD1);

	(void)state;
	tape_fd_charge(t, A, 64, OP_MAP, CHARGED_USER);
	tape_add(t, EV_release, FD1);
	check(t, FD1, "yes/proven", false, "leak of 256K", "released iommufd-91d0, and 256K stay charged to mm-00aa", NULL);
}

/* ---- looks ------------------------------------------------------------------------- */

static void wrapped_counter(void **state)
{
	struct tape *t = tape_new();

	(void)state;
	tape_session(t, false);
	for (__u8 n = 1; n <= 2; n++) {
		tape_look_begin(t, n);
		mm_note(t, A, -256, 1);
		tape_look_end(t);
	}
	check(t, 0, "yes/proven", true, "underflow: locked_vm of mm-00aa is -1M", "18446744073709550592 kB", NULL);
}

/* ---- devices, and what others have charged ------------------------------------------ */

static struct ev_pin *driver_pins(struct tape *t, __u64 device, __s64 pages)
{
	struct ev_pin *e = tape_add(t, EV_pin, C1);

	e->device = device;
	e->size = pages * 4096;
	e->result = pages;
	TAPE_STR(e->device_name, "an-mdev");
	return e;
}

static const struct ledger_device *device_of(const struct model *m, __u64 device)
{
	for (const struct ledger_device *d = model_ledger(m)->devices; d; d = d->hh.next)
		if (d->key.device == device)
			return d;
	return NULL;
}

/* A page that two have pinned is charged to the first and credited to the last of them. */
static void by_device(void **state)
{
	struct tape *t = ledger_begin(C1);
	const struct ledger_device *d1, *d2;
	struct ev_closed *closed;
	struct model *m;

	(void)state;
	tape_charge(t, C1, A, 4, OP_PIN)->device = D1;
	driver_pins(t, D1, 4);
	driver_pins(t, D2, 4);
	ledger_locked = 4;
	driver_unpins(t, D1, 4);
	closed = tape_add(t, EV_closed, C1);
	closed->device = D1;
	tape_charge(t, C1, A, -4, OP_UNPIN)->device = D2;
	driver_unpins(t, D2, 4);
	tape_charge(t, C1, A, 8, OP_MAP);
	m = tape_model(t, TAPE_ALL);
	d1 = device_of(m, D1);
	d2 = device_of(m, D2);
	assert_non_null(d1);
	assert_non_null(d2);
	assert_true(d1->charged == 4 && d1->credited == 0 && d1->pinned == 4 && d1->unpinned == 4 && d1->closed_ns && !d1->unsure);
	assert_true(d2->charged == 0 && d2->credited == 4 && d2->pinned == 4 && d2->unpinned == 4 && !d2->closed_ns);
	assert_memory_equal(d1->name, "an-mdev", 8);
	assert_int_equal(HASH_COUNT(model_ledger(m)->devices), 2);
	model_free(m);
	free(t);
}

/* One that was there before: what it had pinned is not known. Another container with its number begins at nothing. */
static void device_of_before(void **state)
{
	struct tape *t = tape_new();
	struct model *m;

	(void)state;
	tape_session(t, true);
	tape_as(t, QEMU, QEMU, "qemu");
	tape_charge(t, C1, A, 4, OP_PIN)->device = D1;
	driver_pins(t, D1, 4);
	m = tape_model(t, TAPE_ALL);
	assert_true(device_of(m, D1)->unsure);
	model_free(m);
	tape_add(t, EV_open, C1);
	driver_unpins(t, D1, 1);
	m = tape_model(t, TAPE_ALL);
	assert_true(!device_of(m, D1)->unsure && !device_of(m, D1)->charged && device_of(m, D1)->unpinned == 1);
	model_free(m);
	free(t);
}

/* pages that others have; *ret_sure as the ledger says */
static __s64 others_in(const struct model *m, enum counter_kind kind, __u64 id, bool *ret_sure)
{
	struct ledger_booked *books = NULL;
	bool found = false;
	__s64 pages = 0;

	assert_int_equal(ledger_book(model_ledger(m), &books), 0);
	for (const struct ledger_counter *c = model_ledger(m)->counters; c; c = c->hh.next) {
		if (c->key.kind != kind || c->key.id != id)
			continue;
		found = true;
		pages = c->pages - ledger_booked(books, c)->pages;
		*ret_sure = ledger_booked(books, c)->sure;
	}
	ledger_unbook(books);
	assert_true(found);
	return pages;
}

static void others_charge_too(void **state)
{
	struct tape *t = ledger_begin(C1);
	struct model *m;
	bool sure;

	(void)state;
	ledger_locked = 16; /* mlock */
	tape_charge(t, C1, A, 512, OP_MAP);
	m = tape_model(t, TAPE_ALL);
	assert_int_equal(others_in(m, COUNTER_LOCKED, A, &sure), 16);
	assert_true(sure);
	model_free(m);
	ledger_locked = 512; /* munlock */
	tape_charge(t, C1, A, -256, OP_UNMAP);
	tape_unmapped(t, C1, 256);
	/* by somebody who is none of VFIO: his part is theirs */
	ledger_locked = 256;
	tape_charge(t, 0, A, 3, OP_OTHER);
	ledger_pinned = 7; /* io_uring */
	ledger_locked = 90;
	tape_fd_charge(t, A, 64, OP_MAP, CHARGED_USER);
	m = tape_model(t, TAPE_ALL);
	assert_int_equal(others_in(m, COUNTER_LOCKED, A, &sure), 3);
	assert_int_equal(others_in(m, COUNTER_PINNED, A, &sure), 7);
	assert_int_equal(others_in(m, COUNTER_USER, USER, &sure), 90);
	model_free(m);
	tape_mm_gone(t, A, 259);
	m = tape_model(t, TAPE_ALL);
	assert_int_equal(HASH_COUNT(model_ledger(m)->counters), 1);
	assert_int_equal(others_in(m, COUNTER_USER, USER, &sure), 90);
	model_free(m);
	m = tape_model_lossy(t, 5);
	others_in(m, COUNTER_USER, USER, &sure);
	assert_false(sure);
	model_free(m);
	free(t);
}

/* The call that was the last to charge can be told first: the counter is what was read last. */
static void told_in_another_order(void **state)
{
	struct tape *t = ledger_begin(C1);
	struct ev_charge *e;
	struct model *m;
	bool sure;

	(void)state;
	t->ts += 1000000;
	ledger_locked = 5;
	tape_charge(t, C1, A, 3, OP_MAP);
	ledger_locked = 0;
	e = tape_charge(t, C1, A, 5, OP_MAP);
	e->age_ns = 500000;
	m = tape_model(t, TAPE_ALL);
	assert_int_equal(others_in(m, COUNTER_LOCKED, A, &sure), 0);
	model_free(m);
	free(t);
}

/* Nobody has so many pages, but a file can say so: the record is left out, and the books are not whole. */
static void absurd_numbers(void **state)
{
	static const __s64 pages[] = { INT64_MIN, INT64_MAX, RECORD_PAGES_MAX + 1, -RECORD_PAGES_MAX - 1 };

	(void)state;
	for (size_t i = 0; i < sizeof(pages) / sizeof(*pages); i++) {
		struct tape *t = ledger_begin(C1);

		tape_charge(t, C1, A, 1, OP_MAP);
		tape_charge(t, C1, A, pages[i], pages[i] > 0 ? OP_MAP : OP_UNMAP);
		tape_charge(t, C1, A, 512, OP_MAP);
		ledger_locked = 513;
		tape_charge(t, C1, A, -513, OP_UNMAP);
		check(t, 0, "cannot-tell/none", false, "no drift as far as the books go", NULL);
	}
}

/* Many of what is just possible: sums stay where they can be added, and that is known. */
static void absurd_sums(void **state)
{
	struct tape *t = ledger_begin(C1);
	const struct ledger_account *a;
	struct model *m;

	(void)state;
	for (int i = 0; i < 300; i++)
		tape_charge(t, C1, A, RECORD_PAGES_MAX, OP_MAP)->device = D1;
	tape_mm_gone(t, A, 0);
	m = tape_model(t, TAPE_ALL);
	a = model_ledger(m)->accounts;
	assert_true(model_ledger(m)->cut);
	assert_true(a->charged == SUM_PAGES_MAX && account_balance(a) == SUM_PAGES_MAX);
	assert_true(model_ledger(m)->devices->charged == SUM_PAGES_MAX);
	model_free(m);
	free(t);
}

int main(void)
{
#define T(name) cmocka_unit_test(name)
	const struct CMUnitTest tests[] = {
		T(balanced), T(underflow_over_exec), T(wrong_mm_over_exec), T(restored_after_exec), T(restored_in_part),
		T(unmapped_after_exec), T(device_memory_unmapped), T(own_ranges_after_exec), T(looked_into_during_exec), T(left_by_a_child),
		T(residue_of_an_exit), T(survived_by_another), T(survived_for_a_time), T(a_long_end), T(still_ending), T(hand_over),
		T(charged_twice), T(handed_over_by_either), T(restored_before_the_end_is_told), T(charged_twice_beside_a_child), T(restored_for_a_device), T(restored_beside_a_drift), T(unpinned_without_credit), T(restored_after_the_look), T(restored_for_both), T(restored_after_its_own), T(same_id_again), T(verdict_of_each), T(refused), T(older_balance), T(older_and_shared), T(older_and_uncharged), T(older_but_estimated), T(absurd_numbers), T(absurd_sums),
		T(gone_before_the_look), T(moved_and_the_look), T(begun_before_the_watch), T(begun_before_another_opened), T(charged_around_the_look), T(changed_while_it_was_read), T(many_lives), T(change_process_none), T(change_process_tried), T(change_process_mm), T(change_process_user),
		T(container_ends_in_debt), T(container_ends_in_time), T(credit_comes_late), T(residue_is_not_moved), T(charged_after_the_end), T(released_late), T(device_comes_and_goes),
		T(change_process_several_times), T(change_process_refused), T(context_ends_in_debt), T(wrapped_counter),
		T(by_device), T(device_of_before), T(others_charge_too), T(told_in_another_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
