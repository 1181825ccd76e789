// SPDX-License-Identifier: GPL-2.0-only
/*
 * text.c - hostile strings made harmless, and object ids made short (util.h).
 *
 * A comm, a device's name or a path may hold anything: escape sequences that
 * drive a terminal, line breaks that forge a line of ours, characters that
 * turn the direction of writing. What is not plainly printable is shown as
 * bytes. The decoder below does not ask the locale, so the same recording
 * reads the same on every machine.
 */
#include "util.h"

#include <ctype.h>
#include <errno.h>
#include <search.h>
#include <string.h>

static bool ascii_only;

void escape_text_ascii(bool on)
{
	ascii_only = on;
}

struct span {
	__u32 first, last;
};

/* Well-formed, but not to be shown: controls, marks of direction, the invisible, the unassigned for good. */
static const struct span hidden[] = {
	{ 0x80, 0x9f },	       /* C1 */
	{ 0xad, 0xad },	       /* soft hyphen */
	{ 0x34f, 0x34f },      /* grapheme joiner */
	{ 0x61c, 0x61c },      /* Arabic letter mark */
	{ 0x115f, 0x1160 },    /* Hangul fillers */
	{ 0x17b4, 0x17b5 },    /* Khmer inherent vowels */
	{ 0x180b, 0x180f },    /* Mongolian selectors */
	{ 0x2000, 0x200f },    /* blanks of all widths, joiners, LRM, RLM */
	{ 0x2028, 0x202f },    /* line separators, embeddings, overrides */
	{ 0x205f, 0x206f },    /* word joiner, isolates, shaping */
	{ 0x3000, 0x3000 },    /* ideographic blank */
	{ 0x3164, 0x3164 },    /* Hangul filler */
	{ 0xd800, 0xf8ff },    /* surrogates, private use */
	{ 0xfdd0, 0xfdef },    /* no characters */
	{ 0xfe00, 0xfe0f },    /* variation selectors */
	{ 0xfeff, 0xfeff },    /* byte order mark */
	{ 0xffa0, 0xffa0 },    /* Hangul filler */
	{ 0xfff0, 0xffff },    /* specials */
	{ 0x1bca0, 0x1bca3 },  /* shorthand controls */
	{ 0x1d173, 0x1d17a },  /* musical controls */
	{ 0xe0000, 0x10ffff }, /* tags, selectors, private use */
};

static bool printable(__u32 c)
{
	if ((c & 0xfffe) == 0xfffe)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(hidden); i++)
		if (c >= hidden[i].first && c <= hidden[i].last)
			return false;
	return true;
}

/* Bytes of the well-formed, shortest-form, printable sequence at s; 0 if there is none. */
static size_t utf8_length(const unsigned char *s, size_t left)
{
	static const __u32 least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	__u32 c;

	if (s[0] < 0xc2 || s[0] > 0xf4 || len > left)
		return 0;
	c = s[0] & (0xff >> (len + 1));
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	return c >= least[len] && c <= 0x10ffff && printable(c) ? len : 0;
}

static char *escape(const char *s, size_t max, bool backslash)
{
	const unsigned char *p = (const unsigned char *)s;
	size_t len = strnlen(s, max), used;
	char *ret = malloc(len * 4 + 1), *out = ret;

	if (!ret)
		return NULL;
	for (; len; p += used, len -= used) {
		used = 1;
		if (*p == '\\' && backslash) {
			*out++ = '\\';
			*out++ = '\\';
		} else if (*p >= 0x20 && *p < 0x7f) {
			*out++ = *p;
		} else if (*p >= 0x80 && !ascii_only && (used = utf8_length(p, len))) {
			memcpy(out, p, used);
			out += used;
		} else {
			used = 1;
			out += sprintf(out, "\\x%02x", *p);
		}
	}
	*out = '\0';
	return ret;
}

char *escape_text(const char *s, size_t max)
{
	return escape(s, max, true);
}

char *escape_rest(const char *s, size_t max)
{
	return escape(s, max, false);
}

