// SPDX-License-Identifier: GPL-2.0-only
/*
 * verdict_drift.c - "what is charged as locked or pinned is not what is pinned".
 *
 * From the ledger (ledger.h), for each container:
 *
 *	yes		a record broke a balance, and everything before it was seen; a
 *			counter that wrapped needs nothing else. Or pages stay pinned
 *			now and the address space they are charged to has gone
 *	cannot tell	the same where something was lost or not seen
 *	no		they stayed so for a time, and are charged again, or not pinned
 *
 * What looks alone show is in drift_looks.c. That a charge is never given back they
 * cannot show: locked_vm has what programs lock, too.
 */
#include "drift_looks.h"
#include "doubts.h"
#include "ending.h"
#include "words.h"

#include <errno.h>
#include <string.h>

#define SHOWN_MAX 8

int verdict_drift(const struct verdict *v, const struct model *m, struct findings *out);

struct names {
	char mm[ID_NAME_MAX], other[ID_NAME_MAX], container[ID_NAME_MAX];
	char pages[FORMAT_MAX], before[FORMAT_MAX], after[FORMAT_MAX];
	char who[WORDS_MAX];
};

/* ---- what is wrong, in words -------------------------------------------------- */

static const char *op_words(__u32 op)
{
	return kind_value_name(KIND_OP, op) ?: "?";
}

static void name_drift(const struct drift *d, struct names *n)
{
	id_name(OBJ_MM, d->mm, n->mm);
	id_name(OBJ_MM, d->other_mm, n->other);
	id_name(OBJ_CONTAINER, d->container, n->container);
	format_pages(d->pages, n->pages);
	hdr_words(d->rec, n->who);
}

static void tell_underflow(struct findings *out, struct finding *f, const struct drift *d, struct names *n)
{
	const struct ev_charge *e = (const void *)d->rec;
	bool pinned = e->after >= 0 || e->account == CHARGED_NONE;
	__s64 after = pinned ? e->pinned_vm : e->after, before = pinned ? e->pinned_vm - e->pages : e->before;
	const char *counter = pinned ? "pinned_vm" : e->account == CHARGED_USER ? "locked_vm of the user" : "locked_vm";

	format_pages(before, n->before);
	format_pages(after, n->after);
	finding_record(out, f, d->rec, "%s in %s credited %s to %s, whose %s went from %s to %s%s%s", n->who, op_words(e->op), n->pages,
		       n->mm, counter, n->before, n->after, d->other_mm ? "; they had been charged to " : "",
		       d->other_mm ? n->other : "");
	if (e->account == CHARGED_USER && !pinned)
		return;
	finding_note(out, f, "Shown as", "%s: %llu kB, which is 2^64 bytes less %s: the counter is unsigned, and every further charge "
		     "of a process with a limit fails with ENOMEM until it is above zero again", pinned ? "VmPin" : "VmLck",
		     as_shown(after), n->after + 1);
}

static void tell_wrong_mm(struct findings *out, struct finding *f, const struct drift *d, struct names *n)
{
	const struct ev_charge *e = (const void *)d->rec;

	if (d->rec->type == EV_change_process)
		finding_record(out, f, d->rec, "%s with IOMMU_IOAS_CHANGE_PROCESS gave %s to %s, but %s stay charged to %s", n->who,
			       n->container, n->mm, n->pages, n->other);
	else
		finding_record(out, f, d->rec, "%s in %s credited %s to %s, which had not been charged for them%s%s", n->who,
			       op_words(e->op), n->pages, n->mm, d->other_mm ? "; that was " : "", d->other_mm ? n->other : "");
}

static void tell_leak(struct findings *out, struct finding *f, const struct drift *d, struct names *n)
{
	const struct ev_charge *e = (const void *)d->rec;
	const char *err = d->rec->type == EV_charge && e->result < 0 ? strerrorname_np(-e->result) : NULL;

	if (d->rec->type == EV_release)
		finding_record(out, f, d->rec, "%s released %s, and %s stay charged to %s", n->who, n->container, n->pages, n->mm);
	else if (d->rec->type == EV_detach)
		finding_record(out, f, d->rec, "%s took the last group from %s, which is closed, and %s stay charged to %s", n->who, n->container,
			       n->pages, n->mm);
	else if (d->rec->type == EV_charge)
		finding_record(out, f, d->rec, "%s in %s charged %s to %s and failed, as %s could not be credited (%s): nothing is pinned for "
			       "them", n->who, op_words(e->op), n->pages, n->mm, n->other, err ?: "?");
	else
		finding_record(out, f, d->rec, "%s failed in IOMMU_IOAS_CHANGE_PROCESS and left %s charged to %s", n->who, n->pages, n->mm);
}

