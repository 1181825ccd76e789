// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_verdict_hang.c - waits for an mmap_lock: that nobody has, that others
 * have who can go on or not, that is in passing; and what drift says of pages
 * whose credit was refused. Link as test_verdict.c.
 */
#include "world.h"

#include "../../src/suspect.h"
#include "../../src/util.h"
#include "../../src/verdict.h"

#define MM1 0x31ULL
#define MM2 0x32ULL
#define MMLOCK1 0x41ULL
#define MMLOCK2 0x42ULL
#define PAGES1 0x51ULL
#define PINNER 500
#define OWNER 501
#define THIRD 502

struct w_wait {
	__u32 tid;
	__u64 container, lock, mm;
	__s64 readers;
	__u64 owner; /* for writing */
	__u64 reader;
	bool again; /* only the second look has it */
	bool late;  /* only the second look has what is wrong with it */
};

struct hangs {
	struct w_wait wait[N];
	struct w_thread thread[N];
	__s64 pinned, charged, users;
	__u32 account;
	bool shared; /* two areas have the same pages */
	bool unpinned; /* another area has pages of its own, and none of them pinned */
	bool type1;
	bool overlooked, rt; /* nobody asked who waits for locks; nobody could */
};

static void areas(struct tape *t, const struct hangs *h)
{
	for (__u64 i = 1; i <= 1ULL + (h->shared || h->unpinned); i++) {
		struct ev_range *r = tape_range(t, C1, i);
		bool bare = h->unpinned && i == 1;

		r->valid = 1;
		r->mm = MM1;
		r->pages = h->type1 ? 0 : PAGES1 + bare;
		r->ioas = h->type1 ? 0 : 2;
		r->account = h->account;
		r->pinned = bare ? 0 : h->pinned;
		r->charged = h->charged;
	}
}

static void look(struct tape *t, const struct hangs *h, __u8 n)
{
	struct ev_container *e;

	tape_look_begin(t, n);
	tape_as(t, 0, 0, NULL);
	e = tape_container(t, C1, 1, true);
	e->invalid = 0;
	e->locks = !h->overlooked && !h->rt;
	e->other_locks = h->rt;
	areas(t, h);
	tape_mm(t, MM1, h->charged, h->users);
	for (int i = 0; i < N && h->thread[i].tid; i++) {
		const struct w_thread *th = &h->thread[i];
		struct ev_thread *s;

		tape_as(t, th->tgid, th->tid, th->comm);
		s = tape_thread(t, th->files, th->state, th->wait, th->class);
		TAPE_STR(s->wchan, "iopt_pages_update_pinned");
		if (th->runs)
			s->switches += n;
	}
	for (int i = 0; i < N && h->wait[i].tid; i++) {
		const struct w_wait *w = &h->wait[i];
		struct ev_lock *l;

		if (w->again && n == 1)
			continue;
		tape_as(t, w->tid, w->tid, "vmm");
		l = tape_mmap_lock(t, w->container, w->lock, w->mm);
		l->readers = w->late && n == 1 ? 0 : w->readers;
		l->owner = w->late && n == 1 ? 0 : w->owner;
		l->written = l->owner != 0;
		l->reader = w->reader;
		l->pages = w->container && !h->type1 ? PAGES1 : 0;
		l->ioas = 2;
	}
	tape_look_end(t);
}

static struct tape *looked(const struct hangs *h, __u8 looks)
{
	struct tape *t = tape_new();

	tape_session(t, false);
	for (__u8 n = 1; n <= looks; n++) {
		look(t, h, n);
		t->ts += SETTLE;
	}
	return t;
}

static struct hangs w_lost(void)
{
	return (struct hangs){
		.wait = { { PINNER, C1, MMLOCK1, MM1, -1, 0, 0, false, false } },
		.thread = { { PINNER, PINNER, "vmm", FILES1, STATE_D, WAIT_MMAP_LOCK, CLASS_USER, false, false } },
		.pinned = 7, .charged = 14, .account = CHARGED_MM,
	};
}

