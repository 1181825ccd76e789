// SPDX-License-Identifier: GPL-2.0-only
/*
 * render_json.c - format "json": what is not an event (render_json_event.c). The
 * object that status and report share is in render_json_status.c.
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

const struct format format_json = { "json", json_begin, json_event, json_end };