static void tell_double(struct findings *out, struct finding *f, const struct drift *d, struct names *n)
{
	const struct ev_charge *e = (const void *)d->rec;

	finding_record(out, f, d->rec, "%s in %s charged %s to %s, and %s, which is charged for the same pages, was not credited", n->who,
		       op_words(e->op), n->pages, n->mm, n->other);
}

static const struct {
	const char *name; /* as the sentence has it */
	void (*tell)(struct findings *out, struct finding *f, const struct drift *d, struct names *n);
} kinds[] = {
	[DRIFT_UNDERFLOW] = { "underflow", tell_underflow },
	[DRIFT_WRONG_MM] = { "wrong address space", tell_wrong_mm },
	[DRIFT_LEAK] = { "leak", tell_leak },
	[DRIFT_DOUBLE] = { "charged twice", tell_double },
};

/* ---- what is charged to nobody -------------------------------------------------- */

static void tell_uncharged(struct findings *out, struct finding *f, const struct uncharged *u)
{
	char mm[ID_NAME_MAX], pages[FORMAT_MAX], who[WORDS_MAX], took[FORMAT_MAX];

	id_name(OBJ_MM, u->mm, mm);
	format_pages(u->pages, pages);
	hdr_words(u->exec ?: u->gone, who);
	finding_record(out, f, u->exec ?: u->gone, "%s left %s, to which %s are charged, by %s; the pages stay pinned", who, mm, pages,
		       u->exec ? "exec" : "exit");
	if (!u->until_ns)
		return;
	hdr_words(u->closed, who);
	format_duration(u->until_ns - u->since_ns, took);
	if (uncharged_paid(u))
		finding_record(out, f, u->closed, "%s charged them again after %s", who, took);
	else
		finding_record(out, f, u->closed, "%s ended that they are pinned, after %s", who, took);
}

static void uncharged_sentence(struct findings *out, struct finding *f, const struct uncharged *u, __u64 now)
{
	char pages[FORMAT_MAX], took[FORMAT_MAX], left[FORMAT_MAX];

	format_pages(u->pages, pages);
	format_pages(u->left, left);
	format_duration((u->until_ns ?: now) - u->since_ns, took);
	if (u->until_ns)
		finding_sentence(out, f, "%s stayed pinned and charged to nobody for %s, from %s on", pages, took, u->exec ? "exec" : "exit");
	else
		finding_sentence(out, f, "uncharged: %s stay pinned and are charged to nobody, for %s since %s", left, took,
				 u->exec ? "exec" : "exit");
}

/* ---- a container -------------------------------------------------------------------- */

/* What the ledger has about one container, from when it was opened: another may have its id after it. */
struct about {
	__u64 container, opened_ns;
	const struct drift *drift;	  /* the first; the rest follow it in the list */
	const struct uncharged *open;	  /* the first that lasts */
	const struct uncharged *longest;  /* of those that are over */
	bool certain;			  /* of drift */
	const char *ending;		  /* why it cannot be told that open lasts, or NULL */
};

static void gather(const struct ledger *l, bool complete, __u64 now, struct about *a)
{
	for (const struct drift *d = l->drifts; d; d = d->next) {
		if (d->container != a->container || d->opened_ns != a->opened_ns)
			continue;
		if (!a->drift)
			a->drift = d;
		a->certain |= d->counter || (complete && !d->unsure && !d->left);
	}
	for (const struct uncharged *u = l->uncharged; u; u = u->next) {
		if (u->container != a->container || u->opened_ns != a->opened_ns || !uncharged_counts(u, now))
			continue;
		if (!u->until_ns && !a->open)
			a->open = u;
		if (u->until_ns && (!a->longest || u->until_ns - u->since_ns > a->longest->until_ns - a->longest->since_ns))
			a->longest = u;
	}
}

/* Whose own end it is takes along what only he had: while he is at it, nothing is known. After an exec it was so before. */
static const char *why_ending(const struct model *m, const struct about *a)
{
	if (!a->open || a->open->exec)
		return NULL;
	return container_ending(m, model_find(m, OBJ_CONTAINER, a->container));
}

/* What stands in the books at the end. */
static void note_accounts(struct findings *out, struct finding *f, const struct ledger *l, __u64 container)
{
	unsigned int shown = 0;

	for (const struct ledger_account *a = l->accounts; a && shown < SHOWN_MAX; a = a->hh.next) {
		char mm[ID_NAME_MAX], charged[FORMAT_MAX], credited[FORMAT_MAX], left[FORMAT_MAX], older[FORMAT_MAX];

		if (a->key.container != container)
			continue;
		shown++;
		finding_note(out, f, "Account", "%s: %s%scharged %s, credited %s, left %s%s", id_name(OBJ_MM, a->key.mm, mm),
			     a->older ? format_pages(a->older, older) : "", a->older ? " before, " : "", format_pages(a->charged, charged),
			     format_pages(a->credited, credited), format_pages(account_balance(a), left),
			     a->gone_ns ? "; no process has it any more" : "");
	}
}

