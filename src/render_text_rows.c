// SPDX-License-Identifier: GPL-2.0-only
/*
 * render_text_rows.c - format "text": the lines of the table of containers,
 * in order, each with what is summed up in it; and tables as such.
 */
#include <errno.h>
#include <string.h>

#include "render_text.h"

/* ---- lines ------------------------------------------------------------------------- */

/* One container as often as it has ioases, or once. */
static size_t count_rows(const struct obj *c)
{
	size_t n = 0;

	for (struct edge *e = edge_in(c, REL_IOAS_OF); e; e = edge_in_next(e))
		n += e->last->type == EV_ioas;
	return n ? n : 1;
}

static int collect_owners(struct row *r)
{
	const struct model *m = r->view->model;

	for_each_owner(m, r->container, OWNER_HOLDS, tgids_add, &r->holders);
	for_each_owner(m, r->container, OWNER_HOLDS | OWNER_MEMORY, tgids_add, &r->owners);
	tgids_sort(&r->holders);
	tgids_sort(&r->owners);
	return r->holders.oom || r->owners.oom ? -ENOMEM : 0;
}

/* A sum is one only if it is of all ranges, and they stood still. */
static int fill_row(struct row *r, const struct obj *c, const struct ev_ioas *ioas, struct backing_index *ix)
{
	int err;

	r->container = c;
	r->note = NOTE_OF(c, container);
	r->ioas = ioas;
	err = collect_owners(r);
	if (!err)
		err = sum_container(r->view->model, c, ioas ? ioas->ioas : ALL_IOASES, ix, &r->sum);
	r->summed = !err && r->note && !r->note->unstable && r->sum.ranges == (ioas ? ioas->areas : r->note->ranges);
	return err;
}

static int add_container(struct row_list *rows, const struct view *v, const struct obj *c, struct backing_index *ix)
{
	size_t n = count_rows(c), k = 0;
	struct row *new = reallocarray(rows->v, rows->n + n, sizeof(*new));
	int err = 0;

	if (!new)
		return -ENOMEM;
	rows->v = new;
	new += rows->n;
	memset(new, 0, n * sizeof(*new));
	rows->n += n;
	for (size_t i = 0; i < n; i++) {
		new[i].view = v;
		new[i].raw = v->table.raw;
	}
	for (struct edge *e = edge_in(c, REL_IOAS_OF); e && !err; e = edge_in_next(e))
		if (e->last->type == EV_ioas)
			err = fill_row(&new[k++], c, (const void *)e->last, ix);
	return k || err ? err : fill_row(&new[0], c, NULL, ix);
}

static int number_cmp(__u64 a, __u64 b)
{
	return a < b ? -1 : a > b;
}

static int row_cmp(const void *x, const void *y)
{
	const struct row *a = x, *b = y;
	/* without a process: last */
	int r = number_cmp(a->holders.n ? *a->holders.v : ~0U, b->holders.n ? *b->holders.v : ~0U);

	if (!r)
		r = number_cmp(a->container->id, b->container->id);
	return r || !a->ioas || !b->ioas ? r : number_cmp(a->ioas->ioas, b->ioas->ioas);
}

int rows_make(const struct view *v, struct row_list *ret)
{
	struct row_list rows = {};
	struct backing_index ix = {};
	int err = 0;

	for (struct obj *c = model_first(v->model, OBJ_CONTAINER); c && !err; c = model_next(c, OBJ_CONTAINER))
		if (view_has(v, c))
			err = add_container(&rows, v, c, &ix);
	backing_free(&ix);
	if (err) {
		rows_free(&rows);
		return err;
	}
	if (rows.n)
		qsort(rows.v, rows.n, sizeof(*rows.v), row_cmp);
	for (size_t i = 0; i < rows.n; i++)
		rows.v[i].first = !i || rows.v[i - 1].container != rows.v[i].container;
	*ret = rows;
	return 0;
}

