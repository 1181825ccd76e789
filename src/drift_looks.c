// SPDX-License-Identifier: GPL-2.0-only
/*
 * drift_looks.c - what looks alone show of drift (verdict_drift.c), as
 * status has no records of charges: a counter below zero; pages that are charged to
 * an address space without a process; a counter that has less than the ranges which
 * are charged to it come to.
 *
 * A look takes time, and the counters are read after the ranges: a container that
 * changes meanwhile can look wrong. So what is not a counter by itself has to be the
 * same in two looks, and of what ranges and a counter say together there is no proof.
 * Nor is there of what a process leaves while it ends, which takes longer (ending.h).
 */
#include "drift_looks.h"
#include "doubts.h"
#include "ending.h"
#include "seen.h"
#include "sums.h"
#include "words.h"

#include <errno.h>
#include <stdlib.h>

/* ---- a counter below zero ------------------------------------------------------------------ */

static bool is_negative(const struct fdpin_hdr *h)
{
	const struct ev_mm *e = (const void *)h;

	return h && h->type == EV_mm && (e->locked_vm < 0 || e->pinned_vm < 0);
}

/* A drift that says so, and when it happened. */
static bool told(const struct ledger *l, __u64 mm)
{
	for (const struct drift *d = l->drifts; d; d = d->next)
		if (d->kind == DRIFT_UNDERFLOW && d->mm == mm)
			return true;
	return false;
}

static void tell_negative(struct findings *out, struct finding *f, const struct obj *mm, const char *counter, const char *shown, __s64 pages)
{
	char id[ID_NAME_MAX], size[FORMAT_MAX], who[WORDS_MAX];
	const struct edge *in = edge_in(mm, REL_IN_MM);

	if (pages >= 0)
		return;
	format_pages(pages, size);
	finding_record(out, f, in ? in->last : mm->note, "%s of %s%s%s is %s", counter, id_name(OBJ_MM, mm->id, id), in ? ", the address space of " : "",
		       in ? hdr_words(in->last, who) : "", size);
	finding_note(out, f, "Shown as", "%s: %llu kB, which is 2^64 bytes less %s: the counter is unsigned, and every further charge of a "
		     "process with a limit fails with ENOMEM", shown, as_shown(pages), size + 1);
	finding_sentence(out, f, "underflow: %s of %s%s%s is %s", counter, id, in ? ", " : "", in ? who : "", size);
}

static int judge_counter(const struct verdict *v, const struct model *m, const struct obj *mm, struct findings *out)
{
	const struct ev_mm *note = NOTE_OF(mm, mm);
	bool twice = is_negative(mm->prev_note) && mm->prev_look + 1 == mm->note_look;
	struct finding *f = finding_add(out, v, ANSWER_YES, twice ? LEVEL_PROVEN : LEVEL_LIKELY, 0);

	if (!f)
		return -ENOMEM;
	f->mm = mm->id;
	tell_negative(out, f, mm, "locked_vm", "VmLck", note->locked_vm);
	tell_negative(out, f, mm, "pinned_vm", "VmPin", note->pinned_vm);
	finding_missing(out, f, "which call took it below zero: that was before fdpin-trace watched");
	doubt_sight(out, f, m);
	return 0;
}

/* ---- charged to an address space without a process ---------------------------------------------- */

/*
 * Charged to an address space that has no process any more, and pinned, in the
 * last look, and the one before it. What of it is unpinned since could not be
 * credited: that is in uncredited, if it is in locked_vm.
 *
 * kept: it has users that are no process. vhost keeps the one of who has opened it,
 * also over an exec. It is credited like any other, but limits nobody.
 */
struct nobody {
	__s64 pages, uncredited;
	bool twice;
	const struct edge *first;
};

/* A recording of before looks did that does not say who lives where. */
static bool knows_processes(const struct model *m)
{
	for (const struct obj *p = model_first(m, OBJ_PROCESS); p; p = model_next(p, OBJ_PROCESS))
		if (NOTE_OF(p, process) && p->note_look == model_last_look(m))
			return true;
	return false;
}

bool drift_mm_kept(const struct model *m, const struct obj *mm)
{
	const struct ev_mm *note = NOTE_OF(mm, mm);

	return note && note->users > 0 && !edge_in(mm, REL_IN_MM) && model_complete(m) && knows_processes(m);
}

