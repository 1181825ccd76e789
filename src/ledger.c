// SPDX-License-Identifier: GPL-2.0-only
/*
 * ledger.c - accounts kept from records (ledger.h).
 *
 * Owns: what each event means for the accounts. What must hold:
 *
 *	credit		what is credited had been charged to that very account
 *	hand-over	what the new one is charged the old one is credited, in the
 *			same call, unless nobody has the old one any more
 *	end		what the container charged is credited by the time it is gone.
 *			type1 does that when the last group has left and the file is
 *			closed, in the call that is the second of the two; it may take
 *			long, and that it is over shows by what the thread does next
 *
 * An address space that dies with something charged to it owes nothing: the
 * kernel does not credit it any more. As long as the pages stay pinned, though,
 * nobody is charged for them: that is what struct uncharged counts.
 *
 * Addresses are used again, and ids with them: an address space that was gone
 * and has a process again, and a container that is opened, begin at zero.
 */
#include "ledger_own.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DRIFTS_MAX 4096
#define UNCHARGED_MAX 65536

/* iopt_pages that areas share are charged once. */
struct ledger_pages {
	__u64 id;
	UT_hash_handle hh;
};

/* ---- memory ----------------------------------------------------------------- */

struct fdpin_hdr *ledger_copy(const void *rec)
{
	const struct fdpin_hdr *h = rec;
	struct fdpin_hdr *c = malloc(h->size);

	if (c)
		memcpy(c, h, h->size);
	return c;
}

void ledger_init(struct ledger *l)
{
	*l = (struct ledger){ .cut = false };
	l->drifts_tail = &l->drifts;
	l->uncharged_tail = &l->uncharged;
}

static void account_free(struct ledger *l, struct ledger_account *a)
{
	HASH_DEL(l->accounts, a);
	if (l->last_account == a)
		l->last_account = NULL;
	free(a->exec);
	free(a);
}

static void forget_pages(struct ledger *l)
{
	struct ledger_pages *p, *next;

	HASH_ITER(hh, l->pages, p, next) {
		HASH_DEL(l->pages, p);
		free(p);
	}
}

static void drift_free(struct drift *d)
{
	free(d->rec);
	free(d->cause);
	free(d);
}

void ledger_free(struct ledger *l)
{
	struct ledger_container *c, *c_next;
	struct ledger_account *a, *a_next;
	struct uncharged *u;
	struct drift *d;

	HASH_ITER(hh, l->accounts, a, a_next)
		account_free(l, a);
	HASH_ITER(hh, l->containers, c, c_next) {
		HASH_DEL(l->containers, c);
		l->last_container = NULL;
		free(c->refused);
		free(c->gave);
		free(c->end);
		free(c);
	}
	while ((d = l->drifts)) {
		l->drifts = d->next;
		drift_free(d);
	}
	while ((u = l->uncharged)) {
		l->uncharged = u->next;
		free(u->gone);
		free(u->exec);
		free(u->closed);
		free(u);
	}
	forget_pages(l);
	parts_free(l);
	ledger_init(l);
}

/* ---- accounts ---------------------------------------------------------------- */

struct ledger_container *ledger_container_get(struct ledger *l, __u64 id)
{
	struct ledger_container *c = l->last_container;

	if (c && c->id == id)
		return c;
	HASH_FIND(hh, l->containers, &id, sizeof(id), c);
	if (c)
		return l->last_container = c;
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->id = id;
	HASH_ADD(hh, l->containers, id, sizeof(c->id), c);
	return c;
}

static const struct ledger_container *container_find(const struct ledger *l, __u64 id)
{
	const struct ledger_container *c;

	HASH_FIND(hh, l->containers, &id, sizeof(id), c);
	return c;
}

__u64 ledger_opened(const struct ledger *l, __u64 container)
{
	const struct ledger_container *c = container_find(l, container);

	return c ? c->opened_ns : 0;
}

bool ledger_closed(const struct ledger *l, __u64 container)
{
	const struct ledger_container *c = container_find(l, container);

	return c && c->closed;
}

/* NULL: no memory, or no room (l->cut). */
static struct ledger_account *account_get(struct ledger *l, __u64 container, __u64 mm, __u32 way)
{
	struct account_key key = { container, mm, way };
	struct ledger_account *a = l->last_account;

