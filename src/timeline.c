// SPDX-License-Identifier: GPL-2.0-only
/*
 * timeline.c - spans, levels and stories from records (timeline.h).
 *
 * Whether a container has an invalid range is told by the counts in the records
 * of its calls. What is charged is asked of the ledger after each record that
 * can have changed it.
 */
#include "timeline.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ledger.h"
#include "util.h"

#define KEPT_MAX (1u << 18) /* of each */

static struct fdpin_hdr *copy_of(const struct fdpin_hdr *h)
{
	struct fdpin_hdr *c = malloc(h->size);

	if (c)
		memcpy(c, h, h->size);
	return c;
}

void timeline_free(struct timeline *t)
{
	for (size_t i = 0; i < t->n_spans; i++) {
		free(t->spans[i].begin);
		free(t->spans[i].end);
	}
	for (size_t i = 0; i < t->n_stories; i++) {
		free(t->stories[i].exec);
		for (unsigned int k = 0; k < t->stories[i].n_after; k++)
			free(t->stories[i].after[k]);
	}
	free(t->spans);
	free(t->levels);
	free(t->stories);
	*t = (struct timeline){};
}

/* ---- spans -------------------------------------------------------------------- */

/* The one that lasts; tid 0: of any thread. */
static struct span *lasting(struct timeline *t, __u64 container, enum lane lane, __u32 tid)
{
	for (size_t i = t->n_spans; i-- > 0;) {
		struct span *s = &t->spans[i];

		if (s->container == container && s->lane == lane && !s->to && (!tid || s->begin->tid == tid))
			return s;
	}
	return NULL;
}

static int begin_span(struct timeline *t, const struct fdpin_hdr *h, enum lane lane, __u64 ranges, __u64 bytes)
{
	struct span *s = lasting(t, h->container, lane, lane == LANE_BLOCKED ? h->tid : 0);

	if (!s && t->n_spans >= KEPT_MAX) {
		t->cut = true;
		return 0;
	}
	if (!s) {
		s = array_add(&t->spans, &t->n_spans, &t->spans_size, sizeof(*s));
		if (!s)
			return -ENOMEM;
		*s = (struct span){ .container = h->container, .lane = lane, .from = h->ts_ns, .begin = copy_of(h) };
		if (!s->begin) {
			t->n_spans--;
			return -ENOMEM;
		}
	}
	s->ranges += ranges;
	s->bytes += bytes;
	return 0;
}

static int end_span(struct span *s, const struct fdpin_hdr *h)
{
	if (!s)
		return 0;
	s->to = h->ts_ns;
	s->end = copy_of(h);
	return s->end ? 0 : -ENOMEM;
}

/* A window that is over by then: when and how it ended was not seen. */
static int end_unseen(struct timeline *t, const struct fdpin_hdr *h)
{
	struct span *s = lasting(t, h->container, LANE_INVALID, 0);

	return s && s->from < h->ts_ns ? end_span(s, h) : 0;
}

static int note_spans(struct timeline *t, const struct fdpin_hdr *h)
{
	const struct ev_invalidate *inv = (const void *)h;
	int err = 0;

	switch (h->type) {
	case EV_invalidate:
		if (invalidate_opens(inv))
			err = end_unseen(t, h);
		return err ?: begin_span(t, h, LANE_INVALID, inv->ranges, inv->bytes);
	case EV_revalidate:
		return ((const struct ev_revalidate *)h)->closed ? end_span(lasting(t, h->container, LANE_INVALID, 0), h) : 0;
	case EV_unmap:
		return ((const struct ev_unmap *)h)->closed ? end_span(lasting(t, h->container, LANE_INVALID, 0), h) : 0;
	case EV_detach:
		return ((const struct ev_detach *)h)->closed ? end_span(lasting(t, h->container, LANE_INVALID, 0), h) : 0;
	case EV_release:
		return end_span(lasting(t, h->container, LANE_INVALID, 0), h);
	case EV_container:
		return container_all_valid((const void *)h) ? end_unseen(t, h) : 0;
	case EV_block:
		return begin_span(t, h, LANE_BLOCKED, 0, 0);
	case EV_unblock:
		return end_span(lasting(t, h->container, LANE_BLOCKED, h->tid), h);
	default:
		return 0;
	}
}

/* ---- levels ----------------------------------------------------------------------- */