static int charged_to_nobody(const struct model *m, const struct obj *c, bool kept, struct nobody *ret)
{
	unsigned int look = model_last_look(m);
	struct seen *all = NULL;
	int seen = 0;

	*ret = (struct nobody){ .twice = true };
	for (struct edge *e = edge_in(c, REL_PART); e && seen >= 0; e = edge_in_next(e)) {
		const struct ev_range *r = (const void *)e->last;
		const struct obj *mm = model_find(m, OBJ_MM, r->mm);
		const struct ev_mm *now = NOTE_OF(mm, mm), *before = mm ? (const void *)mm->prev_note : NULL;
		__s64 left;

		if (!now || mm->note_look != look || (kept ? !drift_mm_kept(m, mm) : now->users != 0) || r->charged <= 0 || r->account == CHARGED_USER ||
		    r->source == SOURCE_DMABUF)
			continue;
		/* areas of iommufd can share their pages, which are charged once */
		seen = r->pages ? seen_add(&all, r->pages) : 0;
		if (seen)
			continue;
		left = r->pages && r->pinned < r->charged ? r->pinned : r->charged;
		if (left <= 0)
			continue;
		add_pages(&ret->pages, left);
		if (r->account == CHARGED_MM)
			add_pages(&ret->uncredited, r->charged - left);
		ret->twice &= e->looks >= 2 && before && before->h.type == EV_mm && !before->users == !kept && mm->prev_look + 1 == look;
		if (!ret->first)
			ret->first = e;
	}
	seen_free(&all);
	return seen < 0 ? seen : 0;
}

/* update_mm_locked_vm() of 7.3, for one: who comes to credit with nothing pinned just before has no mmap_lock, and gives it back. */
static void note_next_pin(struct findings *out, struct finding *f, __s64 uncredited)
{
	char size[FORMAT_MAX];

	if (uncredited)
		finding_note(out, f, "Next pin", "can hang for good: %s more are charged than pinned, as a credit was refused, and iommufd tries that again "
			     "at the next pin. If this finds all of its pages pinned already, kernels as of 7.3 give back an mmap_lock that they have "
			     "not taken, and then wait for it. To unmap is safe", format_pages(uncredited, size));
}

/* Where a kernel keeps the thread with a range, and not its address space, one that has ended leaves nobody to credit. */
static int judge_orphans(const struct verdict *v, const struct model *m, const struct obj *c, struct findings *out, bool *found)
{
	char size[FORMAT_MAX], id[ID_NAME_MAX];
	struct finding *f;
	__u64 bytes = 0;

	for (struct edge *e = edge_in(c, REL_PART); e; e = edge_in_next(e)) {
		const struct ev_range *r = (const void *)e->last;

		if (!r->mm && !r->pages && r->mapped && r->charged < 0)
			bytes += r->size;
	}
	if (!bytes)
		return 0;
	*found = true;
	f = finding_add(out, v, ANSWER_CANNOT_TELL, LEVEL_LIKELY, c->id);
	if (!f)
		return -ENOMEM;
	finding_sentence(out, f, "uncharged: %s of %s are mapped for DMA, and whoever mapped them has no address space any more",
			 format_bytes(bytes, size), id_name(OBJ_CONTAINER, c->id, id));
	finding_missing(out, f, "how much of it is memory of a device, which is not charged");
	finding_missing(out, f, "since when, and by what exec or exit: that was before fdpin-trace watched");
	doubt_sight(out, f, m);
	return 0;
}

static int judge_kept(const struct verdict *v, const struct model *m, const struct obj *c, struct findings *out, bool *found)
{
	char size[FORMAT_MAX], name[ID_NAME_MAX], id[ID_NAME_MAX];
	const struct obj *mm;
	struct finding *f;
	struct nobody n;
	int err = charged_to_nobody(m, c, true, &n);

	if (err || !n.pages)
		return err;
	*found = true;
	mm = model_find(m, OBJ_MM, ((const struct ev_range *)n.first->last)->mm);
	f = finding_add(out, v, ANSWER_CANNOT_TELL, LEVEL_LIKELY, c->id);
	if (!f)
		return -ENOMEM;
	id_name(OBJ_MM, mm->id, name);
	finding_sentence(out, f, "uncharged: %s of %s stay pinned, and no process was found in %s, which they are charged to",
			 format_pages(n.pages, size), id_name(OBJ_CONTAINER, c->id, id), name);
	finding_missing(out, f, "who has %s: %lld that use it are counted; vhost keeps that of who has opened it, over an exec, too", name,
			(long long)NOTE_OF(mm, mm)->users);
	if (!n.twice)
		finding_missing(out, f, "only one look shows it: a process that ends looks so for a moment");
	doubt_sight(out, f, m);
	return 0;
}

