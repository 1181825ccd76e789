/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * render_text.h - what the files of format "text" share that show what is,
 * now: the lines of the table of containers, and tables as such.
 */
#ifndef FDPIN_RENDER_TEXT_H
#define FDPIN_RENDER_TEXT_H

#include <libsmartcols/libsmartcols.h>

#include "filter.h"
#include "render.h"
#include "sums.h"

/* One line: a container, or one ioas of an iommufd context. */
struct row {
	const struct view *view;
	const struct obj *container;
	const struct ev_container *note; /* NULL: no look has read it */
	const struct ev_ioas *ioas;	 /* NULL: the line is about all of it */
	bool first;			 /* of the lines of its container */
	struct range_sum sum;
	bool summed;	      /* sum is there, and is of all ranges the kernel has */
	struct tgids holders; /* in order */
	struct tgids owners;  /* the same, and whose memory it is */
	bool raw;	      /* libsmartcols escapes what is put, so do not */
};

/* Lines in order: by lowest process, those without one last, then by id. */
struct row_list {
	struct row *v;
	size_t n;
};

int rows_make(const struct view *v, struct row_list *ret); /* 0 or -ENOMEM */
void rows_free(struct row_list *rows);

struct column {
	const char *name;
	double hint; /* least width, or share of the line */
	int flags;
	const char *help;
	void (*put)(FILE *out, const struct row *r);
};

extern const struct column status_columns[];
/* "deadlock" is shown as DEADLOCK, in the colour of what it means. */
const char *state_word(const struct row *r, enum paint *ret_paint);

/* A string of a record, escaped by whoever has to. */
void put_field(FILE *out, const char *s, size_t size, bool raw);
#define PUT_FIELD(out, array, raw) put_field(out, array, sizeof(array), raw)
/* 52.4M, or bytes; "-" for none, "?" where it is not known. */
void put_bytes(FILE *out, const struct view *v, __u64 bytes);
void put_pages(FILE *out, const struct view *v, const struct pages *p);

/* The virtual machine of a process: its name, - for none, ? where its control group could not be read. */
void put_vm_of(FILE *out, const struct view *v, __u32 tgid);

/* A table on an output; NULL when out of memory. print_table() prints it, if it has a line, and frees it. */
struct libscols_table *table_new(const struct output *o);
void print_table(struct libscols_table *t);
/* A cell that is being written: cell_open() gives the stream, cell_close() puts the text where it belongs. */
struct cell {
	char *text;
	size_t size;
	FILE *f;
};
FILE *cell_open(struct cell *c);
void cell_close(struct cell *c, struct libscols_line *line, unsigned int column);

/* ---- parts of the status --------------------------------------------------------- */

/* Edges of a relation into (or out of) an object, in the order of cmp, which gets struct edge **; NULL when out of memory. */
struct edge **edges_sorted(const struct obj *o, bool in, enum relation rel, int (*cmp)(const void *, const void *), size_t *ret_n);
int edge_by_tgid(const void *a, const void *b);
int edge_by_device(const void *a, const void *b);

/* Per process: limits, counters. This and what follows: 0, or below 0 when out of memory. */
int text_counters(struct output *o, const struct view *v);
/* What may be locked, and what has to be. */
int text_memlock(struct output *o, const struct view *v);
/* All about each container; its ranges. */
int text_details(struct output *o, const struct row_list *rows);
int text_ranges(struct output *o, const struct row *r);
/* What must not be overlooked about files and entries, a paragraph each. */
void text_remarks(struct output *o, const struct view *v, const struct row_list *rows);

#endif
