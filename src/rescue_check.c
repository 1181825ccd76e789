// SPDX-License-Identifier: GPL-2.0-only
/*
 * rescue_check.c - what a rescue has come to (rescue.h): the threads, the
 * closers and the books, each in three answers, by the last look.
 */
#include "rescue.h"

#include "sums.h"

#include <stdlib.h>
#include <string.h>

/* ---- threads ------------------------------------------------------------------------------ */

static bool seen_in(const struct edge *e, unsigned int look)
{
	return e->last_look == look;
}

/* Asleep as it was, and has not run since. */
static bool not_run_since(const struct model *m, const struct plan_thread *t)
{
	const struct obj *task = model_find(m, OBJ_TASK, t->tid);
	const struct ev_thread *th = NOTE_OF(task, thread);

	return th && task->note_look == model_last_look(m) && th->state && t->switches && th->switches == t->switches;
}

bool seen_whole(const struct model *m)
{
	return !model_look_gaps(m) && !model_lost(m);
}

static enum answer absence(const struct model *m)
{
	return seen_whole(m) ? ANSWER_NO : ANSWER_CANNOT_TELL;
}

static bool any_not_run(const struct model *m, const struct plan_thread *v, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		if (not_run_since(m, &v[i]))
			return true;
	return false;
}

enum answer still_blocked(const struct model *m, const struct rescue_plan *p)
{
	for (const struct edge *e = edge_in(p->container, REL_WAITS); e; e = edge_in_next(e))
		if (seen_in(e, model_last_look(m)))
			return ANSWER_YES;
	return absence(m);
}

enum answer still_these(const struct model *m, const struct rescue_plan *p)
{
	for (const struct edge *e = edge_in(p->container, REL_WAITS); e; e = edge_in_next(e))
		for (unsigned int i = 0; i < p->n_waiters && seen_in(e, model_last_look(m)); i++)
			if (p->waiters[i].tid == e->from->id)
				return ANSWER_YES;
	return absence(m);
}

enum answer still_closing(const struct model *m, const struct rescue_plan *p)
{
	for (const struct edge *d = edge_in(p->container, REL_MEMBER); d; d = edge_in_next(d))
		for (const struct edge *e = edge_in(d->from, REL_CLOSES); e; e = edge_in_next(e))
			if (seen_in(e, model_last_look(m)))
				return ANSWER_YES;
	return any_not_run(m, p->closers, p->n_closers) ? ANSWER_YES : absence(m);
}

/* ---- before it is done ------------------------------------------------------------------------ */

static bool borrowed(const struct model *m, const struct rescue_plan *p, __u32 borrower)
{
	for (const struct edge *e = edge_out(p->container, REL_HELD); e; e = edge_out_next(e))
		if (e->last->tgid == borrower && seen_in(e, model_last_look(m)))
			return true;
	return false;
}

/* As the last look has it; NULL if it is not what it was. */
static const struct ev_range *range_now(const struct model *m, const struct rescue_plan *p, const struct plan_range *want)
{
	for (const struct edge *e = edge_in(p->container, REL_PART); e; e = edge_in_next(e)) {
		const struct ev_range *r = (const void *)e->last;

		if (seen_in(e, model_last_look(m)) && r->h.type == EV_range && r->iova == want->iova)
			return r->size == want->size && r->vaddr == want->vaddr && r->mm == want->mm && !r->valid ? r : NULL;
	}
	return NULL;
}

enum answer restorable_now(const struct model *m, const struct rescue_plan *p, const struct plan_range *r)
{
	const struct ev_range *now = range_now(m, p, r);

	return now ? range_restorable(m, now) : ANSWER_NO;
}

const char *last_objection(const struct model *m, const struct rescue_plan *p, const struct plan_range *r, __u32 borrower,
			   bool first)
{
	const struct ev_container *c = NOTE_OF(p->container, container);

	if (!seen_whole(m))
		return "not everything could be seen: a user thread may wait there, and must not be woken";
	if (p->container->note_look != model_last_look(m) || !c || c->unstable)
		return "the container is gone, or changed while it was read";
	if (!borrowed(m, p, borrower))
		return "the descriptor that was borrowed is not of this container any more";
	for (const struct edge *e = edge_in(p->container, REL_WAITS); e; e = edge_in_next(e))
		if (task_class(e->from) == CLASS_USER || task_class(e->from) == CLASS_UNKNOWN)
			return "a thread that may be a user's waits there now, and must not be woken";
	/* each range that is unmapped wakes the waiters, which sleep again if it is not theirs */
	if (first ? !any_not_run(m, p->waiters, p->n_waiters) : still_these(m, p) != ANSWER_YES)
		return "the thread that was blocked has run since: it is not the wait any more that the plan is about";
	if (p->n_closers && !any_not_run(m, p->closers, p->n_closers))
		return "the thread that was stuck in the close has run since: it is not the cycle any more that the plan is about";
	return range_now(m, p, r) ? NULL : "the range is not what it was";
}

