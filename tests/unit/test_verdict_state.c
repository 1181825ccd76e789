// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_verdict_state.c - verdicts about a state in which nobody waits yet:
 * exposed, half-invalidated, window. Each with its yes, no and cannot tell,
 * seen by looks and by hooks, and with every single record lost. Link as
 * test_verdict.c.
 */
#include "world.h"

#include "../../src/invalid.h"
#include "../../src/program.h"
#include "../../src/util.h"
#include "../../src/verdict.h"

/* ---- asking ------------------------------------------------------------------- */

static struct limits limits = { .max_window_ns = MAX_WINDOW_DEFAULT_NS };

static const char *said(const struct findings *f, const char *name, __u64 c, char buf[64])
{
	snprintf(buf, 64, "absent");
	for (unsigned int i = 0; i < f->n; i++)
		if (!strcmp(f->f[i].verdict->name, name) && f->f[i].container == c)
			snprintf(buf, 64, "%s/%s", answer_name(f->f[i].answer), level_name(f->f[i].level) ?: "none");
	return buf;
}

static bool any_text(const struct findings *f, const char *name, __u64 c, const char *needle)
{
	for (unsigned int i = 0; i < f->n; i++) {
		const struct finding *p = &f->f[i];

		if (strcmp(p->verdict->name, name) || p->container != c)
			continue;
		if (p->sentence && strstr(p->sentence, needle))
			return true;
		for (unsigned int k = 0; k < p->n_missing; k++)
			if (strstr(p->missing[k], needle))
				return true;
		for (unsigned int k = 0; k < p->n_evidence; k++)
			if (strstr(p->evidence[k].text, needle))
				return true;
	}
	return false;
}

/* Every "cannot tell" says what is missing, every finding has a sentence, no "no" after a loss. */
static void check_form(const struct findings *f, bool lossy)
{
	for (unsigned int i = 0; i < f->n; i++) {
		assert_non_null(f->f[i].sentence);
		if (f->f[i].answer == ANSWER_CANNOT_TELL)
			assert_true(f->f[i].n_missing > 0);
		if (lossy && f->f[i].answer == ANSWER_NO)
			fail_msg("%s says no after a loss: %s", f->f[i].verdict->name, f->f[i].sentence);
	}
}

static void check_lossy(const struct tape *t)
{
	for (unsigned int skip = 0; skip < t->n; skip++) {
		struct model *m = tape_model_lossy(t, skip);
		struct findings f;

		assert_int_equal(verdicts_judge(m, &limits, &f), 0);
		check_form(&f, true);
		findings_free(&f);
		model_free(m);
	}
}

/* The answer about a container; text NULL: any. The tape is not freed. */
static void check(const struct tape *t, const char *name, __u64 c, const char *want, const char *text)
{
	struct model *m = tape_model(t, TAPE_ALL);
	struct findings f;
	char got[64];

	assert_int_equal(verdicts_judge(m, &limits, &f), 0);
	check_form(&f, false);
	if (strcmp(said(&f, name, c, got), want) || (text && !any_text(&f, name, c, text))) {
		for (unsigned int i = 0; i < f.n; i++) {
			print_message("%s %llx %s: %s\n", f.f[i].verdict->name, f.f[i].container, answer_name(f.f[i].answer),
				      f.f[i].sentence ?: "-");
			for (unsigned int k = 0; k < f.f[i].n_missing; k++)
				print_message("  miss %s\n", f.f[i].missing[k]);
		}
		fail_msg("%s of %llx is %s, not %s with '%s'", name, c, got, want, text ?: "");
	}
	findings_free(&f);
	model_free(m);
	check_lossy(t);
}

static void check_free(struct tape *t, const char *name, __u64 c, const char *want, const char *text)
{
	check(t, name, c, want, text);
	free(t);
}

/* ---- worlds and tapes ----------------------------------------------------------- */

/* One container with an mdev, invalid, that nobody waits for. */
static struct world w_exposed(void)
{
	struct world w = {
		.container = { { C1, 1, true, false, 2, false, false } },
		.device = { { C1, D1, false } },
		.holder = { { C1, FILES1, 18, QEMU, "qemu" } },
		.invalidate = { { QEMU, C1, NULL } },
	};

	return w;
}

