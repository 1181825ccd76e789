// SPDX-License-Identifier: GPL-2.0-only
/*
 * render_text_timeline.c - format "text": a recording over time. Windows in a
 * table, then for each container that had one, or an exec, a line for each
 * thing that lasts, and what the exec did to the charges:
 *
 *	TIMELINE vfio-3c1e 0s          0.5s        1s          1.5s
 *	VADDR invalid      ··········████████······························
 *	exec               ···········▲····································
 *	pinned             ████████████████████████████████████████████████
 *	charged            ███████████·······██████████████████████████████
 *
 * A mark stands where a thing was so at any time of its column; "charged" only
 * where it was so all the time, so that no gap is too short to be seen.
 */
#include <string.h>

#include "ledger.h"
#include "render_text.h"
#include "timeline.h"

#define LANE_WIDTH 19 /* at least: that of "TIMELINE vfio-3c1e" */
#define TITLE_MAX (ID_NAME_MAX + 16)
#define COLUMNS_MAX 512
#define CONTAINERS_SHOWN 8
#define TICK_COLUMNS 9 /* "999.9ms" and a blank or two */

/* One line of a timeline. */
struct lane_cells {
	bool on[COLUMNS_MAX];
	bool any;
};

struct chart {
	struct output *o;
	const struct view *v;
	const struct timeline *t;
	unsigned int columns, names; /* how wide the lanes are, and what stands before them */
	__u64 container;
	char title[TITLE_MAX];
};

static bool is_shown(const struct view *v, __u64 container)
{
	const struct obj *c = model_find(v->model, OBJ_CONTAINER, container);

	return !filter_set(v->filter) || (c && view_has(v, c));
}

static void put_since(FILE *out, const struct timeline *t, __u64 ts)
{
	__u64 ns = ts - t->first;

	fprintf(out, "+%llu.%03llus", ns / NSEC_PER_SEC, ns % NSEC_PER_SEC / NSEC_PER_MSEC);
}

/* ---- windows --------------------------------------------------------------------- */

static const char *const window_columns[] = { "ID", "RANGES", "SIZE", "OPENED", "LENGTH", "CLOSED BY" };
enum { WIN_ID, WIN_RANGES, WIN_SIZE, WIN_OPENED, WIN_LENGTH, WIN_BY };

/* Was it the process that opened it, and has that executed another program meanwhile? */
static const char *relation_of(const struct timeline *t, const struct span *s)
{
	if (s->end->tgid != s->begin->tgid)
		return "another process";
	for (size_t i = 0; i < t->n_stories; i++)
		if (t->stories[i].exec->tgid == s->end->tgid && t->stories[i].exec->ts_ns > s->from && t->stories[i].exec->ts_ns < s->to)
			return "same PID, new mm";
	return NULL;
}

static const char *way_of(const struct fdpin_hdr *end)
{
	switch (end->type) {
	case EV_revalidate: return "";
	case EV_unmap: return ", unmapped";
	case EV_detach: return ", took the last group";
	default: return ", closed";
	}
}

static void put_closer(FILE *out, const struct timeline *t, const struct span *s)
{
	_cleanup_free_ char *comm = s->end ? ESCAPE(s->end->comm) : NULL;
	const char *how;

	if (!s->end) {
		fputs("open at the end", out);
		return;
	}
	if (span_ended_unseen(s)) {
		fputs("not seen", out);
		return;
	}
	how = relation_of(t, s);
	fprintf(out, "%u %s%s", s->end->tgid, comm ?: "?", way_of(s->end));
	if (how)
		fprintf(out, " (%s)", how);
}

static void put_window(FILE *out, unsigned int column, const struct timeline *t, const struct span *s)
{
	char buf[ID_NAME_MAX > FORMAT_MAX ? ID_NAME_MAX : FORMAT_MAX];

	switch (column) {
	case WIN_ID:
		fputs(id_name(OBJ_CONTAINER, s->container, buf), out);
		break;
	case WIN_RANGES:
		fprintf(out, "%llu", s->ranges);
		break;
	case WIN_SIZE:
		fputs(format_bytes(s->bytes, buf), out);
		break;
	case WIN_OPENED:
		put_since(out, t, s->from);
		break;
	case WIN_LENGTH:
		fputs(format_duration((s->to ?: t->last) - s->from, buf), out);
		break;
	case WIN_BY:
		put_closer(out, t, s);
		break;
	}
}

static bool add_window(struct libscols_table *table, const struct timeline *t, const struct span *s)
{
	struct libscols_line *line = scols_table_new_line(table, NULL);

	for (unsigned int i = 0; i < ARRAY_SIZE(window_columns) && line; i++) {
		struct cell cell;

		if (!cell_open(&cell))
			return false;
		put_window(cell.f, i, t, s);
		cell_close(&cell, line, i);
	}
	return line;
}

