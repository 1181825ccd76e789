// SPDX-License-Identifier: GPL-2.0-only
/*
 * verdict_hang.c - "a thread that pins or charges waits for an mmap_lock that
 * nobody gives back".
 *
 * One finding for each container in which a thread, under the mutex that
 * pinning is done under, waits for the mmap_lock of an address space: of
 * several such threads about the worst. From who waits the locks are followed
 * to who owns them:
 *
 *	yes		the kernel has lost count: nobody has the lock, and it was given
 *			back more often than it was taken. Or its owner waits, by way
 *			of other locks, for the thread itself
 *	cannot tell	the same, seen once only; an owner that sleeps, and nothing says
 *			what for; readers, of whom the kernel keeps no list
 *	no		the owner can go on
 *
 * To wait for an mmap_lock is an everyday thing. What only one of two looks has
 * shown, or a thread that ran in between, was in passing and is told of by
 * nobody, unless the count is lost.
 */
#include "cycle.h"
#include "doubts.h"
#include "words.h"

#include <errno.h>

#define CHAIN_MAX 16
#define SHOWN_MAX 8
#define TASK_UNINTERRUPTIBLE 0x2

int verdict_hang(const struct verdict *v, const struct model *m, struct findings *out);

/* What a wait comes to; the worst last. */
enum fate {
	FATE_PASSING,
	FATE_FREE,    /* last can go on */
	FATE_UNKNOWN, /* whether it can is not known */
	FATE_RING,    /* it waits for the thread itself */
	FATE_LOST,    /* nobody has what it waits for */
};

struct hang {
	const struct edge *wait; /* LOCK_WAIT of the thread it is about; NULL: there is none */
	enum fate fate;
	bool proven;
	const struct obj *last; /* the end of the chain of owners */
};

/* ---- how it ends ------------------------------------------------------------------ */

static const struct ev_lock *lock_of(const struct edge *wait)
{
	return (const void *)wait->last;
}

static bool lost_count(const struct fdpin_hdr *h)
{
	const struct ev_lock *l = (const void *)h;

	return h->type == EV_lock && l->mm && l->readers < 0 && !l->written;
}

/* It runs, or a signal or a timer ends its sleep. */
static bool can_go_on(const struct obj *task)
{
	const struct ev_thread *th = NOTE_OF(task, thread);

	return th && (!th->state || th->wait == WAIT_TIMER || (!(th->state & TASK_UNINTERRUPTIBLE) && th->class == CLASS_USER));
}

/* Along the locks and their owners. */
static void follow(const struct waitgraph *g, struct hang *h)
{
	const struct obj *task = h->wait->from;

	h->fate = FATE_UNKNOWN;
	h->proven = true;
	for (unsigned int i = 0; i < CHAIN_MAX; i++) {
		const struct edge *wait = edge_out(task, REL_LOCK_WAIT), *owned = wait ? edge_out(wait->to, REL_LOCK_OWNED) : NULL;

		h->last = task;
		if (!wait) {
			h->fate = can_go_on(task) ? FATE_FREE : FATE_UNKNOWN;
			return;
		}
		h->proven &= evidence_solid(g, wait) && task_still(g, task);
		if (lost_count(wait->last)) {
			h->fate = FATE_LOST;
			h->proven &= lost_count(wait->rec);
			return;
		}
		if (!owned)
			return;
		h->proven &= evidence_solid(g, owned);
		task = owned->to;
		if (task == h->wait->from) {
			h->fate = FATE_RING;
			return;
		}
	}
}

static void judge_wait(const struct waitgraph *g, struct hang *h)
{
	bool stands = evidence_solid(g, h->wait) && task_still(g, h->wait->from);

	follow(g, h);
	if (!stands && model_looks(g->m) >= 2 && g->sound && h->fate != FATE_LOST)
		h->fate = FATE_PASSING;
}

static bool is_worse(const struct hang *a, const struct hang *b)
{
	return !b->wait || a->fate > b->fate || (a->fate == b->fate && a->proven > b->proven);
}

/* The worst wait of a thread that pins or charges for a container. */
static struct hang worst_of(const struct waitgraph *g, const struct obj *c)
{
	struct hang worst = {};

	for (const struct obj *l = model_first(g->m, OBJ_LOCK); l; l = model_next(l, OBJ_LOCK)) {
		for (struct edge *e = edge_in(l, REL_LOCK_WAIT); e; e = edge_in_next(e)) {
			struct hang h = { .wait = e };

			if (e->last->type != EV_lock || !lock_of(e)->mm || e->last->container != c->id)
				continue;
			judge_wait(g, &h);
			if (h.fate != FATE_PASSING && is_worse(&h, &worst))
				worst = h;
		}
	}
	return worst;
}

