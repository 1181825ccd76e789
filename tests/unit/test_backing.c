// SPDX-License-Identifier: GPL-2.0-only
/* test_backing.c - which memory is behind a range, and when none is known. */
#include "tape.h"

#include "../../src/backing.h"

#define MM 0x5aULL
#define OTHER_MM 0x5bULL
#define FILE_ID 0xf1ULL

static void add(struct tape *t, __u64 id, __u64 mm, __u64 start, __u64 end)
{
	struct ev_memory *e = tape_add(t, EV_memory, 0);

	e->id = id;
	e->mm = mm;
	e->start = start;
	e->end = end;
}

/* Id of what is found, 0 for none. */
static __u64 find(struct backing_index *ix, const struct model *m, __u64 mm, __u64 vaddr, __u64 size, bool *whole)
{
	struct ev_range r = { .mm = mm, .vaddr = vaddr, .size = size };
	const struct ev_memory *found = backing_find(ix, m, &r, whole);

	return found ? found->id : 0;
}

static void addresses(void **state)
{
	struct backing_index ix = {};
	struct tape *t = tape_new();
	struct model *m;
	bool whole;

	(void)state;
	add(t, 2, MM, 0x3000, 0x5000);
	add(t, 1, MM, 0x1000, 0x2000);
	add(t, 3, MM, 0x5000, 0x6000);
	add(t, 9, OTHER_MM, 0x1000, 0x9000);
	m = tape_model(t, TAPE_ALL);
	assert_int_equal(find(&ix, m, MM, 0x1000, 0x1000, &whole), 1);
	assert_true(whole);
	assert_int_equal(find(&ix, m, MM, 0x4fff, 1, &whole), 2);
	assert_true(whole);
	assert_int_equal(find(&ix, m, MM, 0x4000, 0x2000, &whole), 2);
	assert_false(whole);
	assert_int_equal(find(&ix, m, MM, 0x5000, 0x1000, &whole), 3);
	/* a hole, before all, after all */
	assert_int_equal(find(&ix, m, MM, 0x2000, 0x1000, &whole), 0);
	assert_int_equal(find(&ix, m, MM, 0xfff, 1, &whole), 0);
	assert_int_equal(find(&ix, m, MM, 0x6000, 1, &whole), 0);
	/* another address space, one nobody looked at, none */
	assert_int_equal(find(&ix, m, OTHER_MM, 0x2000, 1, &whole), 9);
	assert_int_equal(find(&ix, m, MM + 7, 0x1000, 1, &whole), 0);
	assert_int_equal(find(&ix, m, 0, 0x1000, 1, &whole), 0);
	assert_int_equal(find(&ix, m, MM, 0x1000, 1, &whole), 1);
	backing_free(&ix);
	model_free(m);
	free(t);
}

static void files(void **state)
{
	struct ev_range r = { .mm = MM, .source = SOURCE_FILE, .file = FILE_ID, .vaddr = 0x1000, .size = 0x1000 };
	struct backing_index ix = {};
	struct tape *t = tape_new();
	const struct ev_memory *found;
	struct model *m;
	bool whole;

	(void)state;
	add(t, FILE_ID, 0, 0, 0);
	add(t, 1, MM, 0x1000, 0x2000); /* an address, which is no offset */
	m = tape_model(t, TAPE_ALL);
	found = backing_find(&ix, m, &r, &whole);
	assert_non_null(found);
	assert_int_equal(found->id, FILE_ID);
	r.source = SOURCE_DMABUF;
	assert_ptr_equal(backing_find(&ix, m, &r, &whole), found);
	r.file = 0; /* in an old recording */
	assert_null(backing_find(&ix, m, &r, &whole));
	r.source = SOURCE_FILE;
	assert_null(backing_find(&ix, m, &r, &whole));
	backing_free(&ix);
	model_free(m);
	free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses),
		cmocka_unit_test(files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
