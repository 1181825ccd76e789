// SPDX-License-Identifier: GPL-2.0-only
/*
 * verdict_half_invalidated.c - "one container of a virtual machine is
 * invalidated and another is not".
 *
 * A VMM that replaces itself invalidates all of its containers; one that is
 * left valid keeps addresses that are gone after the exec, and a device in it
 * goes on as if nothing was. A regular update passes through this state twice,
 * for well under a millisecond when it invalidates and for as long as it takes
 * to restore one container after the other. So:
 *
 *	yes		two looks, STANDS_NS or more apart, show the one with as many
 *			invalid ranges, and the other with none
 *	cannot tell	one look does, or it moves, or whose the containers are is not clear
 *
 * A container with some ranges invalid and some not is invalidated: VADDR can
 * be taken from, and is given back to, one range at a time. A container without
 * ranges has nothing to invalidate, and an iommufd context has no such state:
 * both say nothing.
 *
 * Of one VM are containers whose holders have the same VM name, from their
 * control groups; where there is no name, those that the same processes hold.
 * That they only share a holder, as of a daemon that keeps files for many,
 * does not make them so.
 */
#include "cycle.h"
#include "doubts.h"
#include "invalid.h"
#include "words.h"

#include <errno.h>
#include <string.h>

#define STANDS_NS (200 * NSEC_PER_MSEC)

int verdict_half_invalidated(const struct verdict *v, const struct model *m, struct findings *out);

enum same { SAME_NO, SAME_MAYBE, SAME_YES };

/* A container that counts, and its state. */
struct part {
	const struct obj *c;
	const struct ev_container *note, *before; /* before: NULL unless both looks read it whole */
	struct invalid inv;
	bool told; /* a finding speaks of it */
};

struct parts {
	struct part *v;
	unsigned int n;
};

/* ---- whose it is ---------------------------------------------------------------- */

#define VM_MAX sizeof(((struct ev_program *)0)->vm)

/* Name of the VM of a holder; NULL if none is known. */
static const char *vm_of(const struct model *m, const struct edge *held)
{
	const struct ev_program *p = NOTE_OF(model_find(m, OBJ_PROGRAM, held->last->tgid), program);

	return p && p->vm[0] ? p->vm : NULL;
}

static const char *vm_name(const struct model *m, const struct obj *c)
{
	for (struct edge *e = edge_out(c, REL_HELD); e; e = edge_out_next(e))
		if (vm_of(m, e))
			return vm_of(m, e);
	return NULL;
}

static bool holds(const struct obj *c, __u32 tgid)
{
	for (struct edge *e = edge_out(c, REL_HELD); e; e = edge_out_next(e))
		if (e->last->tgid == tgid)
			return true;
	return false;
}

static bool has_vm(const struct model *m, const struct obj *c, const char *name)
{
	for (struct edge *e = edge_out(c, REL_HELD); e; e = edge_out_next(e))
		if (vm_of(m, e) && !strncmp(vm_of(m, e), name, VM_MAX))
			return true;
	return false;
}

/* Of the holders of a, how many hold b. */
static unsigned int shared(const struct obj *a, const struct obj *b, unsigned int *ret_all)
{
	unsigned int n = 0;

	*ret_all = 0;
	for (struct edge *e = edge_out(a, REL_HELD); e; e = edge_out_next(e), ++*ret_all)
		n += holds(b, e->last->tgid);
	return n;
}

static enum same same_vm(const struct model *m, const struct obj *a, const struct obj *b)
{
	unsigned int of_a, of_b, in_b = shared(a, b, &of_a), in_a = shared(b, a, &of_b);

	if (vm_name(m, a) || vm_name(m, b)) {
		for (struct edge *e = edge_out(a, REL_HELD); e; e = edge_out_next(e))
			if (vm_of(m, e) && has_vm(m, b, vm_of(m, e)))
				return SAME_YES;
		return SAME_NO;
	}
	if (!in_b || !in_a)
		return SAME_NO;
	return in_b == of_a && in_a == of_b ? SAME_YES : SAME_MAYBE;
}

/* ---- what it is in --------------------------------------------------------------- */

static bool is_type1(const struct ev_container *note)
{
	return note->kind == CONTAINER_TYPE1 || (note->kind == CONTAINER_NONE && note->iommu);
}

/* The containers whose state the last look tells. */
static int find_parts(const struct model *m, struct parts *ret)
{
	unsigned int n = 0;

	for (const struct obj *c = model_first(m, OBJ_CONTAINER); c; c = model_next(c, OBJ_CONTAINER))
		n++;
	*ret = (struct parts){ .v = calloc(n + 1, sizeof(*ret->v)) };
	if (!ret->v)
		return -ENOMEM;
	for (const struct obj *c = model_first(m, OBJ_CONTAINER); c; c = model_next(c, OBJ_CONTAINER)) {
		struct part *p = &ret->v[ret->n];

		*p = (struct part){ .c = c, .note = NOTE_OF(c, container), .before = container_before(m, c) };
		if (!p->note || !is_type1(p->note) || !p->note->ranges || !edge_out(c, REL_HELD))
			continue;
		invalid_state(&p->inv, m, c);
		if (p->inv.by_look)
			ret->n++;
	}
	return 0;
}

