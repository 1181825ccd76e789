// SPDX-License-Identifier: GPL-2.0-only
/*
 * ledger_parts.c - the ledger seen from two other sides (ledger.h): what each
 * device's driver has charged, and what of the kernel's counters is not in the
 * accounts, because others than VFIO and iommufd have it.
 *
 * No hook is at those others. Every charge of ours reads the counter it goes to,
 * and what the counter has more than the accounts is theirs. Calls of several
 * threads can be told in another order than they were made in, so the record says
 * how long before it the counter was read, and the last reading counts.
 */
#include "ledger_own.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define COUNTERS_MAX ACCOUNTS_MAX
#define DEVICES_MAX ACCOUNTS_MAX
#define DEVICES_SHOWN ACCOUNTS_SHOWN

/* ---- devices ------------------------------------------------------------------ */

static void device_free(struct ledger *l, struct ledger_device *d)
{
	HASH_DEL(l->devices, d);
	free(d);
}

static void drop_devices(struct ledger *l, __u64 container)
{
	struct ledger_device *d, *next;

	HASH_ITER(hh, l->devices, d, next)
		if (d->key.container == container)
			device_free(l, d);
}

static bool seen_opened(const struct ledger *l, __u64 container)
{
	const struct ledger_container *c;

	HASH_FIND(hh, l->containers, &container, sizeof(container), c);
	return c && c->opened;
}

static struct ledger_device *device_find(const struct ledger *l, __u64 container, __u64 device)
{
	struct device_key key = { container, device };
	struct ledger_device *d;

	HASH_FIND(hh, l->devices, &key, sizeof(key), d);
	return d;
}

/* NULL: no memory, or no room (l->cut). */
static struct ledger_device *device_get(struct ledger *l, __u64 container, __u64 device)
{
	struct ledger_device *d = device_find(l, container, device);

	if (d)
		return d;
	if (HASH_COUNT(l->devices) >= DEVICES_MAX) {
		l->cut = true;
		return NULL;
	}
	d = calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	d->key = (struct device_key){ container, device };
	d->unsure = !seen_opened(l, container);
	HASH_ADD(hh, l->devices, key, sizeof(d->key), d);
	return d;
}

static int device_charged(struct ledger *l, const struct ev_charge *e)
{
	struct ledger_device *d;

	if (!e->device || !e->h.container || !e->pages)
		return 0;
	d = device_get(l, e->h.container, e->device);
	if (!d)
		return l->cut ? 0 : -ENOMEM;
	if (e->pages > 0)
		l->cut |= add_pages(&d->charged, e->pages);
	else
		l->cut |= add_pages(&d->credited, -e->pages);
	return 0;
}

static int device_pinned(struct ledger *l, const struct fdpin_hdr *h, __u64 device, const char *name, __s64 pinned, __s64 unpinned)
{
	struct ledger_device *d;

	if (!h->container || !device)
		return 0;
	d = device_get(l, h->container, device);
	if (!d)
		return l->cut ? 0 : -ENOMEM;
	memcpy(d->name, name, sizeof(d->name));
	l->cut |= add_pages(&d->pinned, pinned);
	l->cut |= add_pages(&d->unpinned, unpinned);
	if (pinned)
		d->closed_ns = 0;
	return 0;
}

static void device_closed(struct ledger *l, const struct ev_closed *e)
{
	struct ledger_device *d = device_find(l, e->h.container, e->device);

	if (d)
		d->closed_ns = e->h.ts_ns;
}

/* ---- counters ------------------------------------------------------------------ */

static struct ledger_counter *counter_find(struct ledger *l, __u64 id, enum counter_kind kind)
{
	struct counter_key key = { id, kind };
	struct ledger_counter *c = l->last_counter[kind];

	if (c && c->key.id == id)
		return c;
	HASH_FIND(hh, l->counters, &key, sizeof(key), c);
	if (c)
		l->last_counter[kind] = c;
	return c;
}

static int counter_read(struct ledger *l, __u64 id, enum counter_kind kind, __s64 pages, __u64 read_ns)
{
	struct ledger_counter *c;

	if (!id)
		return 0;
	c = counter_find(l, id, kind);
	if (!c && HASH_COUNT(l->counters) >= COUNTERS_MAX) {
		l->cut = true;
		return 0;
	}
	if (!c) {
		c = calloc(1, sizeof(*c));
		if (!c)
			return -ENOMEM;
		c->key = (struct counter_key){ id, kind };
		HASH_ADD(hh, l->counters, key, sizeof(c->key), c);
	}
	if (read_ns < c->read_ns)
		return 0;
	c->pages = pages;
	c->read_ns = read_ns;
	return 0;
}

static void counter_free(struct ledger *l, struct ledger_counter *c)
{
	if (!c)
		return;
	if (l->last_counter[c->key.kind] == c)
		l->last_counter[c->key.kind] = NULL;
	HASH_DEL(l->counters, c);
	free(c);
}