/* MM1's lock is had by OWNER. */
static struct hangs w_owned(__u32 state)
{
	struct hangs h = w_lost();

	h.wait[0].readers = 0;
	h.wait[0].owner = OWNER;
	h.thread[1] = (struct w_thread){ OWNER, OWNER, "other", FILES2, state, WAIT_UNKNOWN, CLASS_USER, false, false };
	h.users = 1;
	h.pinned = h.charged;
	return h;
}

/* ---- asking ------------------------------------------------------------------------ */

/* With any one record lost nothing is certain but what one look proves by itself; and no "no" is said. */
static void check_lossy(const struct tape *t)
{
	for (unsigned int skip = 0; skip < t->n; skip++) {
		struct model *m = tape_model_lossy(t, skip);
		struct findings f;

		assert_int_equal(verdicts_judge(m, NULL, &f), 0);
		for (unsigned int i = 0; i < f.n; i++) {
			if (f.f[i].answer == ANSWER_NO || (!strcmp(f.f[i].verdict->name, "hang") && f.f[i].answer == ANSWER_YES))
				fail_msg("record %u lost, and %s says %s: %s", skip, f.f[i].verdict->name, answer_name(f.f[i].answer),
					 f.f[i].sentence);
			assert_non_null(f.f[i].sentence);
			if (f.f[i].answer == ANSWER_CANNOT_TELL)
				assert_true(f.f[i].n_missing > 0);
		}
		findings_free(&f);
		model_free(m);
	}
}

/* texts: with a line each, all of which have to be there; a line that begins with ! must not be. The tape is freed. */
static void check(struct tape *t, const char *name, __u64 c, const char *want, const char *texts)
{
	struct model *m = tape_model(t, TAPE_ALL);
	char got[64] = "absent", line[256];
	const struct finding *p;
	struct findings f;

	assert_int_equal(verdicts_judge(m, NULL, &f), 0);
	p = finding_named(&f, name, c);
	if (p)
		snprintf(got, sizeof(got), "%s/%s", answer_name(p->answer), level_name(p->level) ?: "none");
	assert_string_equal(got, want);
	for (; p && *texts; texts += strcspn(texts, "\n"), texts += *texts == '\n') {
		snprintf(line, sizeof(line), "%.*s", (int)strcspn(texts, "\n"), texts);
		if (finding_says(p, line + (*line == '!')) == (*line == '!'))
			fail_msg("%s of %llx, '%s': no '%s'", name, c, p->sentence, line);
	}
	findings_free(&f);
	model_free(m);
	check_lossy(t);
	free(t);
}

/* ---- nobody has it ------------------------------------------------------------------- */

static void lost_count_is_proven(void **state)
{
	struct hangs h = w_lost();

	(void)state;
	check(looked(&h, 2), "hang", C1, "yes/proven",
	      "vmm [500] waits for mmap_lock of mm-0031, which nobody has\nin iopt_pages_update_pinned\nit counts -1 readers\n"
	      "took, and still has, iopt_pages.mutex of pages that ioas 2 of vfio-a07b maps\n"
	      "28K are pinned, and 56K charged to mm-0031, which no process has any more\nLikely cause\nOnly a reboot ends it");
}

static void lost_count_seen_once(void **state)
{
	struct hangs h = w_lost();

	(void)state;
	check(looked(&h, 1), "hang", C1, "cannot-tell/likely", "only one look was taken");
	h.wait[0].again = true;
	check(looked(&h, 2), "hang", C1, "cannot-tell/likely", "look again");
	h.wait[0].again = false;
	h.wait[0].late = true;
	check(looked(&h, 2), "hang", C1, "cannot-tell/likely", "look again");
	h.wait[0].late = false;
	h.thread[0].runs = true;
	check(looked(&h, 2), "hang", C1, "cannot-tell/likely", "look again");
}

/* A writer has it now: what comes after him no look can know. */
static void a_writer_beside_a_lost_count(void **state)
{
	struct hangs h = w_owned(STATE_R);

	(void)state;
	h.wait[0].readers = -1;
	check(looked(&h, 2), "hang", C1, "no/none", "who can go on");
}

