// SPDX-License-Identifier: GPL-2.0-only
/*
 * ledger_charge.c - what is charged and credited, and whether a call that hands
 * over comes out even (ledger_own.h).
 */
#include "ledger_own.h"

#include <errno.h>
#include <stdlib.h>

/* ---- charges ------------------------------------------------------------------------ */

static bool hands_over(__u32 op)
{
	return op == OP_REVALIDATE || op == OP_CHANGE_PROCESS;
}

void ledger_call_ends(struct ledger_container *c)
{
	free(c->refused);
	free(c->gave);
	c->refused = c->gave = NULL;
	c->doubt = false;
	c->net = 0;
}

/*
 * What is handed over may be charged to an address space that is gone. With an IOMMU each
 * range is pinned as a whole, so its unmapping says how much that is less.
 */
static bool only_emulated(const struct ledger_container *c)
{
	return c->emulated && !c->backed;
}

/* The first of a call that hands over: somebody who lives and has these pages should be credited next. */
static int expect_credit(struct ledger *l, struct ledger_container *c, const struct ledger_account *a, const struct ev_charge *e)
{
	const struct ledger_account *from = ledger_creditor(l, a);

	if (e->op != OP_REVALIDATE || !from || from->gone_ns || from->unsure || a->unsure || account_balance(from) < e->pages ||
	    (!only_emulated(c) && ledger_is_open(l, c->id)))
		return 0;
	free(c->gave);
	c->gave = ledger_copy(e);
	c->doubt = only_emulated(c) && c->astray > 0;
	c->gave_from = from->key.mm;
	return c->gave ? 0 : -ENOMEM;
}

/* A credit that iommufd could not give, as nobody has the address space any more: its pages are pinned no longer all the same. */
static bool credit_came_late(struct ledger *l, const struct ev_charge *e)
{
	struct account_key key = { e->h.container, e->mm, e->account };
	struct ledger_account *a;

	HASH_FIND(hh, l->accounts, &key, sizeof(key), a);
	if (e->asked >= 0 || hands_over(e->op) || !a || !a->gone_ns)
		return false;
	add_pages(&a->late, -e->asked);
	return true;
}

static int note_refused(struct ledger *l, struct ledger_container *c, const struct ev_charge *e)
{
	if (credit_came_late(l, e))
		return ledger_shrink_windows(l, c->id, e->mm, -e->asked, e);
	if (!hands_over(e->op))
		return 0;
	free(c->refused);
	c->refused = ledger_copy(e);
	return c->refused ? 0 : -ENOMEM;
}

/* Who had it instead is looked for among all accounts: only once something is wrong. */
static int check_credit(struct ledger *l, const struct ledger_account *a, __s64 was, const struct ev_charge *e)
{
	__s64 now = account_balance(a);
	bool wrapped = e->after < 0 && e->before >= 0;
	bool pinned_wrapped = e->iommufd && e->pinned_vm < 0 && e->pinned_vm - e->pages >= 0;

	if (wrapped || pinned_wrapped)
		return ledger_add_drift(l, DRIFT_UNDERFLOW, a, ledger_creditor(l, a), -e->pages, e);
	if (now < 0 && was >= 0 && !a->unsure)
		return ledger_add_drift(l, DRIFT_WRONG_MM, a, ledger_creditor(l, a), -now, e);
	return 0;
}

/* Is it what the charge before in this call waited for? Whose range it is, is not known there: several may have as much to their debit. */
static bool answers(const struct ledger_container *c, const struct ev_charge *e)
{
	const struct ev_charge *gave = (const void *)c->gave;

	return gave && (c->gave_from == e->mm || (gave->h.tid == e->h.tid && -e->pages >= gave->pages));
}

static int on_credit(struct ledger *l, struct ledger_container *c, struct ledger_account *a, const struct ev_charge *e)
{
	__s64 was = account_balance(a);
	int err;

	l->cut |= add_pages(&a->credited, -e->pages);
	err = check_credit(l, a, was, e);
	if (err)
		return err;
	if (hands_over(e->op)) {
		if (e->op == OP_REVALIDATE) {
			add_pages(&c->restored, e->pages);
			ledger_give_back(l, c->id, -e->pages);
		}
		if (answers(c, e))
			ledger_call_ends(c);
		return 0;
	}
	add_pages(&c->unmapped, e->op == OP_UNMAP ? -e->pages : 0);
	add_pages(&c->unpinned, e->op == OP_UNPIN ? -e->pages : 0);
	/* What it has to its debit is its own; what goes below is pages of an address space that is gone. */
	if (a->gone_ns)
		return ledger_shrink_windows(l, c->id, e->mm, -e->pages, e);
	if (was < -e->pages)
		err = ledger_shrink_windows(l, c->id, 0, was > 0 ? -e->pages - was : -e->pages, e);
	if (a->released && !account_balance(a) && HASH_COUNT(l->accounts) > ACCOUNTS_SHOWN)
		ledger_account_free(l, a);
	return err;
}