static void print_windows(struct output *o, const struct view *v, const struct timeline *t)
{
	struct libscols_table *table = NULL;
	bool ok = true;

	for (size_t i = 0; i < t->n_spans && ok; i++) {
		const struct span *s = &t->spans[i];

		if (s->lane != LANE_INVALID || !is_shown(v, s->container))
			continue;
		if (!table) {
			table = table_new(o);
			for (unsigned int k = 0; k < ARRAY_SIZE(window_columns) && table; k++)
				ok &= scols_table_new_column(table, window_columns[k], 1,
							     k == WIN_ID || k == WIN_BY ? 0 : SCOLS_FL_RIGHT) != NULL;
		}
		ok = ok && table && add_window(table, t, s);
	}
	if (!table)
		return;
	fprintf(o->f, "%sVADDR WINDOWS%s\n", paint(o, PAINT_BOLD), unpaint(o, PAINT_BOLD));
	if (ok)
		print_table(table);
	else
		scols_unref_table(table);
	fputc('\n', o->f);
}

/* ---- lanes --------------------------------------------------------------------------- */

static unsigned int column_of(const struct chart *c, __u64 ts)
{
	__u64 length = c->t->last - c->t->first;
	unsigned int at;

	if (!length || ts <= c->t->first)
		return 0;
	at = (unsigned __int128)(ts - c->t->first) * c->columns / length;
	return at < c->columns ? at : c->columns - 1;
}

static void mark(const struct chart *c, struct lane_cells *l, __u64 from, __u64 to, bool on)
{
	for (unsigned int i = column_of(c, from); i <= column_of(c, to); i++)
		l->on[i] = on;
	l->any |= on;
}

static void mark_spans(const struct chart *c, struct lane_cells *l, enum lane lane)
{
	for (size_t i = 0; i < c->t->n_spans; i++) {
		const struct span *s = &c->t->spans[i];

		if (s->lane == lane && s->container == c->container)
			mark(c, l, s->from, s->to ?: c->t->last, true);
	}
}

static void mark_execs(const struct chart *c, struct lane_cells *l)
{
	for (size_t i = 0; i < c->t->n_stories; i++)
		if (c->t->stories[i].container == c->container)
			mark(c, l, c->t->stories[i].exec->ts_ns, c->t->stories[i].exec->ts_ns, true);
}

/* Until when a level holds: the next of the container. */
static __u64 until(const struct chart *c, size_t i)
{
	for (size_t k = i + 1; k < c->t->n_levels; k++)
		if (c->t->levels[k].container == c->container)
			return c->t->levels[k].ts;
	return c->t->last;
}

static void mark_levels(const struct chart *c, struct lane_cells *pinned, struct lane_cells *charged)
{
	for (size_t i = 0; i < c->t->n_levels; i++) {
		const struct charge_level *at = &c->t->levels[i];

		if (at->container != c->container || at->pinned <= 0)
			continue;
		mark(c, pinned, at->ts, until(c, i), true);
		if (at->living >= at->pinned)
			mark(c, charged, at->ts, until(c, i), true);
	}
	/* gaps last: none is too short to be seen */
	for (size_t i = 0; i < c->t->n_levels; i++) {
		const struct charge_level *at = &c->t->levels[i];

		if (at->container == c->container && at->pinned > 0 && at->living < at->pinned)
			mark(c, charged, at->ts, until(c, i), false);
	}
}

static void print_lane(const struct chart *c, const char *name, const struct lane_cells *l, const char *on, const char *ascii)
{
	FILE *out = c->o->f;

	fprintf(out, "%-*s", (int)c->names, name);
	for (unsigned int i = 0; i < c->columns; i++)
		fputs(l->on[i] ? glyph(c->o, on, ascii) : glyph(c->o, "·", "."), out);
	fputc('\n', out);
}

/* The least round time that takes as many columns as a label needs. */
static __u64 tick_length(const struct chart *c)
{
	__u64 length = c->t->last - c->t->first, step = 1;

	for (;; step *= 10) {
		static const unsigned char round[] = { 1, 2, 5 };

		for (unsigned int i = 0; i < ARRAY_SIZE(round); i++)
			if ((unsigned __int128)step * round[i] * c->columns >= (unsigned __int128)length * TICK_COLUMNS)
				return step * round[i];
	}
}

