// SPDX-License-Identifier: GPL-2.0-only
/*
 * hold.c - the blocks that are kept back, by thread (hold.h).
 *
 * The stack of a block arrives just before it, from the same thread; a stack
 * for which no block comes is handed on with the thread's next record.
 */
#include "hold.h"

#include <errno.h>
#include <string.h>

#include "emit.h"

struct held {
	__u32 tid;
	struct ev_block *block;	 /* kept back, NULL if it was shown or has not come */
	struct fdpin_hdr *stack; /* not shown yet */
	struct held *next;
};

struct hold {
	__u64 min_ns;
	source_fn sink;
	void *ctx;
	struct held *held; /* few: one for each thread that is blocked now */
};

struct hold *hold_new(__u64 min_ns, source_fn sink, void *ctx)
{
	struct hold *h = calloc(1, sizeof(*h));

	if (h)
		*h = (struct hold){ .min_ns = min_ns, .sink = sink, .ctx = ctx };
	return h;
}

static void held_free(struct held *e)
{
	free(e->block);
	free(e->stack);
	free(e);
}

void hold_free(struct hold *h)
{
	struct held *e, *next;

	if (!h)
		return;
	for (e = h->held; e; e = next) {
		next = e->next;
		held_free(e);
	}
	free(h);
}

/* Where the entry of a thread hangs; *place is NULL if it has none. */
static struct held **find(struct hold *h, __u32 tid)
{
	struct held **p = &h->held;

	while (*p && (*p)->tid != tid)
		p = &(*p)->next;
	return p;
}

static void drop(struct held **p)
{
	struct held *e = *p;

	*p = e->next;
	held_free(e);
}

static int keep(struct held **p, const struct record *r)
{
	struct fdpin_hdr *copy = malloc(r->h->size);

	if (copy && !*p) {
		*p = calloc(1, sizeof(**p));
		if (*p)
			(*p)->tid = r->h->tid;
	}
	if (!copy || !*p) {
		free(copy);
		return -ENOMEM;
	}
	memcpy(copy, r->h, r->h->size);
	if (r->h->type == EV_stack) {
		free((*p)->stack);
		(*p)->stack = copy;
	} else {
		free((*p)->block);
		(*p)->block = (void *)copy;
	}
	return 0;
}

/* A record that is let through, and the stack that belongs to it. */
static int pass_with_stack(struct hold *h, struct held **p, const struct record *r)
{
	int err = h->sink(h->ctx, r);

	if (!*p || !(*p)->stack || (*p)->block)
		return err;
	if (!err)
		err = emit(h->sink, h->ctx, (*p)->stack);
	drop(p);
	return err;
}

int hold_pass(struct hold *h, const struct record *r)
{
	struct held **p;

	/* What looks read is not an event, and nothing is kept for it. */
	if (r->h->look || !r->h->tid)
		return h->sink(h->ctx, r);
	if (!h->held && r->h->type != EV_stack && r->h->type != EV_block)
		return h->sink(h->ctx, r);
	p = find(h, r->h->tid);
	if (r->h->type == EV_stack)
		return keep(p, r);
	if (r->h->type == EV_block && h->min_ns)
		return keep(p, r);
	if (r->h->type == EV_unblock && *p && (*p)->block && ((const struct ev_unblock *)r->h)->ns < h->min_ns) {
		drop(p);
		return 0;
	}
	if (r->h->type == EV_unblock && *p) {
		free((*p)->block);
		(*p)->block = NULL;
	}
	return pass_with_stack(h, p, r);
}

__u64 hold_due(const struct hold *h)
{
	__u64 first = 0;

	for (const struct held *e = h->held; e; e = e->next)
		if (e->block && (!first || e->block->h.ts_ns + h->min_ns < first))
			first = e->block->h.ts_ns + h->min_ns;
	return first;
}

static int say_blocked(struct hold *h, struct held **p, __u64 now)
{
	const struct ev_block *b = (*p)->block;
	struct ev_blocked say = EV_INIT(blocked);
	struct record r = { .h = &say.h, .ev = schema_event(EV_blocked) };

	say.h.ts_ns = now;
	say.h.grade = b->h.grade;
	say.h.container = b->h.container;
	say.h.tgid = b->h.tgid;
	say.h.tid = b->h.tid;
	memcpy(say.h.comm, b->h.comm, sizeof(say.h.comm));
	say.iova = b->iova;
	say.ns = now - b->h.ts_ns;
	if (!(*p)->stack) {
		drop(p);
		return h->sink(h->ctx, &r);
	}
	free((*p)->block);
	(*p)->block = NULL;
	return pass_with_stack(h, p, &r);
}

int hold_expire(struct hold *h, __u64 now)
{
	struct held **p = &h->held;
	int err;

	while (*p) {
		struct held *e = *p;

		if (!e->block || e->block->h.ts_ns + h->min_ns > now) {
			p = &e->next;
			continue;
		}
		err = say_blocked(h, p, now);
		if (err)
			return err;
	}
	return 0;
}