/* A process with two containers behind the IOMMU, one of them invalid. */
static struct world w_half(void)
{
	struct world w = {
		.container = { { C1, 1, true, false, 2, false, false }, { C2, 1, true, false, 2, true, false } },
		.device = { { C1, D1, true }, { C2, D2, true } },
		.holder = { { C1, FILES1, 18, QEMU, "qemu" }, { C2, FILES1, 19, QEMU, "qemu" } },
	};

	return w;
}

static struct tape *tape_started(bool history)
{
	struct tape *t = tape_new();

	tape_session(t, history);
	return t;
}

static struct tape *looked_once(const struct world *w)
{
	struct tape *t = tape_started(false);

	w_look(t, w, 1);
	return t;
}

/* Looks at a system that is another one the second time. */
static struct tape *looked_at(const struct world *first, const struct world *second)
{
	struct tape *t = tape_started(false);

	w_look(t, first, 1);
	t->ts += SETTLE;
	w_look(t, second, 2);
	return t;
}

/* The last container record, to be changed. */
static struct ev_container *last_container(struct tape *t)
{
	for (unsigned int i = t->n; i--;) {
		struct fdpin_hdr *h = (void *)(t->bytes + t->at[i]);

		if (h->type == EV_container)
			return (void *)h;
	}
	return NULL;
}

static struct ev_range *last_range(struct tape *t)
{
	for (unsigned int i = t->n; i--;) {
		struct fdpin_hdr *h = (void *)(t->bytes + t->at[i]);

		if (h->type == EV_range)
			return (void *)h;
	}
	return NULL;
}

/* What every container record of a tape says of the kernel. */
static void set_kernel(struct tape *t, __u32 kind, bool can_wait)
{
	for (unsigned int i = 0; i < t->n; i++) {
		struct ev_container *e = (void *)(t->bytes + t->at[i]);

		if (e->h.type != EV_container)
			continue;
		e->kind = kind;
		e->can_wait = can_wait;
	}
}

static void set_limit(__u64 ns)
{
	limits.max_window_ns = ns;
}

static int standard_limit(void **state)
{
	(void)state;
	set_limit(MAX_WINDOW_DEFAULT_NS);
	return 0;
}

/* ---- exposed ------------------------------------------------------------------------ */

static void exposed_in_two_looks(void **state)
{
	struct world w = w_exposed();
	struct tape *t = w_looked_back(&w);

	(void)state;
	check(t, "exposed", C1, "yes/proven", "device 83b8f4f2, which is mediated, is in vfio-a07b");
	check(t, "exposed", C1, "yes/proven", "invalid");
	check(t, "exposed", C1, "yes/proven", "qemu [20733] holds vfio-a07b");
	check(t, "exposed", 0, "absent", NULL);
	check_free(t, "stall", 0, "no/none", NULL);
}

static void exposed_in_one_look(void **state)
{
	struct world w = w_exposed();

	(void)state;
	check_free(looked_once(&w), "exposed", C1, "cannot-tell/likely", "only one look");
}

/* The hook saw that the kernel let it happen; one look shows that both are still there. */
static void exposed_seen_to_meet(void **state)
{
	struct world w = w_exposed();
	struct tape *t = tape_started(true);

	(void)state;
	w_live(t, &w);
	w_look(t, &w, 1);
	check_free(t, "exposed", C1, "yes/proven", "invalidated 3 ranges");
}

/* The hook saw no mediated device at that time, so one look is one look. */
static void exposed_seen_not_to_meet(void **state)
{
	struct world w = w_exposed();
	struct tape *t = tape_started(true);

	(void)state;
	tape_as(t, QEMU, QEMU, "qemu");
	tape_invalidate(t, C1, 3)->emulated = 0;
	w_look(t, &w, 1);
	check_free(t, "exposed", C1, "cannot-tell/likely", "only one look");
}

/* One call away: no. */
static void not_exposed_with_one_of_the_two(void **state)
{
	struct world valid = w_exposed(), physical = w_exposed(), none = w_exposed();

	(void)state;
	valid.container[0].valid = true;
	check_free(w_looked_back(&valid), "exposed", 0, "no/none", NULL);
	physical.device[0].physical = true;
	check_free(w_looked_back(&physical), "exposed", 0, "no/none", NULL);
	none.container[0].empty = true;
	check_free(w_looked_back(&none), "exposed", 0, "no/none", NULL);
}

