/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * line.h - a line of text put together in memory and written at once
 *
 * For what a stream prints for every event: through stdio each piece of a
 * line costs hundreds of instructions, and an event has twenty. A line that
 * is longer than the room for it goes out in pieces; nothing is cut.
 */
#ifndef FDPIN_LINE_H
#define FDPIN_LINE_H

#include <linux/types.h>
#include <stdio.h>
#include <string.h>

#define LINE_ROOM 1024

/* Takes what there is of a line, which may be a piece of it. */
typedef void (*line_fn)(void *ctx, const char *text, size_t len);

struct linebuf {
	FILE *out; /* NULL: to fn */
	line_fn fn;
	void *ctx;
	size_t used;
	char text[LINE_ROOM];
};

static inline void line_begin(struct linebuf *l, FILE *out)
{
	l->out = out;
	l->used = 0;
}

static inline void line_begin_to(struct linebuf *l, line_fn fn, void *ctx)
{
	l->out = NULL;
	l->fn = fn;
	l->ctx = ctx;
	l->used = 0;
}

/* What there is of it goes out. */
void line_write(struct linebuf *l);
void line_add_long(struct linebuf *l, const char *s, size_t len);
/* A hostile string (util.h: escape_text); returns how many columns it takes. */
size_t line_escaped(struct linebuf *l, const char *s, size_t max);
/* A number, filled to the width from the left. */
void line_u64(struct linebuf *l, __u64 v, unsigned int width, char fill);
void line_s64(struct linebuf *l, __s64 v);
/* 0x… */
void line_hex(struct linebuf *l, __u64 v);

static inline void line_char(struct linebuf *l, char c)
{
	if (l->used == LINE_ROOM)
		line_write(l);
	l->text[l->used++] = c;
}

/* Pieces are short: up to 16 bytes are two words that may overlap, as a call of memcpy() costs more. */
static inline void line_copy(char *to, const char *s, size_t len)
{
	if (len > 16) {
		memcpy(to, s, len);
	} else if (len >= 8) {
		memcpy(to, s, 8);
		memcpy(to + len - 8, s + len - 8, 8);
	} else if (len >= 4) {
		memcpy(to, s, 4);
		memcpy(to + len - 4, s + len - 4, 4);
	} else {
		for (size_t i = 0; i < len; i++)
			to[i] = s[i];
	}
}

static inline void line_add(struct linebuf *l, const char *s, size_t len)
{
	if (len > LINE_ROOM - l->used) {
		line_add_long(l, s, len);
		return;
	}
	line_copy(l->text + l->used, s, len);
	l->used += len;
}

static inline void line_str(struct linebuf *l, const char *s)
{
	line_add(l, s, strlen(s));
}

/* Where n bytes, LINE_ROOM at most, may be put; line_put() says up to where they were. */
static inline char *line_room(struct linebuf *l, size_t n)
{
	if (LINE_ROOM - l->used < n)
		line_write(l);
	return l->text + l->used;
}

static inline void line_put(struct linebuf *l, const char *end)
{
	l->used = end - l->text;
}

static inline void line_fill(struct linebuf *l, char c, unsigned int n)
{
	for (; n > 8 && LINE_ROOM - l->used >= 8; n -= 8, l->used += 8)
		memset(l->text + l->used, c, 8);
	while (n--)
		line_char(l, c);
}

#endif
