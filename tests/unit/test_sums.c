// SPDX-License-Identifier: GPL-2.0-only
/* test_sums.c - what ranges come to: pages, and the share that a file backs. */
#include "host.h"

#include "../../src/sums.h"

#define PAGE 4096ULL
#define AT (1ULL << 40) /* where h_range() puts range 0x.01 */

static struct range_sum sum(struct tape *t, __u64 c, long long ioas)
{
	struct model *m = tape_model(t, TAPE_ALL);
	struct backing_index ix = {};
	struct range_sum s = {};

	assert_int_equal(sum_container(m, model_find(m, OBJ_CONTAINER, c), ioas, &ix, &s), 0);
	backing_free(&ix);
	model_free(m);
	free(t);
	return s;
}

/* One range of so many pages of a type1 container, mapped in a domain, whose kernel does not keep count by range. */
static struct tape *one_range(__u64 pages)
{
	struct tape *t = h_begin();
	struct ev_range *r;

	h_container(t, ERP, CONTAINER_TYPE1, 1);
	r = h_range(t, ERP, 0x101, 0x51, pages * PAGE, 0);
	r->mapped = 1;
	r->charged = -1;
	return t;
}

static void several_mappings(void **state)
{
	struct tape *t = one_range(10);
	struct range_sum s;

	(void)state;
	h_memory(t, 1, 0x51, AT - PAGE, 3 * PAGE, BACKING_MEMFD, "memfd:a"); /* 2 pages of it are in the range */
	h_memory(t, 2, 0x51, AT + 2 * PAGE, 4 * PAGE, BACKING_ANONYMOUS, "");
	h_memory(t, 3, 0x51, AT + 6 * PAGE, 9 * PAGE, BACKING_HUGETLB, "/a"); /* 4 */
	s = sum(t, ERP, ALL_IOASES);
	assert_int_equal(s.bytes, 10 * PAGE);
	assert_int_equal(s.memory, 10 * PAGE);
	assert_int_equal(s.file, 6 * PAGE);
	assert_int_equal(s.dark, 0);
	assert_false(s.pinned.unknown);
	assert_int_equal(s.pinned.n, 10);
	assert_true(s.charged.unknown);
}

static void a_hole(void **state)
{
	struct tape *t = one_range(10);
	struct range_sum s;

	(void)state;
	h_memory(t, 1, 0x51, AT, 3 * PAGE, BACKING_MEMFD, "memfd:a");
	s = sum(t, ERP, ALL_IOASES);
	assert_int_equal(s.file, 3 * PAGE);
	assert_int_equal(s.dark, 7 * PAGE);
	assert_true(s.pinned.unknown);
}

/* The region of a device is no memory, and not pinned. */
static void mmio(void **state)
{
	struct tape *t = one_range(10);
	struct range_sum s;

	(void)state;
	h_memory(t, 1, 0x51, AT, 10 * PAGE, BACKING_MMIO, "anon_inode:[vfio-device]");
	s = sum(t, ERP, ALL_IOASES);
	assert_int_equal(s.bytes, 10 * PAGE);
	assert_int_equal(s.memory, 0);
	assert_int_equal(s.dark, 0);
	assert_int_equal(s.pinned.n, 0);
	assert_false(s.pinned.unknown);
}

static void no_file(void **state)
{
	static const struct {
		__u32 backing, shared, links;
		const char *path;
		bool file;
	} cases[] = {
		{ BACKING_MEMFD, 1, 0, "memfd:ram", true },
		{ BACKING_MEMFD, 0, 0, "memfd:ram", false }, /* private: what is written is in no file */
		{ BACKING_FILE, 0, 1, "/var/a", false },
		{ BACKING_FILE, 1, 0, "/var/a", true }, /* deleted, but whoever has it open can pass it on */
		{ BACKING_SHMEM, 1, 1, "/dev/shm/a", true },
		{ BACKING_SHMEM, 1, 0, "/dev/zero", false }, /* shared anonymous memory */
		{ BACKING_SHMEM, 1, 0, "SYSV00000000", false },
		{ BACKING_SHMEM, 1, 1, "/dev/zero", true }, /* somebody's file of that name */
		{ BACKING_HUGETLB, 1, 0, "anon_hugepage", false },
		{ BACKING_ANONYMOUS, 1, 0, "", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct tape *t = one_range(1);
		struct ev_memory *m = h_memory(t, 1, 0x51, AT, PAGE, cases[i].backing, cases[i].path);

		m->shared = cases[i].shared;
		m->links = cases[i].links;
		if (!!sum(t, ERP, ALL_IOASES).file != cases[i].file)
			fail_msg("case %zu", i);
	}
}

/* Mediated devices pin pages of a range that no domain has; where one has, all is pinned and counted by the kernel. */
static void who_pins(void **state)
{
	struct tape *t = h_begin();
	struct ev_range *r;
	struct range_sum s;

	(void)state;
	h_container(t, ERP, CONTAINER_TYPE1, 2);
	r = h_range(t, ERP, 0x101, 0x51, 10 * PAGE, 3 * PAGE);
	r->charged = 3;
	r = h_range(t, ERP, 0x102, 0x51, 10 * PAGE, 2 * PAGE); /* 2 of its pages are pinned once more */
	r->mapped = 1;
	r->charged = 9; /* one is reserved */
	s = sum(t, ERP, ALL_IOASES);
	assert_int_equal(s.pinned.n, 12);
	assert_int_equal(s.charged.n, 12);
	assert_int_equal(s.accounts, 1 << CHARGED_MM);
}

static void iommufd(void **state)
{
	struct tape *t = h_begin();
	struct mm_sums sums;
	const struct mm_sum *mm;
	struct model *m;
	struct range_sum s;

	(void)state;
	h_ai(t);
	s = sum(t, AI, ALL_IOASES);
	assert_int_equal(s.ranges, 3);
	assert_int_equal(s.bytes, 312 * GIB);
	assert_int_equal(s.pinned.n * PAGE, 256 * GIB); /* two areas share pages */
	assert_int_equal(s.file, s.bytes);
	t = h_begin();
	h_ai(t);
	s = sum(t, AI, 2);
	assert_int_equal(s.ranges, 1);
	assert_int_equal(s.pinned.n * PAGE, 56 * GIB);
	assert_int_equal(s.first, 6ULL << 40);
	assert_int_equal(s.last, (6ULL << 40) + 56 * GIB - 1);

	t = h_begin();
	h_ai(t);
	h_erp(t);
	m = tape_model(t, TAPE_ALL);
	assert_int_equal(sum_mms(m, &sums), 0);
	mm = mm_sum_find(&sums, 0x53);
	assert_non_null(mm);
	assert_int_equal(mm->pinned.n * PAGE, 256 * GIB);
	assert_int_equal(mm->accounts, 1 << CHARGED_USER);
	assert_true(mm->pinned_vm);
	mm = mm_sum_find(&sums, 0x51);
	assert_non_null(mm);
	assert_int_equal(mm->pinned.n * PAGE, 32 * GIB);
	assert_false(mm->pinned_vm);
	assert_null(mm_sum_find(&sums, 0x52));
	free(sums.v);
	model_free(m);
	free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(several_mappings), cmocka_unit_test(a_hole),	cmocka_unit_test(mmio),
		cmocka_unit_test(no_file),	    cmocka_unit_test(who_pins), cmocka_unit_test(iommufd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
