// SPDX-License-Identifier: GPL-2.0-only
/*
 * render_text_counters.c - format "text": what processes may lock, what the
 * kernel's counters say, and what is pinned, side by side.
 *
 * One line for each process; for an address space without one, which only its
 * ranges keep; for a user, if ranges are charged to it.
 */
#include <string.h>

#include "render_text.h"

enum { COUNTER_PID, COUNTER_VM, COUNTER_MEMLOCK, COUNTER_LOCKED, COUNTER_PINNED_VM, COUNTER_PINNED, COUNTER_TO };

static const struct {
	const char *name;
	double hint;
	int flags;
} columns[] = {
	[COUNTER_PID] = { "PID", 5, SCOLS_FL_RIGHT },
	[COUNTER_VM] = { "VM", 2, SCOLS_FL_TRUNC },
	[COUNTER_MEMLOCK] = { "MEMLOCK", 7, SCOLS_FL_RIGHT },
	[COUNTER_LOCKED] = { "LOCKED_VM", 9, SCOLS_FL_RIGHT },
	[COUNTER_PINNED_VM] = { "PINNED_VM", 9, SCOLS_FL_RIGHT },
	[COUNTER_PINNED] = { "PINNED", 6, SCOLS_FL_RIGHT },
	[COUNTER_TO] = { "CHARGED TO", 10, 0 },
};

/* A line; what is NULL has no part in it. */
struct line {
	const struct view *view;
	const struct ev_process *process;
	const struct obj *mm;
	const struct ev_user *user;
	const struct mm_sum *sum;
	__u32 key; /* lines stand in this order */
};

struct line_list {
	struct line *v;
	size_t n, size;
};

void put_vm_of(FILE *out, const struct view *v, __u32 tgid)
{
	const struct ev_program *p = NOTE_OF(model_find(v->model, OBJ_PROGRAM, tgid), program);

	if (!p || !p->known)
		fputc('?', out);
	else if (!*p->vm)
		fputc('-', out);
	else
		PUT_FIELD(out, p->vm, false);
}

/* ---- cells ------------------------------------------------------------------------- */

static void put_pid(FILE *out, const struct line *l)
{
	if (l->user)
		fprintf(out, "uid %u", l->user->uid);
	else if (l->process)
		fprintf(out, "%u", l->process->h.tgid);
	else
		fputc('-', out);
}

static void put_vm(FILE *out, const struct line *l)
{
	if (l->process)
		put_vm_of(out, l->view, l->process->h.tgid);
	else
		fputc(l->user ? '-' : '?', out);
}

static void put_memlock(FILE *out, const struct line *l)
{
	char buf[FORMAT_MAX];

	if (!l->process)
		fputc('-', out);
	else if (l->process->ipc_lock)
		fputs("exempt", out);
	else if (l->process->soft == ~0ULL)
		fputs("inf", out);
	else if (l->view->bytes)
		fprintf(out, "%llu", l->process->soft);
	else
		fputs(format_bytes(l->process->soft, buf), out); /* 0 is a limit, too */
}

/* Of a counter that wrapped, what is missing to 0. */
static void put_counter(FILE *out, const struct view *v, __s64 pages)
{
	if (pages < 0)
		fputc('-', out);
	put_bytes(out, v, (pages < 0 ? -(__u64)pages : (__u64)pages) * PAGE_BYTES);
}

static void put_locked(FILE *out, const struct line *l)
{
	const struct ev_mm *mm = NOTE_OF(l->mm, mm);

	if (l->user || mm)
		put_counter(out, l->view, l->user ? l->user->locked_vm : mm->locked_vm);
	else
		fputc(l->mm ? '?' : '-', out);
}

static void put_pinned_vm(FILE *out, const struct line *l)
{
	const struct ev_mm *mm = NOTE_OF(l->mm, mm);

	if (mm)
		put_counter(out, l->view, mm->pinned_vm);
	else
		fputc(l->mm ? '?' : '-', out);
}

static void put_pinned(FILE *out, const struct line *l)
{
	if (l->sum)
		put_pages(out, l->view, &l->sum->pinned);
	else
		fputc('-', out);
}

static void put_charged_to(FILE *out, const struct line *l)
{
	unsigned int accounts = l->sum ? l->sum->accounts : 0, n = 0;

	if (accounts & 1u << CHARGED_MM)
		fprintf(out, "%smm->locked_vm", n++ ? ", " : "");
	if (accounts & 1u << CHARGED_USER)
		fprintf(out, "%suser->locked_vm", n++ ? ", " : "");
	if (accounts && l->sum->pinned_vm)
		fprintf(out, "%smm->pinned_vm", n++ ? ", " : "");
	if (accounts & 1u << CHARGED_UNKNOWN)
		fprintf(out, "%s?", n++ ? ", " : "");
	if (!n)
		fputs(accounts ? "none" : "-", out);
}

