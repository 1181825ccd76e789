// SPDX-License-Identifier: GPL-2.0-only
/*
 * ledger_end.c - the end of a container of type1 (ledger.h): what it charged has to
 * be credited by then. It comes in the call in which the last group leaves or the
 * file is closed, whichever is later, may take long, and that it is over shows by
 * what the thread does next.
 */
#include "ledger_own.h"

#include <errno.h>
#include <stdlib.h>

void end_forget(struct ledger *l, struct ledger_container *c)
{
	l->ending -= c->end != NULL;
	free(c->end);
	c->end = NULL;
}

/* The file is closed or a group leaves: whichever comes last ends it. */
int end_begins(struct ledger *l, struct ledger_container *c, const struct fdpin_hdr *h)
{
	if (!c->counted || !c->closed || c->groups)
		return 0;
	end_forget(l, c);
	c->end = ledger_copy(h);
	l->ending += c->end != NULL;
	return c->end ? 0 : -ENOMEM;
}

int end_group(struct ledger *l, const struct fdpin_hdr *h)
{
	struct ledger_container *c = ledger_container_get(l, h->container);
	const struct ev_attach *e = (const void *)h;

	if (!c)
		return -ENOMEM;
	if (h->type == EV_attach) {
		c->groups += c->opened && !e->result;
		c->counted |= c->groups > 0;
		return 0;
	}
	c->groups -= c->groups > 0;
	return end_begins(l, c, h);
}

/*
 * Does the thread something that is no part of the call before? The end of an
 * address space can be: then the kernel's counter has to have what is left, too.
 */
static bool goes_on(const struct fdpin_hdr *h, __s64 left)
{
	switch (h->type) {
	case EV_open:
	case EV_release:
	case EV_attach:
	case EV_map:
	case EV_unmap:
	case EV_invalidate:
	case EV_revalidate:
	case EV_refuse:
	case EV_close:
	case EV_exec:
		return true;
	case EV_mm_gone:
		return ((const struct ev_mm_gone *)h)->locked_vm >= left;
	default:
		return false;
	}
}

int end_settle(struct ledger *l, const struct fdpin_hdr *h)
{
	int err = 0;

	for (struct ledger_container *c = l->containers; c && !err; c = c->hh.next) {
		__s64 left = 0;

		if (!c->end || c->end->tid != h->tid)
			continue;
		for (struct ledger_account *a = l->accounts; a; a = a->hh.next)
			if (a->key.container == c->id && !a->gone_ns && account_balance(a) > 0)
				add_pages(&left, account_balance(a));
		if (!goes_on(h, left))
			continue;
		for (struct ledger_account *a = l->accounts; a && !err; a = a->hh.next)
			if (a->key.container == c->id && !a->gone_ns && account_balance(a) > 0)
				err = ledger_add_drift(l, DRIFT_LEAK, a, NULL, account_balance(a), c->end);
		end_forget(l, c);
	}
	return err;
}
