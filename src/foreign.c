// SPDX-License-Identifier: GPL-2.0-only
/*
 * foreign.c - records of another version's schema, made ours.
 *
 * Owns: reading the schema block of a recording, and converting its records.
 * The text is foreign, every byte of it. What is taken from it is bounded, and
 * is used only where it describes records without a hole: field behind field
 * from the end of the header to the end of the record.
 *
 * What happens to a field is decided once, when its line is read: `to` is where
 * its value goes, NULL if nowhere.
 */
#include "foreign.h"
#include "schema.h"
#include "util.h"

#include <errno.h>
#include <string.h>

struct other_field {
	char name[FOREIGN_NAME_MAX + 1];
	struct field from; /* offset, size, is_signed */
	const struct field *to;
};

struct other_event {
	char name[FOREIGN_NAME_MAX + 1]; /* empty: there is none */
	unsigned int size;
	const struct event *own; /* NULL: we have none, or not as this one */
	unsigned int first, n_fields;
	__u64 unknown; /* records that did not become ours */
};

struct foreign {
	struct other_event events[FOREIGN_EVENTS_MAX]; /* by type; EV_none is the header */
	struct other_field fields[FOREIGN_FIELDS_MAX];
	unsigned int n_fields;
	void *record; /* as large as the largest of ours */
};

/* ---- the block ----------------------------------------------------------------- */

struct text {
	const char *p, *end;
};

static bool is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* The next word, with one blank or newline behind it. */
static bool take_word(struct text *t, char *buf, char behind)
{
	size_t n = 0;

	while (t->p < t->end && n < FOREIGN_NAME_MAX && is_name(*t->p))
		buf[n++] = *t->p++;
	buf[n] = '\0';
	return n && t->p < t->end && *t->p++ == behind;
}

static bool take_number(struct text *t, unsigned int *ret, unsigned int max, char behind)
{
	char word[FOREIGN_NAME_MAX + 1];
	__u64 v;

	if (!take_word(t, word, behind) || strspn(word, "0123456789") != strlen(word) || parse_u64(word, &v) || v > max)
		return false;
	*ret = (unsigned int)v;
	return true;
}

static struct other_event *find_event(struct foreign *f, const char *name)
{
	for (unsigned int i = 0; i < FOREIGN_EVENTS_MAX; i++)
		if (!strcmp(f->events[i].name, name))
			return &f->events[i];
	return NULL;
}

/* event NAME TYPE SIZE */
static int take_event(struct foreign *f, struct text *t, struct other_event **ret)
{
	char name[FOREIGN_NAME_MAX + 1];
	struct other_event *ev;
	unsigned int type, size;

	if (!take_word(t, name, ' ') || !take_number(t, &type, FOREIGN_EVENTS_MAX - 1, ' ') ||
	    !take_number(t, &size, FOREIGN_RECORD_MAX, '\n'))
		return -EBADMSG;
	/* the header is the first, and is what has the number of no event */
	if (!*ret != (type == EV_none) || !*ret != !strcmp(name, schema_header()->name) || find_event(f, name))
		return -EBADMSG;
	ev = &f->events[type];
	if (ev->name[0] || size % 8 || size < f->events[EV_none].size)
		return -EBADMSG;
	strcpy(ev->name, name);
	ev->size = size;
	ev->own = type == EV_none ? schema_header() : schema_event_by_name(name);
	ev->first = f->n_fields;
	*ret = ev;
	return 0;
}

/* Where the next field of an event has to be. */
static unsigned int end_of_fields(const struct foreign *f, const struct other_event *ev)
{
	const struct field *last;

	if (!ev->n_fields)
		return ev == &f->events[EV_none] ? 0 : f->events[EV_none].size;
	last = &f->fields[ev->first + ev->n_fields - 1].from;
	return last->offset + last->size;
}

/* Can its value become one of ours? */
static bool same_kind(const struct other_field *field, const char *kind, const struct field *own)
{
	unsigned int size = field->from.size;

	return !strcmp(kind, own->kind_name) &&
	       (own->kind == KIND_STR || size == 1 || size == 2 || size == 4 || size == 8);
}

/* field NAME KIND OFFSET SIZE signed|unsigned */
static int take_field(struct foreign *f, struct text *t, struct other_event *ev)
{
	struct other_field *field = &f->fields[f->n_fields];
	char kind[FOREIGN_NAME_MAX + 1], sign[FOREIGN_NAME_MAX + 1];
	const struct field *own;

	if (!ev || f->n_fields == FOREIGN_FIELDS_MAX || !take_word(t, field->name, ' ') || !take_word(t, kind, ' ') ||
	    !take_number(t, &field->from.offset, FOREIGN_RECORD_MAX, ' ') ||
	    !take_number(t, &field->from.size, FOREIGN_RECORD_MAX, ' ') || !take_word(t, sign, '\n'))
		return -EBADMSG;
	field->from.is_signed = !strcmp(sign, "signed");
	if (!field->from.is_signed && strcmp(sign, "unsigned"))
		return -EBADMSG;
	if (!field->from.size || field->from.offset != end_of_fields(f, ev) ||
	    field->from.size > ev->size - field->from.offset)
		return -EBADMSG;
	for (unsigned int i = ev->first; i < f->n_fields; i++)
		if (!strcmp(f->fields[i].name, field->name))
			return -EBADMSG;
	f->n_fields++;
	ev->n_fields++;

	own = ev->own ? event_field(ev->own, field->name) : NULL;
	if (!own || own->kind == KIND_PAD || !strcmp(kind, "PAD"))
		return 0;
	if (same_kind(field, kind, own))
		field->to = own;
	else if (ev == &f->events[EV_none])
		return -EPROTO;
	else
		ev->own = NULL;
	return 0;
}