static void (*const put[])(FILE *out, const struct line *l) = {
	[COUNTER_PID] = put_pid,	     [COUNTER_VM] = put_vm,	    [COUNTER_MEMLOCK] = put_memlock, [COUNTER_LOCKED] = put_locked,
	[COUNTER_PINNED_VM] = put_pinned_vm, [COUNTER_PINNED] = put_pinned, [COUNTER_TO] = put_charged_to,
};

/* ---- lines ---------------------------------------------------------------------------- */

static bool add_line(struct line_list *list, const struct line *l)
{
	struct line *new = array_add(&list->v, &list->n, &list->size, sizeof(*list->v));

	if (new)
		*new = *l;
	return new;
}

/* Counters are as of the last look that told of them: of an address space that is gone they say nothing. */
static bool is_current(const struct view *v, const struct obj *mm)
{
	return NOTE_OF(mm, mm) && mm->note_look == model_last_look(v->model) && view_has_mm(v, mm);
}

static bool add_mm(struct line_list *list, const struct view *v, const struct obj *mm, const struct mm_sums *sums)
{
	struct line l = { .view = v, .mm = mm, .sum = mm_sum_find(sums, mm->id), .key = ~0U };
	bool lived_in = false, ok = true;

	for (struct edge *e = edge_in(mm, REL_IN_MM); e && ok; e = edge_in_next(e)) {
		if (e->last->type != EV_process)
			continue;
		lived_in = true;
		l.process = (const void *)e->last;
		l.key = l.process->h.tgid;
		ok = add_line(list, &l);
	}
	/* The looks of record do not read processes: whose it is is not known then, and a line of dashes tells nobody anything. */
	if (!lived_in && v->kind == VIEW_REPORT && !v->details)
		return true;
	return lived_in ? ok : add_line(list, &l);
}

/* Its locked_vm belongs here if something that is shown was charged to it. */
static bool is_charged(const struct view *v, const struct obj *user, const struct mm_sums *sums)
{
	for (struct edge *e = edge_in(user, REL_OF_USER); e; e = edge_in_next(e)) {
		for (struct edge *in = edge_out(e->from, REL_IN_MM); in; in = edge_out_next(in)) {
			const struct mm_sum *sum = mm_sum_find(sums, in->to->id);

			if (sum && sum->accounts & 1u << CHARGED_USER && view_has_mm(v, in->to))
				return true;
		}
	}
	return false;
}

static int line_cmp(const void *x, const void *y)
{
	const struct line *a = x, *b = y;

	if (!a->user != !b->user)
		return a->user ? 1 : -1;
	if (a->user)
		return a->user->uid < b->user->uid ? -1 : a->user->uid > b->user->uid;
	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	return a->mm->id < b->mm->id ? -1 : a->mm->id > b->mm->id;
}

static bool collect(struct line_list *list, const struct view *v, const struct mm_sums *sums)
{
	bool ok = true;

	for (struct obj *o = model_first(v->model, OBJ_MM); o && ok; o = model_next(o, OBJ_MM))
		if (is_current(v, o))
			ok = add_mm(list, v, o, sums);
	for (struct obj *o = model_first(v->model, OBJ_USER); o && ok; o = model_next(o, OBJ_USER)) {
		struct line l = { .view = v, .user = NOTE_OF(o, user) };

		if (l.user && o->note_look == model_last_look(v->model) && view_has_user(v, o) &&
		    (v->details || is_charged(v, o, sums)))
			ok = add_line(list, &l);
	}
	if (list->n)
		qsort(list->v, list->n, sizeof(*list->v), line_cmp);
	return ok;
}

/* ---- the table ------------------------------------------------------------------------------ */

static bool fill(struct libscols_table *t, const struct line_list *list)
{
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
		if (!scols_table_new_column(t, columns[i].name, columns[i].hint, columns[i].flags))
			return false;
	for (size_t i = 0; i < list->n; i++) {
		struct libscols_line *line = scols_table_new_line(t, NULL);

		for (size_t col = 0; col < ARRAY_SIZE(columns) && line; col++) {
			struct cell cell;

			if (!cell_open(&cell))
				return false;
			put[col](cell.f, &list->v[i]);
			cell_close(&cell, line, col);
		}
		if (!line)
			return false;
	}
	return true;
}

int text_counters(struct output *o, const struct view *v)
{
	struct line_list list = {};
	struct mm_sums sums = {};
	struct libscols_table *t = table_new(o);
	bool ok = t && !sum_mms(v->model, &sums) && collect(&list, v, &sums) && fill(t, &list);

	if (ok && list.n) {
		print_table(t);
		fputc('\n', o->f);
	} else if (t) {
		scols_unref_table(t);
	}
	free(sums.v);
	free(list.v);
	return ok ? 0 : -1;
}
