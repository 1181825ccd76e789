// SPDX-License-Identifier: GPL-2.0-only
/*
 * model_store.c - where the model keeps objects and edges, and forgets them.
 *
 * Owns: the table of objects (chained hash, grown by doubling), the lists of
 * edges, and what is forgotten when.
 *
 * An edge stands in two singly linked lists, its ends' out and in, each sorted
 * by relation, newest first within one. A container's ranges (PART) sort last
 * of what points at it, so asking for its waiters does not walk 65,535 ranges.
 * An edge is found by walking both lists in step: the shorter one decides.
 *
 * Memory is bounded: what only looks have shown goes with the first look that
 * does not show it; ranges above MODEL_MAX_RANGES are counted, not kept; of
 * objects nobody points at the oldest go once there are more than IDLE_MAX.
 * Edges are then marked dead and taken out of all lists in one pass.
 */
#include "model_store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MODEL_MAX_RANGES (1u << 20)
#define MODEL_MAX_EDGES (1u << 22) /* of all other relations */
#define IDLE_MAX 16384
#define MIN_BUCKETS 256
#define REL_DEAD REL__max

/* Relations with one `to` for each `from`: a new one takes the place of the old. */
static const bool single[REL__max] = {
	[REL_WAITS] = true,  [REL_RUNS] = true, [REL_IN_WQ] = true,	[REL_BEHIND] = true,
	[REL_MEMBER] = true, [REL_USES] = true, [REL_LOCK_WAIT] = true, [REL_LOCK_OWNED] = true,
	[REL_IN_MM] = true,  [REL_OF_USER] = true, [REL_CLEARED] = true,
};

/* Relations with one `from` for each `to`, likewise: a thread runs one work item. */
static const bool single_to[REL__max] = {
	[REL_RUNS] = true,
};

/* Relations that only describe their `from`, and do not keep it from being forgotten. */
static const bool descriptive[REL__max] = {
	[REL_IN_WQ] = true,
	[REL_MEMBER] = true,
	[REL_USES] = true,
	[REL_LOCK_OWNED] = true,
	[REL_IOAS_OF] = true,
	[REL_IN_MM] = true,
	[REL_OF_USER] = true,
	[REL_MEMORY_OF] = true,
};

/* ---- construction --------------------------------------------------------- */

struct model *model_new(void)
{
	struct model *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->buckets = calloc(MIN_BUCKETS, sizeof(*m->buckets));
	if (!m->buckets) {
		free(m);
		errno = ENOMEM;
		return NULL;
	}
	m->n_buckets = MIN_BUCKETS;
	m->tail = &m->first;
	for (int kind = 0; kind < OBJ__max; kind++)
		m->alike[kind].tail = &m->alike[kind].first;
	m->sweep_at = 2 * IDLE_MAX;
	ledger_init(&m->ledger);
	return m;
}

void record_give(struct model *m, struct fdpin_hdr *h)
{
	if (h)
		pool_give(&m->pool, h, h->size);
}

static void edge_free(struct model *m, struct edge *e)
{
	if (e->last != e->rec)
		record_give(m, e->last);
	record_give(m, e->rec);
	pool_give(&m->pool, e, sizeof(*e));
}

static void obj_free(struct model *m, struct obj *o)
{
	record_give(m, o->note);
	record_give(m, o->prev_note);
	pool_give(&m->pool, o, sizeof(*o));
}

void model_free(struct model *m)
{
	if (!m)
		return;
	pool_end(&m->pool);
	ledger_free(&m->ledger);
	free(m->buckets);
	free(m);
}

/* ---- objects -------------------------------------------------------------- */

static unsigned int bucket_of(const struct model *m, enum obj_kind kind, __u64 id)
{
	__u64 h = (id ^ (__u64)kind << 56) * 0x9e3779b97f4a7c15ULL;

	return (unsigned int)(h >> 32) & (m->n_buckets - 1);
}

struct obj *model_find(const struct model *m, enum obj_kind kind, __u64 id)
{
	struct obj *o = m->buckets[bucket_of(m, kind, id)];

	while (o && (o->kind != kind || o->id != id))
		o = o->next_hash;
	return o;
}

/* Twice the buckets; when there is no memory for them the chains just get longer. */
static void grow(struct model *m)
{
	struct obj **new = calloc((size_t)m->n_buckets * 2, sizeof(*new));

	if (!new)
		return;
	free(m->buckets);
	m->buckets = new;
	m->n_buckets *= 2;
	for (struct obj *o = m->first; o; o = o->next) {
		struct obj **b = &m->buckets[bucket_of(m, o->kind, o->id)];

		o->next_hash = *b;
		*b = o;
	}
}

struct obj *store_obj(struct model *m, enum obj_kind kind, __u64 id)
{
	struct obj *o = model_find(m, kind, id), **b;