static void exposed_by_what_the_kernel_can(void **state)
{
	struct world w = w_exposed();
	struct tape *t = w_looked_back(&w);

	(void)state;
	set_kernel(t, CONTAINER_TYPE1, false);
	check(t, "exposed", C1, "no/none", "nothing on this kernel can wait");
	set_kernel(t, CONTAINER_NONE, false); /* as a version that did not say */
	check_free(t, "exposed", C1, "cannot-tell/none", "has code that waits");
}

/* That a thread waits in another container says that this kernel lets one. */
static void exposed_where_another_waits(void **state)
{
	struct world w = w_deadlock();
	struct tape *t;

	(void)state;
	w.container[1].id = C2;
	w.container[1].refs = 1;
	w.container[1].has_file = true;
	w.device[1].container = C2;
	w.device[1].device = D2;
	w.holder[1] = w.holder[0];
	w.holder[1].container = C2;
	w.holder[1].fd = 20;
	t = w_looked_back(&w);
	set_kernel(t, CONTAINER_NONE, false);
	check(t, "exposed", C2, "yes/proven", NULL);
	check_free(t, "exposed", C1, "absent", NULL);
}

static void a_waiting_container_is_not_exposed_too(void **state)
{
	struct world w = w_deadlock();

	(void)state;
	check_free(w_looked_back(&w), "exposed", 0, "no/none", "a thread waits already");
	check_free(w_watched(&w), "exposed", C1, "absent", NULL);
}

/* On a kernel that keeps them apart, one look can see what was never there at once. */
static void exposed_in_the_first_look_only(void **state)
{
	struct world both = w_exposed(), gone = w_exposed(), valid = w_exposed();

	(void)state;
	memset(gone.device, 0, sizeof(gone.device));
	check_free(looked_at(&both, &gone), "exposed", 0, "no/none", NULL);
	valid.container[0].valid = true;
	check_free(looked_at(&both, &valid), "exposed", 0, "no/none", NULL);
	check_free(looked_at(&valid, &both), "exposed", C1, "cannot-tell/likely", "do not both show");
	check_free(looked_at(&gone, &both), "exposed", C1, "cannot-tell/likely", "do not both show");
}

static void exposed_until_it_was_seen_to_end(void **state)
{
	struct world w = w_exposed();
	struct tape *t = w_watched(&w);

	(void)state;
	tape_as(t, QEMU, QEMU, "qemu");
	tape_revalidate(t, C1);
	check(t, "exposed", 0, "no/none", NULL);
	tape_invalidate(t, C1, 1);
	check_free(t, "exposed", C1, "yes/proven", NULL);
}

static void exposed_but_unstable(void **state)
{
	struct world w = w_exposed();

	(void)state;
	w.container[0].unstable = true;
	check_free(w_looked_back(&w), "exposed", C1, "cannot-tell/none", "changed while it was read");
}

/* ---- half-invalidated ------------------------------------------------------------------ */

static void half_in_two_looks(void **state)
{
	struct world w = w_half();
	struct tape *t = w_looked_back(&w);

	(void)state;
	check(t, "half-invalidated", C1, "yes/proven",
	      "qemu [20733]: vfio-a07b has 1 of 1 range invalid, vfio-3c1e none of 1");
	check(t, "half-invalidated", C2, "absent", NULL);
	check_free(t, "exposed", 0, "no/none", NULL);
}

static void half_in_one_look(void **state)
{
	struct world w = w_half();

	(void)state;
	check_free(looked_once(&w), "half-invalidated", C1, "cannot-tell/none", "passes through this state");
}

/* A live update on its way, caught twice: at different places, or at once. */
static void half_in_passing(void **state)
{
	struct world w = w_half(), before = w_half(), after = w_half();
	struct tape *t;

	(void)state;
	before.container[1].valid = false;
	check_free(looked_at(&before, &w), "half-invalidated", C1, "cannot-tell/none", "they change");
	after.container[0].valid = true;
	check_free(looked_at(&w, &after), "half-invalidated", 0, "no/none", NULL);
	t = tape_started(false);
	w_look(t, &w, 1);
	w_look(t, &w, 2);
	check_free(t, "half-invalidated", C1, "cannot-tell/none", "further apart");
}

static void not_half_when_all_or_nothing(void **state)
{
	struct world w = w_half();

	(void)state;
	w.container[1].valid = false;
	check_free(w_looked_back(&w), "half-invalidated", 0, "no/none", NULL);
	w.container[0].valid = w.container[1].valid = true;
	check_free(w_looked_back(&w), "half-invalidated", 0, "no/none", NULL);
}