/* The same call, by the same process, with the same effect: a program that tries whether it can hand over does so more than once. */
static bool is_same_drift(const struct drift *a, const struct drift *b)
{
	return a->rec->type == EV_change_process && b->rec->type == EV_change_process && a->container == b->container &&
	       a->opened_ns == b->opened_ns && a->kind == b->kind && a->mm == b->mm && a->other_mm == b->other_mm &&
	       a->pages == b->pages && a->rec->tgid == b->rec->tgid;
}

static bool told_before(const struct drift *first, const struct drift *d)
{
	while (first != d && !is_same_drift(first, d))
		first = first->next;
	return first != d;
}

static void put_drifts(struct findings *out, struct finding *f, const struct about *a)
{
	const struct drift *first = a->drift;
	unsigned int shown = 0, again = 0;
	char id[ID_NAME_MAX], who[WORDS_MAX];
	struct names n;

	for (const struct drift *d = first; d && shown < SHOWN_MAX; d = d->next) {
		if (d->container != first->container || d->opened_ns != first->opened_ns)
			continue;
		if (told_before(first, d)) {
			again++;
			continue;
		}
		name_drift(d, &n);
		if (d->cause && d == first)
			finding_record(out, f, d->cause, "%s left %s by exec, with %s charged to it", hdr_words(d->cause, who),
				       n.other, n.pages);
		kinds[d->kind].tell(out, f, d, &n);
		shown++;
	}
	if (again)
		finding_note(out, f, "Again", "the same call, with the same effect, %u more time%s", again, again == 1 ? "" : "s");
	name_drift(first, &n);
	finding_sentence(out, f, "%s of %s in %s, at %s of %s", kinds[first->kind].name, n.pages, id_name(OBJ_CONTAINER, first->container, id),
			 first->rec->type == EV_charge ? op_words(((const struct ev_charge *)first->rec)->op) :
			 first->rec->type == EV_release || first->rec->type == EV_detach ? "the release" : "CHANGE_PROCESS",
			 n.who);
}

static bool books_whole(const struct model *m)
{
	return !model_ledger(m)->cut && !model_ledger(m)->absurd && !model_dropped(m);
}

static void doubt_books(struct findings *out, struct finding *f, const struct model *m)
{
	const struct ledger *l = model_ledger(m);

	if (l->cut)
		finding_missing(out, f, "there were more accounts than are kept");
	if (l->absurd)
		finding_missing(out, f, "a record told of more pages than there can be, and is left out");
	if (model_dropped(m))
		finding_missing(out, f, "there were more ranges than are kept: %llu records of them are left out", model_dropped(m));
}

static void put_doubts(struct findings *out, struct finding *f, const struct model *m, const struct about *a)
{
	char mm[ID_NAME_MAX];

	for (const struct drift *d = a->drift; d; d = d->next)
		if (d->left && d->container == a->container && d->opened_ns == a->opened_ns)
			finding_missing(out, f, "whether anybody still had %s, which was left by exec, when its pages were charged again",
					id_name(OBJ_MM, d->other_mm, mm));
	if (a->ending)
		finding_missing(out, f, "%s", a->ending);
	if (a->open && a->open->fewer)
		finding_missing(out, f, "whether what was unpinned or unmapped since, and nobody was credited for, was of these pages");
	doubt_books(out, f, m);
	doubt_sight(out, f, m);
	if (!model_looks(m))
		finding_missing(out, f, "no look at the standing system was finished: what was charged before is not known");
	if (!f->n_missing)
		finding_missing(out, f, "what had been charged before fdpin-trace watched is not known to the page");
}