	if (a && !memcmp(&a->key, &key, sizeof(key)))
		return a;
	HASH_FIND(hh, l->accounts, &key, sizeof(key), a);
	if (a)
		return l->last_account = a;
	if (HASH_COUNT(l->accounts) >= ACCOUNTS_MAX) {
		l->cut = true;
		return NULL;
	}
	a = calloc(1, sizeof(*a));
	if (!a)
		return NULL;
	a->key = key;
	HASH_ADD(hh, l->accounts, key, sizeof(a->key), a);
	return a;
}

static void account_clear(struct ledger_account *a)
{
	free(a->exec);
	a->exec = NULL;
	a->older = a->charged = a->credited = a->late = 0;
	a->unsure = a->released = false;
	a->gone_ns = 0;
}

/* Accounts that a rule picks are forgotten. */
static void drop_accounts(struct ledger *l, __u64 container, bool only_settled)
{
	struct ledger_account *a, *next;

	HASH_ITER(hh, l->accounts, a, next) {
		if (a->key.container != container)
			continue;
		if (only_settled && !(a->gone_ns || !account_balance(a)))
			continue;
		account_free(l, a);
	}
}

/* Another account of the container that has most to its debit: where what is credited elsewhere came from. */
static const struct ledger_account *creditor(const struct ledger *l, const struct ledger_account *not)
{
	const struct ledger_account *best = NULL;

	for (const struct ledger_account *a = l->accounts; a; a = a->hh.next)
		if (a != not && a->key.container == not->key.container && account_balance(a) > 0 &&
		    (!best || account_balance(a) > account_balance(best)))
			best = a;
	return best;
}

/* ---- what is wrong ------------------------------------------------------------- */

static const struct uncharged *window_of(const struct ledger *l, __u64 container, __u64 mm)
{
	__u64 opened_ns = ledger_opened(l, container);
	const struct uncharged *found = NULL;

	for (const struct uncharged *u = l->uncharged; u; u = u->next)
		if (u->container == container && u->opened_ns == opened_ns && u->mm == mm)
			found = u;
	return found;
}

int ledger_add_drift(struct ledger *l, enum drift_kind kind, const struct ledger_account *a, const struct ledger_account *other,
		     __s64 pages, const void *rec)
{
	const struct uncharged *u = other ? window_of(l, other->key.container, other->key.mm) : NULL;
	struct drift *d;

	if (l->n_drifts >= DRIFTS_MAX) {
		l->cut = true;
		return 0;
	}
	d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->kind = kind;
	d->container = a->key.container;
	d->opened_ns = ledger_opened(l, d->container);
	d->mm = a->key.mm;
	d->other_mm = other ? other->key.mm : 0;
	d->pages = pages;
	d->counter = kind == DRIFT_UNDERFLOW;
	d->unsure = l->lost || l->cut || a->unsure || (other && other->unsure);
	d->rec = ledger_copy(rec);
	d->cause = u && u->exec ? ledger_copy(u->exec) : NULL;
	*l->drifts_tail = d;
	l->drifts_tail = &d->next;
	l->n_drifts++;
	return d->rec ? 0 : -ENOMEM;
}

/* ---- charged to nobody ------------------------------------------------------------ */

static int open_window(struct ledger *l, struct ledger_account *a, const struct ev_mm_gone *e)
{
	struct uncharged *u;

	if (l->n_uncharged >= UNCHARGED_MAX) {
		l->cut = true;
		return 0;
	}
	u = calloc(1, sizeof(*u));
	if (!u)
		return -ENOMEM;
	u->container = a->key.container;
	u->opened_ns = ledger_opened(l, u->container);
	u->mm = a->key.mm;
	u->since_ns = e->h.ts_ns;
	u->pages = u->left = account_balance(a) - a->late;
	u->unsure = l->lost || a->unsure;
	u->gone = ledger_copy(e);
	/* Whose own end it is had it all the time: the exec was that of a child which shared it. */
	if (!e->exiting) {
		u->exec = a->exec;
		a->exec = NULL;
	}
	*l->uncharged_tail = u;
	l->uncharged_tail = &u->next;
	l->n_uncharged++;
	return u->gone ? 0 : -ENOMEM;
}