static void print_axis(const struct chart *c)
{
	__u64 length = c->t->last - c->t->first, step = tick_length(c);
	char label[FORMAT_MAX];
	unsigned int at = 0, drawn = 0;

	fprintf(c->o->f, "%s%-*s%s", paint(c->o, PAINT_BOLD), (int)c->names, c->title, unpaint(c->o, PAINT_BOLD));
	for (__u64 n = 0; length && n <= length / step; n++) {
		__u64 ts = n * step; /* so it ends, however long that is */
		unsigned int column = column_of(c, c->t->first + ts);

		format_duration(ts, label);
		if (!ts)
			strcpy(label, "0s");
		if (column < at || column + strlen(label) > c->columns)
			continue;
		fprintf(c->o->f, "%*s%s", (int)(column - drawn), "", label);
		drawn = column + strlen(label);
		at = drawn + 1;
	}
	fputc('\n', c->o->f);
}

static void set_widths(struct chart *c)
{
	char id[ID_NAME_MAX];

	snprintf(c->title, sizeof(c->title), "TIMELINE %s", id_name(OBJ_CONTAINER, c->container, id));
	c->names = strlen(c->title) + 1 > LANE_WIDTH ? strlen(c->title) + 1 : LANE_WIDTH;
	c->columns = c->o->width > c->names + 20 ? c->o->width - c->names : 20;
	if (c->columns > COLUMNS_MAX)
		c->columns = COLUMNS_MAX;
}

static void print_chart(const struct chart *c)
{
	struct lane_cells invalid = {}, exec = {}, pinned = {}, charged = {}, blocked = {};

	mark_spans(c, &invalid, LANE_INVALID);
	mark_spans(c, &blocked, LANE_BLOCKED);
	mark_execs(c, &exec);
	mark_levels(c, &pinned, &charged);
	print_axis(c);
	print_lane(c, "VADDR invalid", &invalid, "█", "#");
	print_lane(c, "exec", &exec, "▲", "^");
	if (model_has_charges(c->v->model)) {
		print_lane(c, "pinned", &pinned, "█", "#");
		print_lane(c, "charged", &charged, "█", "#");
	}
	print_lane(c, "blocked", &blocked, "█", "#");
	fputc('\n', c->o->f);
}

/* ---- stories ------------------------------------------------------------------------------ */

static void print_after(FILE *out, const struct fdpin_hdr *h)
{
	const struct ev_charge *e = (const void *)h;
	const struct ev_change_process *change = (const void *)h;
	char mm[ID_NAME_MAX], pages[FORMAT_MAX], before[FORMAT_MAX], after[FORMAT_MAX];
	const char *err;

	switch (h->type) {
	case EV_charge:
		err = e->result < 0 ? strerrorname_np(-e->result) : NULL;
		fprintf(out, "%-14s %s %s%s", kind_value_name(KIND_OP, e->op) ?: "?", id_name(OBJ_MM, e->mm, mm),
			e->asked > 0 ? "+" : "", format_pages(e->asked, pages));
		if (err)
			fprintf(out, " refused: %s", err);
		else
			fprintf(out, ": %s %s -> %s%s", e->account == CHARGED_NONE ? "pinned_vm" : "locked_vm",
				format_pages(e->before, before), format_pages(e->after, after), e->after < 0 ? ", below zero" : "");
		break;
	case EV_change_process:
		err = change->result < 0 ? strerrorname_np(-change->result) : NULL;
		fprintf(out, "change         IOMMU_IOAS_CHANGE_PROCESS to %s: %s", id_name(OBJ_MM, change->mm, mm), err ?: "done");
		break;
	case EV_release:
		fputs("release        the last reference to the container is gone", out);
		break;
	}
	fputc('\n', out);
}

static void print_story(const struct chart *c, const struct story *s)
{
	const struct ev_exec *e = (const void *)s->exec;
	char mm[ID_NAME_MAX], old[ID_NAME_MAX], pages[FORMAT_MAX], id[ID_NAME_MAX];
	FILE *out = c->o->f;

	fprintf(out, "%sCHARGES ACROSS EXEC%s  PID %u, %s\n", paint(c->o, PAINT_BOLD), unpaint(c->o, PAINT_BOLD), e->h.tgid,
		id_name(OBJ_CONTAINER, s->container, id));
	put_since(out, c->t, s->exec->ts_ns);
	format_pages(s->pages, pages);
	fprintf(out, "  exec           %s is gone, %s charged to it stay pinned; %s starts at 0\n", id_name(OBJ_MM, e->old_mm, old), pages,
		id_name(OBJ_MM, e->mm, mm));
	for (unsigned int i = 0; i < s->n_after; i++) {
		if (s->left_out && i + 1 == s->n_after)
			fprintf(out, "...      %u more\n", s->left_out);
		put_since(out, c->t, s->after[i]->ts_ns);
		fputs("  ", out);
		print_after(out, s->after[i]);
	}
	fputc('\n', out);
}

/* ---- the verdicts in a line each ----------------------------------------------------------- */