/* No range, or none that could be invalid. */
static void not_half_with_nothing_to_invalidate(void **state)
{
	struct world w = w_half();
	struct tape *t = w_looked_back(&w);

	(void)state;
	for (unsigned int i = 0; i < t->n; i++) {
		struct ev_container *e = (void *)(t->bytes + t->at[i]);

		if (e->h.type == EV_container && e->h.container == C2)
			e->kind = CONTAINER_IOMMUFD;
	}
	check_free(t, "half-invalidated", 0, "no/none", NULL);
	w.container[1].empty = true;
	check_free(w_looked_back(&w), "half-invalidated", 0, "no/none", NULL);
}

static void not_half_between_processes(void **state)
{
	struct world w = w_half();

	(void)state;
	w.holder[1].tgid = OTHER;
	w.holder[1].files = FILES2;
	check_free(w_looked_back(&w), "half-invalidated", 0, "no/none", NULL);
}

/* A daemon keeps the files of many: is one of them half way, or is one of two another's? */
static void half_with_a_keeper_of_files(void **state)
{
	struct world w = w_half();

	(void)state;
	w.holder[2] = w.holder[1];
	w.holder[2].tgid = OTHER;
	w.holder[2].files = FILES2;
	check_free(w_looked_back(&w), "half-invalidated", C1, "cannot-tell/none", "are of one virtual machine");
	w.holder[3] = w.holder[2];
	w.holder[3].container = C1;
	check_free(w_looked_back(&w), "half-invalidated", C1, "yes/proven", NULL);
}

static void tape_program(struct tape *t, __u32 tgid, const char *vm)
{
	struct ev_program *e;

	tape_as(t, tgid, tgid, "qemu");
	e = tape_add(t, EV_program, 0);
	e->known = 1;
	snprintf(e->cgroup, sizeof(e->cgroup), "/machine.slice/machine-%s.scope/%s", vm, tgid == QEMU ? "libvirt/emulator" : "libvirt");
	program_names(e);
}

/* Two looks that tell of programs. */
static struct tape *looked_with_names(const struct world *w, const char *qemu, const char *other)
{
	struct tape *t = tape_started(false);

	for (__u8 n = 1; n <= 2; n++) {
		w_look(t, w, n);
		t->n--; /* not ended yet */
		t->look = n;
		tape_program(t, QEMU, qemu);
		tape_program(t, OTHER, other);
		tape_look_end(t);
		t->ts += SETTLE;
	}
	return t;
}

static void half_of_a_named_vm(void **state)
{
	struct world w = w_half();

	(void)state;
	w.holder[1].tgid = OTHER;
	w.holder[1].files = FILES2;
	check_free(looked_with_names(&w, "db01", "db01"), "half-invalidated", C1, "yes/proven", "VM db01: vfio-a07b has 1 of 1");
	check_free(looked_with_names(&w, "db01", "db02"), "half-invalidated", 0, "no/none", NULL);
	check_free(looked_with_names(&w, "db\033[1m", "db\033[1m"), "half-invalidated", C1, "yes/proven", "VM db\\x1b[1m:");
}

/* libvirt calls web_1 and web1 so, and two users can each have a web1. */
static void half_of_namesakes(void **state)
{
	struct world w = w_half();

	(void)state;
	w.holder[1].tgid = OTHER;
	w.holder[1].files = FILES2;
	check_free(looked_with_names(&w, "qemu\\x2d1\\x2dweb1", "qemu\\x2d2\\x2dweb1"), "half-invalidated", C1, "cannot-tell/none",
		   "one name and two control groups");
	check_free(looked_with_names(&w, "qemu\\x2d1\\x2dweb1", "qemu\\x2d1\\x2dweb1"), "half-invalidated", C1, "yes/proven", "VM web1:");
}

/* A machine and a process beside it have one of them both, and each has one alone. */
static void half_with_one_name(void **state)
{
	struct world w = w_half();
	struct tape *t;

	(void)state;
	w.holder[2] = w.holder[0];
	w.holder[2].tgid = OTHER;
	w.holder[2].files = FILES2;
	w.holder[3] = w.holder[2];
	w.holder[3].container = C2;
	w.holder[1] = w.holder[3];
	memset(&w.holder[3], 0, sizeof(w.holder[3]));
	t = looked_with_names(&w, "db01", "");
	check_free(t, "half-invalidated", C1, "cannot-tell/none", "some processes hold both");
}

