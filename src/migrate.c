// SPDX-License-Identifier: GPL-2.0-only
/*
 * migrate.c - whether what is mapped could be mapped from files (migrate.h).
 */
#include "migrate.h"

#include <errno.h>
#include <stdlib.h>

#include "facts_iommufd.h"
#include "sums.h"
#include "util.h"

#define W(name, id, text, call) [MIGRATE_##name] = id,
const char *const migrate_why_ids[MIGRATE__max] = { MIGRATE_WHYS(W) };
#undef W
#define W(name, id, text, call) [MIGRATE_##name] = text,
const char *const migrate_why_texts[MIGRATE__max] = { MIGRATE_WHYS(W) };
#undef W
#define W(name, id, text, call) [MIGRATE_##name] = call,
static const bool has_call[MIGRATE__max] = { MIGRATE_WHYS(W) };
#undef W

/*
 * To take the charge away from an address space the kernel needs it alive: after
 * an exec, or an exit, CHANGE_PROCESS fails where the limit is that of the mm.
 */
static bool owner_gone(const struct model *m, const struct ev_range *r)
{
	const struct obj *mm = model_find(m, OBJ_MM, r->mm);
	const struct ev_mm *note = NOTE_OF(mm, mm);

	return r->account == CHARGED_MM && note && mm->note_look == model_last_look(m) && note->users <= 0;
}

static enum migrate_why why_of(const struct model *m, const struct ev_range *r, const struct ev_memory *mem)
{
	if (r->source == SOURCE_DMABUF)
		return MIGRATE_DMABUF;
	if (r->source == SOURCE_FILE)
		return owner_gone(m, r) ? MIGRATE_OWNER_GONE : MIGRATE_MAPPED;
	if (!mem || mem->backing == BACKING_UNKNOWN)
		return MIGRATE_NOT_KNOWN;
	if (mem->backing == BACKING_MMIO)
		return MIGRATE_MMIO;
	if (mem->backing == BACKING_ANONYMOUS)
		return MIGRATE_ANONYMOUS;
	if (!mem->shared)
		return MIGRATE_PRIVATE;
	switch (mem->backing) {
	case BACKING_FILE:
		return MIGRATE_OTHER_FILE;
	case BACKING_DMABUF:
		return MIGRATE_DMABUF;
	case BACKING_GUEST_MEMFD:
		return MIGRATE_GUEST_MEMFD;
	default:
		return memory_has_file(r, mem) ? MIGRATE_FILE : MIGRATE_NAMELESS;
	}
}

struct pieces {
	struct migrate *g;
	size_t size;
};

static int add_piece(struct pieces *p, const struct model *m, const struct ev_range *r, const struct ev_memory *mem, __u64 at,
		     __u64 size)
{
	struct migrate_piece *new = array_add(&p->g->v, &p->g->n, &p->size, sizeof(*new));

	if (!new)
		return -ENOMEM;
	*new = (struct migrate_piece){ r, mem, why_of(m, r, mem), r->iova + at, size, .call.fd = -1 };
	if (r->source != SOURCE_USER)
		new->start = r->vaddr + at;
	else if (mem && mem->inode)
		new->start = mem->offset + (r->vaddr + at - mem->start);
	new->refuses = new->why != MIGRATE_MAPPED;
	new->call.there = has_call[new->why];
	new->call.errnum = new->why == MIGRATE_FILE ? 0 : EINVAL;
	new->call.flags = IOMMU_IOAS_MAP_FIXED_IOVA | (r->prot & 1 ? IOMMU_IOAS_MAP_READABLE : 0) |
			  (r->prot & 2 ? IOMMU_IOAS_MAP_WRITEABLE : 0);
	p->g->pieces[new->why]++;
	p->g->bytes[new->why] += size;
	p->g->uncharged |= r->account == CHARGED_NONE;
	return 0;
}

/* As many pieces as mappings; what lies in no mapping that was found ends the range, as where the next begins is not known. */
static int add_range(struct pieces *p, const struct model *m, struct backing_index *ix, const struct ev_range *r)
{
	struct ev_range part = *r;
	__u64 at = 0;
	bool whole;
	int err = 0;

	if (r->source != SOURCE_USER)
		return add_piece(p, m, r, backing_find(ix, m, r, &whole), 0, r->size);
	while (at < r->size && !err) {
		const struct ev_memory *mem;
		__u64 here;

		part.vaddr = r->vaddr + at;
		part.size = r->size - at;
		mem = backing_find(ix, m, &part, &whole);
		here = mem && !whole ? mem->end - part.vaddr : part.size;
		err = add_piece(p, m, r, mem, at, here);
		at += here;
	}
	return err;
}

static int piece_cmp(const void *x, const void *y)
{
	const struct migrate_piece *a = x, *b = y;

	if (a->range->ioas != b->range->ioas)
		return a->range->ioas < b->range->ioas ? -1 : 1;
	return a->iova < b->iova ? -1 : a->iova > b->iova;
}

/* The kernel takes over all areas of all ioases, or, if one is not mapped from a file, none. */
static enum migrate_change change_of(const struct migrate *g, const struct ev_container *note, enum known change_process)
{
	if (!note || note->kind == CONTAINER_NONE)
		return CHANGE_NOT_KNOWN;
	if (note->kind != CONTAINER_IOMMUFD || change_process == KNOWN_NO)
		return CHANGE_NO_CALL;
	if (note->unstable || change_process == NOT_KNOWN)
		return CHANGE_NOT_KNOWN;
	if (g->n != g->pieces[MIGRATE_MAPPED])
		return CHANGE_NO;
	return g->partial ? CHANGE_NOT_KNOWN : CHANGE_YES;
}

int migrate_collect(const struct model *m, const struct obj *c, enum known change_process, struct backing_index *ix,
		    struct migrate *ret)
{
	const struct ev_container *note = NOTE_OF(c, container);
	struct migrate g = { .container = c };
	struct pieces p = { .g = &g };
	unsigned int ranges = 0;
	int err = 0;

	for (struct edge *e = edge_in(c, REL_PART); e && !err; e = edge_in_next(e)) {
		ranges++;
		err = add_range(&p, m, ix, (const void *)e->last);
	}
	if (err) {
		free(g.v);
		return err;
	}
	if (g.n)
		qsort(g.v, g.n, sizeof(*g.v), piece_cmp);
	g.partial = !note || note->unstable || ranges != note->ranges;
	g.change = change_of(&g, note, change_process);
	*ret = g;
	return 0;
}

enum answer migrate_ready(const struct migrate *g)
{
	static const enum answer answers[] = {
		[CHANGE_YES] = ANSWER_YES,
		[CHANGE_NO] = ANSWER_NO,
		[CHANGE_NO_CALL] = ANSWER_NO,
		[CHANGE_NOT_KNOWN] = ANSWER_CANNOT_TELL,
	};

	return answers[g->change];
}
