/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * json_line.h - values of JSON in a line that is put together in memory (line.h)
 *
 * For what there is ten thousands of, events and ranges: as a tree of the
 * library's objects each takes more than ten times as much. Everything else is
 * such a tree.
 */
#ifndef FDPIN_JSON_LINE_H
#define FDPIN_JSON_LINE_H

#include "line.h"
#include "schema.h"
#include "util.h"

/* A string of the kernel's, or of somebody who chose it: escaped as in text, and then as JSON asks. */
void json_line_text(struct linebuf *l, const char *s, size_t max);
/* One of ours, as it is. */
void json_line_quoted(struct linebuf *l, const char *s);
/* The short name of an object; null for 0. */
void json_line_id(struct linebuf *l, enum obj_kind kind, __u64 id);
/* "0x…" */
void json_line_address(struct linebuf *l, __u64 v);
/* The name of a value, or the number as an address if it has none. */
void json_line_value_name(struct linebuf *l, enum kind kind, __u64 v);

static inline void json_line_bool(struct linebuf *l, bool v)
{
	line_str(l, v ? "true" : "false");
}

static inline void json_line_u64(struct linebuf *l, __u64 v)
{
	line_u64(l, v, 0, ' ');
}

#endif
