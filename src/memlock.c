// SPDX-License-Identifier: GPL-2.0-only
/*
 * memlock.c - what RLIMIT_MEMLOCK must be (memlock.h).
 *
 * A unit is what a device shares with others or has for itself: a type1
 * container, or an ioas. Each unit charges for all of the memory in it, so that
 * devices behind a vIOMMU, which have one each, cost all of RAM each.
 */
#include "memlock.h"

#include <errno.h>
#include <stdlib.h>

#include "util.h"

struct unit {
	__u32 ioas;
	enum memlock_counter counter;
	struct pages ram;  /* what one more unit like it is charged */
	struct pages rest; /* of it, what is not pinned before a device of an IOMMU joins */
	bool partial;	   /* not all of its ranges were read */
};

/* What is charged for a range, or for the pages that several areas share. */
struct charge {
	enum memlock_counter counter;
	__u64 key;
	__s64 pages; /* -1: not known */
};

/* Of one address space. */
struct units {
	struct unit *v; /* of one container at a time */
	size_t n, size;
	struct charge *charges;
	size_t n_charges, charges_size;
};

/* ---- units --------------------------------------------------------------------- */

static enum memlock_counter counter_of(const struct ev_container *c, const struct ev_range *r)
{
	if (c->kind == CONTAINER_TYPE1)
		return MEMLOCK_MM;
	switch (r->account) {
	case CHARGED_MM:
		return MEMLOCK_MM;
	case CHARGED_USER:
		return MEMLOCK_USER;
	case CHARGED_NONE:
		return MEMLOCK_NONE;
	default:
		return MEMLOCK_NOT_KNOWN;
	}
}

static struct unit *unit_of(struct units *u, __u32 ioas, enum memlock_counter counter)
{
	struct unit *new;

	for (size_t i = 0; i < u->n; i++)
		if (u->v[i].ioas == ioas && u->v[i].counter == counter)
			return &u->v[i];
	new = array_add(&u->v, &u->n, &u->size, sizeof(*u->v));
	if (new)
		*new = (struct unit){ .ioas = ioas, .counter = counter };
	return new;
}

static void add(struct pages *sum, __s64 n)
{
	if (n < 0)
		sum->unknown = true;
	else
		sum->n += n;
}

/* What is charged when all of a range is pinned. iommufd pins what it maps, pages that an end cuts with it. */
static __s64 full_charge(const struct model *m, struct backing_index *ix, const struct ev_range *r)
{
	if (r->pages)
		return (r->vaddr % PAGE_BYTES + r->size + PAGE_BYTES - 1) / PAGE_BYTES;
	return r->mapped && r->charged >= 0 ? r->charged : range_memory(m, ix, r);
}

static int unit_add(struct units *all, struct unit *u, const struct model *m, struct backing_index *ix, const struct ev_range *r)
{
	struct charge *c = array_add(&all->charges, &all->n_charges, &all->charges_size, sizeof(*c));
	__s64 full = full_charge(m, ix, r);

	if (!c)
		return -ENOMEM;
	*c = (struct charge){ u->counter, r->pages ? r->pages : r->id, r->charged >= 0 ? r->charged : range_pinned(m, ix, r) };
	add(&u->ram, full);
	if (!r->mapped)
		add(&u->rest, r->pinned < 0 || full < r->pinned ? -1 : full - r->pinned);
	return 0;
}

/* What of an address space is in a container, or in each of its ioases; unknown if the container did not stand still. */
static int units_of(struct units *u, const struct model *m, const struct obj *c, __u64 mm, struct backing_index *ix)
{
	const struct ev_container *note = NOTE_OF(c, container);
	unsigned int ranges = 0;

	for (struct edge *e = note ? edge_in(c, REL_PART) : NULL; e; e = edge_in_next(e)) {
		const struct ev_range *r = (const void *)e->last;
		struct unit *unit;

		ranges++;
		if (r->mm != mm || r->source == SOURCE_DMABUF) /* which iommufd counts nowhere */
			continue;
		unit = unit_of(u, r->ioas, counter_of(note, r));
		if (!unit || unit_add(u, unit, m, ix, r))
			return -ENOMEM;
	}
	for (size_t i = 0; i < u->n; i++)
		if (note->unstable || ranges != note->ranges)
			u->v[i].partial = u->v[i].ram.unknown = u->v[i].rest.unknown = true;
	return 0;
}

/* ---- an address space ------------------------------------------------------------ */

/* What its units come to for one counter. */
struct sum {
	unsigned int units;
	struct pages own;
	struct pages ram, rest; /* of the largest */
};

static void add_units(struct sum *sums, struct units *u)
{
	for (size_t i = 0; i < u->n; i++) {
		const struct unit *unit = &u->v[i];
		struct sum *sum = &sums[unit->counter];

		if (!sum->units++ || unit->ram.n > sum->ram.n) {
			sum->rest = unit->rest;
			sum->ram.n = unit->ram.n;
		}
		sum->ram.unknown |= unit->ram.unknown; /* another may be larger than is seen */
		sum->own.unknown |= unit->partial;
	}
	u->n = 0;
}

static int charge_cmp(const void *x, const void *y)
{
	const struct charge *a = x, *b = y;

	if (a->counter != b->counter)
		return a->counter < b->counter ? -1 : 1;
	return a->key < b->key ? -1 : a->key > b->key;
}