static int judge_state(const struct verdict *v, const struct model *m, const struct obj *c, struct findings *out, bool *found)
{
	char size[FORMAT_MAX], mm[ID_NAME_MAX], id[ID_NAME_MAX];
	const char *ending;
	struct finding *f;
	struct nobody n;
	bool stays;
	int err;

	for (const struct uncharged *u = model_ledger(m)->uncharged; u; u = u->next)
		if (u->container == c->id && u->opened_ns == ledger_opened(model_ledger(m), c->id))
			return 0; /* the ledger knows more */
	err = charged_to_nobody(m, c, false, &n);
	if (!err && !n.pages)
		err = judge_kept(v, m, c, out, found);
	if (err || !n.pages)
		return err ?: judge_orphans(v, m, c, out, found);
	*found = true;
	ending = container_ending(m, c);
	stays = n.twice && !ending;
	f = finding_add(out, v, stays ? ANSWER_YES : ANSWER_CANNOT_TELL, stays ? LEVEL_PROVEN : LEVEL_LIKELY, c->id);
	if (!f)
		return -ENOMEM;
	format_pages(n.pages, size);
	id_name(OBJ_CONTAINER, c->id, id);
	finding_edge(out, f, n.first, "%s of %s are pinned and charged to %s, which no process has any more", size, id,
		     id_name(OBJ_MM, ((const struct ev_range *)n.first->last)->mm, mm));
	finding_sentence(out, f, "uncharged: %s of %s stay pinned, and the address space they are charged to is gone", size, id);
	note_next_pin(out, f, n.uncredited);
	if (ending)
		finding_missing(out, f, "%s", ending);
	else if (!n.twice)
		finding_missing(out, f, "only one look shows it: a process that ends looks so for a moment");
	finding_missing(out, f, "since when, and by what exec or exit: that was before fdpin-trace watched");
	doubt_sight(out, f, m);
	return 0;
}

/* ---- a counter that is too low ---------------------------------------------------------------- */

/* The first range of an address space, of any container. */
static const struct edge *first_range(const struct model *m, __u64 mm)
{
	for (const struct obj *c = model_first(m, OBJ_CONTAINER); c; c = model_next(c, OBJ_CONTAINER))
		for (struct edge *e = edge_in(c, REL_PART); e; e = edge_in_next(e))
			if (((const struct ev_range *)e->last)->mm == mm)
				return e;
	return NULL;
}

/* counter: how it is called; low: what is missing from it, of so many pages; level, doubt: how sure that is, and what it can be besides. */
static int judge_low(const struct verdict *v, const struct model *m, __u64 mm, const char *counter, __s64 low, __s64 pages, enum level level,
		     const char *doubt, struct findings *out, bool *found)
{
	const struct edge *first = first_range(m, mm), *in = edge_in(model_find(m, OBJ_MM, mm), REL_IN_MM);
	char missing[FORMAT_MAX], all[FORMAT_MAX], name[ID_NAME_MAX], who[WORDS_MAX];
	struct finding *f;

	if (!first || has_drift(model_ledger(m), first->last->container))
		return 0; /* or the ledger knows more */
	*found = true;
	f = finding_add(out, v, ANSWER_CANNOT_TELL, level, first->last->container);
	if (!f)
		return -ENOMEM;
	finding_sentence(out, f, "uncharged: %s of the %s that are mapped for DMA are not in %s of %s%s%s", format_pages(low, missing),
			 format_pages(pages, all), counter, id_name(OBJ_MM, mm, name), in ? ", " : "", in ? hdr_words(in->last, who) : "");
	finding_missing(out, f, "%s", doubt);
	doubt_sight(out, f, m);
	return 0;
}

/* Two looks in a row have found the counter so, or there is one, which another follows if it finds something. */
static bool is_steady(const struct obj *mm)
{
	const struct ev_mm *now = NOTE_OF(mm, mm), *before = (const void *)mm->prev_note;

	return !before || before->h.type != EV_mm || mm->prev_look + 1 != mm->note_look || before->pinned_vm == now->pinned_vm;
}

