// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_drift_looks.c - what looks alone show of drift: an address space without a
 * process, and counters that have less than is mapped. Link as test_verdict.c.
 */
#include "ledger_check.h"

/* Two areas of iommufd that share their 64 pages, of one address space, and what its pinned_vm is. */
static void look_at_shared(struct tape *t, __u8 look, __u64 mm, __s64 pinned_vm)
{
	tape_look_begin(t, look);
	mm_note(t, mm, 0, 1)->pinned_vm = pinned_vm;
	tape_container(t, FD1, 1, true)->kind = CONTAINER_IOMMUFD;
	for (int shared = 0; shared < 2; shared++) {
		struct ev_range *r = tape_range(t, FD1, 0x77 + shared);

		r->mm = mm;
		r->pages = 0x1234;
		r->pinned = r->charged = 64;
		r->account = CHARGED_NONE;
	}
	tape_look_end(t);
}

/* All of it in an IOMMU domain; the kernel does not say what is charged for it. */
static struct ev_range *mapped_range(struct tape *t, __u64 id, __u64 mm, __u64 size)
{
	struct ev_range *r = tape_range(t, C1, id);

	r->mm = mm;
	r->size = size;
	r->mapped = 1;
	r->charged = -1;
	r->account = CHARGED_MM;
	return r;
}

static void state_charged_to_nobody(void **state)
{
	(void)state;
	for (__u8 looks = 1; looks <= 2; looks++) {
		struct tape *t = tape_new();

		tape_session(t, false);
		for (__u8 n = 1; n <= looks; n++)
			look_at_nobody(t, n, A);
		check(t, C1, looks == 1 ? "cannot-tell/likely" : "yes/proven", true, "uncharged: 2M of vfio-a07b stay pinned", NULL);
	}
}

/* vhost keeps the address space of who has opened it, also over an exec. */
static void state_charged_to_who_is_kept(void **state)
{
	(void)state;
	for (int process = 0; process < 2; process++) {
		struct tape *t = tape_new();

		tape_session(t, false);
		look_at_users(t, 1, A, 1, process);
		look_at_users(t, 2, A, 1, process);
		if (process)
			check(t, 0, "no/none", false, "nothing is charged to an address space that is gone", NULL);
		else
			check(t, C1, "cannot-tell/likely", false, "no process was found in mm-00aa", NULL);
	}
}

/*
 * Who has it ends: all threads of each table with it are exiting, a device of it is
 * being closed by such a thread, or it is in no table any more. Once somebody else
 * has it, too, or one of them can go on, it stays so.
 */
enum { ENDS = 1, LIVES = 2, ELSEWHERE = 4, CLOSES = 8, WAITS = 16, NOWHERE = 32, NOT_DESCRIBED = 64 };

static void user_of(struct tape *t, __u64 files, __u32 tid, bool exiting)
{
	tape_as(t, QEMU, tid, "qemu");
	tape_thread(t, files, STATE_R, WAIT_NONE, CLASS_USER)->exiting = exiting;
	tape_as(t, 0, 0, NULL);
}

static void look_at_end(struct tape *t, __u8 look, int how)
{
	struct ev_container *c;

	look_at_nobody(t, look, A);
	/* the rest of the same look goes before its end */
	t->n--;
	memset(t->bytes + t->at[t->n], 0, t->at[t->n + 1] - t->at[t->n]);
	t->look = look;
	c = (void *)(t->bytes + t->at[t->n - 2]);
	assert_int_equal(c->h.type, EV_container);
	c->has_file = !(how & NOWHERE);
	if (how & (ENDS | LIVES | NOT_DESCRIBED))
		tape_holder(t, C1, FILES1, 20);
	if (how & ELSEWHERE)
		tape_holder(t, C1, FILES2, 7);
	if (how & ENDS)
		user_of(t, FILES1, QEMU, true);
	if (how & LIVES)
		user_of(t, FILES1, QEMU + 1, false);
	if (how & ELSEWHERE)
		user_of(t, FILES2, OTHER, false);
	if (how & CLOSES) {
		user_of(t, 0, QEMU + 2, !(how & LIVES));
		tape_as(t, QEMU, QEMU + 2, "qemu");
		tape_close(t, C1, D1);
	}
	if (how & WAITS) {
		tape_as(t, QEMU, QEMU, "qemu");
		tape_pending(t, C1);
	}
	tape_look_end(t);
}

