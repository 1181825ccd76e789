/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sums.h - what the ranges of a container, or of an address space, come to:
 * sizes, pinned and charged pages, and how much of it a file backs.
 *
 * Areas of iommufd can share pages: those are pinned and charged once.
 */
#ifndef FDPIN_SUMS_H
#define FDPIN_SUMS_H

#include "backing.h"

#define PAGE_BYTES 4096 /* in which the kernel counts, on x86 */
#define ALL_IOASES (-1LL)

/* A number of pages, and whether something is missing from it. */
struct pages {
	__u64 n;
	bool unknown;
};

struct range_sum {
	__u64 ranges, bytes;
	__u64 first, last;	 /* IOVAs, if there are ranges */
	__u64 memory, file, dark; /* bytes: all but MMIO, of it backed by a file, and of what is not known */
	struct pages pinned, charged;
	unsigned int accounts; /* 1 << each enum fdpin_account */
};

/* Over the ranges of a container, or of one ioas of it. 0 or -ENOMEM; *ret is then not to be used. */
int sum_container(const struct model *m, const struct obj *c, long long ioas, struct backing_index *ix, struct range_sum *ret);

/* What ranges of all containers come to for each address space. */
struct mm_sum {
	__u64 mm;
	struct pages pinned;
	struct pages in_pinned_vm; /* of these, what mm_struct.pinned_vm has to have at least (iommufd) */
	struct pages in_locked_vm; /* of these, what locked_vm has to have where a range does not say what is charged for it (type1) */
	__u64 mapped;		   /* pages that such ranges are long, MMIO and what is not known included */
	unsigned int accounts;
	bool pinned_vm; /* mm_struct.pinned_vm counts them, or some */
};

struct mm_sums {
	struct mm_sum *v; /* sorted by mm; free it */
	size_t n;
};

int sum_mms(const struct model *m, struct mm_sums *ret);
/* NULL if no range has its memory from there. */
const struct mm_sum *mm_sum_find(const struct mm_sums *s, __u64 mm);

/* Pages pinned for one range; -1: not known. */
__s64 range_pinned(const struct model *m, struct backing_index *ix, const struct ev_range *r);
/* Pages of memory behind one range: all but MMIO; -1: not known. */
__s64 range_memory(const struct model *m, struct backing_index *ix, const struct ev_range *r);
/* References to the file of a container that are in tables of files. */
__u64 count_references(const struct obj *c);
/* Can a descriptor give this memory to another process? */
bool memory_has_file(const struct ev_range *r, const struct ev_memory *mem);

#endif
