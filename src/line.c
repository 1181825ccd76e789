// SPDX-License-Identifier: GPL-2.0-only
/*
 * line.c - a line of text put together in memory (line.h).
 */
#include "line.h"

#include "util.h"

void line_write(struct linebuf *l)
{
	if (l->out)
		fwrite_unlocked(l->text, 1, l->used, l->out);
	else
		l->fn(l->ctx, l->text, l->used);
	l->used = 0;
}

void line_add_long(struct linebuf *l, const char *s, size_t len)
{
	while (len > LINE_ROOM - l->used) {
		size_t part = LINE_ROOM - l->used;

		memcpy(l->text + l->used, s, part);
		l->used += part;
		s += part;
		len -= part;
		line_write(l);
	}
	memcpy(l->text + l->used, s, len);
	l->used += len;
}

/* Nearly every string is plain: it is taken as it is. */
size_t line_escaped(struct linebuf *l, const char *s, size_t max)
{
	_cleanup_free_ char *shown = NULL;
	size_t len;

	for (len = 0; len < max && s[len] >= 0x20 && s[len] < 0x7f && s[len] != '\\'; len++)
		;
	if (len == max || !s[len]) {
		line_add(l, s, len);
		return len;
	}
	shown = escape_text(s, max);
	line_str(l, shown ?: "?");
	return shown ? text_width(shown) : 1;
}

void line_u64(struct linebuf *l, __u64 v, unsigned int width, char fill)
{
	char digits[DECIMAL_MAX];
	unsigned int n;

	if (!width) {
		line_put(l, append_decimal(line_room(l, DECIMAL_MAX), v));
		return;
	}
	n = append_decimal(digits, v) - digits;
	line_fill(l, fill, width > n ? width - n : 0);
	line_add(l, digits, n);
}

void line_s64(struct linebuf *l, __s64 v)
{
	if (v < 0)
		line_char(l, '-');
	line_u64(l, v < 0 ? -(__u64)v : (__u64)v, 0, ' ');
}

void line_hex(struct linebuf *l, __u64 v)
{
	unsigned int digits = v ? (67 - __builtin_clzll(v)) / 4 : 1;
	char text[2 + 16] = "0x";

	for (unsigned int i = digits + 1; i > 1; i--, v >>= 4)
		text[i] = "0123456789abcdef"[v & 15];
	line_add(l, text, digits + 2);
}
