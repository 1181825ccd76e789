// SPDX-License-Identifier: GPL-2.0-only
/*
 * backing.c - what memory is behind a range (backing.h): addresses are looked
 * up among the stretches that a look found in their address space, files are
 * known by their id.
 */
#include "backing.h"

#include <stdlib.h>

static int memory_cmp(const void *x, const void *y)
{
	const struct ev_memory *a = *(const struct ev_memory *const *)x, *b = *(const struct ev_memory *const *)y;

	return a->start < b->start ? -1 : a->start > b->start;
}

/* Out of memory leaves the index empty: then nothing is found, which is what is said. */
static void make_index(struct backing_index *ix, const struct model *m, __u64 mm)
{
	const struct obj *o = model_find(m, OBJ_MM, mm);
	size_t n = 0;

	backing_free(ix);
	ix->mm = mm;
	for (const struct edge *e = edge_in(o, REL_MEMORY_OF); e; e = edge_in_next(e))
		n++;
	ix->list = n ? calloc(n, sizeof(*ix->list)) : NULL;
	for (const struct edge *e = edge_in(o, REL_MEMORY_OF); e && ix->list; e = edge_in_next(e))
		if (e->last->type == EV_memory)
			ix->list[ix->n++] = (const void *)e->last;
	if (ix->n)
		qsort(ix->list, ix->n, sizeof(*ix->list), memory_cmp);
}

/* The last one that starts at or before an address. */
static const struct ev_memory *at_or_before(const struct backing_index *ix, __u64 addr)
{
	size_t low = 0, high = ix->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (ix->list[mid]->start <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low ? ix->list[low - 1] : NULL;
}

const struct ev_memory *backing_find(struct backing_index *ix, const struct model *m, const struct ev_range *r, bool *ret_whole)
{
	const struct ev_memory *found;

	*ret_whole = true;
	if (r->source != SOURCE_USER)
		return r->file ? NOTE_OF(model_find(m, OBJ_MEMORY, r->file), memory) : NULL;
	if (!r->mm)
		return NULL;
	if (ix->mm != r->mm)
		make_index(ix, m, r->mm);
	found = at_or_before(ix, r->vaddr);
	if (!found || r->vaddr >= found->end)
		return NULL;
	*ret_whole = r->vaddr + r->size <= found->end;
	return found;
}

void backing_free(struct backing_index *ix)
{
	free(ix->list);
	*ix = (struct backing_index){};
}
