// SPDX-License-Identifier: GPL-2.0-only
/*
 * invalid.c - is a range of a container invalid now, and since when (invalid.h).
 *
 * The newest word counts: a look's, which read the ranges; a hook's that saw the
 * first range become invalid (INVALIDATED) or the last one valid or unmapped
 * (CLEARED). What hooks say holds only while nothing is missing: the record
 * that took it back may be the one that was lost.
 *
 * Since when: a hook that saw the opening says it to the nanosecond. From looks
 * alone it is known that a range stood with the same address in each of them,
 * not what happened in between. A range that was restored and invalidated again
 * most often has another address or another mm by then, and counts as new. How
 * long a thread has waited does not help: asleep_ns counts from when it got its
 * CPU, and how long it ran before it began to wait is not known.
 */
#include "invalid.h"

static bool watched(const struct model *m)
{
	return model_has_history(m) && model_complete(m);
}

/* Of several threads that invalidated ranges: who did first; and the time of the last such call. */
static const struct edge *first_opener(const struct obj *c, __u64 *ret_last)
{
	const struct edge *first = NULL;

	*ret_last = 0;
	for (struct edge *e = edge_out(c, REL_INVALIDATED); e; e = edge_out_next(e)) {
		if (!first || e->rec->ts_ns < first->rec->ts_ns)
			first = e;
		if (e->last->ts_ns > *ret_last)
			*ret_last = e->last->ts_ns;
	}
	return first;
}

static __u64 cleared_at(const struct obj *c)
{
	const struct edge *e = edge_out(c, REL_CLEARED);

	return e ? e->last->ts_ns : 0;
}

/* Was it the first range, so that the window opened with this call? */
static bool opened_by(const struct edge *e)
{
	const struct ev_invalidate *inv = (const void *)e->rec;

	return inv->h.type == EV_invalidate && invalidate_opens(inv);
}

static bool range_invalid(const struct edge *e)
{
	const struct ev_range *r = (const void *)e->last;

	return r->h.type == EV_range && !r->valid;
}

static const struct edge *oldest_range(const struct obj *c)
{
	const struct edge *oldest = NULL;

	for (struct edge *e = edge_in(c, REL_PART); e; e = edge_in_next(e))
		if (range_invalid(e) && e->last_look == c->note_look && (!oldest || e->rec->ts_ns < oldest->rec->ts_ns))
			oldest = e;
	return oldest;
}

static void since_look(struct invalid *s, const struct model *m, const struct obj *c, __u64 cleared)
{
	__u64 seen = c->note->ts_ns;

	s->range = oldest_range(c);
	s->since = s->range && s->range->rec->ts_ns > cleared ? s->range->rec->ts_ns : seen;
	s->until = watched(m) ? model_now(m) : seen;
}

static void since_call(struct invalid *s, const struct model *m, const struct edge *e)
{
	s->opener = e;
	s->opened = opened_by(e);
	if (s->since && s->since < e->rec->ts_ns && !s->opened)
		return; /* a look had seen it before: that one was not the first */
	if (s->since < e->rec->ts_ns)
		s->range = NULL; /* or it was another range, at the same place */
	s->since = e->rec->ts_ns;
	s->until = model_now(m);
}

/* What the last look said of a container that is still there: its end takes the ranges away, not the note. */
static const struct ev_container *note_of(const struct model *m, const struct obj *c)
{
	const struct ev_container *note = NOTE_OF(c, container);

	return note && (!note->ranges || edge_in(c, REL_PART) || model_dropped(m)) ? note : NULL;
}

void invalid_state(struct invalid *ret, const struct model *m, const struct obj *c)
{
	const struct ev_container *note = note_of(m, c);
	__u64 called, cleared = cleared_at(c), looked = note ? note->h.ts_ns : 0;
	const struct edge *opener = first_opener(c, &called);

	*ret = (struct invalid){ .is = INVALID_NO, .watched = watched(m) };
	if (note) {
		ret->ranges = note->ranges;
		ret->invalid = note->invalid;
		ret->by_look = !note->unstable && looked > called && looked > cleared;
	}
	if (opener && called >= looked)
		ret->is = ret->watched ? INVALID_YES : INVALID_UNKNOWN;
	else if (note && note->invalid && looked > cleared)
		ret->is = note->unstable ? INVALID_UNKNOWN : INVALID_YES;
	if (ret->is != INVALID_YES)
		return;
	if (note && note->invalid && looked > cleared)
		since_look(ret, m, c, cleared);
	if (opener && ret->watched)
		since_call(ret, m, opener);
}

const struct ev_container *container_before(const struct model *m, const struct obj *c)
{
	const struct ev_container *now = NOTE_OF(c, container), *before = (const void *)c->prev_note;
	unsigned int look = model_last_look(m);

	if (!now || !before || before->h.type != EV_container || now->unstable || before->unstable)
		return NULL;
	return look && c->note_look == look && c->prev_look + 1 == look ? before : NULL;
}