/* ---- evidence ----------------------------------------------------------------------- */

static const char *sleeps_in(const struct obj *task, char buf[WORDS_MAX])
{
	const struct ev_thread *th = NOTE_OF(task, thread);
	_cleanup_free_ char *wchan = th && th->wchan[0] ? escape_text(th->wchan, sizeof(th->wchan)) : NULL;

	snprintf(buf, WORDS_MAX, "%s", wchan ?: "an unknown function");
	return buf;
}

/* Who waits for what, where, and what the lock itself says. */
static void put_wait(struct findings *out, struct finding *f, const struct edge *wait)
{
	const struct ev_lock *l = lock_of(wait);
	char text[EDGE_WORDS_MAX], where[WORDS_MAX];

	edge_words(wait, text);
	sleeps_in(wait->from, where);
	if (lost_count(wait->last))
		finding_edge(out, f, wait, "%s in %s; nobody has it: it counts %lld readers, as it was given back more often than it was taken", text,
			     where, (long long)l->readers);
	else if (l->mm && !l->written && l->readers > 0)
		finding_edge(out, f, wait, "%s in %s; it is taken for reading, %lld time%s", text, where, (long long)l->readers,
			     l->readers == 1 ? "" : "s");
	else
		finding_edge(out, f, wait, "%s in %s%s", text, where, l->mm && !l->written ? "; nobody has it" : "");
}

/* What of it is pinned and charged; areas that share it, too. */
static void put_pages(struct findings *out, struct finding *f, const struct model *m, const struct obj *c, const struct ev_lock *l)
{
	const struct ev_mm *note = NOTE_OF(model_find(m, OBJ_MM, l->mm), mm);
	unsigned int shown = 0;

	for (struct edge *e = edge_in(c, REL_PART); e && shown < SHOWN_MAX; e = edge_in_next(e)) {
		const struct ev_range *r = (const void *)e->last;
		char size[FORMAT_MAX], pinned[FORMAT_MAX], charged[FORMAT_MAX], mm[ID_NAME_MAX];

		if (!l->pages || r->pages != l->pages)
			continue;
		shown++;
		finding_edge(out, f, e, "%s at 0x%llx of ioas %u: of its pages %s are pinned, and %s charged to %s%s",
			     format_bytes(r->size, size), r->iova, r->ioas, format_pages(r->pinned, pinned), format_pages(r->charged, charged),
			     id_name(OBJ_MM, r->mm, mm), note && !note->users ? ", which no process has any more" : "");
	}
}

static void put_mutex(struct findings *out, struct finding *f, const struct edge *wait)
{
	const struct ev_lock *l = lock_of(wait);
	char who[WORDS_MAX], id[ID_NAME_MAX];

	hdr_words(wait->last, who);
	id_name(OBJ_CONTAINER, l->h.container, id);
	if (l->pages)
		finding_record(out, f, wait->last, "%s took, and still has, iopt_pages.mutex of pages that ioas %u of %s maps", who, l->ioas, id);
	else
		finding_record(out, f, wait->last, "%s took, and still has, vfio_iommu.lock of %s", who, id);
}

static void put_evidence(struct findings *out, struct finding *f, const struct model *m, const struct obj *c, const struct hang *h)
{
	const struct obj *task = h->wait->from;
	char text[EDGE_WORDS_MAX];

	for (unsigned int i = 0; task && i < CHAIN_MAX; i++) {
		const struct edge *wait = edge_out(task, REL_LOCK_WAIT), *owned = wait ? edge_out(wait->to, REL_LOCK_OWNED) : NULL;

		if (!wait)
			break;
		put_wait(out, f, wait);
		if (wait == h->wait)
			put_mutex(out, f, wait);
		if (owned)
			finding_edge(out, f, owned, "%s", edge_words(owned, text));
		task = owned && owned->to != h->wait->from ? owned->to : NULL;
	}
	put_pages(out, f, m, c, lock_of(h->wait));
}

/* ---- notes ---------------------------------------------------------------------------- */

