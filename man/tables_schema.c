// SPDX-License-Identifier: GPL-2.0-only
/*
 * tables_schema.c - bpf/events.h and the names of values as JSON Schema:
 * dist/fdpin-trace-trace.schema.json, of the lines that trace -j prints. The
 * schema of status and report, which people write, refers to its parts.
 *
 * An event is described once: its own fields, and those of every event. No
 * other key is allowed, so that a field nobody described does not pass.
 */
#include "tables.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../src/render.h"

#define BASE "https://fdpin-trace.invalid/schema/"
#define HEX "^0x[0-9a-f]+$"

typedef struct json_object json;

static json *text(const char *s)
{
	return json_object_new_string(s);
}

static void add(json *obj, const char *key, json *value)
{
	if (!obj || json_object_object_add(obj, key, value))
		die("out of memory");
}

static json *object(void)
{
	return json_object_new_object();
}

/* {"type": TYPE, "description": WHAT} */
static json *of_type(const char *type, const char *what)
{
	json *s = object();

	add(s, "type", text(type));
	if (what)
		add(s, "description", text(what));
	return s;
}

/* The same, or null. */
static json *or_null(json *s)
{
	json *types = json_object_new_array();

	json_object_array_add(types, text(json_object_get_string(json_object_object_get(s, "type"))));
	json_object_array_add(types, text("null"));
	add(s, "type", types);
	return s;
}

static json *described(json *s, const char *what)
{
	if (what && *what)
		add(s, "description", text(what));
	return s;
}

static json *ref(const char *name)
{
	json *s = object();
	char path[80];

	snprintf(path, sizeof(path), "#/$defs/%s", name);
	add(s, "$ref", text(path));
	return s;
}

static json *pattern(const char *regex)
{
	json *s = of_type("string", NULL);

	add(s, "pattern", text(regex));
	return s;
}

static json *integer(long long least, unsigned long long most, bool is_signed)
{
	json *s = of_type("integer", NULL);

	add(s, "minimum", json_object_new_int64(is_signed ? least : 0));
	add(s, "maximum", json_object_new_uint64(most));
	return s;
}

/* ---- what a field is ------------------------------------------------------------------ */

/* Range of an integer of this many bytes. */
static json *integer_of(const struct field *f)
{
	unsigned int bits = f->size * 8 - f->is_signed;
	unsigned long long most = bits == 64 ? ~0ULL : (1ULL << bits) - 1;

	return integer(-(long long)most - 1, most, f->is_signed);
}

static json *bounded_string(const struct field *f)
{
	json *s = of_type("string", NULL);

	add(s, "maxLength", json_object_new_int64(f->size * 4)); /* escaped, a byte is four characters at most */
	return s;
}

static json *frames(void)
{
	json *s = of_type("array", NULL);

	add(s, "items", of_type("string", NULL));
	add(s, "maxItems", json_object_new_int64(STACK_DEPTH));
	return s;
}

static json *field(const struct event *ev, const struct field *f)
{
	const char *word = kind_word(f);

	switch (f->kind) {
	case KIND_STR:
		return described(ev->type == EV_stack ? frames() : bounded_string(f), f->meaning);
	case KIND_BOOL:
		return of_type("boolean", f->meaning);
	case KIND_ID:
		return described(or_null(pattern("^[a-z]+-([0-9a-f]{4}|[0-9a-f]{8})$")), f->meaning);
	case KIND_ADDR:
	case KIND_HEX:
		return described(pattern(HEX), f->meaning);
	case KIND_COUNT:
	case KIND_PAGES:
	case KIND_BYTES:
	case KIND_NS:
	case KIND_TID:
	case KIND_ERRNO:
		return described(integer_of(f), f->meaning);
	default:
		return described(ref(word), f->meaning);
	}
}

/* A value that has no name in this version is shown as a number. */
static json *names(enum kind kind)
{
	json *s = object(), *any = json_object_new_array(), *list = json_object_new_array(), *known = object();

	for (unsigned int v = 0; kind_value_name(kind, v); v++)
		json_object_array_add(list, text(kind_value_name(kind, v)));
	add(known, "enum", list);
	json_object_array_add(any, known);
	json_object_array_add(any, pattern(HEX));
	add(s, "anyOf", any);
	return s;
}

static json *state(void)
{
	static const char *const letters[] = { "R", "S", "D", "I", "T", "t", "X", "Z", "P" };
	json *s = object(), *any = json_object_new_array(), *list = json_object_new_array(), *known = object();

	for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++)
		json_object_array_add(list, text(letters[i]));
	add(known, "enum", list);
	json_object_array_add(any, known);
	json_object_array_add(any, pattern(HEX));
	add(s, "anyOf", any);
	return s;
}

