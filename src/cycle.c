// SPDX-License-Identifier: GPL-2.0-only
/*
 * cycle.c - the wait-for graph in evidence and words (cycle.h).
 *
 * Owns: which of several closers and waiters stand for a cycle, the order of
 * the evidence (along the waits, from the blocked thread round to it again),
 * and the notes that more than one verdict gives.
 */
#include "cycle.h"

#include "words.h"

#include <stdarg.h>
#include <stdlib.h>

#define SHOWN_MAX 8 /* edges of one kind in a finding */

/* ---- finding it -------------------------------------------------------------- */

static const struct locked *locked_of(const struct waitgraph *g, const struct obj *c)
{
	for (unsigned int i = 0; i < g->n_locked; i++)
		if (g->locked[i].container == c)
			return &g->locked[i];
	return NULL;
}

static unsigned int chain_length(const struct mark *mk)
{
	unsigned int n = 0;

	for (; mk; mk = mk->next)
		n++;
	return n;
}

/* The closer that tells most: one that closes, whose chain comes back to this container, by the shortest way. */
static const struct mark *best_closer(const struct waitgraph *g, const struct locked *l)
{
	const struct mark *best = NULL;
	unsigned int best_rank = 0;

	for (unsigned int i = 0; i < l->closers.n; i++) {
		const struct mark *mk = waitgraph_mark(g, l, l->closers.v[i]);
		unsigned int rank;

		if (!mk)
			continue;
		rank = (mark_container(mk) == l->container ? 4000 : 0) + (mk->suspect ? 0 : 2000) +
		       (edge_out(mk->obj, REL_CLOSES) ? 1000 : 0) + 999;
		rank -= chain_length(mk) < 999 ? chain_length(mk) : 999;
		if (rank > best_rank) {
			best_rank = rank;
			best = mk;
		}
	}
	return best;
}

static unsigned int hop_of(const struct cycle *cy, const struct locked *l)
{
	unsigned int i = 0;

	while (i < cy->n && cy->hops[i].locked != l)
		i++;
	return i;
}

/* A blocked thread whose own mark is this wait; the oldest there is, in a list of newest first. */
static const struct edge *some_waiter(const struct waitgraph *g, const struct locked *l)
{
	const struct edge *best = NULL;

	for (struct edge *e = edge_in(l->container, REL_WAITS); e; e = edge_in_next(e))
		if (!best || waitgraph_mark(g, l, e->from))
			best = e;
	return best;
}

void cycle_find(struct cycle *ret, const struct waitgraph *g, const struct locked *l)
{
	*ret = (struct cycle){ .g = g };
	ret->waiter = some_waiter(g, l);
	for (;;) {
		const struct mark *mk = best_closer(g, l);

		ret->hops[ret->n++] = (struct hop){ .locked = l, .closer = mk };
		l = mk ? locked_of(g, mark_container(mk)) : NULL;
		ret->back = l ? hop_of(ret, l) : ret->n;
		if (!l || ret->back < ret->n || ret->n == CYCLE_HOPS)
			break;
	}
	if (ret->back == 0)
		ret->waiter = mark_end(ret->hops[ret->n - 1].closer)->edge;
}

bool cycle_has(const struct cycle *cy, const struct obj *task)
{
	if (cy->waiter && cy->waiter->from == task)
		return true;
	for (unsigned int i = 0; i < cy->n; i++)
		for (const struct mark *mk = cy->hops[i].closer; mk; mk = mk->next)
			if (mk->obj == task)
				return true;
	return false;
}

/* ---- evidence ----------------------------------------------------------------- */

static void put_edge(struct findings *out, struct finding *f, const struct edge *e)
{
	char text[EDGE_WORDS_MAX];

	finding_edge(out, f, e, "%s", edge_words(e, text));
}

static void put_edges(struct findings *out, struct finding *f, struct edge *e)
{
	for (unsigned int n = 0; e && n < SHOWN_MAX; e = edge_out_next(e), n++)
		put_edge(out, f, e);
}

void invalidated_evidence(struct findings *out, struct finding *f, const struct obj *c)
{
	put_edges(out, f, edge_out(c, REL_INVALIDATED));
}

void invalid_evidence(struct findings *out, struct finding *f, const struct obj *c, const struct invalid *inv)
{
	invalidated_evidence(out, f, c);
	if (inv->range)
		put_edge(out, f, inv->range);
}

void container_holders(struct findings *out, struct finding *f, const struct obj *c)
{
	put_edges(out, f, edge_out(c, REL_HELD));
}

static void put_closes(struct findings *out, struct finding *f, const struct obj *closer, const struct obj *c)
{
	for (struct edge *e = edge_out(closer, REL_CLOSES); e; e = edge_out_next(e)) {
		const struct edge *member = edge_out(e->to, REL_MEMBER);

		if (!member || member->to == c)
			put_edge(out, f, e);
	}
}

static void put_hop(struct findings *out, struct finding *f, const struct cycle *cy, unsigned int i)
{
	const struct obj *c = cy->hops[i].locked->container;
	const struct mark *mk = cy->hops[i].closer;

	invalidated_evidence(out, f, c);
	put_edges(out, f, edge_out(c, REL_HELD));
	put_edges(out, f, edge_out(c, REL_PENDING));
	if (!mk)
		return;
	put_closes(out, f, mk->obj, c);
	for (; mk && !mk->suspect; mk = mk->next) {
		if (!mk->next && i + 1 == cy->n && cy->back == 0)
			break; /* the wait that the evidence began with */
		put_edge(out, f, mk->edge);
		if (mk->bridge)
			put_edge(out, f, mk->bridge);
	}
}

