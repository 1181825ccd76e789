/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * memlock.h - what RLIMIT_MEMLOCK must be: what is counted now for each process
 * that has memory in a container, where it is counted, and what one more device
 * of the same shape would add.
 *
 * type1 counts in mm->locked_vm, also with CAP_IPC_LOCK, with which it does not
 * ask the limit. iommufd counts in user->locked_vm or in mm->locked_vm, and with
 * CAP_IPC_LOCK in neither. All three compare pages with the limit rounded down
 * to pages, and let the limit itself pass.
 */
#ifndef FDPIN_MEMLOCK_H
#define FDPIN_MEMLOCK_H

#include "sums.h"

enum memlock_counter {
	MEMLOCK_MM,
	MEMLOCK_USER,
	MEMLOCK_NONE,	  /* iommufd with CAP_IPC_LOCK: no limit is asked */
	MEMLOCK_NOT_KNOWN, /* mapped with a CAP_IPC_LOCK that is gone, or not read */
	MEMLOCK__max,
};

/* One process and one counter. Pages; unknown where something is missing. */
struct memlock_need {
	const struct ev_process *process; /* belongs to the model */
	__u64 mm;
	enum memlock_counter counter;
	unsigned int units;	/* containers, or ioases, that have its memory */
	struct pages now;	/* what the counter says, whoever made it so */
	struct pages own;	/* of it, what is charged for these units */
	struct pages shared;	/* with one more device in the largest unit */
	struct pages separate;	/* with one more device in a unit of its own, as behind a vIOMMU */
};

struct memlock {
	struct memlock_need *v; /* by process, then counter; free it */
	size_t n;
};

/* 0 or -ENOMEM. */
int memlock_collect(const struct model *m, struct memlock *ret);
/*
 * What else is in the counter, by the difference: in an address space mlock() and
 * its like, of a user what iommufd charges other processes, and io_uring, perf and
 * sockets. Unknown, too, where the counter has less than is charged.
 */
struct pages memlock_other(const struct memlock_need *n);
/* Does a limit hold for what is mapped next? */
bool memlock_limited(const struct memlock_need *n);
/* A limit holds, and what is needed is known to be more. */
bool memlock_exceeds(const struct memlock_need *n, const struct pages *need);

/* The most that was counted in the looks that were taken, for --watch: zero it first, free .v. */
struct memlock_peaks {
	struct memlock_peak {
		__u64 mm;
		enum memlock_counter counter;
		__u64 pages;
	} *v;
	size_t n, size;
};

/* 0 or -ENOMEM. */
int memlock_peaks_note(struct memlock_peaks *p, const struct memlock *m);
/* NULL if none was seen. */
const struct memlock_peak *memlock_peak_find(const struct memlock_peaks *p, const struct memlock_need *n);

#endif