void rows_free(struct row_list *rows)
{
	for (size_t i = 0; i < rows->n; i++) {
		free(rows->v[i].holders.v);
		free(rows->v[i].owners.v);
	}
	free(rows->v);
	*rows = (struct row_list){};
}

/* ---- edges, in order -------------------------------------------------------------------- */

struct edge **edges_sorted(const struct obj *o, bool in, enum relation rel, int (*cmp)(const void *, const void *), size_t *ret_n)
{
	struct edge **list;
	size_t n = 0;

	for (struct edge *e = in ? edge_in(o, rel) : edge_out(o, rel); e; e = in ? edge_in_next(e) : edge_out_next(e))
		n++;
	*ret_n = 0;
	list = calloc(n + 1, sizeof(*list));
	if (!list)
		return NULL;
	for (struct edge *e = in ? edge_in(o, rel) : edge_out(o, rel); e; e = in ? edge_in_next(e) : edge_out_next(e))
		list[(*ret_n)++] = e;
	qsort(list, n, sizeof(*list), cmp);
	return list;
}

int edge_by_tgid(const void *x, const void *y)
{
	const struct edge *a = *(const struct edge *const *)x, *b = *(const struct edge *const *)y;
	int r = number_cmp(a->last->tgid, b->last->tgid);

	if (!r)
		r = number_cmp(a->last->tid, b->last->tid);
	return r ? r : number_cmp(a->to->id, b->to->id);
}

int edge_by_device(const void *x, const void *y)
{
	const struct edge *a = *(const struct edge *const *)x, *b = *(const struct edge *const *)y;
	const struct ev_device *da = (const void *)a->last, *db = (const void *)b->last;
	int r = 0;

	if (da->h.type == EV_device && db->h.type == EV_device)
		r = strncmp(da->device_name, db->device_name, sizeof(da->device_name));
	return r ? r : number_cmp(a->from->id, b->from->id);
}

/* ---- words of cells ------------------------------------------------------------------- */

void put_field(FILE *out, const char *s, size_t size, bool raw)
{
	_cleanup_free_ char *shown = raw ? strndup(s, size) : escape_text(s, size);

	fputs(shown ?: "?", out);
}

void put_bytes(FILE *out, const struct view *v, __u64 bytes)
{
	char buf[FORMAT_MAX];

	if (v->bytes)
		fprintf(out, "%llu", bytes);
	else
		fputs(bytes ? format_bytes(bytes, buf) : "-", out);
}

void put_pages(FILE *out, const struct view *v, const struct pages *p)
{
	if (p->unknown)
		fputc('?', out);
	else
		put_bytes(out, v, p->n * PAGE_BYTES);
}

/* ---- tables ----------------------------------------------------------------------------- */

struct libscols_table *table_new(const struct output *o)
{
	struct libscols_table *t = scols_new_table();

	if (!t)
		return NULL;
	scols_table_enable_noencoding(t, 1); /* cells are escaped, and \x1b is to stay as it is */
	scols_table_enable_colors(t, o->color);
	scols_table_enable_ascii(t, !o->utf8);
	scols_table_set_stream(t, o->f);
	/* It would ask stdout, which is not always where this goes; only a terminal has an edge to cut at. */
	scols_table_set_termforce(t, o->tty ? SCOLS_TERMFORCE_ALWAYS : SCOLS_TERMFORCE_NEVER);
	scols_table_set_termwidth(t, o->width);
	return t;
}

void print_table(struct libscols_table *t)
{
	if (!scols_table_is_empty(t))
		scols_print_table(t);
	scols_unref_table(t);
}

FILE *cell_open(struct cell *c)
{
	*c = (struct cell){};
	c->f = open_memstream(&c->text, &c->size);
	return c->f;
}

void cell_close(struct cell *c, struct libscols_line *line, unsigned int column)
{
	fclose(c->f);
	if (scols_line_refer_data(line, column, c->text))
		free(c->text);
}