	if (o)
		return o;
	o = pool_take(&m->pool, sizeof(*o));
	if (!o)
		return NULL;
	*o = (struct obj){ .kind = kind, .id = id };
	if (m->n_objs >= m->n_buckets)
		grow(m);
	b = &m->buckets[bucket_of(m, kind, id)];
	o->next_hash = *b;
	*b = o;
	*m->tail = o;
	m->tail = &o->next;
	*m->alike[kind].tail = o;
	m->alike[kind].tail = &o->next_alike;
	m->n_objs++;
	return o;
}

static void unhash(struct model *m, const struct obj *o)
{
	struct obj **p = &m->buckets[bucket_of(m, o->kind, o->id)];

	while (*p != o)
		p = &(*p)->next_hash;
	*p = o->next_hash;
}

/* ---- edges ---------------------------------------------------------------- */

struct edge *edge_out(const struct obj *o, enum relation rel)
{
	struct edge *e = o ? o->out : NULL;

	while (e && e->rel < rel)
		e = e->next_from;
	return e && e->rel == rel ? e : NULL;
}

struct edge *edge_out_next(const struct edge *e)
{
	struct edge *n = e->next_from;

	return n && n->rel == e->rel ? n : NULL;
}

struct edge *edge_in(const struct obj *o, enum relation rel)
{
	struct edge *e = o ? o->in : NULL;

	while (e && e->rel < rel)
		e = e->next_to;
	return e && e->rel == rel ? e : NULL;
}

struct edge *edge_in_next(const struct edge *e)
{
	struct edge *n = e->next_to;

	return n && n->rel == e->rel ? n : NULL;
}

struct edge *store_find(enum relation rel, const struct obj *from, const struct obj *to)
{
	struct edge *a = edge_out(from, rel), *b = edge_in(to, rel);

	for (; a && b; a = edge_out_next(a), b = edge_in_next(b)) {
		if (a->to == to)
			return a;
		if (b->from == from)
			return b;
	}
	return NULL;
}

static void enlist(struct edge *e)
{
	struct edge **p = &e->from->out;

	while (*p && (*p)->rel < e->rel)
		p = &(*p)->next_from;
	e->next_from = *p;
	*p = e;
	for (p = &e->to->in; *p && (*p)->rel < e->rel;)
		p = &(*p)->next_to;
	e->next_to = *p;
	*p = e;
}

static void count_edge(struct model *m, enum relation rel, int by)
{
	if (rel == REL_PART)
		m->n_ranges += by;
	else
		m->n_edges += by;
}

void store_remove(struct model *m, struct edge *e)
{
	struct edge **p = &e->from->out;

	while (*p != e)
		p = &(*p)->next_from;
	*p = e->next_from;
	for (p = &e->to->in; *p != e;)
		p = &(*p)->next_to;
	*p = e->next_to;
	count_edge(m, e->rel, -1);
	edge_free(m, e);
}

struct fdpin_hdr *record_copy(struct model *m, const struct fdpin_hdr *h)
{
	struct fdpin_hdr *c = pool_take(&m->pool, h->size);

	if (c)
		memcpy(c, h, h->size);
	return c;
}

static void confirm(struct edge *e, unsigned int look)
{
	if (!look)
		e->observed = true;
	else if (e->last_look != look)
		e->looks = e->last_look && e->last_look + 1 == look ? e->looks + 1 : 1;
	if (look)
		e->last_look = look;
}

/* Does it say of the same thing what was said before? */
static bool says_the_same(const struct fdpin_hdr *a, const struct fdpin_hdr *b)
{
	return a->type == b->type && a->size == b->size && a->container == b->container && a->grade == b->grade &&
	       !memcmp(a + 1, b + 1, a->size - sizeof(*a));
}

/*
 * There are many ranges, so of each one record is kept. It is the first of those
 * in a row that say the same: since when a range has been as it is, a verdict asks.
 */
static int confirm_range(struct model *m, struct edge *e, const struct fdpin_hdr *h)
{
	struct fdpin_hdr *c;

	if (says_the_same(e->rec, h))
		return 0;
	c = record_copy(m, h);
	if (!c)
		return -ENOMEM;
	record_give(m, e->rec);
	e->rec = e->last = c;
	return 0;
}

static int confirm_other(struct model *m, struct edge *e, const struct fdpin_hdr *h)
{
	struct fdpin_hdr *c = record_copy(m, h);

	if (!c)
		return -ENOMEM;
	if (e->last != e->rec)
		record_give(m, e->last);
	e->last = c;
	return 0;
}

int store_confirm(struct model *m, struct edge *e, const struct fdpin_hdr *h, unsigned int look)
{
	int err = e->rel == REL_PART ? confirm_range(m, e, h) : confirm_other(m, e, h);

	if (err)
		return err;
	confirm(e, look);
	return 0;
}

