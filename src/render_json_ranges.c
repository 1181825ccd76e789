// SPDX-License-Identifier: GPL-2.0-only
/*
 * render_json_ranges.c - format "json": the ranges of a container. There may be
 * 65,535 of them, so they are lines (json_line.h), put in where the library makes
 * text of the document around them.
 */
#include <errno.h>
#include <json-c/json.h>
#include <json-c/printbuf.h>
#include <stdlib.h>
#include <string.h>

#include "backing.h"
#include "json_line.h"
#include "render.h"

static void number(struct linebuf *l, bool known, __u64 v)
{
	if (known)
		json_line_u64(l, v);
	else
		line_str(l, "null");
}

/* null if it is not known: the address space is gone, its lock was held, or nothing is mapped there now. */
static void backing(struct linebuf *l, struct backing_index *ix, const struct view *v, const struct ev_range *r)
{
	bool whole;
	const struct ev_memory *mem = backing_find(ix, v->model, r, &whole);

	if (!mem || mem->backing == BACKING_UNKNOWN) {
		line_str(l, "null");
		return;
	}
	line_str(l, "{\"kind\":");
	json_line_value_name(l, KIND_BACKING, mem->backing);
	line_str(l, ",\"path\":");
	if (*mem->path)
		json_line_text(l, mem->path, sizeof(mem->path));
	else
		line_str(l, "null");
	line_str(l, ",\"offset\":");
	number(l, mem->inode != 0, r->source != SOURCE_USER ? r->vaddr : mem->offset + (r->vaddr - mem->start));
	line_str(l, ",\"inode\":");
	number(l, mem->inode != 0, mem->inode);
	line_str(l, ",\"page_size\":");
	number(l, mem->page != 0, mem->page);
	line_str(l, ",\"links\":");
	number(l, mem->inode != 0, mem->links);
	line_str(l, ",\"shared\":");
	json_line_bool(l, mem->shared);
	line_str(l, ",\"whole\":");
	json_line_bool(l, whole);
	line_char(l, '}');
}

/* What a range holds in memory; not in a recording of a version that did not look (known). */
static void pages(struct linebuf *l, const struct ev_range *r, bool known)
{
	line_str(l, ",\"mapped\":");
	if (known)
		json_line_bool(l, r->mapped);
	else
		line_str(l, "null");
	line_str(l, ",\"pinned_pages\":");
	number(l, known && r->pinned >= 0, r->pinned);
	line_str(l, ",\"charged_pages\":");
	number(l, known && r->charged >= 0, r->charged);
	line_str(l, ",\"account\":");
	if (known && r->account != CHARGED_UNKNOWN)
		json_line_value_name(l, KIND_ACCOUNT, r->account);
	else
		line_str(l, "null");
	line_str(l, ",\"source\":");
	if (known)
		json_line_value_name(l, KIND_SOURCE, r->source);
	else
		line_str(l, "null");
}

static void range(struct linebuf *l, const struct view *v, struct backing_index *ix, const struct ev_range *r, bool known)
{
	line_str(l, "{\"iova\":");
	json_line_address(l, r->iova);
	line_str(l, ",\"size\":");
	json_line_u64(l, r->size);
	line_str(l, ",\"vaddr\":");
	if (r->source == SOURCE_USER)
		json_line_address(l, r->vaddr);
	else
		line_str(l, "null");
	line_str(l, ",\"valid\":");
	json_line_bool(l, r->valid);
	line_str(l, ",\"read\":");
	json_line_bool(l, r->prot & 1);
	line_str(l, ",\"write\":");
	json_line_bool(l, r->prot & 2);
	pages(l, r, known);
	line_str(l, ",\"ioas\":");
	number(l, r->ioas != 0, r->ioas);
	line_str(l, ",\"mm\":");
	json_line_id(l, OBJ_MM, r->mm);
	line_str(l, ",\"backing\":");
	backing(l, ix, v, r);
	line_char(l, '}');
}

static int range_cmp(const void *x, const void *y)
{
	const struct ev_range *a = *(const struct ev_range *const *)x, *b = *(const struct ev_range *const *)y;

	if (a->ioas != b->ioas)
		return a->ioas < b->ioas ? -1 : 1;
	return a->iova < b->iova ? -1 : a->iova > b->iova;
}

