// SPDX-License-Identifier: GPL-2.0-only
/*
 * model.c - the four words applied, and what the model answers.
 *
 * Owns: LINK, UNLINK, CHARGE and NOTE; the books about the observation itself
 * (looks, gaps, losses, history), which are the only events it knows by name;
 * the questions of model.h that are not about edges. Where objects and edges
 * are kept: model_store.c.
 */
#include "model_store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MODEL_MAX_GAPS 256

static const enum obj_kind from_kind[REL__max] = {
#define R(name, from, to, words) [REL_##name] = OBJ_##from,
	RELATIONS(R)
#undef R
};

static const enum obj_kind to_kind[REL__max] = {
#define R(name, from, to, words) [REL_##name] = OBJ_##to,
	RELATIONS(R)
#undef R
};

/* Serial of the look a record belongs to. One whose begin we did not get has no proper end. */
static unsigned int look_of(struct model *m, const struct fdpin_hdr *h)
{
	if (!h->look)
		return 0;
	if (!m->serial || h->look != m->look_no) {
		m->look_no = h->look;
		m->look_open = false;
		m->serial++;
	}
	return m->serial;
}

/* ---- the words ------------------------------------------------------------ */

static __u64 member_value(const struct record *r, const struct member *mb)
{
	const char *p = (const char *)r->h + mb->offset;
	__u16 v16;
	__u32 v32;
	__u64 v64;

	switch (mb->size) {
	case sizeof(v16):
		memcpy(&v16, p, sizeof(v16));
		return v16;
	case sizeof(v32):
		memcpy(&v32, p, sizeof(v32));
		return v32;
	case sizeof(v64):
		memcpy(&v64, p, sizeof(v64));
		return v64;
	default:
		return 0;
	}
}

static int word_link(struct model *m, const struct effect *ef, const struct record *r)
{
	__u64 from_id = member_value(r, &ef->from), to_id = member_value(r, &ef->to);
	struct obj *from, *to;
	struct edge *e;

	if (!from_id || !to_id)
		return 0;
	from = store_obj(m, from_kind[ef->rel], from_id);
	to = store_obj(m, to_kind[ef->rel], to_id);
	if (!from || !to)
		return -ENOMEM;
	e = store_find(ef->rel, from, to);
	if (e)
		return store_confirm(m, e, r->h, look_of(m, r->h));
	return store_link(m, ef->rel, from, to, r->h, look_of(m, r->h));
}

static void word_unlink(struct model *m, const struct effect *ef, const struct record *r)
{
	__u64 from_id = ef->from.any ? 0 : member_value(r, &ef->from);
	__u64 to_id = ef->to.any ? 0 : member_value(r, &ef->to);
	struct obj *from = from_id ? model_find(m, from_kind[ef->rel], from_id) : NULL;
	struct obj *to = to_id ? model_find(m, to_kind[ef->rel], to_id) : NULL;
	struct edge *e;

	if (ef->to.any) {
		while ((e = edge_out(from, ef->rel)))
			store_remove(m, e);
	} else if (ef->from.any) {
		while ((e = edge_in(to, ef->rel)))
			store_remove(m, e);
	} else if ((e = store_find(ef->rel, from, to))) {
		store_remove(m, e);
	}
}

static int set_note(struct model *m, struct obj *o, const struct fdpin_hdr *h)
{
	unsigned int look = look_of(m, h);
	struct fdpin_hdr *c = record_copy(m, h);

	if (!c)
		return -ENOMEM;
	if (look && o->note_look == look) {
		record_give(m, o->note); /* described twice in one look: that is not two looks */
	} else {
		record_give(m, o->prev_note);
		o->prev_note = o->note;
		o->prev_look = o->note_look;
	}
	o->note = c;
	o->note_look = look;
	return 0;
}

static bool same_gap(const struct obj *o, const struct ev_gap *g)
{
	const struct ev_gap *have = NOTE_OF(o, gap);

	return have && have->hooks_only == g->hooks_only && !memcmp(have->what, g->what, sizeof(g->what)) &&
	       !memcmp(have->why, g->why, sizeof(g->why));
}

static struct obj *gap_obj(struct model *m, const struct ev_gap *g)
{
	unsigned int n = 0;
	struct obj *o;

	for (o = model_first(m, OBJ_GAP); o; o = model_next(o, OBJ_GAP), n++)
		if (same_gap(o, g))
			return o;
	if (n >= MODEL_MAX_GAPS) {
		m->gaps_cut = true; /* the rest is like these */
		return model_first(m, OBJ_GAP);
	}
	return store_obj(m, OBJ_GAP, ++m->gap_ids);
}

static void look_begins(struct model *m, const struct fdpin_hdr *h)
{
	m->look_no = h->look;
	m->open = (struct ended){ .serial = ++m->serial, .began = h->ts_ns, .lost = m->lost };
	m->look_open = true;
}

static void look_ends(struct model *m, const struct fdpin_hdr *h)
{
	if (!m->look_open || h->look != m->look_no)
		return;
	m->look_open = false;
	m->ended[1] = m->ended[0];
	m->ended[0] = m->open;
	m->n_looks++;
	store_drop_unseen(m, m->serial, model_looks_sound(m) ? m->ended[1].began : 0);
}

static void add_lost(struct model *m, __u64 n)
{
	if (__builtin_add_overflow(m->lost, n, &m->lost))
		m->lost = ~0ULL;
}

