// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_render_event.c - whatever bytes a record of any event has: its line of
 * JSON is one object with the keys it should have, and the values, read back by
 * a library, are those of the record; printed for people it is the same object. As
 * text it is lines that are ours from their first character on, without controls.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "opts.h"
#include "render.h"

#define ROUNDS 200
#define WALL 1796000000123456789ULL

static char bytes[65536] __attribute__((aligned(8)));

/* Few, and apart in their last digits, or their names would grow on the way. */
static __u64 some_id(void)
{
	return random() % 4 ? 0xf10d345600001000ULL + random() % 8 : 0;
}

/* Half of the bytes are what makes trouble in strings. */
static void fill(const struct event *ev)
{
	static const char special[] = "\"\\\n\x7f\x1b\xc3\xa9\x80\x00/az";
	struct fdpin_hdr *h = (void *)bytes;

	for (unsigned int i = 0; i < ev->size; i++)
		bytes[i] = random() & 1 ? special[random() % sizeof(special)] : random();
	h->size = ev->size;
	h->type = ev->type;
	h->container = some_id();
	for (unsigned int i = 0; i < ev->n_fields; i++)
		if (ev->fields[i].kind == KIND_ID)
			memcpy(bytes + ev->fields[i].offset, (__u64[]){ some_id() }, sizeof(__u64));
}

static struct json_object *shown(const struct record *r, enum json_mode mode, bool wall)
{
	struct view v = { .kind = VIEW_STREAM, .wall = { .known = wall, .offset = WALL - r->h->ts_ns } };
	struct output o = { .f = NULL };
	struct json_object *obj;
	char *text = NULL;
	size_t size;

	o.f = open_memstream(&text, &size);
	assert_non_null(o.f);
	globals.json = mode;
	assert_int_equal(format_json.event(&o, &v, r), 0);
	assert_int_equal(fclose(o.f), 0);
	assert_int_equal(text[size - 1], '\n');
	if (mode == JSON_SHORT)
		assert_ptr_equal(strchr(text, '\n'), text + size - 1);
	obj = json_tokener_parse(text);
	assert_non_null(obj);
	free(text);
	return obj;
}

static struct json_object *get(struct json_object *obj, const char *key)
{
	struct json_object *value = NULL;

	assert_true(json_object_object_get_ex(obj, key, &value));
	return value;
}

static void is_string(struct json_object *value, const char *wanted)
{
	assert_true(json_object_is_type(value, json_type_string));
	assert_string_equal(json_object_get_string(value), wanted);
}

static void is_text(struct json_object *value, const char *s, size_t max)
{
	_cleanup_free_ char *wanted = escape_text(s, max);

	is_string(value, wanted);
}

static void is_hex(struct json_object *value, __u64 v)
{
	char wanted[32];

	snprintf(wanted, sizeof(wanted), "0x%llx", v);
	is_string(value, wanted);
}

static void is_id(struct json_object *value, enum obj_kind kind, __u64 id)
{
	char wanted[ID_NAME_MAX];

	if (id)
		is_string(value, id_name(kind, id, wanted));
	else
		assert_null(value);
}

static void is_value(struct json_object *value, const struct record *r, const struct field *f)
{
	__u64 v = f->kind == KIND_STR ? 0 : record_u64(r, f);

	switch (f->kind) {
	case KIND_STR:
		if (r->h->type == EV_stack)
			assert_true(json_object_is_type(value, json_type_array));
		else
			is_text(value, (const char *)r->h + f->offset, f->size);
		break;
	case KIND_COUNT: case KIND_PAGES: case KIND_BYTES: case KIND_NS: case KIND_TID: case KIND_ERRNO:
		assert_true(json_object_is_type(value, json_type_int));
		assert_true(f->is_signed ? json_object_get_int64(value) == (__s64)v : json_object_get_uint64(value) == v);
		break;
	case KIND_BOOL:
		assert_true(json_object_is_type(value, json_type_boolean));
		assert_int_equal(json_object_get_boolean(value), v != 0);
		break;
	case KIND_ID:
		is_id(value, field_object(f), v);
		break;
	case KIND_ADDR: case KIND_HEX:
		is_hex(value, v);
		break;
	default:
		if (kind_value_name(f->kind, v))
			is_string(value, kind_value_name(f->kind, v));
		else
			is_hex(value, v);
	}
}

