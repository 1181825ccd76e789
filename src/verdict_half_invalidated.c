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
 * Of one VM are containers with holders in the control group of one machine;
 * where there is no such group, those that the same processes hold. That they
 * only share a holder, as of a daemon that keeps files for many, does not make
 * them so. A name alone does not either: libvirt leaves characters out of it, and
 * users have machines of their own.
 */
#include "cycle.h"
#include "doubts.h"
#include "invalid.h"
#include "program.h"
#include "words.h"

#include <errno.h>
#include <string.h>

#define STANDS_NS (200 * NSEC_PER_MSEC)

int verdict_half_invalidated(const struct verdict *v, const struct model *m, struct findings *out);

/* Are two of one virtual machine? Those between no and yes are what cannot be told, the first says least. */
enum same { SAME_NO, SAME_UNSEEN, SAME_HOLDERS, SAME_NAME, SAME_YES };

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

/* What is known of a holder, if that is a machine; else NULL. */
static const struct ev_program *machine_of(const struct model *m, const struct edge *held)
{
	const struct ev_program *p = NOTE_OF(model_find(m, OBJ_PROGRAM, held->last->tgid), program);

	return p && p->vm[0] ? p : NULL;
}

static const struct ev_program *machine(const struct model *m, const struct obj *c)
{
	for (struct edge *e = edge_out(c, REL_HELD); e; e = edge_out_next(e))
		if (machine_of(m, e))
			return machine_of(m, e);
	return NULL;
}

/* It has a file, and no process was found to have that: it is on its way through a socket, say, or with an io_uring. */
static bool is_unseen(const struct obj *c)
{
	const struct ev_container *note = NOTE_OF(c, container);

	return note && !edge_out(c, REL_HELD) && !edge_out(c, REL_PENDING) && note->kref > note->groups;
}

static bool holds(const struct obj *c, __u32 tgid)
{
	for (struct edge *e = edge_out(c, REL_HELD); e; e = edge_out_next(e))
		if (e->last->tgid == tgid)
			return true;
	return false;
}

static bool in_group_of(const struct ev_program *a, const struct ev_program *b)
{
	size_t len = program_machine_group(a);

	return len && len == program_machine_group(b) && !memcmp(a->cgroup, b->cgroup, len);
}

/* By the machines that hold them; both have one. */
static enum same same_machine(const struct model *m, const struct obj *a, const struct obj *b)
{
	enum same ret = SAME_NO;

	for (struct edge *e = edge_out(a, REL_HELD); e; e = edge_out_next(e)) {
		const struct ev_program *p = machine_of(m, e);

		for (struct edge *o = p ? edge_out(b, REL_HELD) : NULL; o; o = edge_out_next(o)) {
			const struct ev_program *q = machine_of(m, o);

			if (q && in_group_of(p, q))
				return SAME_YES;
			if (q && !strncmp(p->vm, q->vm, sizeof(p->vm)))
				ret = SAME_NAME;
		}
	}
	return ret;
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
	bool of_machine = machine(m, a), of_other = machine(m, b);

	if (is_unseen(a) || is_unseen(b))
		return SAME_UNSEEN;
	if (of_machine && of_other)
		return same_machine(m, a, b);
	if (!in_b || !in_a)
		return SAME_NO;
	return in_b == of_a && in_a == of_b && !of_machine && !of_other ? SAME_YES : SAME_HOLDERS;
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
		if (!p->note || !is_type1(p->note) || !p->note->ranges ||
		    (!edge_out(c, REL_HELD) && !is_unseen(c)))
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
	const struct edge *held = edge_out(bad->c, REL_HELD);
	const struct ev_program *p = machine(m, bad->c);
	_cleanup_free_ char *vm = p ? escape_text(p->vm, sizeof(p->vm)) : NULL;
	char a[ID_NAME_MAX], b[ID_NAME_MAX], who[WORDS_MAX] = "nobody seen";

	if (held)
		hdr_words(held->last, who);
	finding_sentence(out, f, "%s%s: %s has %u of %u range%s invalid, %s none of %u", vm ? "VM " : "", vm ?: who,
			 id_name(OBJ_CONTAINER, bad->c->id, a), bad->note->invalid, bad->note->ranges,
			 bad->note->ranges == 1 ? "" : "s", id_name(OBJ_CONTAINER, good->c->id, b), good->note->ranges);
}

static const char *const doubts[] = {
	[SAME_UNSEEN] = "one has a file that no process was found to have",
	[SAME_HOLDERS] = "some processes hold both, others only one",
	[SAME_NAME] = "the machines that hold them have one name and two control groups",
};

static void put_doubts(struct findings *out, struct finding *f, const struct part *bad, const struct part *good,
		       enum same same)
{
	char a[ID_NAME_MAX], b[ID_NAME_MAX];

	id_name(OBJ_CONTAINER, bad->c->id, a);
	id_name(OBJ_CONTAINER, good->c->id, b);
	if (same != SAME_YES)
		finding_missing(out, f, "whether %s and %s are of one virtual machine: %s", a, b, doubts[same]);
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
