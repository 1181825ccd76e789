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
#include "seen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

void ledger_account_free(struct ledger *l, struct ledger_account *a)
{
	HASH_DEL(l->accounts, a);
	if (l->last_account == a)
		l->last_account = NULL;
	free(a->exec);
	free(a);
}

void ledger_free(struct ledger *l)
{
	struct ledger_container *c, *c_next;
	struct ledger_account *a, *a_next;
	struct uncharged *u;
	struct drift *d;

	HASH_ITER(hh, l->accounts, a, a_next)
		ledger_account_free(l, a);
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
		ledger_drift_free(d);
	}
	while ((u = l->uncharged)) {
		l->uncharged = u->next;
		free(u->gone);
		free(u->exec);
		free(u->closed);
		free(u);
	}
	seen_free(&l->pages);
	seen_free(&l->gone);
	seen_free(&l->strays);
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

static bool has_strays(const struct ledger *l, __u64 container, __u64 mm)
{
	const struct ledger_container *c;

	if (!seen_has(l->strays, mm))
		return false;
	c = container_find(l, container);
	return !c || !c->opened;
}

/* NULL: no memory, or no room (l->cut). */
struct ledger_account *ledger_account_get(struct ledger *l, __u64 container, __u64 mm, __u32 way)
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
	a->unsure = has_strays(l, container, mm);
	HASH_ADD(hh, l->accounts, key, sizeof(a->key), a);
	return a;
}

/* Only what was open when the watch began can have been in a call by then. */
int ledger_stray(struct ledger *l, __u64 mm)
{
	int seen = seen_add(&l->strays, mm);

	for (struct ledger_account *a = l->accounts; a && !seen; a = a->hh.next)
		if (a->key.mm == mm)
			a->unsure |= has_strays(l, a->key.container, mm);
	return seen < 0 ? seen : 0;
}

void ledger_account_clear(struct ledger_account *a)
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
		ledger_account_free(l, a);
	}
}

/* Another account of the container that has most to its debit: where what is credited elsewhere came from. */
const struct ledger_account *ledger_creditor(const struct ledger *l, const struct ledger_account *not)
{
	const struct ledger_account *best = NULL;

	for (const struct ledger_account *a = l->accounts; a; a = a->hh.next)
		if (a != not && a->key.container == not->key.container && account_balance(a) > 0 &&
		    (!best || account_balance(a) > account_balance(best)))
			best = a;
	return best;
}

/* ---- ends and beginnings ---------------------------------------------------------------- */