static void is_event_of(struct json_object *obj, const struct record *r, bool wall)
{
	const struct fdpin_hdr *h = r->h;
	int keys = 8 + !!h->look;
	char when[40];

	is_string(get(obj, "type"), r->ev->name);
	assert_true(json_object_get_uint64(get(obj, "ts_ns")) == h->ts_ns);
	if (wall)
		is_string(get(obj, "time"), format_rfc3339(WALL, when, sizeof(when)));
	else
		assert_null(get(obj, "time"));
	assert_true(json_object_get_int64(get(obj, "tgid")) == h->tgid);
	assert_true(json_object_get_int64(get(obj, "tid")) == h->tid);
	is_text(get(obj, "comm"), h->comm, sizeof(h->comm));
	is_id(get(obj, "container"), OBJ_CONTAINER, h->container);
	is_string(get(obj, "grade"), grade_name(h->grade));
	if (h->look)
		assert_int_equal(json_object_get_int(get(obj, "in_look")), h->look);
	for (unsigned int i = 0; i < r->ev->n_fields; i++) {
		if (r->ev->fields[i].kind == KIND_PAD)
			continue;
		is_value(get(obj, r->ev->fields[i].name), r, &r->ev->fields[i]);
		keys++;
	}
	assert_int_equal(json_object_object_length(obj), keys);
}

static void any_bytes(void **state)
{
	struct json_object *line, *pretty;
	struct record r;

	(void)state;
	srandom(1);
	for (unsigned int type = 0; type < EV__max; type++) {
		const struct event *ev = schema_event(type);

		for (int n = 0; ev && n < ROUNDS; n++) {
			fill(ev);
			assert_true(record_decode(bytes, sizeof(bytes), &r) > 0);
			line = shown(&r, JSON_SHORT, n & 1);
			is_event_of(line, &r, n & 1);
			pretty = shown(&r, JSON_PRETTY, n & 1);
			assert_true(json_object_equal(line, pretty));
			json_object_put(line);
			json_object_put(pretty);
		}
	}
}

/* A line begins with the time or is indented; a name that ends one would begin another with what it likes. */
static void any_text(void **state)
{
	struct record r;

	(void)state;
	srandom(2);
	globals.json = JSON_OFF;
	for (unsigned int type = 0; type < EV__max; type++) {
		const struct event *ev = schema_event(type);

		for (int n = 0; ev && n < ROUNDS; n++) {
			struct view v = { .kind = VIEW_STREAM, .wall = { .known = true } };
			struct output o = { .width = 80 };
			char *text = NULL;
			size_t size;

			fill(ev);
			if (type == EV_verdict && n & 1)
				memcpy(((struct ev_verdict *)bytes)->answer, "yes", sizeof("yes"));
			assert_true(record_decode(bytes, sizeof(bytes), &r) > 0);
			o.f = open_memstream(&text, &size);
			assert_non_null(o.f);
			assert_int_equal(format_text.event(&o, &v, &r), 0);
			assert_int_equal(fclose(o.f), 0);
			for (size_t i = 0; i < size; i++) {
				assert_true(text[i] == '\n' || (unsigned char)text[i] >= ' ');
				assert_true(text[i] != 0x7f);
				if (!i || text[i - 1] == '\n')
					assert_non_null(strchr(" 0123456789", text[i]));
			}
			free(text);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_bytes), cmocka_unit_test(any_text),
	};

	return cmocka_run_group_tests_name("render_event", tests, NULL, NULL);
}