size_t text_width(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += (*s & 0xc0) != 0x80;
	return n;
}

/* ---- short ids ------------------------------------------------------------ */

/* The first id of a kind that was met with these low 16 bits. */
struct seen {
	enum obj_kind kind;
	__u64 id;
	bool clash; /* there is another */
};

static unsigned int clashes; /* of all: as long as it is the same, so are names */

static int seen_cmp(const void *va, const void *vb)
{
	const struct seen *a = va, *b = vb;
	__u16 la = a->id, lb = b->id;

	return a->kind != b->kind ? (a->kind < b->kind ? -1 : 1) : la < lb ? -1 : la > lb;
}

/* Are four digits enough? Out of memory says no, which is never wrong. */
static bool four_digits_do(enum obj_kind kind, __u64 id)
{
	static void *root; /* at most 65536 of a kind */
	struct seen key = { .kind = kind, .id = id }, **found, *new;

	found = tfind(&key, &root, seen_cmp);
	if (found) {
		clashes += (*found)->id != id && !(*found)->clash;
		if ((*found)->id != id)
			(*found)->clash = true;
		return !(*found)->clash;
	}
	new = malloc(sizeof(*new));
	if (!new)
		return false;
	*new = key;
	if (!tsearch(new, &root, seen_cmp)) {
		free(new);
		return false;
	}
	return true;
}

static const char *const id_prefix[OBJ_END + 1] = {
	[OBJ_CONTAINER] = "vfio", [OBJ_WORK] = "work",	 [OBJ_WQ] = "wq",     [OBJ_FILES] = "files",
	[OBJ_DEVICE] = "dev",	  [OBJ_RANGE] = "range", [OBJ_LOCK] = "lock",   [OBJ_IOAS] = "ioas",
	[OBJ_MM] = "mm",	  [OBJ_USER] = "user",	 [OBJ_MEMORY] = "mem",
};

static const char *prefix_of(enum obj_kind kind, __u64 id)
{
	if (kind == OBJ_CONTAINER && (id & FDPIN_ID_MARK) == FDPIN_ID_IOMMUFD)
		return "iommufd";
	return kind <= OBJ_END && id_prefix[kind] ? id_prefix[kind] : "id";
}

static unsigned int new_name(char text[ID_NAME_MAX], enum obj_kind kind, __u64 id)
{
	bool four = four_digits_do(kind, id);

	return sprintf(text, "%s-%0*llx", prefix_of(kind, id), four ? 4 : 8, id & (four ? 0xffff : 0xffffffff));
}

/* Every event has one, and they come in runs: the last of each kind is kept. */
char *append_id(char *p, enum obj_kind kind, __u64 id)
{
	static struct name {
		enum obj_kind kind;
		__u64 id;
		unsigned int clashes, len;
		char text[ID_NAME_MAX];
	} names[OBJ_END + 1];
	struct name *n = &names[kind <= OBJ_END ? kind : OBJ_END];

	if (!id) {
		*p = '-';
		return p + 1;
	}
	if (n->id != id || n->kind != kind || n->clashes != clashes) {
		n->len = new_name(n->text, kind, id);
		n->kind = kind;
		n->id = id;
		n->clashes = clashes;
	}
	memcpy(p, n->text, sizeof(n->text));
	return p + n->len;
}

const char *id_name(enum obj_kind kind, __u64 id, char buf[ID_NAME_MAX])
{
	*append_id(buf, kind, id) = '\0';
	return buf;
}

int parse_container(const char *s, __u64 *ret_id, unsigned int *ret_bits)
{
	size_t len;

	if (!strncmp(s, "vfio-", 5))
		s += 5;
	else if (!strncmp(s, "iommufd-", 8))
		s += 8;
	len = strlen(s);
	if ((len != 4 && len != 8) || strspn(s, "0123456789abcdefABCDEF") != len)
		return -EINVAL;
	*ret_id = strtoull(s, NULL, 16);
	*ret_bits = len * 4;
	return 0;
}
