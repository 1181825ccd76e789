// SPDX-License-Identifier: GPL-2.0-only
/*
 * waitgraph.c - the two solutions of the wait-for graph (waitgraph.h).
 *
 * Owns: the closure of stuck objects from a set of containers, and the two
 * fixed points over it. From a stuck thread the walk goes against the edges:
 *
 *   thread <- RUNS - work <- FLUSHES - thread
 *   		      work <- BEHIND - work
 *   		      work - IN_WQ -> workqueue <- FLUSHES_WQ - thread
 *   thread <- LOCK_OWNED - lock <- LOCK_WAIT - thread
 *
 * breadth first, so that the chain kept for each object is a shortest one.
 * What counts as evidence is in waitgraph_evidence.c.
 */
#define HASH_NONFATAL_OOM 1
#include "waitgraph.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TASK_UNINTERRUPTIBLE 2
#define TASK_WAKEKILL 0x100

/* ---- small parts ---------------------------------------------------------- */

static void add_task(struct waitgraph *g, struct tasks *list, const struct obj *task)
{
	for (unsigned int i = 0; i < list->n; i++)
		if (list->v[i] == task)
			return;
	if (list->n == list->room) {
		unsigned int room = list->room ? 2 * list->room : 8;
		const struct obj **v = reallocarray(list->v, room, sizeof(*v));

		if (!v) {
			g->oom = true;
			return;
		}
		list->v = v;
		list->room = room;
	}
	list->v[list->n++] = task;
}

static struct mark *find_mark(const struct closure *cl, const struct obj *o)
{
	struct mark *mk;

	HASH_FIND_PTR(cl->marks, &o, mk);
	return mk;
}

static struct mark *add_mark(struct waitgraph *g, struct closure *cl, const struct obj *o, const struct edge *e,
			     struct mark *next)
{
	struct mark *mk;

	if (find_mark(cl, o))
		return NULL;
	mk = calloc(1, sizeof(*mk));
	if (!mk) {
		g->oom = true;
		return NULL;
	}
	mk->obj = o;
	mk->edge = e;
	mk->next = next;
	HASH_ADD_PTR(cl->marks, obj, mk);
	if (!mk->hh.tbl) {
		free(mk);
		g->oom = true;
		return NULL;
	}
	*cl->tail = mk;
	cl->tail = &mk->queue;
	return mk;
}

static void clear_marks(struct closure *cl)
{
	struct mark *mk, *next;

	HASH_CLEAR(hh, cl->marks);
	for (mk = cl->head; mk; mk = next) {
		next = mk->queue;
		free(mk);
	}
	cl->head = NULL;
	cl->tail = &cl->head;
}

static struct locked *find_locked(const struct waitgraph *g, const struct obj *c)
{
	for (unsigned int i = 0; i < g->n_locked; i++)
		if (g->locked[i].container == c)
			return &g->locked[i];
	return NULL;
}

static bool in_solution(const struct closure *cl, const struct locked *l)
{
	return cl->strict ? l->strict : l->loose;
}

/* ---- the closure ---------------------------------------------------------- */

/* May the strict solution use this edge, with the thread that it makes stuck or that runs the work? */
static bool admit(const struct waitgraph *g, const struct closure *cl, const struct edge *e, const struct obj *task)
{
	if (!cl->strict)
		return true;
	if (!evidence_solid(g, e))
		return false;
	if (!task)
		return true;
	if (!evidence_live(g, e) && !task_still(g, task))
		return false;
	if (e->rel == REL_WAITS)
		return task_class(task) == CLASS_WORKER || task_class(task) == CLASS_KTHREAD;
	return e->rel == REL_RUNS || !task_killable(task, e);
}

static void expand_task(struct waitgraph *g, struct closure *cl, struct mark *mk)
{
	struct edge *e;

	for (e = edge_in(mk->obj, REL_RUNS); e; e = edge_in_next(e))
		if (admit(g, cl, e, mk->obj))
			add_mark(g, cl, e->from, e, mk);
	for (e = edge_in(mk->obj, REL_LOCK_OWNED); e; e = edge_in_next(e))
		if (admit(g, cl, e, NULL))
			add_mark(g, cl, e->from, e, mk);
}