static int close_window(struct uncharged *u, const void *rec)
{
	const struct fdpin_hdr *h = rec;

	u->left = 0;
	u->until_ns = h->ts_ns;
	u->closed = ledger_copy(rec);
	return u->closed ? 0 : -ENOMEM;
}

/* So many pages of the container are charged again, or pinned no more; mm: only what was charged to that one, 0: to any. */
static int shrink_windows(struct ledger *l, __u64 container, __u64 mm, __s64 pages, const void *rec)
{
	int err = 0;

	for (struct uncharged *u = l->uncharged; u && pages > 0 && !err; u = u->next) {
		__s64 part = pages < u->left ? pages : u->left;

		if (u->container != container || u->until_ns || (mm && u->mm != mm))
			continue;
		u->left -= part;
		pages -= part;
		if (!u->left)
			err = close_window(u, rec);
	}
	return err;
}

static bool is_open(const struct ledger *l, __u64 container)
{
	for (const struct uncharged *u = l->uncharged; u; u = u->next)
		if (u->container == container && !u->until_ns)
			return true;
	return false;
}

/* ---- charges ------------------------------------------------------------------------ */

static bool hands_over(__u32 op)
{
	return op == OP_REVALIDATE || op == OP_CHANGE_PROCESS;
}

static void call_ends(struct ledger_container *c)
{
	free(c->refused);
	free(c->gave);
	c->refused = c->gave = NULL;
	c->net = 0;
}

/* The first of a call that hands over: somebody who lives and has these pages should be credited next. */
static int expect_credit(struct ledger *l, struct ledger_container *c, const struct ledger_account *a, const struct ev_charge *e)
{
	const struct ledger_account *from = creditor(l, a);

	if (e->op != OP_REVALIDATE || !from || from->gone_ns || from->unsure || a->unsure || account_balance(from) < e->pages ||
	    is_open(l, c->id))
		return 0;
	free(c->gave);
	c->gave = ledger_copy(e);
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
	a->late -= e->asked;
	return true;
}

static int note_refused(struct ledger *l, struct ledger_container *c, const struct ev_charge *e)
{
	if (credit_came_late(l, e))
		return shrink_windows(l, c->id, e->mm, -e->asked, e);
	if (!hands_over(e->op))
		return 0;
	free(c->refused);
	c->refused = ledger_copy(e);
	return c->refused ? 0 : -ENOMEM;
}

static int check_credit(struct ledger *l, const struct ledger_account *a, __s64 was, const struct ev_charge *e)
{
	__s64 now = account_balance(a);
	const struct ledger_account *from = creditor(l, a);
	bool wrapped = e->after < 0 && e->before >= 0;
	bool pinned_wrapped = e->iommufd && e->pinned_vm < 0 && e->pinned_vm - e->pages >= 0;

	if (wrapped || pinned_wrapped)
		return ledger_add_drift(l, DRIFT_UNDERFLOW, a, from, -e->pages, e);
	if (now < 0 && was >= 0 && !a->unsure)
		return ledger_add_drift(l, DRIFT_WRONG_MM, a, from, -now, e);
	return 0;
}

static int on_credit(struct ledger *l, struct ledger_container *c, struct ledger_account *a, const struct ev_charge *e)
{
	__s64 was = account_balance(a);
	int err;

	a->credited -= e->pages;
	err = check_credit(l, a, was, e);
	if (err)
		return err;
	if (hands_over(e->op)) {
		if (c->gave && c->gave_from == e->mm)
			call_ends(c);
		return 0;
	}
	c->unmapped -= e->op == OP_UNMAP ? e->pages : 0;
	/* What it has to its debit is its own; what goes below is pages of an address space that is gone. */
	if (a->gone_ns)
		return shrink_windows(l, c->id, e->mm, -e->pages, e);
	if (was < -e->pages)
		err = shrink_windows(l, c->id, 0, was > 0 ? -e->pages - was : -e->pages, e);
	if (a->released && !account_balance(a) && HASH_COUNT(l->accounts) > ACCOUNTS_SHOWN)
		account_free(l, a);
	return err;
}

