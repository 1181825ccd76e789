// SPDX-License-Identifier: GPL-2.0-only
/*
 * ledger_drift.c - what is wrong with an account, and pages that stay pinned and
 * that nobody is charged for (ledger_own.h).
 */
#include "ledger_own.h"

#include <errno.h>
#include <stdlib.h>

#define DRIFTS_MAX 4096
#define UNCHARGED_MAX 65536

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

void ledger_drift_free(struct drift *d)
{
	free(d->rec);
	free(d->cause);
	free(d);
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

/* Its end is told: what was charged again was not charged twice. */
void ledger_take_back(struct ledger *l, struct ledger_account *a)
{
	struct drift **at = &l->drifts, *d;

	while ((d = *at)) {
		if (!d->left || d->container != a->key.container || d->other_mm != a->key.mm || d->opened_ns != ledger_opened(l, d->container)) {
			at = &d->next;
			continue;
		}
		add_pages(&a->late, d->pages);
		*at = d->next;
		ledger_drift_free(d);
		l->n_drifts--;
	}
	l->drifts_tail = at;
}

/* ---- charged to nobody ------------------------------------------------------------ */

int ledger_open_window(struct ledger *l, struct ledger_account *a, const struct ev_mm_gone *e)
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

int ledger_close_window(struct uncharged *u, const void *rec)
{
	const struct fdpin_hdr *h = rec;

	u->left = 0;
	u->until_ns = h->ts_ns;
	u->closed = ledger_copy(rec);
	return u->closed ? 0 : -ENOMEM;
}

/* So many pages of the container are charged again, or pinned no more; mm: only what was charged to that one, 0: to any. */
int ledger_shrink_windows(struct ledger *l, __u64 container, __u64 mm, __s64 pages, const void *rec)
{
	int err = 0;

	for (struct uncharged *u = pages > 0 ? l->uncharged : NULL; u && !err; u = u->next) {
		__s64 part = pages < u->left ? pages : u->left;

		if (u->container != container)
			continue;
		u->taken = 0;
		if (u->until_ns || !part || (mm && u->mm != mm))
			continue;
		u->left -= part;
		u->taken = part;
		pages -= part;
		if (!u->left)
			err = ledger_close_window(u, rec);
	}
	return err;
}

/* The charge before is answered by a credit to who lives: what it paid for was that one's, and nothing that was left. */
void ledger_give_back(struct ledger *l, __u64 container, __s64 pages)
{
	for (struct uncharged *u = l->uncharged; u && pages > 0; u = u->next) {
		__s64 part = pages < u->taken ? pages : u->taken;

		if (u->container != container || !part)
			continue;
		u->left += part;
		u->taken -= part;
		pages -= part;
		u->until_ns = 0;
		free(u->closed);
		u->closed = NULL;
	}
}

bool ledger_is_open(const struct ledger *l, __u64 container)
{
	for (const struct uncharged *u = l->uncharged; u; u = u->next)
		if (u->container == container && !u->until_ns)
			return true;
	return false;
}