/*
 * Whatever else iommufd charges, it counts in pinned_vm. What is missing there was
 * left with another address space, as IOMMU_IOAS_CHANGE_PROCESS does that for who has
 * CAP_IPC_LOCK on 7.3, and its credits take this one below zero.
 */
static int judge_pinned_vm(const struct verdict *v, const struct model *m, const struct mm_sum *s, const struct obj *mm, struct findings *out,
			   bool *found)
{
	const struct ev_mm *note = NOTE_OF(mm, mm);
	bool steady = is_steady(mm);
	__s64 pages = s->in_pinned_vm.n;

	/* what moved while it was recorded, the ledger has seen move */
	if (note->pinned_vm < 0 || note->pinned_vm >= pages || (model_has_charges(m) && !steady))
		return 0;
	return judge_low(v, m, s->mm, "pinned_vm", pages - note->pinned_vm, pages, steady ? LEVEL_LIKELY : LEVEL_NONE,
			 "whether they were charged elsewhere, or a map or unmap came while it was read: fdpin-trace trace and record see which call it was",
			 out, found);
}

/* Where a kernel does not keep with a range what it has charged, only this shows what an exec has left behind. */
static int judge_locked_vm(const struct verdict *v, const struct model *m, const struct mm_sum *s, const struct obj *mm, struct findings *out,
			   bool *found)
{
	const struct ev_mm *note = NOTE_OF(mm, mm);
	__s64 pages = s->in_locked_vm.unknown ? s->mapped : s->in_locked_vm.n;

	if (model_has_charges(m) || note->locked_vm < 0 || note->locked_vm >= pages)
		return 0;
	return judge_low(v, m, s->mm, "locked_vm", pages - note->locked_vm, pages, s->in_locked_vm.unknown ? LEVEL_NONE : LEVEL_LIKELY,
			 s->in_locked_vm.unknown ? "how much of it is charged: this kernel does not keep that with a range, and memory of a device is not charged" :
						   "how much of it is charged: this kernel does not keep that with a range",
			 out, found);
}

/* Of a recording only the looks at its end: while it goes on, its events say more than the one at its start, and this is no work for each of them. */
static bool needs_sums(const struct model *m)
{
	if (model_has_charges(m) && model_looks(m) < 2)
		return false;
	for (const struct obj *c = model_first(m, OBJ_CONTAINER); c; c = model_next(c, OBJ_CONTAINER)) {
		const struct edge *e = edge_in(c, REL_PART);
		const struct ev_range *r = e ? (const void *)e->last : NULL;

		if (r && (r->pages || r->charged < 0))
			return true;
	}
	return false;
}

static int judge_counters(const struct verdict *v, const struct model *m, struct findings *out, bool *found)
{
	struct mm_sums sums = {};
	int err = 0;

	if (!needs_sums(m))
		return 0;
	err = sum_mms(m, &sums);
	for (size_t i = 0; i < sums.n && !err; i++) {
		const struct obj *mm = model_find(m, OBJ_MM, sums.v[i].mm);
		const struct ev_mm *note = NOTE_OF(mm, mm);

		if (!note || mm->note_look != model_last_look(m) || !note->users)
			continue;
		err = judge_pinned_vm(v, m, &sums.v[i], mm, out, found);
		if (!err)
			err = judge_locked_vm(v, m, &sums.v[i], mm, out, found);
	}
	free(sums.v);
	return err;
}

/* ---- all of it ----------------------------------------------------------------------------------- */

int drift_looks(const struct verdict *v, const struct model *m, struct findings *out, bool *found)
{
	int err = 0;

	for (const struct obj *o = model_first(m, OBJ_MM); o && !err; o = model_next(o, OBJ_MM)) {
		if (o->note_look != model_last_look(m) || !is_negative(o->note) || told(model_ledger(m), o->id))
			continue;
		*found = true;
		err = judge_counter(v, m, o, out);
	}
	for (const struct obj *c = model_first(m, OBJ_CONTAINER); c && !err; c = model_next(c, OBJ_CONTAINER))
		err = judge_state(v, m, c, out, found);
	return err ?: judge_counters(v, m, out, found);
}
