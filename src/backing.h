/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * backing.h - what memory is behind a range, from what a look found.
 */
#ifndef FDPIN_BACKING_H
#define FDPIN_BACKING_H

#include "model.h"

/* Zero it before the first use; it remembers one address space at a time. */
struct backing_index {
	__u64 mm;
	const struct ev_memory **list; /* owned; sorted by start */
	size_t n;
};

/*
 * The memory at the first address of a range, or NULL if none was found. It
 * belongs to the model. *ret_whole: all of the range lies in it.
 */
const struct ev_memory *backing_find(struct backing_index *ix, const struct model *m, const struct ev_range *r, bool *ret_whole);
void backing_free(struct backing_index *ix);

#endif