/* Records about the observation: the model's own books. */
static void keep_books(struct model *m, const struct record *r)
{
	switch (r->h->type) {
	case EV_session:
		m->history |= !!((const struct ev_session *)r->h)->history;
		m->charges |= !!((const struct ev_session *)r->h)->charges;
		break;
	case EV_look:
		if (((const struct ev_look *)r->h)->end)
			look_ends(m, r->h);
		else
			look_begins(m, r->h);
		break;
	case EV_lost:
		add_lost(m, ((const struct ev_lost *)r->h)->count);
		break;
	case EV_end:
		if (((const struct ev_end *)r->h)->lost > m->lost)
			m->lost = ((const struct ev_end *)r->h)->lost;
		break;
	default:
		break;
	}
}

static int word_note(struct model *m, const struct effect *ef, const struct record *r)
{
	__u64 id = member_value(r, &ef->from);
	struct obj *o;

	if (ef->obj >= OBJ_SESSION)
		keep_books(m, r);
	if (ef->obj == OBJ_GAP && r->h->type == EV_gap)
		o = gap_obj(m, (const struct ev_gap *)r->h);
	else if (!id)
		return 0;
	else
		o = store_obj(m, ef->obj, id);
	return o ? set_note(m, o, r->h) : -ENOMEM;
}

static int apply_effect(struct model *m, const struct effect *ef, const struct record *r)
{
	switch (ef->word) {
	case WORD_LINK:
		return word_link(m, ef, r);
	case WORD_UNLINK:
		word_unlink(m, ef, r);
		return 0;
	case WORD_NOTE:
		return word_note(m, ef, r);
	case WORD_CHARGE: /* the ledger has it, from model_apply() */
	default:
		return 0;
	}
}

/* Who ends closes files in the order of their numbers: a device that is closed after the file of its container was in it only until then. */
static void leave_closed(struct model *m, const struct ev_closed *e)
{
	struct obj *device = model_find(m, OBJ_DEVICE, e->device), *container = model_find(m, OBJ_CONTAINER, e->h.container);
	struct edge *in = device && container ? store_find(REL_MEMBER, device, container) : NULL;

	if (in && ledger_closed(&m->ledger, e->h.container))
		store_remove(m, in);
}

/* Whatever made a range of it invalid before this record is over. */
static void windows_are_over(struct model *m, const struct fdpin_hdr *h)
{
	struct edge *e = edge_out(model_find(m, OBJ_CONTAINER, h->container), REL_INVALIDATED), *next;

	for (; e; e = next) {
		next = edge_out_next(e);
		if (e->last->ts_ns < h->ts_ns)
			store_remove(m, e);
	}
}

/*
 * Not each end of a window is a record of its own: of a container that all groups have left, the kernel unmaps
 * everything. But there was none if the next call makes the first range invalid, or if a look finds none that is.
 */
static void end_windows(struct model *m, const struct fdpin_hdr *h)
{
	const struct ev_invalidate *inv = (const void *)h;
	const struct ev_container *c = (const void *)h;

	if ((h->type == EV_invalidate && invalidate_opens(inv)) || (h->type == EV_container && container_all_valid(c)))
		windows_are_over(m, h);
}

int model_apply(struct model *m, const struct record *r)
{
	int err = 0;

	end_windows(m, r->h);
	for (unsigned int i = 0; i < r->ev->n_effects && !err; i++)
		err = apply_effect(m, &r->ev->effects[i], r);
	if (r->h->type == EV_closed && !err)
		leave_closed(m, (const void *)r->h);
	if (!err)
		err = ledger_apply(&m->ledger, r->h);
	if (err)
		m->oom = true;
	if (r->h->ts_ns > m->now)
		m->now = r->h->ts_ns;
	store_sweep(m);
	return err;
}

/* ---- questions ------------------------------------------------------------ */

struct obj *model_first(const struct model *m, enum obj_kind kind)
{
	return kind == OBJ_NONE ? m->first : m->alike[kind].first;
}

struct obj *model_next(const struct obj *o, enum obj_kind kind)
{
	return kind == OBJ_NONE ? o->next : o->next_alike;
}

__u64 model_lost(const struct model *m)
{
	return m->lost;
}

unsigned int model_gaps(const struct model *m)
{
	unsigned int n = 0;

	for (const struct obj *o = model_first(m, OBJ_GAP); o; o = model_next(o, OBJ_GAP))
		n++;
	return n;
}

unsigned int model_look_gaps(const struct model *m)
{
	unsigned int n = m->gaps_cut;

	for (const struct obj *o = model_first(m, OBJ_GAP); o; o = model_next(o, OBJ_GAP))
		n += NOTE_OF(o, gap) && !NOTE_OF(o, gap)->hooks_only;
	return n;
}

__u64 model_dropped(const struct model *m)
{
	return m->dropped;
}

unsigned int model_looks(const struct model *m)
{
	return m->n_looks;
}

unsigned int model_last_look(const struct model *m)
{
	return m->ended[0].serial;
}

__u64 model_look_began(const struct model *m, unsigned int back)
{
	return back < 2 ? m->ended[back].began : 0;
}

bool model_looks_sound(const struct model *m)
{
	const struct ended *last = &m->ended[0], *prev = &m->ended[1];

	return !m->oom && !m->look_open && prev->serial && last->serial == m->serial &&
	       prev->serial + 1 == last->serial && m->lost == prev->lost && !model_look_gaps(m);
}

bool model_has_history(const struct model *m)
{
	return m->history;
}

const struct ledger *model_ledger(const struct model *m)
{
	return &m->ledger;
}

bool model_has_charges(const struct model *m)
{
	return m->charges;
}

bool model_complete(const struct model *m)
{
	return !m->oom && !m->lost && !m->look_open && !m->gaps_cut && (m->n_looks || m->history) &&
	       !model_first(m, OBJ_GAP);
}

__u64 model_now(const struct model *m)
{
	return m->now;
}
