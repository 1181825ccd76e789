// SPDX-License-Identifier: GPL-2.0-only
/* test_memlock.c - what RLIMIT_MEMLOCK has to be: which counter, now, with one more device, and when it cannot be told. */
#include "host.h"

#include "../../src/memlock.h"

static struct model *model;
static struct memlock needs;

/* Frees the tape; model and needs stay until the next one. */
static const struct memlock_need *only(struct tape *t, enum memlock_counter counter)
{
	free(needs.v);
	model_free(model);
	tape_look_end(t);
	model = tape_model(t, TAPE_ALL);
	free(t);
	assert_int_equal(memlock_collect(model, &needs), 0);
	assert_int_equal(needs.n, 1);
	assert_int_equal(needs.v[0].counter, counter);
	return &needs.v[0];
}

static void is(const struct pages *p, __u64 bytes)
{
	assert_false(p->unknown);
	assert_int_equal(p->n * PAGE_BYTES, bytes);
}

/* All of RAM is pinned: one more device costs nothing, and all of it again in a container of its own. */
static void behind_the_iommu(void **state)
{
	struct tape *t = h_begin();
	const struct memlock_need *n;

	(void)state;
	h_erp(t);
	n = only(t, MEMLOCK_MM);
	assert_int_equal(n->process->h.tgid, ERP_PID);
	assert_int_equal(n->units, 1);
	is(&n->now, 32 * GIB);
	is(&n->own, 32 * GIB);
	is(&n->shared, 32 * GIB);
	is(&n->separate, 64 * GIB);
	assert_false(memlock_exceeds(n, &n->shared));
	assert_true(memlock_exceeds(n, &n->separate));
}

/* By the difference; nothing is told of where there is none to make. */
static void what_others_count(void **state)
{
	struct memlock_need n = { .counter = MEMLOCK_MM, .now = { .n = 80 }, .own = { .n = 64 } };
	struct pages other = memlock_other(&n);

	(void)state;
	is(&other, 16 * PAGE_BYTES);
	n.own.n = 80;
	other = memlock_other(&n);
	is(&other, 0);
	n.own.n = 81;
	assert_true(memlock_other(&n).unknown);
	n.own.n = 64;
	n.own.unknown = true;
	assert_true(memlock_other(&n).unknown);
	n.own.unknown = false;
	n.now.unknown = true;
	assert_true(memlock_other(&n).unknown);
	n.now.unknown = false;
	n.counter = MEMLOCK_NONE;
	assert_true(memlock_other(&n).unknown);
}

/* A limit is rounded down to pages, and is itself let through. */
static void limit_to_the_page(void **state)
{
	struct ev_process p = { .soft = 10 * PAGE_BYTES + PAGE_BYTES - 1 };
	struct memlock_need n = { .process = &p };
	struct pages ten = { .n = 10 }, eleven = { .n = 11 }, unknown = { .n = 11, .unknown = true };

	(void)state;
	assert_false(memlock_exceeds(&n, &ten));
	assert_true(memlock_exceeds(&n, &eleven));
	assert_false(memlock_exceeds(&n, &unknown));
	p.ipc_lock = 1;
	assert_false(memlock_exceeds(&n, &eleven));
	p = (struct ev_process){ .soft = ~0ULL };
	assert_false(memlock_exceeds(&n, &eleven));
}

/* Mediated devices have pinned some: a device behind the IOMMU pins the rest. */
static void mediated(void **state)
{
	struct tape *t = h_begin();
	const struct memlock_need *n;

	(void)state;
	h_cad(t);
	n = only(t, MEMLOCK_MM);
	is(&n->now, 52 * MIB);
	is(&n->shared, 8 * GIB);
	is(&n->separate, 8 * GIB + 52 * MIB);
	assert_false(memlock_limited(n)); /* CAP_IPC_LOCK: counted, and no limit asked */
}

static void several_containers(void **state)
{
	struct tape *t = h_begin();
	const struct memlock_need *n;
	struct ev_range *r;

	(void)state;
	r = h_range(t, CAD, 0x203, 0x51, 4 * GIB, 4 * GIB);
	r->mapped = 1;
	h_container(t, CAD, CONTAINER_TYPE1, 1);
	h_erp(t);
	n = only(t, MEMLOCK_MM);
	assert_int_equal(n->units, 2);
	is(&n->own, 36 * GIB);
	is(&n->separate, 64 * GIB); /* of the shape of the largest */
}

static void of_the_user(void **state)
{
	struct tape *t = h_begin();
	const struct memlock_need *n;

	(void)state;
	h_ai(t);
	n = only(t, MEMLOCK_USER);
	assert_int_equal(n->units, 2);
	is(&n->now, 256 * GIB);
	is(&n->own, 256 * GIB); /* two areas share their pages */
	is(&n->shared, 256 * GIB);
	is(&n->separate, 512 * GIB);
}

static struct tape *context(__u32 account, __u32 source, bool ipc_lock)
{
	struct tape *t = h_begin();
	struct ev_range *r = h_range(t, AI, 0x304, 0x53, GIB, GIB);

	r->ioas = 1;
	r->pages = 0xa1;
	r->account = account;
	r->source = source;
	r->vaddr += 0x800; /* the last page is cut: iommufd pins one more */
	h_container(t, AI, CONTAINER_IOMMUFD, 1);
	h_mm(t, 0x53, 0, GIB);
	h_process(t, AI_PID, "qemu-system-x86", 0x53, 2 * GIB)->ipc_lock = ipc_lock;
	h_user(t, GIB);
	return t;
}