/* Pages of which a credit was refused, as nobody has their address space. */
static __s64 uncredited(const struct model *m, const struct obj *c, const struct ev_lock *l)
{
	const struct ev_mm *mm = NOTE_OF(model_find(m, OBJ_MM, l->mm), mm);

	for (struct edge *e = edge_in(c, REL_PART); mm && !mm->users && e; e = edge_in_next(e)) {
		const struct ev_range *r = (const void *)e->last;

		if (l->pages && r->pages == l->pages && r->account == CHARGED_MM && r->charged > r->pinned)
			return r->charged - r->pinned;
	}
	return 0;
}

static void note_cause(struct findings *out, struct finding *f, const struct model *m, const struct obj *c, const struct hang *h)
{
	__s64 pages = h->last == h->wait->from ? uncredited(m, c, lock_of(h->wait)) : 0;
	char size[FORMAT_MAX];

	if (h->fate == FATE_LOST && pages)
		finding_note(out, f, "Likely cause", "%s could not be credited, as no process has the address space any more. iommufd tries that "
			     "again at the next pin, and if this finds all of its pages pinned already, update_mm_locked_vm() gives back an "
			     "mmap_lock that it has not taken, and then waits for it", format_pages(pages, size));
}

static void note_proof(struct findings *out, struct finding *f, const struct model *m)
{
	char t[FORMAT_MAX];

	finding_note(out, f, "Why proven", "each lock was read from kernel memory twice, %s apart, and no thread that waits ran in between",
		     format_duration(model_look_began(m, 0) - model_look_began(m, 1), t));
}

static void note_also(struct findings *out, struct finding *f, const struct hang *h)
{
	char who[WORDS_MAX] = "";
	unsigned int n = 0;

	for (struct edge *e = edge_in(h->wait->to, REL_LOCK_WAIT); e; e = edge_in_next(e)) {
		if (e->from == h->wait->from || e->from == h->last)
			continue;
		if (!n++)
			task_words(e->from, who);
	}
	if (n)
		finding_note(out, f, "Also stuck", "%u more thread%s that wait%s for the same lock, the first of them %s", n, n == 1 ? "" : "s",
			     n == 1 ? "s" : "", who);
}

static void note_way(struct findings *out, struct finding *f, const struct hang *h)
{
	const struct edge *wait = edge_out(h->last, REL_LOCK_WAIT);
	char who[WORDS_MAX], id[ID_NAME_MAX];

	task_words(h->last, who);
	if (wait && task_killable(h->last, wait))
		finding_note(out, f, "Way out", "SIGKILL ends the wait of %s%s", who,
			     h->fate == FATE_LOST ? "; the lock stays as it is" : "");
	else
		finding_note(out, f, "Way out", "none was found: %s sleeps where no signal reaches it. Whoever maps, unmaps, pins or closes in %s "
			     "waits behind it. Only a reboot ends it", who, id_name(OBJ_CONTAINER, lock_of(h->wait)->h.container, id));
}

/* ---- answers ---------------------------------------------------------------------------- */

static void sentence(struct findings *out, struct finding *f, const struct hang *h)
{
	const struct ev_lock *l = lock_of(h->wait);
	char who[WORDS_MAX], mm[ID_NAME_MAX], owner[WORDS_MAX], where[WORDS_MAX];

	hdr_words(h->wait->last, who);
	id_name(OBJ_MM, l->mm, mm);
	task_words(h->last, owner);
	if (h->fate == FATE_LOST && h->last == h->wait->from)
		finding_sentence(out, f, "%s waits for mmap_lock of %s, which nobody has: it was given back more often than it was taken", who, mm);
	else if (h->fate == FATE_LOST)
		finding_sentence(out, f, "%s waits for mmap_lock of %s, and so for %s, who waits for one that nobody has", who, mm, owner);
	else if (h->fate == FATE_RING && h->last == h->wait->from)
		finding_sentence(out, f, "%s waits for mmap_lock of %s, which it has itself", who, mm);
	else if (h->fate == FATE_RING)
		finding_sentence(out, f, "%s waits for mmap_lock of %s, and so for %s, who waits for it", who, mm, owner);
	else if (h->last == h->wait->from)
		finding_sentence(out, f, "%s waits for mmap_lock of %s, and it is not known for whom", who, mm);
	else
		finding_sentence(out, f, "%s waits for mmap_lock of %s, and so for %s, who %s%s", who, mm, owner,
				 h->fate == FATE_FREE ? "can go on" : "sleeps in ", h->fate == FATE_FREE ? "" : sleeps_in(h->last, where));
}

