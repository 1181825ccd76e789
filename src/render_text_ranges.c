// SPDX-License-Identifier: GPL-2.0-only
/*
 * render_text_ranges.c - format "text": the ranges of a container, a line
 * each, and what memory is behind them.
 */
#include "render_text.h"

enum { RANGE_IOAS, RANGE_IOVA, RANGE_SIZE, RANGE_VADDR, RANGE_PROT, RANGE_VALID, RANGE_PINNED, RANGE_BACKING, RANGE_FILE };

static const struct {
	const char *name;
	double hint;
	int flags;
} columns[] = {
	[RANGE_IOAS] = { "IOAS", 4, SCOLS_FL_RIGHT },
	[RANGE_IOVA] = { "IOVA", 10, SCOLS_FL_RIGHT },
	[RANGE_SIZE] = { "SIZE", 4, SCOLS_FL_RIGHT },
	[RANGE_VADDR] = { "VADDR", 14, SCOLS_FL_RIGHT },
	[RANGE_PROT] = { "PROT", 4, 0 },
	[RANGE_VALID] = { "VALID", 5, 0 },
	[RANGE_PINNED] = { "PINNED", 6, SCOLS_FL_RIGHT },
	[RANGE_BACKING] = { "BACKING", 7, 0 },
	[RANGE_FILE] = { "FILE AND OFFSET", 0.3, SCOLS_FL_TRUNC },
};

struct range_cell {
	const struct view *view;
	const struct ev_range *r;
	const struct ev_memory *mem; /* NULL: not known */
	bool whole;		     /* all of the range lies in it */
	struct pages pinned;
};

static void put_backing(FILE *out, const struct range_cell *c)
{
	char buf[FORMAT_MAX];

	if (!c->mem && c->r->source == SOURCE_DMABUF) { /* in a recording of a version that did not look */
		fputs("dma-buf", out);
		return;
	}
	if (!c->mem || c->mem->backing == BACKING_UNKNOWN) {
		fputc('?', out);
		return;
	}
	fputs(kind_value_name(KIND_BACKING, c->mem->backing) ?: "?", out);
	if (c->mem->page)
		fprintf(out, " %s", format_bytes(c->mem->page, buf));
	if (c->r->source == SOURCE_USER && c->mem->inode && !c->mem->shared)
		fputs(" private", out);
}

static void put_file(FILE *out, const struct range_cell *c)
{
	if (!c->mem || !c->mem->inode) {
		fputc(c->mem || c->r->source == SOURCE_DMABUF ? '-' : '?', out);
		return;
	}
	if (*c->mem->path)
		PUT_FIELD(out, c->mem->path, false);
	else
		fprintf(out, "inode %llu", c->mem->inode);
	fprintf(out, "+0x%llx", c->r->source != SOURCE_USER ? c->r->vaddr : c->mem->offset + (c->r->vaddr - c->mem->start));
	if (!c->mem->links && c->mem->backing != BACKING_MEMFD)
		fputs(" (deleted)", out);
	if (!c->whole)
		fputs(" (its first part)", out);
}

static void put_range(FILE *out, const struct range_cell *c, unsigned int column)
{
	const struct ev_range *r = c->r;

	switch (column) {
	case RANGE_IOAS:
		fprintf(out, "%u", r->ioas);
		break;
	case RANGE_IOVA:
		fprintf(out, "0x%llx", r->iova);
		break;
	case RANGE_SIZE:
		put_bytes(out, c->view, r->size);
		break;
	case RANGE_VADDR:
		if (r->source == SOURCE_USER)
			fprintf(out, "0x%llx", r->vaddr);
		else
			fputc('-', out);
		break;
	case RANGE_PROT:
		fprintf(out, "%c%c", r->prot & 1 ? 'r' : '-', r->prot & 2 ? 'w' : '-');
		break;
	case RANGE_VALID:
		fputs(r->valid ? "yes" : "NO", out);
		break;
	case RANGE_PINNED:
		put_pages(out, c->view, &c->pinned);
		break;
	case RANGE_BACKING:
		put_backing(out, c);
		break;
	case RANGE_FILE:
		put_file(out, c);
		break;
	}
}

static int edge_by_iova(const void *x, const void *y)
{
	const struct ev_range *a = (const void *)(*(const struct edge *const *)x)->last;
	const struct ev_range *b = (const void *)(*(const struct edge *const *)y)->last;

	if (a->ioas != b->ioas)
		return a->ioas < b->ioas ? -1 : 1;
	return a->iova < b->iova ? -1 : a->iova > b->iova;
}

static bool add_range(struct libscols_table *t, const struct range_cell *c, unsigned int first)
{
	struct libscols_line *line = scols_table_new_line(t, NULL);

	for (unsigned int col = first; col < ARRAY_SIZE(columns) && line; col++) {
		struct cell cell;

		if (!cell_open(&cell))
			return false;
		put_range(cell.f, c, col);
		cell_close(&cell, line, col - first);
	}
	return line;
}

static bool fill_ranges(struct libscols_table *t, const struct row *r)
{
	unsigned int first = r->ioas ? RANGE_IOAS : RANGE_IOVA;
	bool known = r->note && r->note->kind != CONTAINER_NONE; /* what ranges hold in memory was looked at */
	struct range_cell c = { .view = r->view };
	struct backing_index ix = {};
	size_t n;
	_cleanup_free_ struct edge **list = edges_sorted(r->container, true, REL_PART, edge_by_iova, &n);
	bool ok = list;
	__s64 pinned;

	for (unsigned int i = first; i < ARRAY_SIZE(columns) && ok; i++)
		ok = scols_table_new_column(t, columns[i].name, columns[i].hint, columns[i].flags);
	for (size_t i = 0; i < n && ok; i++) {
		c.r = (const void *)list[i]->last;
		c.mem = backing_find(&ix, r->view->model, c.r, &c.whole);
		pinned = known ? range_pinned(r->view->model, &ix, c.r) : -1;
		c.pinned = (struct pages){ .n = pinned, .unknown = pinned < 0 };
		ok = add_range(t, &c, first);
	}
	backing_free(&ix);
	return ok;
}

int text_ranges(struct output *o, const struct row *r)
{
	struct libscols_table *t = table_new(o);

	if (!t || !fill_ranges(t, r)) {
		scols_unref_table(t);
		return -1;
	}
	print_table(t);
	return 0;
}