#define say(o, word, ...) print_labelled(o, word, 6, __VA_ARGS__)

static void say_windows(struct output *o, const struct view *v, const struct timeline *t, bool complete)
{
	unsigned int n = 0, open = 0;
	char took[FORMAT_MAX];
	__u64 longest = 0;

	for (size_t i = 0; i < t->n_spans; i++) {
		const struct span *s = &t->spans[i];

		if (s->lane != LANE_INVALID || !is_shown(v, s->container))
			continue;
		n++;
		open += !s->to;
		complete &= !span_ended_unseen(s);
		if ((s->to ?: t->last) - s->from > longest)
			longest = (s->to ?: t->last) - s->from;
	}
	if (!n)
		return;
	format_duration(longest, took);
	if (open)
		say(o, "open", "%u of %u VADDR windows %s not closed when the recording ended; the longest is %s", open, n,
		    open == 1 ? "was" : "were", took);
	else if (complete)
		say(o, "ok", "every VADDR window was closed, the longest after %s", took);
	else
		say(o, "?", "every VADDR window that was seen was closed, the longest after %s; not everything was seen", took);
}

static const char *how_it_ended(const struct uncharged *u)
{
	if (!u->until_ns)
		return ", and still are";
	if (!uncharged_paid(u))
		return ", until they were pinned no more: nobody was charged for them again";
	return u->exec ? ". That is how an update by exec works on a kernel that keeps the address space with the range" :
			 ", until they were charged to another process";
}

static void say_charges(struct output *o, const struct view *v, bool complete)
{
	const struct ledger *l = model_ledger(v->model);
	const struct uncharged *longest = NULL;
	char took[FORMAT_MAX], size[FORMAT_MAX];

	if (!l->charges)
		return;
	for (const struct uncharged *u = l->uncharged; u; u = u->next) {
		__u64 ns = (u->until_ns ?: model_now(v->model)) - u->since_ns;

		if (uncharged_counts(u, model_now(v->model)) && (!longest || ns > (longest->until_ns ?: model_now(v->model)) - longest->since_ns))
			longest = u;
	}
	if (l->n_drifts)
		say(o, "drift", "a charge did not come back to where it was made: see below");
	else if (longest)
		say(o, "note", "%s were pinned and charged to nobody for %s, from %s on%s", format_pages(longest->pages, size),
		    format_duration((longest->until_ns ?: model_now(v->model)) - longest->since_ns, took), longest->exec ? "exec" : "exit",
		    how_it_ended(longest));
	else if (complete)
		say(o, "ok", "what was pinned was charged to exactly one living address space, or its user, at every moment");
	else
		say(o, "?", "no charge was seen to go wrong; not everything was seen");
}

static void say_dma(struct output *o, const struct view *v, const struct timeline *t)
{
	for (size_t i = 0; i < t->n_spans; i++) {
		if (t->spans[i].lane != LANE_INVALID || !is_shown(v, t->spans[i].container))
			continue;
		say(o, "note", "DMA goes on while a VADDR is invalid: that is how a live update works. It is a fault only if a thread "
		    "needs the address meanwhile");
		return;
	}
}

/* ---- the whole ----------------------------------------------------------------------------- */

static bool tells(const struct timeline *t, __u64 container)
{
	for (size_t i = 0; i < t->n_spans; i++)
		if (t->spans[i].container == container)
			return true;
	for (size_t i = 0; i < t->n_stories; i++)
		if (t->stories[i].container == container)
			return true;
	return false;
}

void text_timeline(struct output *o, const struct view *v)
{
	struct chart c = { .o = o, .v = v, .t = v->timeline };
	unsigned int shown = 0, more = 0;
	bool complete = model_complete(v->model);

	if (!c.t || c.t->last <= c.t->first)
		return;
	print_windows(o, v, c.t);
	for (const struct obj *b = model_first(v->model, OBJ_CONTAINER); b; b = model_next(b, OBJ_CONTAINER)) {
		if (!tells(c.t, b->id) || !is_shown(v, b->id))
			continue;
		if (shown++ >= CONTAINERS_SHOWN) {
			more++;
			continue;
		}
		c.container = b->id;
		set_widths(&c);
		print_chart(&c);
		for (size_t i = 0; i < c.t->n_stories; i++)
			if (c.t->stories[i].container == b->id)
				print_story(&c, &c.t->stories[i]);
	}
	if (more)
		fprintf(o->f, "%u more container%s: -c chooses\n\n", more, more == 1 ? "" : "s");
	say_windows(o, v, c.t, complete);
	say_charges(o, v, complete);
	say_dma(o, v, c.t);
	if (c.t->n_spans || model_ledger(v->model)->charges)
		fputc('\n', o->f);
}