int store_link(struct model *m, enum relation rel, struct obj *from, struct obj *to, const struct fdpin_hdr *h,
	       unsigned int look)
{
	struct edge *e, *old;

	if (rel == REL_PART && m->n_ranges >= MODEL_MAX_RANGES) {
		m->dropped++;
		return 0;
	}
	if (m->n_edges >= MODEL_MAX_EDGES)
		return -ENOMEM;
	e = pool_take(&m->pool, sizeof(*e));
	if (!e)
		return -ENOMEM;
	*e = (struct edge){ .rel = rel, .from = from, .to = to };
	e->rec = e->last = record_copy(m, h);
	if (!e->rec) {
		pool_give(&m->pool, e, sizeof(*e));
		return -ENOMEM;
	}
	if (single[rel] && (old = edge_out(from, rel)))
		store_remove(m, old);
	if (single_to[rel] && (old = edge_in(to, rel)))
		store_remove(m, old);
	confirm(e, look);
	enlist(e);
	count_edge(m, rel, 1);
	return 0;
}

/* ---- forgetting ----------------------------------------------------------- */

static void purge_lists(struct model *m, struct obj *o, struct edge **dead)
{
	struct edge **p = &o->in, *e;

	while ((e = *p)) {
		if (e->rel == REL_DEAD)
			*p = e->next_to;
		else
			p = &e->next_to;
	}
	for (p = &o->out; (e = *p);) {
		if (e->rel != REL_DEAD) {
			p = &e->next_from;
			continue;
		}
		*p = e->next_from;
		e->next_from = *dead; /* the other list still goes through it: freed last */
		*dead = e;
		count_edge(m, e->from->kind == OBJ_RANGE ? REL_PART : REL_DEAD, -1);
	}
}

static bool is_nothing(const struct obj *o)
{
	return !o->note && !o->out && !o->in;
}

static void purge_alike(struct model *m, int kind)
{
	struct obj **p = &m->alike[kind].first;

	while (*p) {
		if (is_nothing(*p))
			*p = (*p)->next_alike;
		else
			p = &(*p)->next_alike;
	}
	m->alike[kind].tail = p;
}

/* Free dead edges, and objects with neither edge nor note. */
static void purge(struct model *m)
{
	struct obj **p = &m->first, *o;
	struct edge *dead = NULL, *e;

	for (o = m->first; o; o = o->next)
		purge_lists(m, o, &dead);
	while ((e = dead)) {
		dead = e->next_from;
		edge_free(m, e);
	}
	for (int kind = 0; kind < OBJ__max; kind++)
		purge_alike(m, kind);
	while ((o = *p)) {
		if (!is_nothing(o)) {
			p = &o->next;
			continue;
		}
		*p = o->next;
		unhash(m, o);
		obj_free(m, o);
		m->n_objs--;
	}
	m->tail = p;
}

static void drop_notes(struct model *m, struct obj *o)
{
	record_give(m, o->note);
	record_give(m, o->prev_note);
	o->note = o->prev_note = NULL;
	o->note_look = o->prev_look = 0;
}

/*
 * A look reads whole wait queues, and all devices: what it should have shown and
 * did not is over, although no record said so.
 */
static bool is_over(const struct edge *e, unsigned int look, __u64 denied_from)
{
	if (e->last_look == look)
		return false;
	if (!e->observed)
		return true;
	return (e->rel == REL_WAITS || e->rel == REL_RUNS || e->rel == REL_MEMBER) && e->last->ts_ns < denied_from;
}

/*
 * What only looks have shown and this one did not is no longer so. What hooks
 * saw before denied_from neither: two looks in a row have not shown it. 0 for
 * looks that may have missed it.
 */
void store_drop_unseen(struct model *m, unsigned int look, __u64 denied_from)
{
	for (struct obj *o = m->first; o; o = o->next) {
		for (struct edge *e = o->out; e; e = e->next_from)
			if (is_over(e, look, denied_from))
				e->rel = REL_DEAD;
		if (o->note && o->note_look && o->note_look != look)
			drop_notes(m, o);
	}
	purge(m);
}

static bool is_idle(const struct obj *o)
{
	if (o->in || o->note_look || o->kind >= OBJ_SESSION)
		return false;
	for (const struct edge *e = o->out; e; e = e->next_from)
		if (!descriptive[e->rel] || e->last_look)
			return false;
	return true;
}

/* Too many objects that nobody points at: the oldest half goes. */
void store_sweep(struct model *m)
{
	unsigned int idle = 0, excess;
	struct obj *o;

	if (m->n_objs <= m->sweep_at)
		return;
	for (o = m->first; o; o = o->next)
		idle += is_idle(o);
	excess = idle > IDLE_MAX ? idle - IDLE_MAX / 2 : 0;
	for (o = m->first; o && excess; o = o->next) {
		if (!is_idle(o))
			continue;
		for (struct edge *e = o->out; e; e = e->next_from)
			e->rel = REL_DEAD;
		drop_notes(m, o);
		excess--;
	}
	purge(m);
	m->sweep_at = m->n_objs < IDLE_MAX ? 2 * IDLE_MAX : 2 * m->n_objs;
}
