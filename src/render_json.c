// SPDX-License-Identifier: GPL-2.0-only
/*
 * render_json.c - format "json": events as objects, one a line in a stream.
 * The object that status and report share is in render_json_status.c.
 *
 * Numbers are 64 bits wide; addresses and flag words are "0x…" strings, as
 * other parsers keep only 53 bits; object ids are the short names people see.
 * Strings from the kernel are escaped as in text and then as JSON asks, so
 * that what comes out is always well-formed UTF-8.
 */
#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "emit.h"
#include "opts.h"
#include "render.h"

#define DOC_VERSION 1 /* one more when a key changes its meaning or goes away */

int json_add(struct json_object *doc, const char *key, struct json_object *value)
{
	return json_object_object_add(doc, key, value) ? -ENOMEM : 0;
}

static const char *to_string(struct json_object *doc)
{
	int flags = globals.json == JSON_PRETTY ? JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED :
						  JSON_C_TO_STRING_PLAIN;

	return json_object_to_json_string_ext(doc, flags | JSON_C_TO_STRING_NOSLASHESCAPE);
}

int json_print(struct output *o, struct json_object *doc)
{
	const char *s = to_string(doc);

	if (!s)
		return -ENOMEM;
	fputs(s, o->f);
	return 0;
}

struct json_object *json_text(const char *s, size_t size)
{
	_cleanup_free_ char *shown = escape_text(s, size);

	return json_object_new_string(shown ?: "");
}

struct json_object *json_hex(__u64 v)
{
	char buf[24];

	snprintf(buf, sizeof(buf), "0x%llx", v);
	return json_object_new_string(buf);
}

struct json_object *json_value_name(enum kind kind, __u64 v)
{
	const char *name = kind_value_name(kind, v);

	return name ? json_object_new_string(name) : json_hex(v);
}

static struct json_object *frames(const struct ev_stack *s)
{
	struct json_object *list = json_object_new_array();
	char frame[STACK_WIDTH + 1];

	for (unsigned int i = 0; stack_frame(s, i, frame); i++)
		json_object_array_add(list, json_text(frame, sizeof(frame)));
	return list;
}

static struct json_object *json_field(const struct record *r, const struct field *f)
{
	__u64 v = f->kind == KIND_STR ? 0 : record_u64(r, f);
	char buf[ID_NAME_MAX];

	switch (f->kind) {
	case KIND_STR:
		if (r->h->type == EV_stack)
			return frames((const void *)r->h);
		return json_text((const char *)r->h + f->offset, f->size);
	case KIND_COUNT:
	case KIND_PAGES:
	case KIND_BYTES:
	case KIND_NS:
	case KIND_TID:
	case KIND_ERRNO:
		return f->is_signed ? json_object_new_int64(v) : json_object_new_uint64(v);
	case KIND_BOOL:
		return json_object_new_boolean(v != 0);
	case KIND_ID:
		return v ? json_object_new_string(id_name(field_object(f), v, buf)) : NULL;
	case KIND_ADDR:
	case KIND_HEX:
	case KIND_PAD:
		return json_hex(v);
	default:
		return json_value_name(f->kind, v);
	}
}

const char *grade_name(unsigned int grade)
{
	static const char *const names[] = { "observed", "read", "inferred" };

	return grade < ARRAY_SIZE(names) ? names[grade] : "unknown";
}

/* What every event has, then its own fields; a field cannot take the name of one of those. */
static struct json_object *json_event(const struct view *v, const struct record *r)
{
	const struct fdpin_hdr *h = r->h;
	struct json_object *obj = json_object_new_object();
	char buf[48];

	json_add(obj, "type", json_object_new_string(r->ev->name));
	json_add(obj, "ts_ns", json_object_new_uint64(h->ts_ns));
	format_rfc3339(h->ts_ns + v->wall.offset, buf, sizeof(buf));
	json_add(obj, "time", v->wall.known ? json_object_new_string(buf) : NULL);
	json_add(obj, "tgid", json_object_new_int64(h->tgid));
	json_add(obj, "tid", json_object_new_int64(h->tid));
	json_add(obj, "comm", json_text(h->comm, sizeof(h->comm)));
	json_add(obj, "container",
		 h->container ? json_object_new_string(id_name(OBJ_CONTAINER, h->container, buf)) : NULL);
	for (unsigned int i = 0; i < r->ev->n_fields; i++)
		if (r->ev->fields[i].kind != KIND_PAD)
			json_add(obj, r->ev->fields[i].name, json_field(r, &r->ev->fields[i]));
	json_add(obj, "grade", json_object_new_string(grade_name(h->grade)));
	if (h->look)
		json_add(obj, "in_look", json_object_new_int(h->look));
	return obj;
}

static int json_event_line(struct output *o, struct view *v, const struct record *r)
{
	struct json_object *obj = json_event(v, r);
	int err;

	/* Of a document, the events are an array whose members we print one by one. */
	if (v->kind == VIEW_REPORT)
		fputs(v->separator, o->f);
	v->separator = ",\n";
	v->tally.events += is_event(r->h);
	err = json_print(o, obj);
	json_object_put(obj);
	if (v->kind == VIEW_STREAM)
		fputc('\n', o->f);
	return err;
}

static struct json_object *schema_object(const char *name)
{
	struct json_object *obj = json_object_new_object();

	json_add(obj, "name", json_object_new_string(name));
	json_add(obj, "version", json_object_new_int(DOC_VERSION));
	return obj;
}

static int json_begin(struct output *o, struct view *v)
{
	if (v->kind == VIEW_REPORT) {
		v->tally.events = 0;
		v->separator = "\n";
		fputs("{\"events\":[", o->f);
	}
	return 0;
}

static struct json_object *summary(const struct view *v)
{
	struct json_object *obj = json_object_new_object();
	char buf[48];

	json_add(obj, "type", json_object_new_string("summary"));
	json_add(obj, "ts_ns", json_object_new_uint64(v->tally.last_ns));
	format_rfc3339(v->tally.last_ns + v->wall.offset, buf, sizeof(buf));
	json_add(obj, "time", v->wall.known ? json_object_new_string(buf) : NULL);
	json_add(obj, "events", json_object_new_uint64(v->tally.events));
	return obj;
}

/* The rest of the document that json_begin() opened: its keys without the opening brace. */
static int finish_document(struct output *o, struct json_object *doc)
{
	const char *s = to_string(doc);

	if (!s)
		return -ENOMEM;
	fprintf(o->f, "\n],%s", s + 1);
	return 0;
}

static int json_end(struct output *o, struct view *v)
{
	static const char *const names[] = {
		[VIEW_STATUS] = "fdpin-trace/status", [VIEW_REPORT] = "fdpin-trace/report"
	};
	struct json_object *doc = v->kind == VIEW_STREAM ? summary(v) : json_object_new_object();
	int err;

	if (v->kind != VIEW_STREAM)
		json_add(doc, "schema", schema_object(names[v->kind]));
	err = json_status(doc, v);
	if (!err)
		err = v->kind == VIEW_REPORT ? finish_document(o, doc) : json_print(o, doc);
	json_object_put(doc);
	fputc('\n', o->f);
	return err;
}

const struct format format_json = { "json", json_begin, json_event_line, json_end };