void cycle_evidence(struct findings *out, struct finding *f, const struct cycle *cy)
{
	if (cy->waiter)
		put_edge(out, f, cy->waiter);
	for (unsigned int i = 0; i < cy->n; i++)
		put_hop(out, f, cy, i);
}

void holders_evidence(struct findings *out, struct finding *f, const struct locked *l)
{
	put_edges(out, f, edge_out(l->container, REL_HELD));
}

/* ---- sentences ----------------------------------------------------------------- */

void closers_evidence(struct findings *out, struct finding *f, const struct obj *c)
{
	for (struct edge *d = edge_in(c, REL_MEMBER); d; d = edge_in_next(d)) {
		for (struct edge *e = edge_in(d->from, REL_CLOSES); e; e = edge_in_next(e)) {
			put_edge(out, f, e);
			put_edges(out, f, edge_out(e->from, REL_FLUSHES));
			put_edges(out, f, edge_out(e->from, REL_LOCK_WAIT));
		}
	}
}

void finding_sentence(struct findings *out, struct finding *f, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int len;

	if (!f)
		return;
	va_start(ap, fmt);
	len = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (len < 0) {
		out->oom = true;
		return;
	}
	free(f->sentence);
	f->sentence = text;
}

static void print_hop(FILE *s, const struct hop *h)
{
	char id[ID_NAME_MAX];

	fprintf(s, " > %s", id_name(OBJ_CONTAINER, h->locked->container->id, id));
	if (!h->closer)
		fputs(" > ?", s);
	for (const struct mark *mk = h->closer; mk; mk = mk->next) {
		if (mk->obj->kind == OBJ_TASK)
			fprintf(s, " > %llu", mk->obj->id);
		if (mk->suspect)
			fputs(" > ?", s);
	}
}

void cycle_sentence(struct findings *out, struct finding *f, const struct cycle *cy)
{
	char *text = NULL;
	size_t size;
	FILE *s;

	if (!f)
		return;
	s = open_memstream(&text, &size);
	if (!s) {
		out->oom = true;
		return;
	}
	fprintf(s, "%llu", cy->waiter ? cy->waiter->from->id : 0);
	for (unsigned int i = 0; i < cy->n; i++)
		print_hop(s, &cy->hops[i]);
	if (fclose(s))
		out->oom = true;
	free(f->sentence);
	f->sentence = text;
}

const struct edge *closing_edge(const struct obj *c)
{
	for (struct edge *e = edge_in(c, REL_MEMBER); e; e = edge_in_next(e))
		if (edge_in(e->from, REL_CLOSES))
			return edge_in(e->from, REL_CLOSES);
	return NULL;
}

void open_sentence(struct findings *out, struct finding *f, const struct locked *l)
{
	const struct edge *closing = closing_edge(l->container);
	char id[ID_NAME_MAX], who[WORDS_MAX];

	id_name(OBJ_CONTAINER, l->container->id, id);
	if (!l->able.n)
		finding_sentence(out, f, "nobody is stuck closing %s", id);
	else if (!closing)
		finding_sentence(out, f, "nobody is closing a device of %s; %s can still restore or unmap the range",
				 id, task_words(l->able.v[0], who));
	else if (closing->from != l->able.v[0])
		finding_sentence(out, f, "%s can still restore or unmap a range of %s", task_words(l->able.v[0], who),
				 id);
	else
		finding_sentence(out, f, "%s, which closes a device of %s, does not wait for the blocked thread, as far as was seen",
				 task_words(closing->from, who), id);
}

/* ---- notes ---------------------------------------------------------------------- */

bool has_user_waiter(const struct obj *c)
{
	for (struct edge *e = edge_in(c, REL_WAITS); e; e = edge_in_next(e))
		if (task_class(e->from) == CLASS_USER)
			return true;
	return false;
}

void note_oops(struct findings *out, struct finding *f, const struct obj *c)
{
	char who[WORDS_MAX] = "it";

	for (struct edge *e = edge_in(c, REL_WAITS); e; e = edge_in_next(e))
		if (task_class(e->from) == CLASS_USER)
			task_words(e->from, who);
	finding_note(out, f, "Do not",
		     "kill %s, and do not restore or unmap the range: on a kernel with this wait, waking a user thread "
		     "from it "
		     "oopses (it is asked whether it should stop as only a kernel thread can be) while the lock of the "
		     "container is held, and then every call on the container hangs",
		     who);
}

void note_unknown(struct findings *out, struct finding *f, const struct obj *c, const struct edge *waiter)
{
	const struct ev_block *b = waiter ? (const void *)waiter->rec : NULL;
	bool range = b && b->h.type == EV_block && b->size;
	bool when = edge_out(c, REL_INVALIDATED) != NULL;

	if (range && when)
		return;
	if (range)
		finding_note(out, f, "Not known",
			     "who made the range invalid, and when: that was before fdpin-trace looked");
	else if (when)
		finding_note(out, f, "Not known", "which range %llu wants: it blocked before fdpin-trace looked",
			     waiter ? waiter->from->id : 0);
	else
		finding_note(out, f, "Not known",
			     "which range %llu wants, and who made it invalid and when: both happened before "
			     "fdpin-trace looked",
			     waiter ? waiter->from->id : 0);
}