static void expand_queue(struct waitgraph *g, struct closure *cl, struct mark *mk)
{
	for (struct edge *w = edge_out(mk->obj, REL_IN_WQ); w; w = edge_out_next(w)) {
		if (!admit(g, cl, w, NULL))
			continue;
		for (struct edge *e = edge_in(w->to, REL_FLUSHES_WQ); e; e = edge_in_next(e)) {
			struct mark *new;

			if (!admit(g, cl, e, e->from) || (cl->strict && !flush_covers(e, mk->edge)))
				continue;
			new = add_mark(g, cl, e->from, e, mk);
			if (new)
				new->bridge = w;
		}
	}
}

static void expand_work(struct waitgraph *g, struct closure *cl, struct mark *mk)
{
	struct edge *e;

	for (e = edge_in(mk->obj, REL_FLUSHES); e; e = edge_in_next(e))
		if (admit(g, cl, e, e->from))
			add_mark(g, cl, e->from, e, mk);
	for (e = edge_in(mk->obj, REL_BEHIND); e; e = edge_in_next(e))
		if (admit(g, cl, e, NULL))
			add_mark(g, cl, e->from, e, mk);
	if (mk->edge->rel == REL_RUNS)
		expand_queue(g, cl, mk);
}

static void expand_lock(struct waitgraph *g, struct closure *cl, struct mark *mk)
{
	for (struct edge *e = edge_in(mk->obj, REL_LOCK_WAIT); e; e = edge_in_next(e))
		if (admit(g, cl, e, e->from))
			add_mark(g, cl, e->from, e, mk);
}

/* Expand what was found from *done on; marks found meanwhile join the end. */
static void expand(struct waitgraph *g, struct closure *cl, struct mark **done)
{
	for (; *done; done = &(*done)->queue) {
		struct mark *mk = *done;

		if (mk->obj->kind == OBJ_TASK)
			expand_task(g, cl, mk);
		else if (mk->obj->kind == OBJ_WORK)
			expand_work(g, cl, mk);
		else if (mk->obj->kind == OBJ_LOCK)
			expand_lock(g, cl, mk);
	}
}

#define CHAIN_MAX 16

/* The thread that runs a work item, or the one it is queued behind; NULL if none is known to. */
static const struct obj *runner(const struct obj *work)
{
	const struct edge *e = edge_out(work, REL_RUNS);

	for (unsigned int i = 0; !e && i < CHAIN_MAX; i++) {
		const struct edge *behind = edge_out(work, REL_BEHIND);

		if (!behind)
			return NULL;
		work = behind->to;
		e = edge_out(work, REL_RUNS);
	}
	return e ? e->to : NULL;
}

/* The thread that a thread waits for, as far as an edge says; NULL if none does. *ret_known: some wait is known. */
static const struct obj *waits_for(const struct obj *task, bool *ret_known)
{
	const struct edge *lock = edge_out(task, REL_LOCK_WAIT), *flush = edge_out(task, REL_FLUSHES), *e;

	*ret_known = lock || flush || edge_out(task, REL_FLUSHES_WQ);
	if (!lock)
		return flush ? runner(flush->to) : NULL;
	e = edge_out(lock->to, REL_LOCK_OWNED);
	return e ? e->to : NULL;
}

/* It runs, or something will let it: a timer, a signal, a restored range. Asleep for a reason nobody recorded is not that. */
static bool task_free(const struct waitgraph *g, const struct obj *task)
{
	const struct ev_thread *th = NOTE_OF(task, thread);
	const struct edge *wait = edge_out(task, REL_WAITS);
	const struct locked *l = wait ? find_locked(g, wait->to) : NULL;

	if (wait)
		return !l || !l->loose;
	if (!th)
		return false;
	if (!th->state)
		return true;
	/* one long sleep ends by itself; many short ones may be a loop that asks whether the blocked thread is done */
	if (th->wait == WAIT_TIMER)
		return task_still(g, task);
	return !(th->state & TASK_UNINTERRUPTIBLE) && th->class == CLASS_USER;
}