static void a_signal_ends_the_wait(void **state)
{
	struct hangs h = w_lost();

	(void)state;
	h.type1 = true;
	h.thread[0].state = STATE_KILLABLE;
	check(looked(&h, 2), "hang", C1, "yes/proven",
	      "took, and still has, vfio_iommu.lock of vfio-a07b\nSIGKILL ends the wait of vmm [500]; the lock stays as it is\n!Likely cause");
}

static void others_wait_for_the_same(void **state)
{
	struct hangs h = w_lost();

	(void)state;
	h.wait[1] = (struct w_wait){ THIRD, 0, MMLOCK1, MM1, -1, 0, 0, false, false };
	h.thread[1] = (struct w_thread){ THIRD, THIRD, "reader", 0, STATE_D, WAIT_MMAP_LOCK, CLASS_USER, false, false };
	check(looked(&h, 2), "hang", C1, "yes/proven", "1 more thread that waits for the same lock, the first of them reader [502]");
	/* who pins nothing is nobody's container */
	h.wait[0].container = 0;
	check(looked(&h, 2), "hang", C1, "absent", "");
}

/* ---- somebody has it ------------------------------------------------------------------ */

static void an_owner_who_can_go_on(void **state)
{
	struct hangs h = w_owned(STATE_R);

	(void)state;
	check(looked(&h, 2), "hang", C1, "no/none", "mmap_lock of mm-0031, and so for other [501], who can go on\nis owned by other [501]");
	check(looked(&h, 1), "hang", C1, "cannot-tell/none", "only one look was taken");
	h = w_owned(STATE_S);
	check(looked(&h, 2), "hang", C1, "no/none", "who can go on");
}

static void an_owner_who_sleeps(void **state)
{
	struct hangs h = w_owned(STATE_D);

	(void)state;
	check(looked(&h, 2), "hang", C1, "cannot-tell/none", "other [501] sleeps in iopt_pages_update_pinned; what ends that was not found");
}

/* The thread that waits ran in between: to wait for a moment is nothing. */
static void in_passing(void **state)
{
	struct hangs h = w_owned(STATE_D);

	(void)state;
	h.thread[0].runs = true;
	check(looked(&h, 2), "hang", C1, "absent", "");
	check(looked(&h, 2), "hang", 0, "no/none", "in passing");
	h = w_owned(STATE_R);
	h.wait[0].again = true;
	check(looked(&h, 2), "hang", 0, "no/none", "");
}

static void an_owner_who_hangs(void **state)
{
	struct hangs h = w_owned(STATE_D);

	(void)state;
	h.wait[1] = (struct w_wait){ OWNER, 0, MMLOCK2, MM2, -1, 0, 0, false, false };
	check(looked(&h, 2), "hang", C1, "yes/proven",
	      "and so for other [501], who waits for one that nobody has\nis owned by other [501]\nmmap_lock of mm-0032");
	h.thread[1].runs = true;
	check(looked(&h, 2), "hang", C1, "cannot-tell/likely", "look again");
}

static void two_who_wait_for_each_other(void **state)
{
	struct hangs h = w_owned(STATE_D);

	(void)state;
	h.wait[1] = (struct w_wait){ OWNER, 0, MMLOCK2, MM2, 0, PINNER, 0, false, false };
	check(looked(&h, 2), "hang", C1, "yes/proven", "and so for other [501], who waits for it");
	h.wait[0].late = true;
	check(looked(&h, 2), "hang", C1, "cannot-tell/likely", "look again");
	h.wait[0].late = false;
	h.wait[0].owner = PINNER;
	check(looked(&h, 2), "hang", C1, "yes/proven", "which it has itself");
}