static int on_debit(struct ledger *l, struct ledger_container *c, struct ledger_account *a, const struct ev_charge *e)
{
	int err = 0;

	if (e->op == OP_REVALIDATE)
		err = expect_credit(l, c, a, e);
	a->charged += e->pages;
	return err || !hands_over(e->op) ? err : shrink_windows(l, c->id, 0, e->pages, e);
}

static int on_charge(struct ledger *l, const struct ev_charge *e)
{
	struct ledger_container *c;
	struct ledger_account *a;

	l->charges++;
	if (!e->mm || e->op == OP_OTHER)
		return 0;
	c = ledger_container_get(l, e->h.container);
	if (!c)
		return -ENOMEM;
	c->moved |= !c->based;
	if (!e->pages)
		return note_refused(l, c, e);
	a = account_get(l, e->h.container, e->mm, e->account);
	if (!a)
		return l->cut ? 0 : -ENOMEM;
	if (a->gone_ns && e->users > 0)
		account_clear(a);
	/* iommufd pins from a file for an address space that has gone, and charges that one; its end is over */
	if (e->pages > 0 && e->users <= 0 && !a->older && !a->charged && !a->credited)
		a->gone_ns = e->h.ts_ns;
	a->user = e->user;
	a->iommufd = e->iommufd;
	a->unsure |= !c->based;
	c->net += hands_over(e->op) ? e->pages : 0;
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

static int on_change_process(struct ledger *l, const struct ev_change_process *e)
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
			err = ledger_add_drift(l, DRIFT_LEAK, a, creditor(l, a), c->net, c->refused ? (void *)c->refused : (void *)e);
	}
	call_ends(c);
	return err;
}

/*
 * The last to use an address space says so before its end is told, and may be held up
 * in between. Who has left it by exec and restores meanwhile has nobody to credit.
 */
static int charged_twice(struct ledger *l, const struct ledger_account *a, const struct ledger_account *from, const struct ev_charge *gave)
{
	struct drift **last = l->drifts_tail;
	int err = ledger_add_drift(l, DRIFT_DOUBLE, a, from, gave->pages, gave);

	if (*last)
		(*last)->left = from->exec && from->exec->tgid == gave->h.tgid;
	return err;
}

/* Its end is told: what was charged again was not charged twice. */
static void take_back(struct ledger *l, struct ledger_account *a)
{
	struct drift **at = &l->drifts, *d;

	while ((d = *at)) {
		if (!d->left || d->container != a->key.container || d->other_mm != a->key.mm || d->opened_ns != ledger_opened(l, d->container)) {
			at = &d->next;
			continue;
		}
		a->late += d->pages;
		*at = d->next;
		drift_free(d);
		l->n_drifts--;
	}
	l->drifts_tail = at;
}

static int on_revalidate(struct ledger *l, const struct ev_revalidate *e)
{
	struct ledger_container *c = ledger_container_get(l, e->h.container);
	const struct ev_charge *gave;
	struct ledger_account *a, *from;
	int err = 0;

	if (!c)
		return -ENOMEM;
	gave = (const void *)c->gave;
	if (gave && gave->h.tid == e->h.tid) {
		a = account_get(l, c->id, gave->mm, gave->account);
		from = account_get(l, c->id, c->gave_from, gave->account);
		if (a && from)
			err = charged_twice(l, a, from, gave);
	}
	call_ends(c);
	return err;
}

/* ---- ends and beginnings ---------------------------------------------------------------- */

static int on_mm_gone(struct ledger *l, const struct ev_mm_gone *e)
{
	int err = 0;

	for (struct ledger_account *a = l->accounts; a && !err; a = a->hh.next) {
		if (a->key.mm != e->mm || a->gone_ns)
			continue;
		a->gone_ns = e->h.ts_ns;
		take_back(l, a);
		/* what a user is charged for stays charged */
		if (account_balance(a) > a->late && a->key.way != CHARGED_USER && !a->released)
			err = open_window(l, a, e);
	}
	return err;
}