/* Nobody was found to have it: it may be that of the same machine. Once it has no file any more it is nobody's. */
static void half_of_an_unseen_holder(void **state)
{
	struct world w = w_half();
	struct tape *t;

	(void)state;
	w.holder[0] = w.holder[1];
	memset(&w.holder[1], 0, sizeof(w.holder[1]));
	t = w_looked_back(&w);
	check(t, "half-invalidated", C1, "cannot-tell/none", "that no process was found to have");
	for (unsigned int k = 0; k < t->n; k++) {
		struct ev_container *e = (void *)(t->bytes + t->at[k]);

		if (e->h.type == EV_container && e->h.container == C1)
			e->groups = e->kref;
	}
	check_free(t, "half-invalidated", 0, "no/none", NULL);
}

/* Both are in the hands of one process, too; the names say whose they are. */
static void half_by_name_and_not_by_keeper(void **state)
{
	struct world w = w_half();
	struct tape *t;

	(void)state;
	w.holder[1].tgid = OTHER;
	w.holder[1].files = FILES2;
	w.holder[2] = w.holder[0];
	w.holder[2].tgid = WORKER2;
	w.holder[2].files = FILES1 + 16;
	w.holder[3] = w.holder[2];
	w.holder[3].container = C2;
	t = looked_with_names(&w, "db01", "db02");
	check_free(t, "half-invalidated", 0, "no/none", NULL);
}

/* Three containers of one VM, two of them invalid: one finding. */
static void half_is_told_once(void **state)
{
	struct world w = w_half();
	struct tape *t;

	(void)state;
	w.container[2] = w.container[0];
	w.container[2].id = 0x77aaULL;
	w.holder[2] = w.holder[0];
	w.holder[2].container = 0x77aaULL;
	w.holder[2].fd = 21;
	t = w_looked_back(&w);
	check(t, "half-invalidated", C1, "yes/proven", NULL);
	check_free(t, "half-invalidated", 0x77aaULL, "absent", NULL);
}

static void half_unless_a_hook_saw_more(void **state)
{
	struct world w = w_half();
	struct tape *t = tape_started(true);

	(void)state;
	w_look(t, &w, 1);
	t->ts += SETTLE;
	w_look(t, &w, 2);
	check(t, "half-invalidated", C1, "yes/proven", NULL);
	tape_as(t, QEMU, QEMU, "qemu");
	tape_invalidate(t, C2, 1);
	check_free(t, "half-invalidated", 0, "no/none", NULL);
}

/* ---- window ---------------------------------------------------------------------------- */

static void window_from_looks(void **state)
{
	struct world w = w_exposed();
	struct tape *t = w_looked_back(&w);

	(void)state;
	check(t, "window", C1, "cannot-tell/none", "at least 1.00s");
	check(t, "window", C1, "cannot-tell/none", "before fdpin-trace looked");
	set_limit(SETTLE / 2);
	check(t, "window", C1, "yes/likely", "at least 1.00s, longer than 500.0ms");
	check_free(t, "window", C1, "yes/likely", "between the looks");
	check_free(looked_once(&w), "window", C1, "cannot-tell/none", "when it became invalid");
	set_limit(0);
	check_free(looked_once(&w), "window", C1, "cannot-tell/none", NULL);
}

static void no_window_when_all_is_valid(void **state)
{
	struct world w = w_exposed(), valid = w_exposed();

	(void)state;
	valid.container[0].valid = true;
	check_free(w_looked_back(&valid), "window", 0, "no/none", NULL);
	check_free(looked_at(&w, &valid), "window", 0, "no/none", NULL);
	set_limit(0);
	check_free(looked_at(&w, &valid), "window", 0, "no/none", NULL);
}

/* Restored and invalidated again between the looks: it has another address, and another window. */
static void window_of_another_address(void **state)
{
	struct world w = w_exposed();
	struct tape *t = w_looked_back(&w);

	(void)state;
	set_limit(SETTLE / 2);
	last_range(t)->vaddr += 4096;
	check_free(t, "window", C1, "cannot-tell/none", NULL);
	t = w_looked_back(&w);
	last_range(t)->mm = 0x55;
	check_free(t, "window", C1, "cannot-tell/none", NULL);
}