static void readers_are_not_known(void **state)
{
	struct hangs h = w_lost();

	(void)state;
	h.wait[0].readers = 2;
	h.wait[0].reader = 777;
	check(looked(&h, 2), "hang", C1, "cannot-tell/none", "it is taken for reading, 2 times\nwho took it last, thread 777");
	h.wait[0].readers = 0;
	check(looked(&h, 2), "hang", C1, "cannot-tell/none", "; nobody has it\nthe kernel does not say");
}

/* A recording from before that was asked, or PREEMPT_RT. */
static void not_looked_for(void **state)
{
	struct hangs h = w_lost();

	(void)state;
	h.wait[0].tid = 0;
	h.users = 1;
	check(looked(&h, 2), "hang", 0, "no/none", "");
	h.overlooked = true;
	check(looked(&h, 2), "hang", 0, "absent", "");
	h.overlooked = false;
	h.rt = true;
	check(looked(&h, 2), "hang", 0, "cannot-tell/none", "who waits for an mmap_lock in vfio-a07b: this kernel has another lock there");
}

static void worth_a_second_look(void **state)
{
	struct hangs h = w_lost();
	struct tape *t = looked(&h, 1);
	struct model *m = tape_model(t, TAPE_ALL);

	(void)state;
	assert_true(suspect_locks(m));
	assert_true(suspect_when(m) > 0);
	model_free(m);
	free(t);
	h.wait[0].container = 0;
	t = looked(&h, 1);
	m = tape_model(t, TAPE_ALL);
	assert_false(suspect_locks(m));
	assert_int_equal(suspect_when(m), 0);
	model_free(m);
	free(t);
}

/* ---- before that: what drift says ------------------------------------------------------ */

static struct hangs w_uncredited(void)
{
	struct hangs h = w_lost();

	h.wait[0].tid = 0;
	return h;
}

static void a_refused_credit_is_told(void **state)
{
	struct hangs h = w_uncredited();

	(void)state;
	check(looked(&h, 2), "drift", C1, "yes/proven", "28K of vfio-a07b stay pinned\nNext pin\n28K more are charged than pinned");
	h.shared = true;
	check(looked(&h, 2), "drift", C1, "yes/proven", "28K of vfio-a07b stay pinned\n28K more are charged than pinned");
	h.shared = false;
	h.unpinned = true;
	check(looked(&h, 2), "drift", C1, "yes/proven", "28K of vfio-a07b stay pinned\n28K more are charged than pinned");
}

static void nothing_is_pinned_any_more(void **state)
{
	struct hangs h = w_uncredited();

	(void)state;
	h.pinned = 0;
	check(looked(&h, 2), "drift", C1, "absent", "");
	check(looked(&h, 2), "drift", 0, "no/none", "");
}

static void all_that_is_charged_is_pinned(void **state)
{
	struct hangs h = w_uncredited();

	(void)state;
	h.pinned = h.charged;
	check(looked(&h, 2), "drift", C1, "yes/proven", "56K of vfio-a07b stay pinned\n!Next pin");
	/* where only pinned_vm counts it, no lock is needed to credit */
	h.pinned = 7;
	h.account = CHARGED_NONE;
	check(looked(&h, 2), "drift", C1, "yes/proven", "28K of vfio-a07b stay pinned\n!Next pin");
	/* of type1 pinned is what mediated devices have, besides */
	h.account = CHARGED_MM;
	h.type1 = true;
	check(looked(&h, 2), "drift", C1, "yes/proven", "56K of vfio-a07b stay pinned\n!Next pin");
}

#define T(name) cmocka_unit_test(name)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(lost_count_is_proven),
		T(lost_count_seen_once),
		T(a_writer_beside_a_lost_count),
		T(a_signal_ends_the_wait),
		T(others_wait_for_the_same),
		T(an_owner_who_can_go_on),
		T(an_owner_who_sleeps),
		T(in_passing),
		T(an_owner_who_hangs),
		T(two_who_wait_for_each_other),
		T(readers_are_not_known),
		T(not_looked_for),
		T(worth_a_second_look),
		T(a_refused_credit_is_told),
		T(nothing_is_pinned_any_more),
		T(all_that_is_charged_is_pinned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