/* Without these two at their places records cannot be told apart. They are set by what we have. */
static int check_header(struct foreign *f)
{
	const struct event *own = schema_header();

	for (unsigned int i = 0; i < 2; i++) {
		struct other_field *field = &f->fields[i];

		if (i >= f->events[EV_none].n_fields || field->to != &own->fields[i] ||
		    field->from.offset != own->fields[i].offset || field->from.size != own->fields[i].size ||
		    field->from.is_signed)
			return -EPROTO;
		field->to = NULL;
	}
	return 0;
}

static int take_text(struct foreign *f, struct text t)
{
	struct other_event *ev = NULL;
	char word[FOREIGN_NAME_MAX + 1];
	int err = 0;

	while (t.end > t.p && t.end[-1] == '\n') /* the padding; each line's own newline is put back */
		t.end--;
	t.end++;
	while (!err && t.p < t.end) {
		if (!take_word(&t, word, ' '))
			return -EBADMSG;
		if (!strcmp(word, "field")) {
			err = take_field(f, &t, ev);
		} else if (strcmp(word, "event") || (ev && end_of_fields(f, ev) != ev->size)) {
			return -EBADMSG;
		} else {
			err = take_event(f, &t, &ev);
		}
	}
	if (err)
		return err;
	return ev && end_of_fields(f, ev) == ev->size ? check_header(f) : -EBADMSG;
}

int foreign_new(struct foreign **ret, const void *text, size_t len)
{
	struct foreign *f = calloc(1, sizeof(*f));
	unsigned int largest = schema_header()->size;
	int err = -EBADMSG;

	if (!f)
		return -ENOMEM;
	for (unsigned int i = 0; i < EV__max; i++)
		if (schema_event(i) && schema_event(i)->size > largest)
			largest = schema_event(i)->size;
	f->record = malloc(largest);
	if (!f->record)
		err = -ENOMEM;
	else if (len && len <= SCHEMA_TEXT_MAX && ((const char *)text)[len - 1] == '\n')
		err = take_text(f, (struct text){ text, (const char *)text + len });
	if (err) {
		foreign_free(f);
		return err;
	}
	*ret = f;
	return 0;
}

void foreign_free(struct foreign *f)
{
	if (f)
		free(f->record);
	free(f);
}

/* ---- records ------------------------------------------------------------------- */

unsigned int foreign_size(const struct foreign *f, unsigned int type)
{
	return type != EV_none && type < FOREIGN_EVENTS_MAX ? f->events[type].size : 0;
}

/* Stored, and read back to see that it is still the same. */
static bool copy_number(const struct record *to, const struct field *own, const struct record *from,
			const struct field *other)
{
	__u64 v = record_u64(from, other), back;
	size_t skip = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? sizeof(v) - own->size : 0;

	memcpy((char *)to->h + own->offset, (char *)&v + skip, own->size);
	back = record_u64(to, own);
	return back == v && (own->is_signed == other->is_signed || !(v >> 63));
}

static bool copy_fields(const struct foreign *f, const struct other_event *ev, const struct record *to,
			const struct record *from)
{
	for (unsigned int i = ev->first; i < ev->first + ev->n_fields; i++) {
		const struct field *own = f->fields[i].to, *other = &f->fields[i].from;

		if (!own)
			continue;
		if (own->kind == KIND_STR)
			memcpy((char *)to->h + own->offset, (const char *)from->h + other->offset,
			       own->size < other->size ? own->size : other->size);
		else if (!copy_number(to, own, from, other))
			return false;
	}
	return true;
}

const void *foreign_convert(struct foreign *f, const void *record)
{
	struct fdpin_hdr *h = f->record;
	struct record from = { .h = record }, to = { .h = h };
	struct other_event *ev = &f->events[from.h->type];

	if (ev->own) {
		memset(f->record, 0, ev->own->size);
		h->size = ev->own->size;
		h->type = ev->own->type;
		if (copy_fields(f, &f->events[EV_none], &to, &from) && copy_fields(f, ev, &to, &from))
			return f->record;
	}
	ev->unknown++;
	return NULL;
}

__u64 foreign_unknown(const struct foreign *f)
{
	__u64 n = 0;

	for (unsigned int i = 0; i < FOREIGN_EVENTS_MAX; i++)
		n += f->events[i].unknown;
	return n;
}

void foreign_unknown_names(const struct foreign *f, char *buf, size_t size)
{
	size_t len = 0;

	buf[0] = '\0';
	for (unsigned int i = 0; i < FOREIGN_EVENTS_MAX; i++) {
		const struct other_event *ev = &f->events[i];
		const char *comma = len ? ", " : "";

		if (!ev->unknown)
			continue;
		if (len + strlen(comma) + strlen(ev->name) + sizeof(", ...") > size) {
			snprintf(buf + len, size - len, "%s...", comma);
			return;
		}
		len += snprintf(buf + len, size - len, "%s%s", comma, ev->name);
	}
}