/* Three looks in a row: from the first on. */
static void window_from_many_looks(void **state)
{
	struct world w = w_exposed();
	struct tape *t = w_looked_back(&w);

	(void)state;
	t->ts += 2 * SETTLE;
	w_look(t, &w, 3);
	set_limit(5 * SETTLE / 2);
	check(t, "window", C1, "yes/likely", "at least 3.00s");
	/* of the last it is not known whether it stood still meanwhile */
	last_container(t)->unstable = 1;
	check_free(t, "window", C1, "cannot-tell/none", "changed while it was read");
}

static void window_seen_to_open(void **state)
{
	struct world w = w_exposed();
	struct tape *t = w_watched(&w);

	(void)state;
	check(t, "window", C1, "no/none", "for 1.00s, not longer than 5.00s");
	set_limit(SETTLE / 2);
	check(t, "window", C1, "yes/proven", "[20733] invalidated 3 ranges");
	tape_as(t, QEMU, QEMU, "qemu");
	tape_revalidate(t, C1);
	check(t, "window", 0, "no/none", NULL);
	tape_invalidate(t, C1, 1); /* a new one */
	check(t, "window", C1, "no/none", NULL);
	t->ts += SETTLE;
	tape_as(t, OTHER, OTHER, "other");
	tape_add(t, EV_open, 0x99); /* time goes on */
	check_free(t, "window", C1, "yes/proven", "for 1.00s");
}

/* An unmap ends it as well, and so does the end of the container. */
static void window_ended_otherwise(void **state)
{
	struct world w = w_exposed();
	struct tape *t = w_watched(&w);
	struct ev_unmap *u;

	(void)state;
	set_limit(0);
	tape_as(t, QEMU, QEMU, "qemu");
	u = tape_add(t, EV_unmap, C1);
	u->closed = C1;
	check_free(t, "window", 0, "no/none", NULL);
	t = w_watched(&w);
	tape_as(t, QEMU, QEMU, "qemu");
	tape_add(t, EV_release, C1);
	check_free(t, "window", 0, "no/none", NULL);
}

/* Who takes all groups out of a container has it unmapped, and an old recording has no word of that. A look that finds none invalid has, and so has the next first one. */
static void window_ended_unseen(void **state)
{
	struct world w = w_exposed(), valid = w;

	(void)state;
	set_limit(SETTLE / 2);
	valid.container[0].valid = true;
	for (int looked = 0; looked <= 1; looked++) {
		for (int by_other = 0; by_other <= 1; by_other++) {
			struct tape *t = w_watched(&w);

			t->ts += 100 * SETTLE;
			if (looked)
				w_look(t, &valid, 3);
			tape_as(t, by_other ? OTHER : QEMU, by_other ? OTHER : QEMU, "qemu");
			tape_invalidate(t, C1, 1)->invalid = looked ? 2 : 1;
			tape_as(t, 0, 0, NULL);
			w_look(t, &w, 4);
			check_free(t, "window", C1, looked ? "cannot-tell/none" : "no/none", looked ? "for at least" : "not longer than");
		}
	}
}

/* Open before anybody watched, with hooks on since the first look: open all the time. */
static void window_watched_but_not_from_the_start(void **state)
{
	struct world w = w_exposed();
	struct tape *t;

	(void)state;
	memset(w.invalidate, 0, sizeof(w.invalidate));
	t = w_watched(&w);
	check(t, "window", C1, "cannot-tell/none", "before fdpin-trace looked");
	set_limit(SETTLE / 2);
	check(t, "window", C1, "yes/proven", "at least 1.00s");
	/* another range of it is invalidated later: it was open before */
	tape_as(t, QEMU, QEMU, "qemu");
	tape_invalidate(t, C1, 1)->invalid = 2;
	check_free(t, "window", C1, "yes/proven", "at least 1.00s");
}

/* What the hook saw was not the first range. */
static void window_opened_by_an_unseen_call(void **state)
{
	struct world w = w_exposed();
	struct tape *t = tape_started(true);

	(void)state;
	tape_as(t, QEMU, QEMU, "qemu");
	tape_invalidate(t, C1, 1)->invalid = 2;
	w_look(t, &w, 1);
	check_free(t, "window", C1, "cannot-tell/none", NULL);
}