/* ---- objects ------------------------------------------------------------------------------ */

/* No key but these, and all of them but the optional one. */
static json *closed(const char *what, json *properties, const char *optional)
{
	json *s = of_type("object", what), *required = json_object_new_array();

	json_object_object_foreach(properties, key, value) {
		(void)value;
		if (!optional || strcmp(key, optional))
			json_object_array_add(required, text(key));
	}
	add(s, "properties", properties);
	add(s, "required", required);
	add(s, "additionalProperties", json_object_new_boolean(false));
	return s;
}

static json *constant(const char *word)
{
	json *s = object();

	add(s, "const", text(word));
	return s;
}

static json *event(const struct event *ev)
{
	json *p = object();

	add(p, "type", constant(ev->name));
	add(p, "ts_ns", ref("ts_ns"));
	add(p, "time", ref("time"));
	add(p, "tgid", ref("tgid"));
	add(p, "tid", ref("tid"));
	add(p, "comm", ref("comm"));
	add(p, "container", ref("container"));
	for (unsigned int i = 0; i < ev->n_fields; i++)
		if (ev->fields[i].kind != KIND_PAD)
			add(p, ev->fields[i].name, field(ev, &ev->fields[i]));
	add(p, "grade", ref("grade"));
	add(p, "in_look", ref("in_look"));
	return closed(NULL, p, "in_look");
}

static json *summary(void)
{
	json *p = object(), *gaps = of_type("array", "what could not be seen"), *gap = object(), *verdicts;

	add(gap, "what", of_type("string", "what is not seen"));
	add(gap, "why", of_type("string", "why, and what would help"));
	add(gaps, "items", closed(NULL, gap, NULL));
	add(p, "type", constant("summary"));
	add(p, "ts_ns", ref("ts_ns"));
	add(p, "time", ref("time"));
	add(p, "events", of_type("integer", "events printed before this line; not what is about the observation itself"));
	add(p, "complete", of_type("boolean", "nothing was lost, and nothing is in gaps: only then is an absence proof of anything"));
	add(p, "lost", of_type("integer", "records lost"));
	add(p, "gaps", gaps);
	verdicts = of_type("array", "what all of it amounts to at the end");
	add(verdicts, "items", ref("verdict"));
	add(p, "verdicts", verdicts);
	return closed("The last line.", p, NULL);
}

static json *verdict_names(void)
{
	json *s = object(), *list = json_object_new_array();

	for (unsigned int i = 0; i < verdict_count; i++)
		json_object_array_add(list, text(verdict_table[i].name));
	add(s, "enum", list);
	return described(s, "which verdict");
}

static json *words(const char *const *w, unsigned int n, bool null, const char *what)
{
	json *s = object(), *list = json_object_new_array();

	for (unsigned int i = 0; i < n; i++)
		json_object_array_add(list, text(w[i]));
	if (null)
		json_object_array_add(list, NULL);
	add(s, "enum", list);
	return described(s, what);
}

static json *grades(void)
{
	const char *w[] = { grade_name(GRADE_OBSERVED), grade_name(GRADE_READ), grade_name(GRADE_INFERRED), grade_name(GRADE_INFERRED + 1) };

	return words(w, 4, false, "observed: a hook saw the call; read: from kernel memory; inferred: concluded; unknown: of another version. Only the first two prove");
}

static json *strings(const char *what)
{
	json *s = of_type("array", what);

	add(s, "items", of_type("string", NULL));
	return s;
}

static json *relations(void)
{
	json *s = object(), *list = json_object_new_array();

	for (unsigned int r = 0; r < REL__max; r++) {
		const char *w = relation_words(r);
		bool there = false;

		for (unsigned int k = 0; k < r; k++)
			there |= !strcmp(relation_words(k), w);
		if (!there)
			json_object_array_add(list, text(w));
	}
	json_object_array_add(list, NULL);
	add(s, "enum", list);
	return described(s, "the edge in words, from ... to; null if it is no single edge");
}