/* What a thread waits for is known, down to somebody who is free to go on. */
static bool ends_free(const struct waitgraph *g, const struct obj *task)
{
	bool known;

	for (unsigned int i = 0; i < CHAIN_MAX; i++) {
		const struct obj *next = waits_for(task, &known);

		if (!next)
			return i && !known && task_free(g, task);
		task = next;
	}
	return false;
}

/*
 * It sleeps, uninterruptibly, while it closes a device, and no edge says what
 * ends that: a completion, say, or an item whose worker sleeps on one. It may
 * wait for a stuck thread.
 */
static bool is_suspect(const struct waitgraph *g, const struct obj *task)
{
	const struct ev_thread *th = NOTE_OF(task, thread);

	if (edge_out(task, REL_WAITS) || (th && !(th->state & TASK_UNINTERRUPTIBLE)))
		return false;
	return !ends_free(g, task);
}

/* It has the file, but sleeps where neither a signal nor a timer reaches it. */
static bool task_numb(const struct waitgraph *g, const struct obj *task)
{
	const struct ev_thread *th = NOTE_OF(task, thread);

	return th && th->state & TASK_UNINTERRUPTIBLE && !(th->state & TASK_WAKEKILL) && th->wait != WAIT_TIMER &&
	       task_still(g, task) && !ends_free(g, task);
}

static void mark_suspects(struct waitgraph *g, struct closure *cl, const struct obj *c)
{
	for (struct edge *d = edge_in(c, REL_MEMBER); d; d = edge_in_next(d)) {
		for (struct edge *e = edge_in(d->from, REL_CLOSES); e; e = edge_in_next(e)) {
			struct mark *mk;

			if (!is_suspect(g, e->from))
				continue;
			mk = add_mark(g, cl, e->from, e, NULL);
			if (mk)
				mk->suspect = true;
		}
	}
}

static void make_closure(struct waitgraph *g, struct closure *cl)
{
	struct mark **rest;

	clear_marks(cl);
	for (unsigned int i = 0; i < g->n_locked; i++) {
		if (!in_solution(cl, &g->locked[i]))
			continue;
		for (struct edge *e = edge_in(g->locked[i].container, REL_WAITS); e; e = edge_in_next(e))
			if (admit(g, cl, e, e->from))
				add_mark(g, cl, e->from, e, NULL);
	}
	expand(g, cl, &cl->head);
	if (cl->strict)
		return;
	rest = cl->tail;
	for (unsigned int i = 0; i < g->n_locked; i++)
		if (g->locked[i].loose)
			mark_suspects(g, cl, g->locked[i].container);
	expand(g, cl, rest);
}

/* ---- strict: everybody who could act is found and stuck -------------------- */

/* Stuck by proof, and in the last two looks, so that it did nothing after them. */
static bool holder_stuck(const struct waitgraph *g, const struct obj *task)
{
	const struct mark *mk = find_mark(&g->strict, task);

	return mk && task_still(g, task) && (mk->edge->rec->ts_ns < model_look_began(g->m, 0) || mk->edge->looks >= 2);
}

/* It can make no system call any more, whatever happens: blocked on a range itself, a signal can only end it. */
static bool holder_passive(const struct waitgraph *g, const struct obj *task)
{
	const struct edge *e = edge_out(task, REL_WAITS);
	const struct locked *l = e ? find_locked(g, e->to) : NULL;

	if (task_exiting(task) && task->note_look == g->look)
		return true;
	return l && l->strict && evidence_solid(g, e) && task_still(g, task);
}

static bool table_shut(const struct waitgraph *g, const struct obj *files)
{
	unsigned int stuck = 0;

	for (struct edge *e = edge_in(files, REL_USES); e; e = edge_in_next(e)) {
		if (holder_stuck(g, e->from))
			stuck++;
		else if (!holder_passive(g, e->from))
			return false;
	}
	return stuck > 0; /* else the last to exit lets go of the file */
}