/* Closed and opened again between two looks, before our eyes: the first look does not count. */
static void window_closed_between_looks(void **state)
{
	struct world w = w_exposed();
	struct tape *t = tape_started(true);

	(void)state;
	w_look(t, &w, 1);
	t->ts += SETTLE;
	tape_as(t, QEMU, QEMU, "qemu");
	tape_revalidate(t, C1);
	tape_invalidate(t, C1, 1);
	w_look(t, &w, 2);
	set_limit(SETTLE / 2);
	check_free(t, "window", C1, "no/none", NULL);
}

/* After a loss only looks count: what closed it may be the record that was lost. */
static void window_after_a_loss(void **state)
{
	struct world w = w_exposed();
	struct tape *t = w_watched(&w);

	(void)state;
	tape_lost(t, 1);
	check(t, "window", C1, "cannot-tell/none", NULL);
	set_limit(SETTLE / 2);
	check_free(t, "window", C1, "yes/likely", NULL);
	t = tape_started(true);
	w_live(t, &w);
	tape_lost(t, 1);
	set_limit(0);
	check_free(t, "window", C1, "cannot-tell/none", "is not known");
}

/* The newest of the two words counts, whichever it is. */
static void an_old_look_against_a_new_call(void **state)
{
	struct world w = w_exposed(), valid = w_exposed();
	struct tape *t = tape_started(true);

	(void)state;
	valid.container[0].valid = true;
	w_look(t, &valid, 1);
	tape_as(t, QEMU, QEMU, "qemu");
	tape_invalidate(t, C1, 1);
	set_limit(0);
	tape_as(t, OTHER, OTHER, "other");
	tape_add(t, EV_open, 0x99);
	check(t, "window", C1, "yes/proven", NULL);
	w_look(t, &w, 2);
	check_free(t, "window", C1, "yes/proven", NULL);
	/* closed by a call that was lost: the look says so */
	t = tape_started(true);
	w_live(t, &w);
	tape_lost(t, 1);
	w_look(t, &valid, 1);
	check_free(t, "window", C1, "absent", NULL);
}

static void windows_beside_a_deadlock(void **state)
{
	struct world w = w_deadlock();

	(void)state;
	set_limit(SETTLE / 2);
	check_free(w_watched(&w), "window", C1, "yes/proven", NULL);
	check_free(w_watched(&w), "deadlock", C1, "yes/proven", NULL);
}

/* ---- limits ------------------------------------------------------------------------------- */

static void limits_are_told(void **state)
{
	struct model *m = model_new();
	const struct limits mine = { .max_window_ns = 42 };
	struct findings f;

	(void)state;
	assert_int_equal(verdicts_judge(m, NULL, &f), 0);
	assert_int_equal(f.limits.max_window_ns, MAX_WINDOW_DEFAULT_NS);
	findings_free(&f);
	assert_int_equal(verdicts_judge(m, &mine, &f), 0);
	assert_int_equal(f.limits.max_window_ns, 42);
	findings_free(&f);
	model_free(m);
}

#define T(f) cmocka_unit_test_setup(f, standard_limit)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(exposed_in_two_looks),
		T(exposed_in_one_look),
		T(exposed_seen_to_meet),
		T(exposed_seen_not_to_meet),
		T(not_exposed_with_one_of_the_two),
		T(exposed_by_what_the_kernel_can),
		T(exposed_where_another_waits),
		T(a_waiting_container_is_not_exposed_too),
		T(exposed_in_the_first_look_only),
		T(exposed_until_it_was_seen_to_end),
		T(exposed_but_unstable),
		T(half_in_two_looks),
		T(half_in_one_look),
		T(half_in_passing),
		T(not_half_when_all_or_nothing),
		T(not_half_with_nothing_to_invalidate),
		T(not_half_between_processes),
		T(half_with_a_keeper_of_files),
		T(half_of_a_named_vm),
		T(half_of_namesakes),
		T(half_with_one_name),
		T(half_of_an_unseen_holder),
		T(half_by_name_and_not_by_keeper),
		T(half_is_told_once),
		T(half_unless_a_hook_saw_more),
		T(window_from_looks),
		T(no_window_when_all_is_valid),
		T(window_of_another_address),
		T(window_from_many_looks),
		T(window_seen_to_open),
		T(window_ended_otherwise), T(window_ended_unseen),
		T(window_watched_but_not_from_the_start),
		T(window_opened_by_an_unseen_call),
		T(window_closed_between_looks),
		T(window_after_a_loss),
		T(an_old_look_against_a_new_call),
		T(windows_beside_a_deadlock),
		T(limits_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