/* What is shared is charged once. */
static void add_charges(struct sum *sums, struct units *u)
{
	if (u->n_charges)
		qsort(u->charges, u->n_charges, sizeof(*u->charges), charge_cmp);
	for (size_t i = 0; i < u->n_charges; i++)
		if (!i || charge_cmp(&u->charges[i - 1], &u->charges[i]))
			add(&sums[u->charges[i].counter].own, u->charges[i].pages);
}

static int sum_mm(struct sum *sums, const struct model *m, __u64 mm)
{
	struct backing_index ix = {};
	struct units units = {};
	int err = 0;

	for (struct obj *c = model_first(m, OBJ_CONTAINER); c && !err; c = model_next(c, OBJ_CONTAINER)) {
		err = units_of(&units, m, c, mm, &ix);
		add_units(sums, &units);
	}
	add_charges(sums, &units);
	free(units.v);
	free(units.charges);
	backing_free(&ix);
	return err;
}

/* A counter below zero has wrapped: what it would be without that, nobody knows. */
static struct pages counted(const struct model *m, const struct obj *mm, const struct edge *lives, enum memlock_counter counter)
{
	const struct ev_process *p = (const void *)lives->last;
	const struct obj *user = model_find(m, OBJ_USER, p->user);
	const struct ev_mm *note = NOTE_OF(mm, mm);
	const struct ev_user *u = NOTE_OF(user, user);
	struct pages now = {};

	if (counter == MEMLOCK_MM)
		add(&now, note && mm->note_look == model_last_look(m) ? note->locked_vm : -1);
	else if (counter == MEMLOCK_USER)
		add(&now, u && user->note_look == model_last_look(m) ? u->locked_vm : -1);
	else
		now.unknown = counter == MEMLOCK_NOT_KNOWN || !p->ipc_lock;
	return now;
}

static struct pages plus(const struct pages *a, const struct pages *b)
{
	return (struct pages){ a->n + b->n, a->unknown || b->unknown };
}

static int add_needs(struct memlock *list, size_t *size, const struct model *m, const struct obj *mm)
{
	struct sum sums[MEMLOCK__max] = {};
	int err = sum_mm(sums, m, mm->id);

	for (const struct edge *e = edge_in(mm, REL_IN_MM); e && !err; e = edge_in_next(e)) {
		for (int k = 0; k < MEMLOCK__max && e->last->type == EV_process; k++) {
			struct memlock_need *n = sums[k].units ? array_add(&list->v, &list->n, size, sizeof(*n)) : NULL;

			if (!sums[k].units)
				continue;
			if (!n)
				return -ENOMEM;
			*n = (struct memlock_need){ (const void *)e->last, mm->id, k, sums[k].units, .own = sums[k].own };
			n->now = counted(m, mm, e, k);
			n->shared = n->separate = n->now;
			if (k == MEMLOCK_NONE) /* one more is counted in neither, too */
				continue;
			n->shared = plus(&n->now, &sums[k].rest);
			n->shared.unknown |= sums[k].ram.unknown;
			n->separate = plus(&n->now, &sums[k].ram);
		}
	}
	return err;
}

static int need_cmp(const void *x, const void *y)
{
	const struct memlock_need *a = x, *b = y;

	if (a->process->h.tgid != b->process->h.tgid)
		return a->process->h.tgid < b->process->h.tgid ? -1 : 1;
	return a->counter < b->counter ? -1 : a->counter > b->counter;
}

int memlock_collect(const struct model *m, struct memlock *ret)
{
	struct memlock list = {};
	size_t size = 0;
	int err = 0;

	for (struct obj *o = model_first(m, OBJ_MM); o && !err; o = model_next(o, OBJ_MM))
		err = add_needs(&list, &size, m, o);
	if (err) {
		free(list.v);
		return err;
	}
	if (list.n)
		qsort(list.v, list.n, sizeof(*list.v), need_cmp);
	*ret = list;
	return 0;
}

/* ---- others, limits, peaks ------------------------------------------------------------------ */

struct pages memlock_other(const struct memlock_need *n)
{
	if (n->counter >= MEMLOCK_NONE || n->now.unknown || n->own.unknown || n->now.n < n->own.n)
		return (struct pages){ .unknown = true };
	return (struct pages){ .n = n->now.n - n->own.n };
}

bool memlock_limited(const struct memlock_need *n)
{
	return n->process->soft != ~0ULL && !n->process->ipc_lock;
}

bool memlock_exceeds(const struct memlock_need *n, const struct pages *need)
{
	return memlock_limited(n) && !need->unknown && need->n > n->process->soft / PAGE_BYTES;
}

static struct memlock_peak *find(const struct memlock_peaks *p, const struct memlock_need *n)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].mm == n->mm && p->v[i].counter == n->counter)
			return &p->v[i];
	return NULL;
}

const struct memlock_peak *memlock_peak_find(const struct memlock_peaks *p, const struct memlock_need *n)
{
	return find(p, n);
}

int memlock_peaks_note(struct memlock_peaks *p, const struct memlock *m)
{
	for (size_t i = 0; i < m->n; i++) {
		const struct memlock_need *n = &m->v[i];
		struct memlock_peak *peak = find(p, n);

		if (n->now.unknown)
			continue;
		if (!peak) {
			peak = array_add(&p->v, &p->n, &p->size, sizeof(*p->v));
			if (!peak)
				return -ENOMEM;
			*peak = (struct memlock_peak){ n->mm, n->counter, 0 };
		}
		if (n->now.n > peak->pages)
			peak->pages = n->now.n;
	}
	return 0;
}