static int charge_reads(struct ledger *l, const struct ev_charge *e)
{
	__u64 read_ns = e->h.ts_ns - e->age_ns;
	int err = 0;

	if (e->account == CHARGED_USER)
		err = counter_read(l, e->user, COUNTER_USER, e->after, read_ns);
	if (err || e->users <= 0)
		return err;
	if (e->account == CHARGED_MM)
		err = counter_read(l, e->mm, COUNTER_LOCKED, e->after, read_ns);
	return err ?: counter_read(l, e->mm, COUNTER_PINNED, e->pinned_vm, read_ns);
}

static int look_reads(struct ledger *l, const struct ev_mm *e)
{
	if (e->users <= 0)
		return 0;
	return counter_read(l, e->mm, COUNTER_LOCKED, e->locked_vm, e->h.ts_ns) ?:
	       counter_read(l, e->mm, COUNTER_PINNED, e->pinned_vm, e->h.ts_ns);
}

/* ---- what is booked in them ------------------------------------------------------ */

/* a: an account of whoever has the counter, or NULL; in it, if it counts there. */
static int book(const struct ledger *l, struct ledger_booked **books, __u64 id, __u64 kind, const struct ledger_account *a, bool counts)
{
	struct counter_key key = { id, kind };
	struct ledger_booked *b;

	if (!id)
		return 0;
	HASH_FIND(hh, *books, &key, sizeof(key), b);
	if (!b) {
		b = calloc(1, sizeof(*b));
		if (!b)
			return -ENOMEM;
		b->key = key;
		b->sure = !l->lost && !l->cut;
		HASH_ADD(hh, *books, key, sizeof(b->key), b);
	}
	b->charged |= a != NULL;
	if (counts) {
		add_pages(&b->pages, account_balance(a));
		b->sure &= !a->unsure;
	}
	return 0;
}

int ledger_book(const struct ledger *l, struct ledger_booked **ret)
{
	struct ledger_booked *books = NULL;
	int err = 0;

	for (const struct ledger_counter *c = l->counters; c && !err; c = c->hh.next)
		err = book(l, &books, c->key.id, c->key.kind, NULL, false);
	for (const struct ledger_account *a = l->accounts; a && !err; a = a->hh.next)
		err = book(l, &books, a->key.mm, COUNTER_LOCKED, a, a->key.way == CHARGED_MM && !a->gone_ns) ?:
		      book(l, &books, a->key.mm, COUNTER_PINNED, a, a->iommufd && !a->gone_ns) ?:
		      book(l, &books, a->user, COUNTER_USER, a, a->key.way == CHARGED_USER);
	if (err) {
		ledger_unbook(books);
		return err;
	}
	*ret = books;
	return 0;
}

const struct ledger_booked *ledger_booked(const struct ledger_booked *books, const struct ledger_counter *c)
{
	const struct ledger_booked *b;

	HASH_FIND(hh, books, &c->key, sizeof(c->key), b);
	return b;
}

void ledger_unbook(struct ledger_booked *books)
{
	struct ledger_booked *b, *next;

	HASH_ITER(hh, books, b, next) {
		HASH_DEL(books, b);
		free(b);
	}
}

/* ---- records ---------------------------------------------------------------------- */

int parts_apply(struct ledger *l, const struct fdpin_hdr *h)
{
	const struct ev_unpin *unpin = (const void *)h;
	const struct ev_pin *pin = (const void *)h;

	switch (h->type) {
	case EV_charge:
		return charge_reads(l, (const void *)h) ?: device_charged(l, (const void *)h);
	case EV_pin:
		return device_pinned(l, h, pin->device, pin->device_name, pin->result > 0 ? pin->result : 0, 0);
	case EV_unpin:
		return device_pinned(l, h, unpin->device, unpin->device_name, 0, unpin->size / SMALL_PAGE);
	case EV_closed:
		device_closed(l, (const void *)h);
		return 0;
	case EV_mm:
		return look_reads(l, (const void *)h);
	case EV_user:
		return counter_read(l, ((const struct ev_user *)h)->user, COUNTER_USER, ((const struct ev_user *)h)->locked_vm, h->ts_ns);
	case EV_mm_gone:
		counter_free(l, counter_find(l, ((const struct ev_mm_gone *)h)->mm, COUNTER_LOCKED));
		counter_free(l, counter_find(l, ((const struct ev_mm_gone *)h)->mm, COUNTER_PINNED));
		return 0;
	case EV_open:
		drop_devices(l, h->container);
		return 0;
	case EV_release:
		if (HASH_COUNT(l->devices) > DEVICES_SHOWN)
			drop_devices(l, h->container);
		return 0;
	default:
		return 0;
	}
}

void parts_free(struct ledger *l)
{
	struct ledger_counter *c, *c_next;
	struct ledger_device *d, *d_next;

	HASH_ITER(hh, l->devices, d, d_next)
		device_free(l, d);
	HASH_ITER(hh, l->counters, c, c_next)
		counter_free(l, c);
}
