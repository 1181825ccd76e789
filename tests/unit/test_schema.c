// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_schema.c - the table is what bpf/events.h says, and the decoder refuses
 * what is not a record. Link with src/schema.c and -lcmocka.
 */
#include "tape.h"

#include <errno.h>

static void every_event_has_a_row(void **state)
{
	(void)state;
	assert_null(schema_event(EV_none));
	assert_null(schema_event(EV__max));
	assert_null(schema_event(~0u));
	for (unsigned int i = 1; i < EV__max; i++) {
		const struct event *ev = schema_event(i);
		unsigned int at = sizeof(struct fdpin_hdr);

		assert_non_null(ev);
		assert_int_equal(ev->type, i);
		assert_ptr_equal(schema_event_by_name(ev->name), ev);
		assert_true(ev->n_effects <= EFFECTS_MAX);
		assert_int_equal(ev->size % 8, 0);
		for (unsigned int j = 0; j < ev->n_fields; j++) {
			assert_int_equal(ev->fields[j].offset, at);
			at += ev->fields[j].size;
			assert_ptr_equal(event_field(ev, ev->fields[j].name), &ev->fields[j]);
		}
		assert_int_equal(at, ev->size);
	}
	assert_null(schema_event_by_name("no-such-event"));
	assert_null(event_field(schema_event(EV_map), "no_such_field"));
}

static void effects_name_their_members(void **state)
{
	const struct event *ev = schema_event(EV_holder);
	const struct effect *ef;

	(void)state;
	assert_int_equal(ev->n_effects, 2);
	assert_int_equal(ev->effects[0].word, WORD_LINK);
	assert_int_equal(ev->effects[0].rel, REL_HELD);
	assert_int_equal(ev->effects[0].from.offset, offsetof(struct ev_holder, h.container));
	assert_int_equal(ev->effects[0].from.size, 8);
	assert_int_equal(ev->effects[0].to.offset, offsetof(struct ev_holder, files));
	assert_false(ev->effects[0].from.any || ev->effects[0].to.any);
	assert_int_equal(ev->effects[1].rel, REL_REF);

	ef = &schema_event(EV_unblock)->effects[0];
	assert_int_equal(ef->word, WORD_UNLINK);
	assert_int_equal(ef->from.size, 4);
	assert_true(ef->to.any && !ef->from.any);
	ef = &schema_event(EV_unblock)->effects[1];
	assert_true(ef->from.any && !ef->to.any);
	ef = &schema_event(EV_container)->effects[0];
	assert_int_equal(ef->word, WORD_NOTE);
	assert_int_equal(ef->obj, OBJ_CONTAINER);
	assert_int_equal(schema_event(EV_refuse)->n_effects, 0);
}

static void numbers_are_signed_as_declared(void **state)
{
	struct tape *t = tape_new();
	struct ev_refuse *e = tape_add(t, EV_refuse, 7);
	const struct event *ev = schema_event(EV_refuse);
	struct record r;

	(void)state;
	e->result = -EBUSY;
	e->op = OP_INVALIDATE;
	e->invalid = 0xffffffff;
	assert_int_equal(record_decode(t->bytes, t->at[1], &r), (int)ev->size);
	assert_true(event_field(ev, "result")->is_signed);
	assert_int_equal((__s64)record_u64(&r, event_field(ev, "result")), -EBUSY);
	assert_int_equal(record_u64(&r, event_field(ev, "invalid")), 0xffffffffULL);
	assert_string_equal(kind_value_name(KIND_OP, record_u64(&r, event_field(ev, "op"))), "invalidate");
	free(t);
}