static void state_while_it_ends(void **state)
{
	static const struct {
		int how;
		bool ends;
	} cases[] = {
		{ ENDS, true }, { ENDS | LIVES, false }, { ENDS | ELSEWHERE, false }, { LIVES, false }, { NOT_DESCRIBED, false },
		{ NOWHERE | CLOSES, true }, { CLOSES, true }, { CLOSES | LIVES, false }, { WAITS, true }, { NOWHERE | WAITS, true }, { NOWHERE, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct tape *t = tape_new();

		tape_session(t, false);
		for (__u8 look = 1; look <= 2; look++)
			look_at_end(t, look, cases[i].how);
		check(t, C1, cases[i].ends ? "cannot-tell/likely" : "yes/proven", true, "uncharged: 2M of vfio-a07b stay pinned", NULL);
	}
}

/* What a file can say of ranges, and no kernel does: sums of it are cut, and what is below none is none. */
static void state_absurd(void **state)
{
	struct tape *t = tape_new();

	(void)state;
	tape_session(t, false);
	for (__u8 look = 1; look <= 2; look++) {
		look_at_nobody(t, look, A);
		t->n--;
		memset(t->bytes + t->at[t->n], 0, t->at[t->n + 1] - t->at[t->n]);
		t->look = look;
		for (int i = 0; i < 3; i++) {
			struct ev_range *r = tape_range(t, C1, 0x88 + i);

			r->mm = A;
			r->account = CHARGED_MM;
			r->charged = INT64_MAX;
			r->pages = i == 2 ? 0x1234 : 0;
			r->pinned = i == 2 ? INT64_MIN : 0;
		}
		tape_look_end(t);
	}
	check(t, C1, "yes/proven", true, "stay pinned, and the address space they are charged to is gone", NULL);
}

/* While it ends, after hooks saw the end of its address space: the looks show who has it. After an exec it was so before. */
static void watched_while_it_ends(void **state)
{
	(void)state;
	for (int ends = 0; ends <= 1; ends++) {
		for (int exec = 0; exec <= 1; exec++) {
			struct tape *t = ledger_begin(C1);

			tape_charge(t, C1, A, 512, OP_MAP);
			if (exec)
				tape_exec(t, A, B, 512);
			else
				tape_mm_gone(t, A, 512)->exiting = 1;
			t->ts += 2 * UNCHARGED_EXIT_NS;
			for (__u8 look = 2; look <= 3; look++)
				look_at_end(t, look, ends ? ENDS : LIVES);
			check(t, C1, ends && !exec ? "cannot-tell/likely" : "yes/proven", true, "uncharged: 2M stay pinned", NULL);
		}
	}
}

/* A kernel that does not keep with a range what it has charged: locked_vm covers what is mapped, or not. What memory it is was not seen. */
static void state_not_covered(void **state)
{
	(void)state;
	for (int covered = 0; covered <= 1; covered++) {
		struct tape *t = tape_new();

		tape_session(t, false);
		tape_look_begin(t, 1);
		mm_note(t, A, covered ? 512 : 500, 1);
		tape_container(t, C1, 1, true)->ranges = 1;
		mapped_range(t, 0x77, A, 2 << 20);
		tape_look_end(t);
		if (covered)
			check(t, 0, "no/none", false, "no counter is below zero", NULL);
		else
			check(t, C1, "cannot-tell/none", false, "uncharged: 48K of the 2M that are mapped for DMA are not in locked_vm of mm-00aa", NULL);
	}
}

/* Registers of a device are mapped, too, and nothing is charged for them. */
static void state_with_a_device(void **state)
{
	(void)state;
	for (int covered = 0; covered <= 1; covered++) {
		struct tape *t = tape_new();
		struct ev_memory *memory;
		struct ev_range *r[2];

		tape_session(t, false);
		tape_look_begin(t, 1);
		mm_note(t, A, covered ? 512 : 500, 1);
		tape_container(t, C1, 1, true)->ranges = 2;
		r[0] = mapped_range(t, 0x1000, A, 2 << 20);
		r[1] = mapped_range(t, 0x3000, A, 1 << 20);
		for (int i = 0; i < 2; i++) {
			memory = tape_add(t, EV_memory, 0);
			memory->id = 0x900 + i;
			memory->mm = A;
			memory->start = r[i]->vaddr;
			memory->end = r[i]->vaddr + r[i]->size;
			memory->backing = i ? BACKING_MMIO : BACKING_MEMFD;
		}
		tape_look_end(t);
		if (covered)
			check(t, 0, "no/none", false, "no counter is below zero", NULL);
		else
			check(t, C1, "cannot-tell/likely", false, "uncharged: 48K of the 2M that are mapped for DMA are not in locked_vm of mm-00aa", NULL);
	}
}

/* Whose process has ended, on such a kernel: it has no address space at all. */
static void state_without_an_owner(void **state)
{
	struct tape *t = tape_new();

	(void)state;
	tape_session(t, false);
	tape_look_begin(t, 1);
	tape_container(t, C1, 1, true)->ranges = 1;
	mapped_range(t, 0x77, 0, 2 << 20);
	tape_look_end(t);
	check(t, C1, "cannot-tell/likely", false, "uncharged: 2M of vfio-a07b are mapped for DMA, and whoever mapped them has no address space any more", NULL);
}

/* iommufd counts all that it pins in pinned_vm. Of what moves between two looks less is known; of a recording its events say more than one look, or what moved. */
static void state_left_elsewhere(void **state)
{
	static const struct {
		bool charges;
		int looks;
		__s64 first, last;
		const char *found; /* NULL: nothing */
	} cases[] = {
		{ false, 1, 0, 0, "cannot-tell/likely" }, { false, 2, 0, 0, "cannot-tell/likely" }, { false, 2, 3, 0, "cannot-tell/none" },
		{ false, 2, 64, 64, NULL }, { true, 1, 0, 0, NULL }, { true, 2, 0, 0, "cannot-tell/likely" }, { true, 2, 3, 0, NULL },
		{ false, 2, 65, 65, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct tape *t = tape_new();

		tape_session(t, cases[i].charges)->charges = cases[i].charges;
		for (__u8 n = 1; n <= cases[i].looks; n++)
			look_at_shared(t, n, A, n == cases[i].looks ? cases[i].last : cases[i].first);
		if (cases[i].found)
			check(t, FD1, cases[i].found, false, "uncharged: 256K of the 256K that are mapped for DMA are not in pinned_vm of mm-00aa", NULL);
		else
			check(t, 0, "no/none", false, cases[i].charges ? "credited to the same account" : "no counter is below zero", NULL);
	}
}

/* A recording has the call that left it elsewhere: its looks at the end find nothing besides. */
static void left_elsewhere_in_a_recording(void **state)
{
	struct tape *t = ledger_begin(FD1);
	unsigned int found = 0;
	struct findings f;
	struct model *m;

	(void)state;
	tape_fd_charge(t, A, 64, OP_MAP, CHARGED_NONE);
	tape_change_process(t, B, 0);
	for (__u8 n = 2; n <= 3; n++)
		look_at_shared(t, n, B, 0);
	m = tape_model(t, TAPE_ALL);
	assert_int_equal(verdicts_judge(m, NULL, &f), 0);
	for (unsigned int i = 0; i < f.n; i++)
		found += !strcmp(f.f[i].verdict->name, "drift") && f.f[i].answer != ANSWER_NO;
	assert_int_equal(found, 1);
	findings_free(&f);
	model_free(m);
	check(t, FD1, "yes/proven", false, "wrong address space of 256K", NULL);
}

#define T(f) cmocka_unit_test(f)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(state_charged_to_nobody), T(state_charged_to_who_is_kept), T(state_not_covered), T(state_with_a_device), T(state_without_an_owner), T(state_left_elsewhere),
		T(left_elsewhere_in_a_recording), T(state_while_it_ends), T(watched_while_it_ends), T(state_absurd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