/* Why it is not proven, or not known. At least one reason is added. */
static void doubts(struct findings *out, struct finding *f, const struct waitgraph *g, const struct hang *h)
{
	const struct edge *wait = edge_out(h->last, REL_LOCK_WAIT);
	const struct ev_lock *l = wait ? lock_of(wait) : NULL;
	char who[WORDS_MAX], where[WORDS_MAX];

	task_words(h->last, who);
	if (model_looks(g->m) < 2)
		finding_missing(out, f, "only one look was taken: a second one shows whether this stands still");
	else if (h->fate >= FATE_RING)
		finding_missing(out, f, "two looks in a row that are whole have not shown it with nobody having run in between: look again");
	if (h->fate == FATE_UNKNOWN && !wait)
		finding_missing(out, f, "%s sleeps in %s; what ends that was not found", who, sleeps_in(h->last, where));
	else if (h->fate == FATE_UNKNOWN && l->mm && !l->written && l->readers > 0 && l->reader)
		finding_missing(out, f, "who has it for reading: the kernel keeps only who took it last, thread %llu", l->reader);
	else if (h->fate == FATE_UNKNOWN)
		finding_missing(out, f, "who has what %s waits for: the kernel does not say, or it is just being given on", who);
	doubt_sight(out, f, g->m);
}

static bool may_say_no(const struct waitgraph *g)
{
	return g->sound && !model_gaps(g->m);
}

static int judge_container(const struct verdict *v, const struct waitgraph *g, const struct obj *c, const struct hang *h, struct findings *out)
{
	bool worst = h->fate >= FATE_RING, no = h->fate == FATE_FREE && may_say_no(g);
	enum answer answer = worst && h->proven ? ANSWER_YES : no ? ANSWER_NO : ANSWER_CANNOT_TELL;
	struct finding *f = finding_add(out, v, answer, !worst ? LEVEL_NONE : h->proven ? LEVEL_PROVEN : LEVEL_LIKELY, c->id);

	if (!f)
		return -ENOMEM;
	sentence(out, f, h);
	put_evidence(out, f, g->m, c, h);
	if (worst && h->proven)
		note_proof(out, f, g->m);
	if (worst) {
		note_cause(out, f, g->m, c, h);
		note_also(out, f, h);
		note_way(out, f, h);
		finding_note(out, f, "Keep", "fdpin-trace status -J -o hang.json, before you touch it");
	}
	if (answer == ANSWER_CANNOT_TELL)
		doubts(out, f, g, h);
	else
		doubt_sight(out, f, g->m);
	return 0;
}

/* A container in which something is mapped, and of which it could not, or (old) was not, looked at who waits; NULL if there is none. */
static const struct obj *unseen(const struct model *m, bool old)
{
	for (const struct obj *c = model_first(m, OBJ_CONTAINER); c; c = model_next(c, OBJ_CONTAINER)) {
		const struct ev_container *n = NOTE_OF(c, container);

		if (n && n->ranges && !n->locks && n->other_locks != old)
			return c;
	}
	return NULL;
}

static int judge_host(const struct verdict *v, const struct model *m, struct findings *out)
{
	const char *no = "no thread that pins or charges waits for an mmap_lock but in passing";
	const struct obj *c = unseen(m, false);
	char id[ID_NAME_MAX];
	struct finding *f;

	if (!c && unseen(m, true))
		return 0; /* recorded before this was asked: there is no answer, and no doubt either */
	if (!c)
		return finding_host(out, v, m, no);
	f = finding_add(out, v, ANSWER_CANNOT_TELL, LEVEL_NONE, 0);
	if (!f)
		return -ENOMEM;
	finding_sentence(out, f, "%s as far as was seen", no);
	finding_missing(out, f, "who waits for an mmap_lock in %s: this kernel has another lock there (PREEMPT_RT)",
			id_name(OBJ_CONTAINER, c->id, id));
	doubt_sight(out, f, m);
	return 0;
}

int verdict_hang(const struct verdict *v, const struct model *m, struct findings *out)
{
	struct waitgraph g;
	bool found = false;
	int err = waitgraph_make(&g, m);

	if (err)
		return err;
	for (const struct obj *c = model_first(m, OBJ_CONTAINER); c && !err; c = model_next(c, OBJ_CONTAINER)) {
		struct hang h = worst_of(&g, c);

		if (!h.wait)
			continue;
		found = true;
		err = judge_container(v, &g, c, &h, out);
	}
	if (!found && !err)
		err = judge_host(v, m, out);
	waitgraph_free(&g);
	return err;
}
