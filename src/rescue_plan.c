// SPDX-License-Identifier: GPL-2.0-only
/*
 * rescue_plan.c - every way out of a deadlock, judged on this kernel (rescue.h).
 *
 * What is judged from was measured on kernels with the wait: an unmap wakes the
 * waiter with an error and gives pages and charges back; a range that keeps an
 * mm of its own changes its owner when another process restores it; a user
 * thread that is woken takes the kernel down; a driver that is told of an unmap
 * may wait for the blocked work itself.
 */
#include "rescue.h"

#include "backing.h"
#include "cycle.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name, *what;
} ways[WAY__max] = {
#define WAY(id, name, what) { name, what },
	WAYS(WAY)
#undef WAY
};

const char *way_name(enum way w)
{
	return ways[w].name;
}

const char *way_what(enum way w)
{
	return ways[w].what;
}

static void say(char ret[PLAN_TEXT_MAX], const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(char ret[PLAN_TEXT_MAX], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(ret, PLAN_TEXT_MAX, fmt, ap);
	va_end(ap);
}

/* ---- what there is ------------------------------------------------------------------------ */

static void add_thread(struct plan_thread *v, unsigned int *n, const struct obj *task)
{
	const struct ev_thread *th = NOTE_OF(task, thread);
	struct plan_thread *t = &v[*n];

	for (unsigned int i = 0; i < *n; i++)
		if (v[i].tid == task->id)
			return;
	if (*n == PLAN_THREADS_MAX)
		return;
	*t = (struct plan_thread){ .tid = task->id, .tgid = task_tgid(task), .class = task_class(task), .switches = th ? th->switches : 0 };
	task_words(task, t->words);
	(*n)++;
}

static void find_threads(struct rescue_plan *p, const struct locked *l)
{
	for (struct edge *e = edge_in(l->container, REL_WAITS); e; e = edge_in_next(e))
		add_thread(p->waiters, &p->n_waiters, e->from);
	for (unsigned int i = 0; i < l->closers.n; i++)
		add_thread(p->closers, &p->n_closers, l->closers.v[i]);
}

static void find_holders(struct rescue_plan *p, unsigned int look)
{
	for (struct edge *e = edge_out(p->container, REL_HELD); e && p->n_holders < PLAN_HOLDERS_MAX; e = edge_out_next(e)) {
		struct plan_holder *h = &p->holders[p->n_holders];

		if (e->last_look != look || !first_fd(p->container, e->to, &h->fd))
			continue;
		h->tgid = e->last->tgid;
		h->tid = e->last->tid;
		hdr_words(e->last, h->words);
		p->n_holders++;
	}
}

/* Only a hook that saw a thread fall asleep knows what for; or there is nothing else to wait for, as the kernel counts. */
static enum answer range_wanted(const struct obj *c, const struct ev_range *r)
{
	const struct ev_container *note = NOTE_OF(c, container);
	enum answer a = ANSWER_NO;

	for (struct edge *e = edge_in(c, REL_WAITS); e; e = edge_in_next(e)) {
		const struct ev_block *b = (const void *)e->rec;

		if (b->h.type != EV_block || b->h.look || !b->size)
			a = ANSWER_CANNOT_TELL;
		else if (b->iova < r->iova + r->size && r->iova < b->iova + b->size)
			return ANSWER_YES;
	}
	return a == ANSWER_CANNOT_TELL && note && note->invalid == 1 ? ANSWER_YES : a;
}

/* Is there memory at the old address, in an address space that somebody lives in? */
static enum answer restorable(const struct model *m, struct backing_index *ix, const struct ev_range *r)
{
	const struct obj *o = model_find(m, OBJ_MM, r->mm);
	const struct ev_mm *mm = NOTE_OF(o, mm);
	bool whole;

	if (mm && mm->users <= 0)
		return ANSWER_NO;
	if (!mm || !edge_in(o, REL_MEMORY_OF))
		return ANSWER_CANNOT_TELL; /* its memory was not looked at */
	return backing_find(ix, m, r, &whole) && whole ? ANSWER_YES : ANSWER_NO;
}

enum answer range_restorable(const struct model *m, const struct ev_range *r)
{
	struct backing_index ix = {};
	enum answer a = restorable(m, &ix, r);

	backing_free(&ix);
	return a;
}

static int by_want(const void *va, const void *vb)
{
	static const int rank[] = { [ANSWER_YES] = 0, [ANSWER_CANNOT_TELL] = 1, [ANSWER_NO] = 2 };
	const struct plan_range *a = va, *b = vb;

	if (a->wanted != b->wanted)
		return rank[a->wanted] - rank[b->wanted];
	return a->iova < b->iova ? -1 : a->iova > b->iova;
}

/* A range of the last look that is invalid, else NULL. */
static const struct ev_range *invalid_range(const struct edge *e, unsigned int look)
{
	const struct ev_range *r = (const void *)e->last;

	return e->last_look == look && r->h.type == EV_range && !r->valid ? r : NULL;
}

static int find_ranges(struct rescue_plan *p, const struct model *m)
{
	unsigned int look = model_last_look(m), n = 0;
	struct backing_index ix = {};

	for (struct edge *e = edge_in(p->container, REL_PART); e; e = edge_in_next(e))
		n += !!invalid_range(e, look);
	if (!n)
		return 0;
	p->ranges = calloc(n, sizeof(*p->ranges));
	if (!p->ranges)
		return -ENOMEM;
	for (struct edge *e = edge_in(p->container, REL_PART); e; e = edge_in_next(e)) {
		const struct ev_range *r = invalid_range(e, look);

		if (!r)
			continue;
		p->ranges[p->n_ranges++] = (struct plan_range){
			.iova = r->iova,
			.size = r->size,
			.vaddr = r->vaddr,
			.mm = r->mm,
			.pinned = r->pinned,
			.wanted = range_wanted(p->container, r),
			.restorable = restorable(m, &ix, r),
		};
	}
	backing_free(&ix);
	qsort(p->ranges, n, sizeof(*p->ranges), by_want);
	return 0;
}

static void find_verdict(struct rescue_plan *p, const struct findings *findings)
{
	for (unsigned int i = 0; i < findings->n; i++) {
		const struct finding *f = &findings->f[i];

		if (strcmp(f->verdict->name, "deadlock") || f->container != p->container->id)
			continue;
		p->deadlock = f->answer;
		p->level = f->level;
		if (f->sentence)
			snprintf(p->sentence, sizeof(p->sentence), "%s", f->sentence);
		if (p->deadlock != ANSWER_YES && f->n_missing)
			say(p->doubt, "%s", f->missing[0]);
	}
}

/* ---- what it comes to --------------------------------------------------------------------------- */

/* A blocked thread of this kind, of all there are; named in words. */
static bool waiter_is(const struct rescue_plan *p, enum fdpin_class class, char words[WORDS_MAX])
{
	for (struct edge *e = edge_in(p->container, REL_WAITS); e; e = edge_in_next(e)) {
		if (task_class(e->from) != class)
			continue;
		task_words(e->from, words);
		return true;
	}
	return false;
}

/* Whatever wakes a waiter: may it be woken? */
static bool wakes_well(const struct rescue_plan *p, struct way_plan *w)
{
	char who[WORDS_MAX] = "the blocked thread";

	if (waiter_is(p, CLASS_USER, who)) {
		w->answer = ANSWER_NO;
		say(w->why,
		    "%s is a user thread. Waking it from this wait oopses the kernel (it is asked whether it should stop, as only a "
		    "kernel thread can be) while the lock of the container is held; then every call on the container hangs",
		    who);
		return false;
	}
	w->answer = ANSWER_CANNOT_TELL;
	if (waiter_is(p, CLASS_UNKNOWN, who))
		say(w->why, "whether %s is a kernel thread is not known, and a user thread must not be woken from this wait", who);
	else if (!p->whole)
		say(w->why, "not everything could be seen: a user thread may wait too, and must not be woken from this wait");
	else
		return true;
	return false;
}

/* An unmap, or a restore, needs a descriptor of the container's file. */
static bool reachable(const struct rescue_plan *p, struct way_plan *w)
{
	const struct edge *pending = edge_out(p->container, REL_PENDING);
	char who[WORDS_MAX];

	if (p->n_holders)
		return true;
	w->answer = ANSWER_NO;
	if (pending)
		say(w->why,
		    "no file table has the container's file any more: it waits in the chain of releases of %s, behind the device that "
		    "is being closed. Without a descriptor there is nothing to make the call through",
		    hdr_words(pending->last, who));
	else
		say(w->why, "no file table was found that has the container's file; if a socket has it in flight, receive it from there");
	return false;
}

/* Is the state of it what it was taken for? */
static bool certain(const struct rescue_plan *p, const struct rescue_terms *terms, struct way_plan *w)
{
	const struct ev_container *c = NOTE_OF(p->container, container);

	w->answer = p->deadlock == ANSWER_NO ? ANSWER_NO : ANSWER_CANNOT_TELL;
	if (!c || c->unstable)
		say(w->why, "the container changed while it was read");
	else if (c->invalid != p->n_ranges)
		say(w->why, "the kernel counts %u invalid ranges in it, and %u were read", c->invalid, p->n_ranges);
	else if (!p->n_ranges)
		say(w->why, "none of its ranges that were read is invalid, so what the thread waits for is not known");
	else if (p->ranges[0].wanted == ANSWER_NO)
		say(w->why, "none of the ranges that are invalid is the one that the thread was seen to fall asleep on");
	else if (p->deadlock == ANSWER_NO || p->level == LEVEL_NONE)
		say(w->why, "it is no deadlock, as far as is known: %s", *p->sentence ? p->sentence : "see fdpin-trace status");
	else if (p->deadlock != ANSWER_YES && !terms->likely)
		say(w->why, "that it is a deadlock is likely, not proven: %.400s. If it is certain that nobody will restore the range: --likely",
		    *p->doubt ? p->doubt : "see fdpin-trace status");
	else
		return true;
	return false;
}

static void say_devices(const struct rescue_plan *p, char *ret, size_t size)
{
	unsigned int n = 0;

	for (struct edge *e = edge_in(p->container, REL_MEMBER); e; e = edge_in_next(e))
		n++;
	if (n > 1)
		snprintf(ret, size, ", for each of the %u devices in the container", n);
}

static void plan_unmap(struct rescue_plan *p, const struct rescue_terms *terms, struct way_plan *w)
{
	char devices[64] = "";
	__s64 pinned = 0;

	if (!wakes_well(p, w) || !reachable(p, w) || !certain(p, terms, w))
		return;
	for (unsigned int i = 0; i < p->n_ranges; i++)
		pinned = p->ranges[i].pinned < 0 || pinned < 0 ? -1 : pinned + p->ranges[i].pinned;
	w->answer = ANSWER_YES;
	if (!pinned)
		say(w->why,
		    "it wakes the blocked thread with an error, and the close goes on. No mediated device has pinned pages in the range, "
		    "so no driver is asked, and none can stop the one who calls");
	else
		say(w->why,
		    "it wakes the blocked thread with an error, and the close goes on. But mediated devices have pinned pages%s, and "
		    "their drivers are asked first (dma_unmap): one that waits for the same work there stops the caller too. The "
		    "caller is a process that can be left behind",
		    p->ranges[0].pinned < 0 || pinned < 0 ? ", perhaps" : "");
	say_devices(p, devices, sizeof(devices));
	say(w->breaks,
	    "the mapping is gone%s: a guest that still runs loses that memory for DMA, and is lost. The memory itself and the host are not%s",
	    devices, pinned ? ". A driver that keeps its pins although it was told panics the kernel" : "");
}

static void plan_revalidate(struct rescue_plan *p, const struct rescue_terms *terms, struct way_plan *w)
{
	if (!wakes_well(p, w) || !reachable(p, w) || !certain(p, terms, w))
		return;
	if (terms->own_mm == KNOWN_YES) {
		w->answer = ANSWER_NO;
		say(w->why,
		    "on this kernel a range keeps an mm of its own (vfio_dma.mm), and whoever restores it becomes its owner: DMA would "
		    "go to that process's memory, or be lost, and pins be charged to it. Only the process it belongs to could, and "
		    "that is stuck");
		return;
	}
	if (terms->own_mm == NOT_KNOWN) {
		say(w->why, "whether a range keeps an mm of its own on this kernel is not known (type information of vfio_iommu_type1)");
		return;
	}
	w->answer = p->ranges[0].restorable;
	if (w->answer == ANSWER_NO)
		say(w->why, "its process has no memory at the old address any more: it has ended, or has executed another program");
	else if (w->answer == ANSWER_CANNOT_TELL)
		say(w->why, "whether its process still has memory at the old address was not seen");
	else
		say(w->why,
		    "on this kernel a range has no mm of its own: the old address goes on to mean the memory of the process that "
		    "mapped it. Second step, if a driver stops the unmap");
	if (w->answer == ANSWER_YES)
		say(w->breaks, "the blocked thread goes on with its DMA, into memory whose owner had taken it away: what is there now may be "
			       "something else");
}

static void plan_rest(struct rescue_plan *p)
{
	struct way_plan *closing = &p->ways[WAY_close], *killing = &p->ways[WAY_kill];
	const char *closer = p->n_closers ? p->closers[0].words : "the thread that closes";
	char user[WORDS_MAX];

	closing->answer = killing->answer = ANSWER_NO;
	say(closing->why,
	    "the wait ends when the last descriptor of the container is closed, but nobody can close one for another process, and %s "
	    "does not come back to do it",
	    closer);
	if (waiter_is(p, CLASS_USER, user))
		say(killing->why, "%s is a user thread: killing it wakes it, which oopses the kernel", user);
	else
		say(killing->why, "SIGKILL reaches neither: %s is a kernel thread, and %s sleeps uninterruptibly",
		    p->n_waiters ? p->waiters[0].words : "the blocked one", closer);
}

static int plan(struct rescue_plan *p, const struct model *m, const struct locked *l, const struct findings *findings,
		const struct rescue_terms *terms)
{
	int r;

	p->container = l->container;
	p->whole = seen_whole(m);
	find_verdict(p, findings);
	find_threads(p, l);
	find_holders(p, model_last_look(m));
	r = find_ranges(p, m);
	if (r)
		return r;
	plan_unmap(p, terms, &p->ways[WAY_unmap]);
	plan_revalidate(p, terms, &p->ways[WAY_revalidate]);
	plan_rest(p);
	return 0;
}

int rescue_plan(struct rescue_plans *ret, const struct model *m, const struct findings *findings, const struct rescue_terms *terms)
{
	struct waitgraph g;
	int r = waitgraph_make(&g, m);

	*ret = (struct rescue_plans){};
	if (r)
		return r;
	ret->v = calloc(g.n_locked ?: 1, sizeof(*ret->v));
	if (!ret->v)
		r = -ENOMEM;
	for (unsigned int i = 0; i < g.n_locked && !r; i++)
		r = plan(&ret->v[ret->n++], m, &g.locked[i], findings, terms);
	waitgraph_free(&g);
	if (r)
		rescue_plans_free(ret);
	return r;
}

void rescue_plans_free(struct rescue_plans *p)
{
	for (unsigned int i = 0; i < p->n; i++)
		free(p->v[i].ranges);
	free(p->v);
	*p = (struct rescue_plans){};
}