static int on_debit(struct ledger *l, struct ledger_container *c, struct ledger_account *a, const struct ev_charge *e)
{
	int err = 0;

	if (e->op == OP_REVALIDATE) {
		err = expect_credit(l, c, a, e);
		add_pages(&c->restored, e->pages);
	}
	l->cut |= add_pages(&a->charged, e->pages);
	return err || !hands_over(e->op) ? err : ledger_shrink_windows(l, c->id, 0, e->pages, e);
}

int ledger_on_charge(struct ledger *l, const struct ev_charge *e)
{
	struct ledger_container *c;
	struct ledger_account *a;

	l->charges++;
	if (!e->mm)
		return 0;
	if (e->op == OP_OTHER)
		return ledger_stray(l, e->mm);
	c = ledger_container_get(l, e->h.container);
	if (!c)
		return -ENOMEM;
	c->moved |= !c->based;
	if (!e->pages)
		return note_refused(l, c, e);
	a = ledger_account_get(l, e->h.container, e->mm, e->account);
	if (!a)
		return l->cut ? 0 : -ENOMEM;
	if (a->gone_ns && e->users > 0)
		ledger_account_clear(a);
	/* iommufd pins from a file for an address space that has gone, and charges that one; its end is over */
	if (e->pages > 0 && e->users <= 0 && !a->older && !a->charged && !a->credited)
		a->gone_ns = e->h.ts_ns;
	a->user = e->user;
	a->iommufd = e->iommufd;
	/* what was charged before the end of the look may be in what it has read, or not */
	a->unsure |= !c->based || e->h.ts_ns < c->based_ns + e->span_ns;
	add_pages(&c->net, hands_over(e->op) ? e->pages : 0);
	return e->pages < 0 ? on_credit(l, c, a, e) : on_debit(l, c, a, e);
}

/* ---- hand-over ------------------------------------------------------------------------ */

/*
 * Still there after the whole context has changed hands: its charge did not. What is
 * pinned no longer has nobody to go to; of an address space that is gone the kernel (7.3)
 * hands over nothing else, but fails, if it counts there.
 */
static int check_moved(struct ledger *l, const struct ev_change_process *e)
{
	int err = 0;

	for (struct ledger_account *a = l->accounts; a && !err; a = a->hh.next) {
		struct ledger_account to = { .key = { a->key.container, e->mm, a->key.way } };
		__s64 left = account_balance(a) - a->late;

		if (a->key.container == e->h.container && a->key.mm != e->mm && left > 0 && a->iommufd)
			err = ledger_add_drift(l, DRIFT_WRONG_MM, &to, a, left, e);
	}
	return err;
}

int ledger_on_change_process(struct ledger *l, const struct ev_change_process *e)
{
	struct ledger_container *c = ledger_container_get(l, e->h.container);
	struct ledger_account *a;
	int err = 0;

	if (!c)
		return -ENOMEM;
	if (!e->result) {
		err = check_moved(l, e);
	} else if (c->net) {
		for (a = l->accounts; a; a = a->hh.next)
			if (a->key.container == c->id && a->key.mm == e->mm && account_balance(a) > 0)
				break;
		if (a)
			err = ledger_add_drift(l, DRIFT_LEAK, a, ledger_creditor(l, a), c->net, c->refused ? (void *)c->refused : (void *)e);
	}
	ledger_call_ends(c);
	return err;
}

/*
 * The last to use an address space says so before its end is told, and may be held up
 * in between. Who has left it by exec and restores meanwhile has nobody to credit.
 */
static int charged_twice(struct ledger *l, const struct ledger_container *c, const struct ledger_account *a,
			 const struct ledger_account *from, const struct ev_charge *gave)
{
	struct drift **last = l->drifts_tail;
	int err = ledger_add_drift(l, DRIFT_DOUBLE, a, from, gave->pages, gave);

	if (!*last)
		return err;
	(*last)->left = from->exec && from->exec->tgid == gave->h.tgid;
	(*last)->unsure |= c->doubt;
	return err;
}

int ledger_on_revalidate(struct ledger *l, const struct ev_revalidate *e)
{
	struct ledger_container *c = ledger_container_get(l, e->h.container);
	const struct ev_charge *gave;
	struct ledger_account *a, *from;
	bool nobody;
	int err = 0;

	if (!c)
		return -ENOMEM;
	gave = (const void *)c->gave;
	/* nobody was credited: are they all of those that were charged to who is gone? */
	nobody = !gave || (c->doubt && c->restored <= c->astray_least);
	if (!nobody && gave->h.tid == e->h.tid) {
		a = ledger_account_get(l, c->id, gave->mm, gave->account);
		from = ledger_account_get(l, c->id, c->gave_from, gave->account);
		if (a && from)
			err = charged_twice(l, c, a, from, gave);
	}
	if (c->restored > 0 && (!gave || c->doubt)) {
		c->astray = pages_less(c->astray, c->restored);
		c->astray_least = pages_less(c->astray_least, c->restored);
	}
	c->restored = 0;
	ledger_call_ends(c);
	return err;
}
