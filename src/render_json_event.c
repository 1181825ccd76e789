// SPDX-License-Identifier: GPL-2.0-only
/*
 * render_json_event.c - format "json": an event as one line.
 *
 * Put together in memory (json_line.h): as a tree of objects an event takes fifty
 * thousand instructions, and a storm of them is lost. For people, JSON_PRETTY, the
 * line is read again and printed by the library.
 */
#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "emit.h"
#include "json_line.h"
#include "opts.h"
#include "render.h"

#define FIELDS_MAX 48
#define KEY_MAX 40

/* ,"name": and what an id there is one of. */
struct key {
	enum obj_kind object;
	size_t len;
	char text[KEY_MAX];
};

static const struct key *keys_of(const struct event *ev)
{
	static struct key keys[EV__max][FIELDS_MAX];
	struct key *mine = keys[ev->type];

	if (ev->n_fields > FIELDS_MAX)
		abort(); /* an event in bpf/events.h has grown beyond what is room for */
	for (unsigned int i = 0; i < ev->n_fields && !mine[i].len; i++) {
		mine[i].object = field_object(&ev->fields[i]);
		mine[i].len = snprintf(mine[i].text, KEY_MAX, ",\"%s\":", ev->fields[i].name);
	}
	return mine;
}

static void line_frames(struct linebuf *l, const struct ev_stack *s)
{
	char frame[STACK_WIDTH + 1];

	line_char(l, '[');
	for (unsigned int i = 0; stack_frame(s, i, frame); i++) {
		if (i)
			line_char(l, ',');
		json_line_text(l, frame, sizeof(frame));
	}
	line_char(l, ']');
}

static void line_value(struct linebuf *l, const struct record *r, const struct field *f, enum obj_kind object)
{
	__u64 v = f->kind == KIND_STR ? 0 : record_u64(r, f);

	switch (f->kind) {
	case KIND_STR:
		if (r->h->type == EV_stack)
			line_frames(l, (const void *)r->h);
		else
			json_line_text(l, (const char *)r->h + f->offset, f->size);
		return;
	case KIND_COUNT:
	case KIND_PAGES:
	case KIND_BYTES:
	case KIND_NS:
	case KIND_TID:
	case KIND_ERRNO:
		if (f->is_signed)
			line_s64(l, v);
		else
			json_line_u64(l, v);
		return;
	case KIND_BOOL:
		json_line_bool(l, v);
		return;
	case KIND_ID:
		json_line_id(l, object, v);
		return;
	case KIND_ADDR:
	case KIND_HEX:
	case KIND_PAD:
		json_line_address(l, v);
		return;
	default:
		json_line_value_name(l, f->kind, v);
	}
}

/* A second in words is the same for all events of that second. */
static void line_rfc3339(struct linebuf *l, __u64 real)
{
	static __u64 second = ~0ULL;
	static char text[40];
	static size_t len;

	if (real / NSEC_PER_SEC != second) {
		format_rfc3339(real, text, sizeof(text));
		len = strlen(text) - strlen("000000000Z");
		second = real / NSEC_PER_SEC;
	}
	line_char(l, '"');
	line_add(l, text, len);
	line_u64(l, real % NSEC_PER_SEC, 9, '0');
	line_str(l, "Z\"");
}

const char *grade_name(unsigned int grade)
{
	static const char *const names[] = { "observed", "read", "inferred" };

	return grade < ARRAY_SIZE(names) ? names[grade] : "unknown";
}

/* What every event has, then its own fields; a field cannot take the name of one of those. */
static void line_event(struct linebuf *l, const struct view *v, const struct record *r)
{
	const struct key *keys = keys_of(r->ev);
	const struct fdpin_hdr *h = r->h;

	line_str(l, "{\"type\":");
	json_line_quoted(l, r->ev->name);
	line_str(l, ",\"ts_ns\":");
	json_line_u64(l, h->ts_ns);
	line_str(l, ",\"time\":");
	if (v->wall.known)
		line_rfc3339(l, h->ts_ns + v->wall.offset);
	else
		line_str(l, "null");
	line_str(l, ",\"tgid\":");
	json_line_u64(l, h->tgid);
	line_str(l, ",\"tid\":");
	json_line_u64(l, h->tid);
	line_str(l, ",\"comm\":");
	json_line_text(l, h->comm, sizeof(h->comm));
	line_str(l, ",\"container\":");
	json_line_id(l, OBJ_CONTAINER, h->container);
	for (unsigned int i = 0; i < r->ev->n_fields; i++) {
		if (r->ev->fields[i].kind == KIND_PAD)
			continue;
		line_add(l, keys[i].text, keys[i].len);
		line_value(l, r, &r->ev->fields[i], keys[i].object);
	}
	line_str(l, ",\"grade\":");
	json_line_quoted(l, grade_name(h->grade));
	if (h->look) {
		line_str(l, ",\"in_look\":");
		json_line_u64(l, h->look);
	}
	line_char(l, '}');
}

/* For people: what was read again from the line. */
static int print_pretty(struct output *o, const struct view *v, const struct record *r)
{
	struct json_object *obj = NULL;
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	struct linebuf l;
	int err = -ENOMEM;

	if (!f)
		return -ENOMEM;
	line_begin(&l, f);
	line_event(&l, v, r);
	line_write(&l);
	if (!fclose(f))
		obj = json_tokener_parse(text);
	if (obj)
		err = json_print(o, obj);
	json_object_put(obj);
	free(text);
	return err;
}

int json_event(struct output *o, struct view *v, const struct record *r)
{
	struct linebuf l;
	int err = 0;

	v->tally.events += is_event(r->h);
	line_begin(&l, o->f);
	/* Of a document, the events are an array whose members we print one by one. */
	if (v->kind == VIEW_REPORT)
		line_str(&l, v->separator);
	v->separator = ",\n";
	if (globals.json == JSON_PRETTY) {
		line_write(&l);
		err = print_pretty(o, v, r);
	} else {
		line_event(&l, v, r);
	}
	if (v->kind == VIEW_STREAM)
		line_char(&l, '\n');
	line_write(&l);
	return err;
}