static void with_ipc_lock(void **state)
{
	const struct memlock_need *n;

	(void)state;
	n = only(context(CHARGED_NONE, SOURCE_USER, true), MEMLOCK_NONE);
	assert_false(n->now.unknown);
	assert_false(memlock_limited(n));
	/* it had the capability when it mapped, and has not now */
	n = only(context(CHARGED_NONE, SOURCE_USER, false), MEMLOCK_NONE);
	assert_true(n->now.unknown);
	assert_true(n->separate.unknown);
	n = only(context(CHARGED_UNKNOWN, SOURCE_USER, true), MEMLOCK_NOT_KNOWN);
	assert_true(n->now.unknown);
}

static void cut_pages(void **state)
{
	const struct memlock_need *n = only(context(CHARGED_USER, SOURCE_USER, false), MEMLOCK_USER);

	(void)state;
	is(&n->separate, 2 * GIB + PAGE_BYTES);
}

static void dmabuf(void **state)
{
	struct tape *t = context(CHARGED_USER, SOURCE_DMABUF, false);
	struct memlock none;

	(void)state;
	tape_look_end(t);
	model_free(model);
	model = tape_model(t, TAPE_ALL);
	free(t);
	assert_int_equal(memlock_collect(model, &none), 0);
	assert_int_equal(none.n, 0);
}

static void not_known(void **state)
{
	struct tape *t = h_begin();
	const struct memlock_need *n;

	(void)state;
	h_erp(t);
	h_mm(t, 0x51, -4096, 0); /* wrapped */
	n = only(t, MEMLOCK_MM);
	assert_true(n->now.unknown);
	assert_true(n->separate.unknown);

	t = h_begin(); /* one range of two was read */
	h_range(t, CAD, 0x203, 0x52, 8 * GIB, 52 * MIB);
	h_container(t, CAD, CONTAINER_TYPE1, 2);
	h_mm(t, 0x52, 52 * MIB, 0);
	h_process(t, CAD_PID, "qemu", 0x52, GIB);
	n = only(t, MEMLOCK_MM);
	is(&n->now, 52 * MIB);
	assert_true(n->own.unknown);
	assert_true(n->shared.unknown);

	t = h_begin(); /* what is behind the range is not known */
	h_range(t, CAD, 0x203, 0x52, 8 * GIB, 52 * MIB);
	h_container(t, CAD, CONTAINER_TYPE1, 1);
	h_mm(t, 0x52, 52 * MIB, 0);
	h_process(t, CAD_PID, "qemu", 0x52, GIB);
	n = only(t, MEMLOCK_MM);
	is(&n->own, 52 * MIB);
	assert_true(n->separate.unknown);
}

static void peaks(void **state)
{
	struct memlock_peaks p = {};
	struct ev_process process = {};
	struct memlock_need n = { .process = &process, .mm = 1, .now = { .n = 5 } };
	struct memlock now = { &n, 1 };

	(void)state;
	assert_null(memlock_peak_find(&p, &n));
	assert_int_equal(memlock_peaks_note(&p, &now), 0);
	n.now.n = 9;
	assert_int_equal(memlock_peaks_note(&p, &now), 0);
	n.now.n = 2;
	assert_int_equal(memlock_peaks_note(&p, &now), 0);
	n.now = (struct pages){ 99, true };
	assert_int_equal(memlock_peaks_note(&p, &now), 0);
	assert_int_equal(memlock_peak_find(&p, &n)->pages, 9);
	n.mm = 2;
	assert_null(memlock_peak_find(&p, &n));
	free(p.v);
}

static void text(void **state)
{
	struct tape *t = h_begin();
	_cleanup_free_ char *shown = NULL;

	(void)state;
	h_erp(t);
	h_ai(t);
	shown = h_text(t, (struct view){ .memlock = true });
	for (const char *const *part = (const char *const[]){
		     "  PID VM   COUNTED IN       LIMIT       NOW        +1 +1 VIOMMU\n"
		     "20510 erp1 mm->locked_vm 34603008  33554432  33554432  67108864\n"
		     "31002 ai03 uid 107            inf 268435456 268435456 536870912\n",
		     "prlimit --pid 20510", "--memlock=68719476736", "cannot tell: the kernel keeps none", "268435456 KiB for 2 containers or ioases, of\n",
		     "65533 of 65535 ranges", NULL };
	     *part; part++) {
		if (!strstr(shown, *part))
			fprintf(stderr, "missing: %s in:\n%s\n", *part, shown);
		assert_non_null(strstr(shown, *part));
	}
}

static int clean(void **state)
{
	(void)state;
	free(needs.v);
	model_free(model);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(behind_the_iommu), cmocka_unit_test(what_others_count), cmocka_unit_test(limit_to_the_page), cmocka_unit_test(mediated),
		cmocka_unit_test(several_containers), cmocka_unit_test(of_the_user),	 cmocka_unit_test(with_ipc_lock),
		cmocka_unit_test(cut_pages),	      cmocka_unit_test(dmabuf),		 cmocka_unit_test(not_known),
		cmocka_unit_test(peaks),	      cmocka_unit_test(text),
	};

	return cmocka_run_group_tests(tests, NULL, clean);
}