static bool strictly_locked(const struct waitgraph *g, const struct obj *c)
{
	struct edge *e;

	switch (container_account(g, c, NULL, NULL)) {
	case ACCOUNT_FULL:
		for (e = edge_out(c, REL_HELD); e; e = edge_out_next(e))
			if (!evidence_solid(g, e) || !table_shut(g, e->to))
				return false;
		return true;
	case ACCOUNT_PENDING:
		for (e = edge_out(c, REL_PENDING); e; e = edge_out_next(e))
			if (!evidence_solid(g, e) || !holder_stuck(g, e->to))
				return false;
		return true;
	default:
		return false;
	}
}

/* A container without a blocked thread that proves is no dead end by itself. */
static bool has_proven_waiter(const struct waitgraph *g, const struct obj *c)
{
	for (struct edge *e = edge_in(c, REL_WAITS); e; e = edge_in_next(e)) {
		const struct mark *mk = find_mark(&g->strict, e->from);

		if (mk && mk->edge == e)
			return true;
	}
	return false;
}

static void solve_strict(struct waitgraph *g)
{
	bool changed = g->sound;

	for (unsigned int i = 0; i < g->n_locked; i++)
		g->locked[i].strict = g->sound;
	while (changed && !g->oom) {
		changed = false;
		make_closure(g, &g->strict);
		for (unsigned int i = 0; i < g->n_locked; i++) {
			struct locked *l = &g->locked[i];

			if (!l->strict || (has_proven_waiter(g, l->container) && strictly_locked(g, l->container)))
				continue;
			l->strict = false;
			changed = true;
		}
	}
}

/* ---- loose: nobody is known to be able to act ------------------------------ */

static void find_closers(struct waitgraph *g, const struct closure *cl, struct locked *l)
{
	struct edge *e, *f;
	const struct mark *mk;

	for (e = edge_out(l->container, REL_HELD); e; e = edge_out_next(e))
		for (f = edge_in(e->to, REL_USES); f; f = edge_in_next(f))
			if ((mk = find_mark(cl, f->from)) && mk->edge->rel != REL_WAITS)
				add_task(g, &l->closers, f->from);
	for (e = edge_out(l->container, REL_PENDING); e; e = edge_out_next(e))
		if ((mk = find_mark(cl, e->to)) && mk->edge->rel != REL_WAITS)
			add_task(g, &l->closers, e->to);
	for (e = edge_in(l->container, REL_MEMBER); e; e = edge_in_next(e))
		for (f = edge_in(e->from, REL_CLOSES); f; f = edge_in_next(f))
			if ((mk = find_mark(cl, f->from)) && mk->edge->rel != REL_WAITS)
				add_task(g, &l->closers, f->from);
}

static void find_able(struct waitgraph *g, const struct closure *cl, struct locked *l)
{
	bool any = false;

	for (struct edge *e = edge_out(l->container, REL_HELD); e; e = edge_out_next(e)) {
		bool stuck = false;
		struct edge *f;

		for (f = edge_in(e->to, REL_USES); f; f = edge_in_next(f)) {
			stuck |= !!find_mark(cl, f->from);
			any = true;
		}
		for (f = edge_in(e->to, REL_USES); f; f = edge_in_next(f))
			if (!find_mark(cl, f->from) && !(stuck && task_exiting(f->from)))
				add_task(g, task_numb(g, f->from) ? &l->numb : &l->able, f->from);
	}
	l->users_only = any && !l->able.n && !l->numb.n && !l->closers.n;
}

/* Somebody can act who is not of the process of a closer; without a closer that is anybody. */
static bool loosely_open(const struct locked *l)
{
	for (unsigned int i = 0; i < l->able.n; i++) {
		bool of_closer = false;

		for (unsigned int j = 0; j < l->closers.n; j++)
			of_closer |= task_tgid(l->able.v[i]) == task_tgid(l->closers.v[j]);
		if (!of_closer)
			return true;
	}
	return false;
}

