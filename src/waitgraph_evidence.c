// SPDX-License-Identifier: GPL-2.0-only
/*
 * waitgraph_evidence.c - what counts as proof, and what is known of a thread.
 *
 * Owns: evidence_*(), task_*(), flush_covers(), container_account(). Each asks
 * one question about an edge, a thread or a container; none walks the graph.
 */
#include "waitgraph.h"

/* Of the kernel's task->__state; the same in all kernels this runs on. */
#define TASK_UNINTERRUPTIBLE 0x2
#define TASK_WAKEKILL 0x100
#define TASK_NOLOAD 0x400

static bool read_twice(const struct waitgraph *g, const struct edge *e)
{
	return g->sound && e->looks >= 2 && e->last_look == g->look && e->last->grade <= GRADE_READ;
}

/*
 * A hook saw it begin and none saw it end; no record is missing that could
 * have said so. A look afterwards, which reads wait queues, barriers and flushers, must agree.
 */
bool evidence_live(const struct waitgraph *g, const struct edge *e)
{
	if (!e->observed || !g->live || e->rec->grade > GRADE_READ)
		return false;
	if ((e->rel == REL_WAITS || e->rel == REL_FLUSHES || e->rel == REL_FLUSHES_WQ) && g->look &&
	    e->rec->ts_ns < model_look_began(g->m, 0))
		return e->last_look == g->look;
	return true;
}

bool evidence_solid(const struct waitgraph *g, const struct edge *e)
{
	return read_twice(g, e) || evidence_live(g, e);
}

/*
 * Both of the last two looks describe it, asleep, and it did not run in
 * between. Switches are counted when a thread stops running: one that has been
 * woken since still has as many, but its state is another.
 */
bool task_still(const struct waitgraph *g, const struct obj *task)
{
	const struct ev_thread *now = NOTE_OF(task, thread), *before;

	if (!now || !task->prev_note || task->prev_note->type != EV_thread)
		return false;
	before = (const struct ev_thread *)task->prev_note;
	return g->look && task->note_look == g->look && task->prev_look + 1 == g->look &&
	       now->switches == before->switches && now->state == before->state && now->state &&
	       now->h.tgid == before->h.tgid;
}

enum fdpin_class task_class(const struct obj *task)
{
	const struct ev_thread *th = NOTE_OF(task, thread);
	const struct edge *e = edge_out(task, REL_WAITS);

	if (th && th->class)
		return th->class;
	if (e && e->rec->type == EV_block)
		return ((const struct ev_block *)e->rec)->class;
	return CLASS_UNKNOWN;
}

/*
 * Could a signal end this wait? Waits for work items cannot be interrupted;
 * of others the state says it, and without a state nothing is taken for granted.
 */
bool task_killable(const struct obj *task, const struct edge *wait)
{
	const struct ev_thread *th = NOTE_OF(task, thread);

	if (!th)
		return wait->rel != REL_FLUSHES && wait->rel != REL_FLUSHES_WQ;
	if (!(th->state & TASK_UNINTERRUPTIBLE))
		return true; /* it runs, or can be interrupted */
	return th->state & TASK_WAKEKILL && th->class != CLASS_WORKER && th->class != CLASS_KTHREAD;
}

bool task_exiting(const struct obj *task)
{
	const struct ev_thread *th = NOTE_OF(task, thread);

	return th && th->exiting;
}

/* Any record that is about this thread knows its process. */
__u32 task_tgid(const struct obj *task)
{
	const struct edge *e;

	if (task->note)
		return task->note->tgid;
	for (e = task->out; e; e = e->next_from)
		if (e->rec->tid == task->id)
			return e->rec->tgid;
	for (e = task->in; e; e = e->next_to)
		if (e->rec->tid == task->id)
			return e->rec->tgid;
	return 0;
}

/*
 * A flush of a workqueue waits for items that were queued before it. The item
 * ran before the flush began; or the kernel's own colours say it is covered.
 * A flusher read with an item has its exact edge (FLUSHES) besides.
 */
bool flush_covers(const struct edge *flush_wq, const struct edge *runs)
{
	const struct ev_flush *f = (const struct ev_flush *)flush_wq->rec;

	if (f->h.type != EV_flush)
		return false;
	if (f->h.look)
		return f->via == VIA_FLUSHER && !f->work;
	return runs->rec->ts_ns < f->h.ts_ns;
}

static __u64 count_slots(const struct waitgraph *g, const struct obj *c)
{
	__u64 n = 0;

	for (struct edge *e = edge_out(c, REL_REF); e; e = edge_out_next(e))
		n += e->looks >= 2 && e->last_look == g->look;
	return n;
}

enum account container_account(const struct waitgraph *g, const struct obj *c, __u64 *ret_found, __u64 *ret_refs)
{
	const struct ev_container *now = NOTE_OF(c, container), *before;
	__u64 found = count_slots(g, c);

	if (!now || c->note_look != g->look || !c->prev_note || c->prev_note->type != EV_container ||
	    c->prev_look + 1 != g->look)
		return ACCOUNT_UNKNOWN;
	before = (const struct ev_container *)c->prev_note;
	if (ret_found)
		*ret_found = found;
	if (ret_refs)
		*ret_refs = now->refs;
	if (now->unstable || before->unstable || now->refs != before->refs || now->has_file != before->has_file)
		return ACCOUNT_UNSTABLE;
	/* A container has one file: if that is about to be released, there is no other user, and no table has it. */
	if (edge_out(c, REL_PENDING))
		return now->refs || found ? ACCOUNT_UNSTABLE : ACCOUNT_PENDING;
	if (!now->has_file)
		return ACCOUNT_NO_FILE;
	if (now->refs != found)
		return ACCOUNT_PARTIAL;
	return now->refs ? ACCOUNT_FULL : ACCOUNT_NO_RELEASER;
}