/* The ranges of a container by ioas and iova; *ret_list is the caller's to free. */
static int sorted_ranges(const struct obj *c, const struct ev_range ***ret_list, size_t *ret_n)
{
	const struct ev_range **list;
	size_t n = 0, i = 0;

	for (struct edge *e = edge_in(c, REL_PART); e; e = edge_in_next(e))
		n++;
	list = calloc(n ?: 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (struct edge *e = edge_in(c, REL_PART); e; e = edge_in_next(e))
		list[i++] = (const void *)e->last;
	qsort(list, n, sizeof(*list), range_cmp);
	*ret_list = list;
	*ret_n = n;
	return 0;
}

static void new_line(struct printbuf *pb, int level, int flags)
{
	if (!(flags & JSON_C_TO_STRING_PRETTY))
		return;
	printbuf_memappend(pb, "\n", 1);
	printbuf_memset(pb, -1, ' ', level * 2);
}

/* Text of an object on its own, moved to its level: in strings a line break is written as \n. */
static int append_pretty(struct printbuf *pb, const char *text, int level, int flags)
{
	struct json_object *obj = json_tokener_parse(text);
	const char *s = obj ? json_object_to_json_string_ext(obj, flags) : NULL, *end;
	int err = s ? 0 : -1;

	while (!err && (end = strchr(s, '\n'))) {
		err = printbuf_memappend(pb, s, end - s) < 0 ? -1 : 0;
		new_line(pb, level, flags);
		s = end + 1;
	}
	if (!err)
		err = printbuf_memappend(pb, s, strlen(s)) < 0 ? -1 : 0;
	json_object_put(obj);
	return err;
}

struct ranges_of {
	const struct view *v;
	const struct obj *c;
};

/* Where a line goes. */
struct ranges_to {
	struct printbuf *pb;
	int err;
};

static void to_printbuf(void *ctx, const char *text, size_t len)
{
	struct ranges_to *to = ctx;

	if (printbuf_memappend(to->pb, text, len) < 0)
		to->err = -1;
}

/* For people: a range at a time, read again by the library. */
static int print_range_pretty(struct printbuf *pb, const struct ranges_of *of, struct backing_index *ix, const struct ev_range *r, bool known,
			      int level, int flags)
{
	struct ranges_to to = { .pb = printbuf_new() };
	struct linebuf l;

	if (!to.pb)
		return -1;
	line_begin_to(&l, to_printbuf, &to);
	range(&l, of->v, ix, r, known);
	line_write(&l);
	if (!to.err) {
		new_line(pb, level, flags);
		to.err = append_pretty(pb, to.pb->buf, level, flags);
	}
	printbuf_free(to.pb);
	return to.err;
}

/* Called when the document becomes text: ranges as objects of json-c's would take ten times as much room as their text. */
static int print_ranges(struct json_object *self, struct printbuf *pb, int level, int flags)
{
	const struct ranges_of *of = json_object_get_userdata(self);
	const struct ev_container *note = NOTE_OF(of->c, container);
	bool pretty = flags & JSON_C_TO_STRING_PRETTY, known = note && note->kind != CONTAINER_NONE;
	_cleanup_free_ const struct ev_range **list = NULL;
	struct ranges_to to = { .pb = pb };
	struct backing_index ix = {};
	struct linebuf l;
	size_t n;

	if (sorted_ranges(of->c, &list, &n))
		return -1;
	line_begin_to(&l, to_printbuf, &to);
	line_char(&l, '[');
	for (size_t i = 0; i < n && !to.err; i++) {
		if (i)
			line_char(&l, ',');
		if (!pretty) {
			range(&l, of->v, &ix, list[i], known);
			continue;
		}
		line_write(&l);
		if (print_range_pretty(pb, of, &ix, list[i], known, level + 1, flags))
			to.err = -1;
	}
	backing_free(&ix);
	line_write(&l);
	if (n)
		new_line(pb, level, flags);
	return to.err ?: printbuf_memappend(pb, "]", 1);
}

static void free_ranges_of(struct json_object *self, void *of)
{
	(void)self;
	free(of);
}

struct json_object *json_ranges(const struct view *v, const struct obj *c)
{
	struct json_object *list = json_object_new_array();
	struct ranges_of *of = malloc(sizeof(*of));

	if (!list || !of) {
		json_object_put(list);
		free(of);
		return NULL;
	}
	*of = (struct ranges_of){ v, c };
	json_object_set_serializer(list, print_ranges, of, free_ranges_of);
	return list;
}