static json *verdict(void)
{
	const char *answers[] = { answer_name(ANSWER_YES), answer_name(ANSWER_NO), answer_name(ANSWER_CANNOT_TELL) };
	const char *levels[] = { level_name(LEVEL_PROVEN), level_name(LEVEL_LIKELY) };
	json *p = object(), *e = object(), *list = of_type("array", "what it rests on; of a cycle, in order along the waits");

	add(e, "text", of_type("string", "the sentence for people"));
	add(e, "relation", relations());
	add(e, "from_tid", described(or_null(integer(0, 0xffffffff, false)), "the thread it leads from; null if that end is no thread"));
	add(e, "to_tid", described(or_null(integer(0, 0xffffffff, false)), "the thread it leads to; null if that end is no thread"));
	add(e, "grade", ref("grade"));
	add(e, "ts_ns", described(or_null(integer(0, ~0ULL, false)), "when it was seen or read, on CLOCK_MONOTONIC"));
	add(e, "via", described(or_null(of_type("string", NULL)), "what of the kernel's the edge was read from, or the call that was seen; null where the relation says it"));
	add(list, "items", closed(NULL, e, NULL));
	add(p, "name", ref("verdict-name"));
	add(p, "answer", words(answers, 3, false, "three answers: cannot-tell names in missing what a better one would need"));
	add(p, "grade", words(levels, 2, true, "how sure; null with no, and where there is nothing to grade"));
	add(p, "subject", described(ref("container"), "the container it is about; null: the host as a whole. Ids come again: of drift there is one for each container that had the id"));
	add(p, "evidence", list);
	add(p, "missing", strings("what a better answer would need; with yes and no: what is not known"));
	add(p, "sentence", described(or_null(of_type("string", NULL)), "the finding in one line, such as the cycle: 35 > vfio-5428 > 269 > 35"));
	return closed(NULL, p, NULL);
}

static json *defs(void)
{
	json *d = object();

	add(d, "ts_ns", described(integer(0, ~0ULL, false), "when, on CLOCK_MONOTONIC, in nanoseconds"));
	add(d, "time", described(or_null(pattern("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\.[0-9]{9}Z$")),
				 "the same as a date in UTC (RFC 3339); null if the offset between the clocks is not known"));
	add(d, "tgid", described(integer(0, 0xffffffff, false), "the process, as user space calls it: PID; 0: no process did it"));
	add(d, "tid", described(integer(0, 0xffffffff, false), "the thread; 0: none"));
	add(d, "comm", of_type("string", "name of the thread, escaped"));
	add(d, "container", described(or_null(pattern("^(vfio|iommufd)-([0-9a-f]{4}|[0-9a-f]{8})$")),
				      "the container, by its short id; null: it is about none"));
	add(d, "grade", grades());
	add(d, "in_look", described(integer(1, 255, false), "the look that made it, from 1; not there in what hooks saw or user space concluded"));
	for (int kind = 0; kind <= KIND_STATE; kind++) {
		struct field f = { .kind = kind, .kind_name = "", .name = "" };
		const char *word = kind_word(&f);

		if (word && kind_of_names(word) == kind)
			add(d, word, described(names(kind), "a value that this version has no name for is a hexadecimal number"));
	}
	add(d, "state", described(state(), "state of a thread, by the letter of ps(1)"));
	add(d, "verdict-name", verdict_names());
	add(d, "verdict", verdict());
	for (unsigned int t = 1; t < EV__max; t++) {
		char name[64];

		snprintf(name, sizeof(name), "event-%s", schema_event(t)->name);
		add(d, name, event(schema_event(t)));
	}
	add(d, "summary", summary());
	return d;
}

/* {"properties": {"type": {"const": NAME}}} */
static json *is_of(const char *name)
{
	json *s = object(), *p = object();

	add(p, "type", constant(name));
	add(s, "properties", p);
	return s;
}

/* By its type, which is faster than to try one after the other, and says what is wrong. */
static json *any_event(void)
{
	json *s = of_type("object", "an event"), *p = object(), *type = object(), *known = json_object_new_array(),
	     *all = json_object_new_array(), *required = json_object_new_array();

	for (unsigned int t = 1; t < EV__max; t++) {
		const char *event_name = schema_event(t)->name;
		json *branch = object();
		char name[64];

		snprintf(name, sizeof(name), "event-%s", event_name);
		json_object_array_add(known, text(event_name));
		add(branch, "if", is_of(event_name));
		add(branch, "then", ref(name));
		json_object_array_add(all, branch);
	}
	add(type, "enum", known);
	add(p, "type", described(type, "name of the event"));
	json_object_array_add(required, text("type"));
	add(s, "properties", p);
	add(s, "required", required);
	add(s, "allOf", all);
	return s;
}

void put_schema(void)
{
	json *doc = object(), *lines = json_object_new_array(), *d = defs();

	add(d, "event", any_event());
	json_object_array_add(lines, ref("summary"));
	json_object_array_add(lines, ref("event"));
	add(doc, "$schema", text("https://json-schema.org/draft/2020-12/schema"));
	add(doc, "$id", text(BASE "fdpin-trace-trace.schema.json"));
	add(doc, "title", text("A line of fdpin-trace trace -j"));
	add(doc, "$comment", text("Made from bpf/events.h by make schema. SPDX-License-Identifier: GPL-2.0-only"));
	add(doc, "oneOf", lines);
	add(doc, "$defs", d);
	puts(json_object_to_json_string_ext(doc, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(doc);
}