/* ---- the books ------------------------------------------------------------------------------------ */

/* locked_vm of an address space and what is pinned of it; false, with why, if that cannot be had. */
static bool books(const struct model *m, __u64 mm, __s64 *ret_locked, __u64 *ret_pinned, char why[PLAN_TEXT_MAX])
{
	const struct obj *o = model_find(m, OBJ_MM, mm);
	const struct ev_mm *note = NOTE_OF(o, mm);
	const struct mm_sum *sum;
	struct mm_sums sums;
	bool known = false;

	if (!note || o->note_look != model_last_look(m) || note->users <= 0) {
		snprintf(why, PLAN_TEXT_MAX, "the address space has no process any more, so nothing is charged to anybody");
		return false;
	}
	*ret_locked = note->locked_vm;
	*ret_pinned = 0;
	if (sum_mms(m, &sums)) {
		snprintf(why, PLAN_TEXT_MAX, "out of memory");
		return false;
	}
	sum = mm_sum_find(&sums, mm);
	known = !sum || !sum->pinned.unknown;
	if (sum)
		*ret_pinned = sum->pinned.n;
	free(sums.v);
	if (!known)
		snprintf(why, PLAN_TEXT_MAX, "how much of it is pinned could not be read");
	return known;
}

void balance_before(struct balance *b, const struct model *m, const struct rescue_plan *p)
{
	*b = (struct balance){ .answer = ANSWER_CANNOT_TELL, .mm = p->ranges[0].mm };
	if (books(m, b->mm, &b->before, &b->pinned_before, b->why))
		b->answer = ANSWER_YES;
}

void balance_after(struct balance *b, const struct model *m)
{
	__s64 off;

	if (b->answer != ANSWER_YES)
		return;
	b->answer = ANSWER_CANNOT_TELL;
	if (!books(m, b->mm, &b->after, &b->pinned_after, b->why))
		return;
	off = (b->after - b->before) - ((__s64)b->pinned_after - (__s64)b->pinned_before);
	b->answer = off ? ANSWER_NO : ANSWER_YES;
	if (off)
		snprintf(b->why, sizeof(b->why), "it is off by %lld page%s", off, off == 1 || off == -1 ? "" : "s");
}

/* ---- the whole ---------------------------------------------------------------------------------------- */

static enum answer opposite(enum answer a)
{
	return a == ANSWER_CANNOT_TELL ? a : a == ANSWER_YES ? ANSWER_NO : ANSWER_YES;
}

void rescue_compare(struct rescue_outcome *o, const struct model *m, const struct rescue_plan *p)
{
	o->threads = opposite(still_blocked(m, p));
	o->closers = opposite(still_closing(m, p));
	if (o->n_steps)
		balance_after(&o->balance, m);
	else
		o->balance = (struct balance){ .answer = ANSWER_CANNOT_TELL, .why = "nothing was done" };
	if (o->threads == ANSWER_NO || o->closers == ANSWER_NO)
		o->end = RESCUE_STUCK;
	else if (o->balance.answer == ANSWER_NO)
		o->end = RESCUE_UNBALANCED;
	else if (o->threads == ANSWER_CANNOT_TELL || o->closers == ANSWER_CANNOT_TELL)
		o->end = RESCUE_UNKNOWN;
	else
		o->end = RESCUE_FREED; /* of a process that is gone there are no books */
}

int rescue_status(enum rescue_end end)
{
	static const int status[] = {
		[RESCUE_NOT_TRIED] = 0, [RESCUE_FREED] = 0, [RESCUE_REFUSED] = 1, [RESCUE_STUCK] = 2, [RESCUE_UNBALANCED] = 2,
		[RESCUE_UNKNOWN] = 3,
	};

	return status[end];
}

const char *rescue_end_name(enum rescue_end end)
{
	static const char *const names[] = {
		[RESCUE_NOT_TRIED] = "not tried", [RESCUE_FREED] = "freed",	   [RESCUE_REFUSED] = "refused",
		[RESCUE_STUCK] = "stuck",	  [RESCUE_UNBALANCED] = "unbalanced", [RESCUE_UNKNOWN] = "cannot tell",
	};

	return names[end];
}

const char *step_result_name(enum step_result r)
{
	static const char *const names[] = { [STEP_DONE] = "done", [STEP_FAILED] = "failed", [STEP_CAUGHT] = "caught" };

	return names[r];
}