/* As many ranges, as many of them invalid, in both looks; and these were not one moment. */
static bool stands(const struct part *p)
{
	return p->before && p->before->ranges == p->note->ranges && p->before->invalid == p->note->invalid &&
	       p->note->h.ts_ns >= p->before->h.ts_ns + STANDS_NS;
}

/* Of the valid ones, the one that says most about this invalid one. */
static const struct part *counterpart(const struct parts *all, const struct model *m, const struct part *bad, enum same *ret)
{
	const struct part *best = NULL;

	*ret = SAME_NO;
	for (unsigned int i = 0; i < all->n; i++) {
		const struct part *p = &all->v[i];
		enum same s = p->note->invalid ? SAME_NO : same_vm(m, bad->c, p->c);

		if (s > *ret || (best && s == *ret && stands(p) && !stands(best))) {
			best = p;
			*ret = s;
		}
	}
	return best;
}

/* ---- saying it ---------------------------------------------------------------------- */

static void put_sentence(struct findings *out, struct finding *f, const struct model *m, const struct part *bad,
			 const struct part *good)
{
	const char *name = vm_name(m, bad->c);
	_cleanup_free_ char *vm = name ? escape_text(name, VM_MAX) : NULL;
	char a[ID_NAME_MAX], b[ID_NAME_MAX], who[WORDS_MAX];

	hdr_words(edge_out(bad->c, REL_HELD)->last, who);
	finding_sentence(out, f, "%s%s: %s has %u of %u range%s invalid, %s none of %u", vm ? "VM " : "", vm ?: who,
			 id_name(OBJ_CONTAINER, bad->c->id, a), bad->note->invalid, bad->note->ranges,
			 bad->note->ranges == 1 ? "" : "s", id_name(OBJ_CONTAINER, good->c->id, b), good->note->ranges);
}

static void put_doubts(struct findings *out, struct finding *f, const struct part *bad, const struct part *good,
		       enum same same)
{
	char a[ID_NAME_MAX], b[ID_NAME_MAX];

	id_name(OBJ_CONTAINER, bad->c->id, a);
	id_name(OBJ_CONTAINER, good->c->id, b);
	if (same == SAME_MAYBE)
		finding_missing(out, f,
				"whether %s and %s are of one virtual machine: some processes hold both, others only one", a, b);
	if (!bad->before || !good->before)
		finding_missing(out, f,
				"two looks at %s and %s: every live update passes through this state for a moment", a, b);
	else if (!stands(bad) || !stands(good))
		finding_missing(out, f,
				"two looks, further apart, that show %s and %s the same: they change, as in a live update", a, b);
}

static void put_notes(struct findings *out, struct finding *f, const struct part *bad, const struct part *good)
{
	char a[ID_NAME_MAX], b[ID_NAME_MAX];

	finding_note(out, f, "Means",
		     "the VMM stopped half way: if it replaces itself now, the addresses of %s are gone; if it does not, a "
		     "device in %s has none to use",
		     id_name(OBJ_CONTAINER, good->c->id, b), id_name(OBJ_CONTAINER, bad->c->id, a));
}

static int judge_pair(const struct verdict *v, const struct model *m, const struct part *bad, const struct part *good,
		      enum same same, struct findings *out)
{
	bool yes = same == SAME_YES && stands(bad) && stands(good);
	struct finding *f;

	f = finding_add(out, v, yes ? ANSWER_YES : ANSWER_CANNOT_TELL, yes ? LEVEL_PROVEN : LEVEL_NONE, bad->c->id);
	if (!f)
		return -ENOMEM;
	invalid_evidence(out, f, bad->c, &bad->inv);
	container_holders(out, f, bad->c);
	container_holders(out, f, good->c);
	put_sentence(out, f, m, bad, good);
	if (yes)
		put_notes(out, f, bad, good);
	else
		put_doubts(out, f, bad, good, same);
	if (f->sentence)
		finding_note(out, f, "Found", "%s", f->sentence);
	doubt_sight(out, f, m);
	return 0;
}

/* One finding for a VM: what was said of one of its containers holds for the others. */
static bool told_before(const struct parts *all, const struct model *m, const struct part *bad)
{
	for (const struct part *p = all->v; p < bad; p++)
		if (p->told && same_vm(m, p->c, bad->c) == SAME_YES)
			return true;
	return false;
}

int verdict_half_invalidated(const struct verdict *v, const struct model *m, struct findings *out)
{
	struct parts all;
	bool found = false;
	int err = find_parts(m, &all);

	for (unsigned int i = 0; i < all.n && !err; i++) {
		struct part *bad = &all.v[i];
		const struct part *good;
		enum same same;

		if (!bad->note->invalid || told_before(&all, m, bad))
			continue;
		good = counterpart(&all, m, bad, &same);
		if (!good)
			continue;
		err = judge_pair(v, m, bad, good, same, out);
		bad->told = found = true;
	}
	free(all.v);
	if (!found && !err)
		err = finding_host(out, v, m, "no virtual machine has one container invalidated and another not");
	return err;
}