static void ask_ledger(const struct ledger *l, struct charge_level *at)
{
	for (const struct ledger_account *a = l->accounts; a; a = a->hh.next)
		if (a->key.container == at->container && (!a->gone_ns || a->key.way == CHARGED_USER))
			add_pages(&at->living, account_balance(a));
	at->pinned = at->living;
	for (const struct uncharged *u = l->uncharged; u; u = u->next)
		if (u->container == at->container && !u->until_ns)
			add_pages(&at->pinned, u->left);
	/* credited to one that had not been charged: it is the one before that stays above */
	if (at->pinned < 0)
		at->pinned = 0;
}

static int set_level(struct timeline *t, const struct ledger *l, __u64 container, __u64 ts)
{
	struct charge_level now = { .container = container, .ts = ts }, *new;

	ask_ledger(l, &now);
	for (size_t i = t->n_levels; i-- > 0;) {
		if (t->levels[i].container != container)
			continue;
		if (t->levels[i].living == now.living && t->levels[i].pinned == now.pinned)
			return 0;
		break;
	}
	if (t->n_levels >= KEPT_MAX) {
		t->cut = true;
		return 0;
	}
	new = array_add(&t->levels, &t->n_levels, &t->levels_size, sizeof(*new));
	if (!new)
		return -ENOMEM;
	*new = now;
	return 0;
}

static bool first_of(const struct ledger *l, const struct ledger_account *a)
{
	for (const struct ledger_account *b = l->accounts; b != a; b = b->hh.next)
		if (b->key.container == a->key.container)
			return false;
	return true;
}

static int note_levels(struct timeline *t, const struct model *m, const struct fdpin_hdr *h)
{
	const struct ledger *l = model_ledger(m);
	int err = 0;

	switch (h->type) {
	case EV_charge:
	case EV_unmap:
	case EV_release:
		return h->container ? set_level(t, l, h->container, h->ts_ns) : 0;
	case EV_mm_gone:
	case EV_look:
		for (const struct ledger_account *a = l->accounts; a && !err; a = a->hh.next)
			if (first_of(l, a))
				err = set_level(t, l, a->key.container, h->ts_ns);
		return err;
	default:
		return 0;
	}
}

/* ---- stories -------------------------------------------------------------------------- */

static int begin_stories(struct timeline *t, const struct ledger *l, const struct ev_exec *e)
{
	for (const struct uncharged *u = l->uncharged; u; u = u->next) {
		struct story *s;

		if (!u->exec || u->exec->ts_ns != e->h.ts_ns || u->mm != e->old_mm)
			continue;
		if (t->n_stories >= KEPT_MAX) {
			t->cut = true;
			return 0;
		}
		s = array_add(&t->stories, &t->n_stories, &t->stories_size, sizeof(*s));
		if (!s)
			return -ENOMEM;
		*s = (struct story){ .container = u->container, .exec = copy_of(&e->h), .pages = u->pages };
		if (!s->exec) {
			t->n_stories--;
			return -ENOMEM;
		}
	}
	return 0;
}

static bool belongs(const struct fdpin_hdr *h)
{
	return h->type == EV_charge || h->type == EV_change_process || h->type == EV_release;
}

static int note_stories(struct timeline *t, const struct model *m, const struct fdpin_hdr *h)
{
	if (h->type == EV_exec)
		return begin_stories(t, model_ledger(m), (const void *)h);
	if (!belongs(h))
		return 0;
	for (size_t i = 0; i < t->n_stories; i++) {
		struct story *s = &t->stories[i];

		if (s->container != h->container || s->over || h->ts_ns < s->exec->ts_ns)
			continue;
		s->over = h->type == EV_release;
		if (s->n_after == STORY_MAX) {
			free(s->after[--s->n_after]);
			s->left_out++;
		}
		s->after[s->n_after] = copy_of(h);
		if (!s->after[s->n_after])
			return -ENOMEM;
		s->n_after++;
	}
	return 0;
}

int timeline_note(struct timeline *t, const struct model *m, const struct record *r)
{
	const struct fdpin_hdr *h = r->h;
	int err;

	if (!t->first)
		t->first = h->ts_ns;
	if (h->ts_ns > t->last)
		t->last = h->ts_ns;
	if (h->look && h->type != EV_look && h->type != EV_container)
		return 0;
	err = note_spans(t, h);
	if (!err)
		err = note_levels(t, m, h);
	if (!err)
		err = note_stories(t, m, h);
	return err;
}