/* Told after the old address space has been left. By then it has gone, unless somebody else, who looks into it in /proc, say, has it a moment longer. */
static int on_exec(struct ledger *l, const struct ev_exec *e)
{
	for (struct uncharged *u = l->uncharged; e->old_mm && u; u = u->next) {
		if (u->mm != e->old_mm || u->until_ns || (u->exec && u->gone->tgid != e->h.tgid))
			continue;
		free(u->exec);
		u->exec = ledger_copy(e);
		if (!u->exec)
			return -ENOMEM;
	}
	for (struct ledger_account *a = l->accounts; e->old_mm && a; a = a->hh.next) {
		if (a->key.mm != e->old_mm || a->gone_ns || a->key.way == CHARGED_USER || account_balance(a) <= 0)
			continue;
		free(a->exec);
		a->exec = ledger_copy(e);
		if (!a->exec)
			return -ENOMEM;
	}
	return 0;
}

static int on_unmap(struct ledger *l, const struct ev_unmap *e)
{
	struct ledger_container *c = ledger_container_get(l, e->h.container);
	__s64 pages = e->size / SMALL_PAGE;

	if (!c)
		return -ENOMEM;
	/* A credit to an address space that is gone is left out: that its pages are pinned no more only the call says. */
	pages -= c->unmapped;
	c->unmapped = 0;
	return shrink_windows(l, c->id, 0, pages, e);
}

/* ---- a container begins and ends ------------------------------------------------------------- */

/*
 * Windows of a container that goes, or has gone, as another has its id. That of a
 * process which ended and took it along is no time in which nobody was charged,
 * and is not kept.
 */
static int end_windows(struct ledger *l, const struct fdpin_hdr *h)
{
	struct uncharged **at = &l->uncharged, *u;
	int err = 0;

	while ((u = *at) && !err) {
		if (u->container != h->container || u->until_ns || u->exec) {
			if (u->container == h->container && !u->until_ns)
				err = close_window(u, h);
			at = &u->next;
			continue;
		}
		*at = u->next;
		l->n_uncharged--;
		free(u->gone);
		free(u);
	}
	while (*at)
		at = &(*at)->next;
	l->uncharged_tail = at;
	return err;
}

static int on_open(struct ledger *l, const struct fdpin_hdr *h)
{
	struct ledger_container *c = ledger_container_get(l, h->container);

	if (!c)
		return -ENOMEM;
	end_forget(l, c);
	c->again = c->opened && !c->closed;
	c->opened = true;
	c->opened_ns = h->ts_ns;
	c->counted = c->closed = false;
	c->groups = 0;
	drop_accounts(l, h->container, false);
	call_ends(c);
	c->based = true;
	c->moved = c->in_look = false;
	return end_windows(l, h);
}

/*
 * Of type1 this is said before the last of it is credited; of iommufd, after, when
 * somebody else may have its address already: the accounts are the other's then.
 */
static int on_release(struct ledger *l, const struct fdpin_hdr *h)
{
	bool iommufd = (h->container & FDPIN_ID_MARK) == FDPIN_ID_IOMMUFD;
	struct ledger_container *c = ledger_container_get(l, h->container);
	int err;

	if (!c)
		return -ENOMEM;
	if (iommufd && c->again) {
		c->again = false;
		return 0;
	}
	c->closed = true;
	err = end_windows(l, h);
	if (!iommufd && !err)
		err = end_begins(l, c, h);
	for (struct ledger_account *a = l->accounts; a && !err; a = a->hh.next) {
		if (a->key.container != h->container)
			continue;
		a->released = true;
		if (iommufd && account_balance(a) > 0 && !a->gone_ns)
			err = ledger_add_drift(l, DRIFT_LEAK, a, NULL, account_balance(a), h);
	}
	if (HASH_COUNT(l->accounts) > ACCOUNTS_SHOWN)
		drop_accounts(l, h->container, true);
	return err;
}

/* ---- what looks say ----------------------------------------------------------------------- */

/* 1: it was there; -1: no memory. */
static int seen_before(struct ledger *l, __u64 id)
{
	struct ledger_pages *p;

	HASH_FIND(hh, l->pages, &id, sizeof(id), p);
	if (p)
		return 1;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -1;
	p->id = id;
	HASH_ADD(hh, l->pages, id, sizeof(p->id), p);
	return 0;
}