static void solve_loose(struct waitgraph *g)
{
	bool changed = true;

	for (unsigned int i = 0; i < g->n_locked; i++)
		g->locked[i].loose = true;
	while (changed && !g->oom) {
		changed = false;
		make_closure(g, &g->loose);
		for (unsigned int i = 0; i < g->n_locked; i++) {
			struct locked *l = &g->locked[i];

			if (!l->loose)
				continue; /* its lists stay as they were when it was taken out */
			l->closers.n = l->able.n = l->numb.n = 0;
			find_closers(g, &g->loose, l);
			find_able(g, &g->loose, l);
			if (!loosely_open(l))
				continue;
			l->loose = false;
			changed = true;
		}
	}
}

/* ---- the whole ------------------------------------------------------------ */

/*
 * The file is gone (only groups refer to the container): that ended all waits,
 * and who is still on the queue is about to leave it. Unless two looks say so.
 */
static bool file_gone(const struct waitgraph *g, const struct obj *c)
{
	const struct ev_container *n = NOTE_OF(c, container);

	if (!n || n->has_file || !n->groups || n->kref != n->groups)
		return false;
	for (struct edge *e = edge_in(c, REL_WAITS); e; e = edge_in_next(e))
		if (e->looks >= 2 && e->last_look == g->look)
			return false;
	return true;
}

static int find_all_locked(struct waitgraph *g)
{
	unsigned int n = 0;
	struct obj *o;

	for (o = model_first(g->m, OBJ_CONTAINER); o; o = model_next(o, OBJ_CONTAINER))
		n += !!edge_in(o, REL_WAITS);
	if (!n)
		return 0;
	g->locked = calloc(n, sizeof(*g->locked));
	if (!g->locked)
		return -ENOMEM;
	for (o = model_first(g->m, OBJ_CONTAINER); o; o = model_next(o, OBJ_CONTAINER))
		if (edge_in(o, REL_WAITS) && !file_gone(g, o))
			g->locked[g->n_locked++].container = o;
	return 0;
}

int waitgraph_make(struct waitgraph *g, const struct model *m)
{
	*g = (struct waitgraph){
		.m = m,
		.look = model_last_look(m),
		.sound = model_looks_sound(m),
		.live = !model_lost(m) && !model_gaps(m),
	};
	g->strict.strict = true;
	g->strict.tail = &g->strict.head;
	g->loose.tail = &g->loose.head;
	g->oom = find_all_locked(g) < 0;
	solve_strict(g);
	solve_loose(g);
	for (unsigned int i = 0; i < g->n_locked; i++) {
		struct locked *l = &g->locked[i];

		l->outlook = l->strict ? OUTLOOK_PROVEN : l->loose ? OUTLOOK_LIKELY : OUTLOOK_OPEN;
		if (l->strict) {
			l->closers.n = l->able.n = l->numb.n = 0;
			find_closers(g, &g->strict, l);
		}
	}
	if (!g->oom)
		return 0;
	waitgraph_free(g);
	return -ENOMEM;
}

void waitgraph_free(struct waitgraph *g)
{
	for (unsigned int i = 0; i < g->n_locked; i++) {
		free(g->locked[i].closers.v);
		free(g->locked[i].able.v);
		free(g->locked[i].numb.v);
	}
	free(g->locked);
	clear_marks(&g->strict);
	clear_marks(&g->loose);
	*g = (struct waitgraph){ .m = NULL };
}

const struct mark *waitgraph_mark(const struct waitgraph *g, const struct locked *l, const struct obj *o)
{
	return find_mark(l->strict ? &g->strict : &g->loose, o);
}

const struct mark *mark_end(const struct mark *mk)
{
	while (mk->next)
		mk = mk->next;
	return mk;
}

const struct obj *mark_container(const struct mark *mk)
{
	mk = mark_end(mk);
	return mk->suspect ? NULL : mk->edge->to;
}