static void strings_are_bounded_by_their_field(void **state)
{
	struct tape *t = tape_new();
	struct ev_exec *e = tape_add(t, EV_exec, 0);
	const struct event *ev = schema_event(EV_exec);
	char buf[200], small[4];
	struct record r;

	(void)state;
	memset(e->file, 'f', sizeof(e->file)); /* no end, as from a broken file */
	memset(e->old_comm, 'c', sizeof(e->old_comm));
	assert_true(record_decode(t->bytes, t->at[1], &r) > 0);
	record_str(&r, event_field(ev, "file"), buf, sizeof(buf));
	assert_int_equal(strlen(buf), sizeof(e->file));
	record_str(&r, event_field(ev, "old_comm"), small, sizeof(small));
	assert_string_equal(small, "ccc");
	record_str(&r, event_field(ev, "old_comm"), small, 0);
	free(t);
}

static void bad_bytes_are_refused(void **state)
{
	struct tape *t = tape_new();
	struct fdpin_hdr *h = tape_add(t, EV_open, 1);
	struct record r = { NULL, NULL };
	size_t len = t->at[1];

	(void)state;
	for (size_t i = 0; i < len; i++)
		assert_int_equal(record_decode(t->bytes, i, &r), -EINVAL);
	assert_int_equal(record_decode(t->bytes, len, &r), (int)len);
	assert_int_equal(record_decode(t->bytes, TAPE_BYTES, &r), (int)len);
	memmove(t->bytes + 4, t->bytes, len);
	assert_int_equal(record_decode(t->bytes + 4, len, &r), -EINVAL); /* not aligned */
	memmove(t->bytes, t->bytes + 4, len);
	h->type = EV_none;
	assert_int_equal(record_decode(t->bytes, len, &r), -ENOENT);
	h->type = EV__max;
	assert_int_equal(record_decode(t->bytes, len, &r), -ENOENT);
	h->type = EV_map;
	assert_int_equal(record_decode(t->bytes, len, &r), -EMSGSIZE);
	h->type = EV_open;
	h->size = 0;
	assert_int_equal(record_decode(t->bytes, len, &r), -EINVAL);
	h->size = len + 8;
	assert_int_equal(record_decode(t->bytes, len, &r), -EINVAL);
	assert_int_equal(record_decode(t->bytes, len + 8, &r), -EMSGSIZE);
	h->size = ~0u;
	assert_int_equal(record_decode(t->bytes, TAPE_BYTES, &r), -EINVAL);
	free(t);
}

static void values_have_names(void **state)
{
	(void)state;
	assert_string_equal(kind_value_name(KIND_CLASS, CLASS_WORKER), "worker");
	assert_string_equal(kind_value_name(KIND_BACKED, BACKED_EMULATED), "mdev");
	assert_string_equal(kind_value_name(KIND_WAIT, WAIT_FLUSH), "flush");
	assert_string_equal(kind_value_name(KIND_STATE, 0), "R");
	assert_string_equal(kind_value_name(KIND_STATE, 1), "S");
	assert_string_equal(kind_value_name(KIND_STATE, 2), "D");
	assert_string_equal(kind_value_name(KIND_STATE, 0x102), "D");
	assert_string_equal(kind_value_name(KIND_STATE, 0x402), "I");
	assert_string_equal(kind_value_name(KIND_STATE, 0x20), "Z");
	assert_null(kind_value_name(KIND_STATE, 0x8000));
	assert_null(kind_value_name(KIND_VIA, 1000));
	assert_null(kind_value_name(KIND_VIA, ~0ULL));
	assert_null(kind_value_name(KIND_COUNT, 0));
	for (int rel = 0; rel < REL__max; rel++)
		assert_non_null(relation_words(rel));
	assert_null(relation_words(REL__max));
	assert_int_not_equal(schema_fingerprint(), 0);
	assert_int_equal(schema_fingerprint(), schema_fingerprint());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_event_has_a_row),	  cmocka_unit_test(effects_name_their_members),
		cmocka_unit_test(numbers_are_signed_as_declared), cmocka_unit_test(strings_are_bounded_by_their_field),
		cmocka_unit_test(bad_bytes_are_refused),	  cmocka_unit_test(values_have_names),
	};

	return cmocka_run_group_tests_name("schema", tests, NULL, NULL);
}