static int on_mm_gone(struct ledger *l, const struct ev_mm_gone *e)
{
	struct ledger_container *c;
	int err = 0;

	for (struct ledger_account *a = l->accounts; a && !err; a = a->hh.next) {
		if (a->key.mm != e->mm || a->gone_ns)
			continue;
		a->gone_ns = e->h.ts_ns;
		c = ledger_container_get(l, a->key.container);
		if (!c)
			return -ENOMEM;
		add_pages(&c->astray, account_balance(a));
		add_pages(&c->astray_least, account_balance(a));
		ledger_take_back(l, a);
		/* what a user is charged for stays charged */
		if (account_balance(a) > a->late && a->key.way != CHARGED_USER && !a->released)
			err = ledger_open_window(l, a, e);
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

/* Pages may be pinned no longer that nobody was charged for. */
static void fewer_in_windows(struct ledger *l, const struct ledger_container *c)
{
	for (struct uncharged *u = l->uncharged; u; u = u->next)
		u->fewer |= u->container == c->id && !u->until_ns;
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
	if (e->counted) {
		c->astray = pages_less(c->astray, e->uncredited);
		c->astray_least = pages_less(c->astray_least, e->uncredited);
		return ledger_shrink_windows(l, c->id, 0, e->uncredited, e);
	}
	/* what else was unmapped may have been memory of a device, which is charged to nobody at all times */
	if (pages > 0)
		fewer_in_windows(l, c);
	return 0;
}

/* ---- a container begins and ends ------------------------------------------------------------- */

/*
 * Windows of a container that goes, or has gone, as another has its id. That of a
 * process which ended and took it along is not kept, and neither is one whose end
 * was not seen.
 */
static int end_windows(struct ledger *l, const struct fdpin_hdr *h)
{
	struct uncharged **at = &l->uncharged, *u;
	int err = 0;

	while ((u = *at) && !err) {
		bool goes = u->container == h->container && !u->until_ns;

		if (!goes || u->exec || (h->type == EV_release && !uncharged_by_own_end(u, h))) {
			if (goes)
				err = ledger_close_window(u, h);
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
	c->emulated = c->backed = false;
	c->astray = c->astray_least = c->restored = c->unpinned = 0;
	c->groups = 0;
	drop_accounts(l, h->container, false);
	ledger_call_ends(c);
	c->based = true;
	c->based_ns = 0;
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

/* The kernel credits nobody for a page that is pinned once more, nor for one that was charged to an address space that is gone. */
static int on_unpin(struct ledger *l, const struct ev_unpin *e)
{
	struct ledger_container *c = ledger_container_get(l, e->h.container);
	__s64 silent;

	if (!c)
		return -ENOMEM;
	silent = (__s64)(e->size / SMALL_PAGE) - c->unpinned;
	c->unpinned = 0;
	if (silent <= 0 || c->backed)
		return 0; /* beside an IOMMU the range stays pinned */
	c->astray_least = pages_less(c->astray_least, silent);
	fewer_in_windows(l, c);
	return 0;
}

/* ---- what looks say ----------------------------------------------------------------------- */

/* There is a device of this kind. */
static int on_backed(struct ledger *l, __u64 container, __u32 backed)
{
	struct ledger_container *c = container ? ledger_container_get(l, container) : NULL;

	if (!c)
		return container ? -ENOMEM : 0;
	c->emulated |= backed == BACKED_EMULATED;
	c->backed |= backed != BACKED_EMULATED;
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
		seen = seen_add(&l->pages, r->pages);
	if (seen)
		return seen < 0 ? seen : 0;
	a = ledger_account_get(l, r->h.container, r->mm, r->account);
	if (!a)
		return l->cut ? 0 : -ENOMEM;
	/* This kernel does not say: then what is mapped is pinned, and charged, but for memory of devices. */
	if (pages < 0) {
		pages = r->mapped ? (__s64)(r->size / SMALL_PAGE) : r->pinned > 0 ? r->pinned : 0;
		a->unsure = true;
	}
	l->cut |= add_pages(&a->older, pages);
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

/* Of accounts that begin with this look: those whose address space has no process any more. */
static void begin_gone(struct ledger *l, struct ledger_container *c, __u64 now)
{
	for (struct ledger_account *a = l->accounts; a; a = a->hh.next) {
		if (a->key.container != c->id || a->gone_ns || account_balance(a) <= 0)
			continue;
		if (!seen_has(l->gone, a->key.mm))
			continue;
		a->gone_ns = now;
		add_pages(&c->astray, account_balance(a));
		add_pages(&c->astray_least, account_balance(a));
	}
}

/* What it has shown is where the accounts begin, unless something moved since it began to show the container. */
static void look_ended(struct ledger *l, __u64 now)
{
	seen_free(&l->pages);
	for (struct ledger_container *c = l->containers; c; c = c->hh.next) {
		if (c->based)
			continue;
		if (!c->in_look) { /* it was gone by then */
			drop_accounts(l, c->id, false);
			continue;
		}
		c->based = true;
		c->based_ns = now;
		begin_gone(l, c, now);
		for (struct ledger_account *a = l->accounts; a && c->moved; a = a->hh.next)
			if (a->key.container == c->id)
				a->unsure = true;
	}
	for (struct ledger_container *c = l->containers; c; c = c->hh.next)
		c->in_look = false;
	seen_free(&l->gone);
}

/* ---- records ------------------------------------------------------------------------------- */

static int on_mm(struct ledger *l, const struct ev_mm *e)
{
	int err = e->users > 0 ? 0 : seen_add(&l->gone, e->mm);

	return err < 0 ? err : 0;
}

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
		c->moved |= ((const struct ev_container *)h)->unstable != 0;
		return 0;
	}
	case EV_mm:
		return on_mm(l, (const void *)h);
	case EV_device:
		return on_backed(l, h->container, ((const struct ev_device *)h)->backed);
	case EV_look:
		if (((const struct ev_look *)h)->end)
			look_ended(l, h->ts_ns);
		return 0;
	default:
		return 0;
	}
}

static int of_hook(struct ledger *l, const struct fdpin_hdr *h)
{
	switch (h->type) {
	case EV_charge:
		return ledger_on_charge(l, (const void *)h);
	case EV_change_process:
		return ledger_on_change_process(l, (const void *)h);
	case EV_revalidate:
		return ledger_on_revalidate(l, (const void *)h);
	case EV_mm_gone:
		return on_mm_gone(l, (const void *)h);
	case EV_exec:
		return on_exec(l, (const void *)h);
	case EV_unmap:
		return on_unmap(l, (const void *)h);
	case EV_unpin:
		return on_unpin(l, (const void *)h);
	case EV_attach:
		if (!((const struct ev_attach *)h)->result && on_backed(l, h->container, ((const struct ev_attach *)h)->backed))
			return -ENOMEM;
		return end_group(l, h);
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

static bool too_many(__s64 pages)
{
	return pages > RECORD_PAGES_MAX || pages < -RECORD_PAGES_MAX;
}

/* Does it have more pages than there can be? */
static bool is_absurd(const struct fdpin_hdr *h)
{
	const struct ev_charge *e = (const void *)h;
	const struct ev_range *r = (const void *)h;
	const struct ev_mm *mm = (const void *)h;

	switch (h->type) {
	case EV_charge:
		return too_many(e->pages) || too_many(e->asked) || too_many(e->before) || too_many(e->after) || too_many(e->pinned_vm);
	case EV_range:
		return too_many(r->charged) || too_many(r->pinned);
	case EV_pin:
		return too_many(((const struct ev_pin *)h)->result);
	case EV_mm:
		return too_many(mm->locked_vm) || too_many(mm->pinned_vm);
	case EV_unmap:
		return too_many(((const struct ev_unmap *)h)->uncredited);
	case EV_user:
		return too_many(((const struct ev_user *)h)->locked_vm);
	default:
		return false;
	}
}

int ledger_apply(struct ledger *l, const struct fdpin_hdr *h)
{
	int err = 0;

	if (is_absurd(h)) {
		l->absurd = l->lost = true;
		return 0;
	}
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
