// SPDX-License-Identifier: GPL-2.0-only
/*
 * suspect.c - when a standing wait is worth a look (suspect.h).
 *
 * At once: a thread waits for an address in a container, and some thread
 * closes a device or waits for work; that is what a deadlock is made of.
 * After SUSPECT_AGE_NS: a wait that just does not end, also for an mmap_lock, which only looks see.
 */
#include "suspect.h"

#include "drift_looks.h"
#include "invalid.h"

static const bool telling[REL__max] = {
	[REL_WAITS] = true,	 [REL_CLOSES] = true,	 [REL_FLUSHES] = true,
	[REL_FLUSHES_WQ] = true, [REL_LOCK_WAIT] = true, [REL_PENDING] = true,
};

bool suspect_changes(const struct record *r)
{
	for (unsigned int i = 0; i < r->ev->n_effects; i++) {
		const struct effect *e = &r->ev->effects[i];

		if ((e->word == WORD_LINK || e->word == WORD_UNLINK) && telling[e->rel])
			return true;
	}
	return false;
}

bool suspect_waits(const struct model *m)
{
	for (struct obj *c = model_first(m, OBJ_CONTAINER); c; c = model_next(c, OBJ_CONTAINER))
		if (edge_in(c, REL_WAITS))
			return true;
	return false;
}

bool suspect_invalid(const struct model *m)
{
	struct invalid inv;

	for (struct obj *c = model_first(m, OBJ_CONTAINER); c; c = model_next(c, OBJ_CONTAINER)) {
		invalid_state(&inv, m, c);
		if (inv.is != INVALID_NO)
			return true;
	}
	return false;
}

/* The oldest wait of a thread that pins or charges for an mmap_lock; NULL if there is none. */
static const struct edge *lock_wait(const struct model *m)
{
	const struct edge *oldest = NULL;

	for (struct obj *l = model_first(m, OBJ_LOCK); l; l = model_next(l, OBJ_LOCK)) {
		for (struct edge *e = edge_in(l, REL_LOCK_WAIT); e; e = edge_in_next(e)) {
			const struct ev_lock *lock = (const void *)e->last;

			if (lock->h.type == EV_lock && lock->mm && lock->h.container && (!oldest || e->rec->ts_ns < oldest->rec->ts_ns))
				oldest = e;
		}
	}
	return oldest;
}

bool suspect_locks(const struct model *m)
{
	return lock_wait(m);
}

bool suspect_drift(const struct model *m)
{
	for (struct obj *o = model_first(m, OBJ_MM); o; o = model_next(o, OBJ_MM)) {
		const struct ev_mm *mm = NOTE_OF(o, mm);

		if (mm && o->note_look == model_last_look(m) && (!mm->users || mm->locked_vm < 0 || mm->pinned_vm < 0 || drift_mm_kept(m, o)))
			return true;
	}
	return false;
}

static bool somebody_closes(const struct model *m)
{
	for (struct obj *t = model_first(m, OBJ_TASK); t; t = model_next(t, OBJ_TASK))
		if (edge_out(t, REL_CLOSES) || edge_out(t, REL_FLUSHES) || edge_out(t, REL_FLUSHES_WQ))
			return true;
	return false;
}

__u64 suspect_when(const struct model *m)
{
	const struct edge *lock = lock_wait(m);
	__u64 oldest = 0;

	for (struct obj *c = model_first(m, OBJ_CONTAINER); c; c = model_next(c, OBJ_CONTAINER))
		for (struct edge *e = edge_in(c, REL_WAITS); e; e = edge_in_next(e))
			if (!oldest || e->rec->ts_ns < oldest)
				oldest = e->rec->ts_ns;
	if (!oldest)
		return lock ? lock->rec->ts_ns + SUSPECT_AGE_NS : 0;
	return somebody_closes(m) ? oldest : oldest + SUSPECT_AGE_NS;
}
