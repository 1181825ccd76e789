/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ledger_tape.h - records of charges for tests: what tape.h and world.h are for
 * the rest. Header only.
 */
#ifndef FDPIN_LEDGER_TAPE_H
#define FDPIN_LEDGER_TAPE_H

#include "world.h"

#define A 0xaaULL /* address spaces */
#define B 0xbbULL
#define USER 0x55ULL
#define FD1 (FDPIN_ID_IOMMUFD | 0x91d0ULL)

static __s64 ledger_locked, ledger_pinned; /* the counter the next charge finds, and mm_struct.pinned_vm after it */

static inline struct ev_charge *tape_charge(struct tape *t, __u64 c, __u64 mm, __s64 pages, __u32 op)
{
	struct ev_charge *e = tape_add(t, EV_charge, c);

	e->mm = mm;
	e->own_mm = mm;
	e->pages = e->asked = pages;
	e->before = ledger_locked;
	e->after = ledger_locked + pages;
	e->pinned_vm = ledger_pinned;
	e->users = 1;
	e->calls = 1;
	e->account = CHARGED_MM;
	e->op = op;
	return e;
}

static inline struct ev_charge *tape_fd_charge(struct tape *t, __u64 mm, __s64 pages, __u32 op, __u32 account)
{
	struct ev_charge *e = tape_charge(t, FD1, mm, pages, op);

	e->iommufd = 1;
	e->account = account;
	e->user = account == CHARGED_USER ? USER : 0;
	e->pinned_vm = account == CHARGED_NONE ? e->after : ledger_pinned + pages;
	return e;
}

static inline struct ev_mm_gone *tape_mm_gone(struct tape *t, __u64 mm, __s64 left)
{
	struct ev_mm_gone *e = tape_add(t, EV_mm_gone, 0);

	e->mm = mm;
	e->locked_vm = left;
	return e;
}

/* What is left may have others who use it. */
static inline void tape_left_by_exec(struct tape *t, __u64 from, __u64 to, __s64 left)
{
	struct ev_exec *e = tape_add(t, EV_exec, 0);

	e->old_mm = from;
	e->mm = to;
	e->locked_vm = left;
	TAPE_STR(e->file, "/usr/bin/qemu");
}

static inline void tape_exec(struct tape *t, __u64 from, __u64 to, __s64 left)
{
	tape_mm_gone(t, from, left);
	tape_left_by_exec(t, from, to, left);
}

static inline struct ev_unmap *tape_unmapped(struct tape *t, __u64 c, __s64 pages)
{
	struct ev_unmap *e = tape_add(t, EV_unmap, c);

	e->size = pages * 4096;
	e->counted = 1;
	return e;
}

/* All of it was charged to who is gone. */
static inline void tape_unmapped_of_gone(struct tape *t, __u64 c, __s64 pages)
{
	tape_unmapped(t, c, pages)->uncredited = pages;
}

static inline void tape_change_process(struct tape *t, __u64 mm, int result)
{
	struct ev_change_process *e = tape_add(t, EV_change_process, FD1);

	e->mm = mm;
	e->result = result;
}

static inline void tape_look(struct tape *t, __u8 n)
{
	tape_look_begin(t, n);
	tape_look_end(t);
}

/* Watched, with a look at nothing before, and a container opened by QEMU. */
static inline struct tape *ledger_begin(__u64 c)
{
	struct tape *t = tape_new();
	struct ev_session *e;

	tape_session(t, true);
	e = (void *)(t->bytes + t->at[0]);
	e->charges = 1;
	tape_look(t, 1);
	tape_as(t, QEMU, QEMU, "qemu");
	tape_add(t, EV_open, c);
	ledger_locked = ledger_pinned = 0;
	return t;
}

#endif
