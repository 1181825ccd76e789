// SPDX-License-Identifier: GPL-2.0-only
/*
 * json_line.c - values of JSON in a line that is put together in memory (json_line.h).
 */
#include "json_line.h"

static bool is_plain(const char *s, size_t max, size_t *ret_len)
{
	size_t len;

	for (len = 0; len < max && s[len]; len++)
		if (!(s[len] >= 0x20 && s[len] < 0x7f) || s[len] == '"' || s[len] == '\\')
			return false;
	*ret_len = len;
	return true;
}

void json_line_text(struct linebuf *l, const char *s, size_t max)
{
	_cleanup_free_ char *shown = NULL;
	size_t len;

	line_char(l, '"');
	if (is_plain(s, max, &len)) {
		line_add(l, s, len);
	} else {
		shown = escape_text(s, max);
		for (const char *p = shown ?: ""; *p; p++) {
			if (*p == '"' || *p == '\\')
				line_char(l, '\\');
			line_char(l, *p);
		}
	}
	line_char(l, '"');
}

void json_line_quoted(struct linebuf *l, const char *s)
{
	line_char(l, '"');
	line_str(l, s);
	line_char(l, '"');
}

void json_line_id(struct linebuf *l, enum obj_kind kind, __u64 id)
{
	if (!id) {
		line_str(l, "null");
		return;
	}
	line_char(l, '"');
	line_put(l, append_id(line_room(l, ID_NAME_MAX), kind, id));
	line_char(l, '"');
}

void json_line_address(struct linebuf *l, __u64 v)
{
	line_char(l, '"');
	line_hex(l, v);
	line_char(l, '"');
}

void json_line_value_name(struct linebuf *l, enum kind kind, __u64 v)
{
	const char *name = kind_value_name(kind, v);

	if (name)
		json_line_quoted(l, name);
	else
		json_line_address(l, v);
}