/* A look begins to show it: what has been charged by now is in what it shows. */
static void shown(struct ledger *l, struct ledger_container *c)
{
	if (!c->in_look && !c->based) {
		drop_accounts(l, c->id, false);
		c->moved = false;
	}
	c->in_look = true;
}

static int on_range(struct ledger *l, const struct ev_range *r)
{
	struct ledger_container *c = ledger_container_get(l, r->h.container);
	__s64 pages = r->charged;
	struct ledger_account *a;
	int seen = 0;

	if (!c)
		return -ENOMEM;
	shown(l, c);
	if (c->based || !r->mm || r->source == SOURCE_DMABUF || r->account == CHARGED_UNKNOWN)
		return 0;
	if (r->pages)
		seen = seen_before(l, r->pages);
	if (seen)
		return seen < 0 ? -ENOMEM : 0;
	a = account_get(l, r->h.container, r->mm, r->account);
	if (!a)
		return l->cut ? 0 : -ENOMEM;
	/* This kernel does not say: then what is mapped is pinned, and charged, but for memory of devices. */
	if (pages < 0) {
		pages = r->mapped ? (__s64)(r->size / SMALL_PAGE) : r->pinned > 0 ? r->pinned : 0;
		a->unsure = true;
	}
	a->older += pages;
	a->iommufd = r->pages != 0;
	return 0;
}

static int on_reread(struct ledger *l, const struct fdpin_hdr *h)
{
	struct ledger_container *c = ledger_container_get(l, h->container);

	if (!c)
		return -ENOMEM;
	for (struct ledger_account *a = l->accounts; a && !c->based; a = a->hh.next)
		if (a->key.container == h->container)
			a->older = 0;
	return 0;
}

/* What it has shown is where the accounts begin, unless something moved since it began to show the container. */
static void look_ended(struct ledger *l)
{
	forget_pages(l);
	for (struct ledger_container *c = l->containers; c; c = c->hh.next) {
		if (c->based)
			continue;
		if (!c->in_look) { /* it was gone by then */
			drop_accounts(l, c->id, false);
			continue;
		}
		c->based = true;
		for (struct ledger_account *a = l->accounts; a && c->moved; a = a->hh.next)
			if (a->key.container == c->id)
				a->unsure = true;
	}
	for (struct ledger_container *c = l->containers; c; c = c->hh.next)
		c->in_look = false;
}

/* ---- records ------------------------------------------------------------------------------- */

static int of_look(struct ledger *l, const struct fdpin_hdr *h)
{
	switch (h->type) {
	case EV_range:
		return on_range(l, (const void *)h);
	case EV_reread:
		return on_reread(l, h);
	case EV_container: {
		struct ledger_container *c = ledger_container_get(l, h->container);

		if (!c)
			return -ENOMEM;
		shown(l, c);
		return 0;
	}
	case EV_look:
		if (((const struct ev_look *)h)->end)
			look_ended(l);
		return 0;
	default:
		return 0;
	}
}

static int of_hook(struct ledger *l, const struct fdpin_hdr *h)
{
	switch (h->type) {
	case EV_charge:
		return on_charge(l, (const void *)h);
	case EV_change_process:
		return on_change_process(l, (const void *)h);
	case EV_revalidate:
		return on_revalidate(l, (const void *)h);
	case EV_mm_gone:
		return on_mm_gone(l, (const void *)h);
	case EV_exec:
		return on_exec(l, (const void *)h);
	case EV_unmap:
		return on_unmap(l, (const void *)h);
	case EV_attach:
	case EV_detach:
		return end_group(l, h);
	case EV_open:
		return on_open(l, h);
	case EV_release:
		return on_release(l, h);
	default:
		return 0;
	}
}

int ledger_apply(struct ledger *l, const struct fdpin_hdr *h)
{
	int err = 0;

	if (h->type == EV_lost) {
		l->lost = true;
		return 0;
	}
	if (l->ending && !h->look)
		err = end_settle(l, h);
	if (!err)
		err = h->look ? of_look(l, h) : of_hook(l, h);
	return err ?: parts_apply(l, h);
}