static int judge_container(const struct verdict *v, const struct model *m, __u64 container, __u64 opened_ns, struct findings *out, bool *found)
{
	struct about a = { .container = container, .opened_ns = opened_ns };
	const struct ledger *l = model_ledger(m);
	bool complete = model_complete(m), certain;
	struct finding *f;

	gather(l, complete, model_now(m), &a);
	if (!a.drift && !a.open && !a.longest)
		return 0;
	*found = true;
	a.ending = why_ending(m, &a);
	certain = a.certain || (a.open && complete && !a.open->unsure && !a.open->fewer && !a.ending);
	if (a.drift || a.open)
		f = finding_add(out, v, certain ? ANSWER_YES : ANSWER_CANNOT_TELL, certain ? LEVEL_PROVEN : LEVEL_LIKELY, container);
	else
		f = finding_add(out, v, absence_certain(m) && books_whole(m) && !a.longest->unsure ? ANSWER_NO : ANSWER_CANNOT_TELL, LEVEL_NONE, container);
	if (!f)
		return -ENOMEM;
	f->opened_ns = opened_ns;
	if (a.drift)
		put_drifts(out, f, &a);
	else
		uncharged_sentence(out, f, a.open ?: a.longest, model_now(m));
	if (a.open)
		tell_uncharged(out, f, a.open);
	if (a.longest && !a.drift)
		tell_uncharged(out, f, a.longest);
	if (opened_ns == ledger_opened(l, container))
		note_accounts(out, f, l, container);
	if (f->answer == ANSWER_CANNOT_TELL)
		put_doubts(out, f, m, &a);
	else if (f->answer == ANSWER_YES)
		doubt_sight(out, f, m);
	return 0;
}

/* Has it one before this? Then it was judged. */
static bool first_of(const struct ledger *l, const struct drift *d, const struct uncharged *u)
{
	__u64 container = d ? d->container : u->container, opened_ns = d ? d->opened_ns : u->opened_ns;

	for (const struct drift *e = l->drifts; e && e != d; e = e->next)
		if (e->container == container && e->opened_ns == opened_ns)
			return false;
	for (const struct uncharged *w = l->uncharged; !d && w && w != u; w = w->next)
		if (w->container == container && w->opened_ns == opened_ns)
			return false;
	return true;
}

static int judge_ledger(const struct verdict *v, const struct model *m, struct findings *out, bool *found)
{
	const struct ledger *l = model_ledger(m);
	int err = 0;

	for (const struct drift *d = l->drifts; d && !err; d = d->next)
		if (first_of(l, d, NULL))
			err = judge_container(v, m, d->container, d->opened_ns, out, found);
	for (const struct uncharged *u = l->uncharged; u && !err; u = u->next)
		if (first_of(l, NULL, u))
			err = judge_container(v, m, u->container, u->opened_ns, out, found);
	return err;
}

/* ---- what is not known ---------------------------------------------------------------------- */

/* More was credited than is known to have been charged, and what had been charged before is not known. */
static int judge_overdrawn(const struct verdict *v, const struct model *m, const struct ledger_account *a, struct findings *out)
{
	char pages[FORMAT_MAX], mm[ID_NAME_MAX], id[ID_NAME_MAX];
	struct finding *f = finding_add(out, v, ANSWER_CANNOT_TELL, LEVEL_NONE, a->key.container);

	if (!f)
		return -ENOMEM;
	finding_sentence(out, f, "%s more than %s is known to have charged to %s were credited to it", format_pages(-account_balance(a), pages),
			 id_name(OBJ_CONTAINER, a->key.container, id), id_name(OBJ_MM, a->key.mm, mm));
	finding_missing(out, f, "what had been charged to it before fdpin-trace watched");
	note_accounts(out, f, model_ledger(m), a->key.container);
	return 0;
}

static int judge_unsure(const struct verdict *v, const struct model *m, struct findings *out, bool *found)
{
	const struct ledger *l = model_ledger(m);
	int err = 0;

	for (const struct ledger_account *a = l->accounts; a && !err; a = a->hh.next) {
		if (!a->unsure || has_drift(l, a->key.container))
			continue;
		if (account_balance(a) >= 0)
			continue;
		*found = true;
		err = judge_overdrawn(v, m, a, out);
	}
	return err;
}

static int judge_cut(const struct verdict *v, const struct model *m, struct findings *out)
{
	struct finding *f = finding_add(out, v, ANSWER_CANNOT_TELL, LEVEL_NONE, 0);

	if (!f)
		return -ENOMEM;
	finding_sentence(out, f, "no drift as far as the books go");
	doubt_books(out, f, m);
	return 0;
}

int verdict_drift(const struct verdict *v, const struct model *m, struct findings *out)
{
	bool found = false;
	int err = judge_ledger(v, m, out, &found);

	if (!err)
		err = drift_looks(v, m, out, &found);
	if (!err)
		err = judge_unsure(v, m, out, &found);
	if (found || err)
		return err;
	if (!books_whole(m))
		return judge_cut(v, m, out);
	return finding_host(out, v, m,
			    model_has_charges(m) ? "what was charged was credited to the same account, and no counter is below zero" :
						   "no counter is below zero, and nothing is charged to an address space that is gone");
}
