// SPDX-License-Identifier: GPL-2.0-only
/*
 * test_recording_schema.c - recordings of a version that had other events and
 * other fields: what becomes of them, and which schemas are refused. Link with
 * src/schema.c, foreign.c, recording.c, model*.c and -lcmocka.
 */
#include "world.h"

#include "other.h"

#include "../../src/foreign.h"
#include "../../src/source.h"
#include "../../src/verdict.h"

#include <errno.h>

#define HEADER                                                                                          \
	"event header 0 48\nfield size COUNT 0 4 unsigned\nfield type COUNT 4 2 unsigned\n"             \
	"field grade COUNT 6 1 unsigned\nfield look COUNT 7 1 unsigned\nfield ts_ns NS 8 8 unsigned\n"  \
	"field container ID 16 8 unsigned\nfield tgid TID 24 4 unsigned\nfield tid TID 28 4 unsigned\n" \
	"field comm STR 32 16 unsigned\n"
#define END "event end 9 64\nfield records COUNT 48 8 unsigned\nfield lost COUNT 56 8 unsigned\n"
#define END_TYPE 9
#define SEEN_MAX 64

struct seen {
	_Alignas(8) unsigned char bytes[SEEN_MAX][1024];
	unsigned int n;
	struct model *model;
};

static int on_record(void *ctx, const struct record *r)
{
	struct seen *s = ctx;
	struct record again;

	assert_int_equal(record_decode(r->h, r->ev->size, &again), r->ev->size);
	assert_true(s->n < SEEN_MAX && r->ev->size <= sizeof(s->bytes[0]));
	memcpy(s->bytes[s->n++], r->h, r->ev->size);
	if (s->model)
		assert_int_equal(model_apply(s->model, r), 0);
	return 0;
}

/* The n-th record that was handed over, which has to be of this type. */
static const void *nth(const struct seen *s, unsigned int n, enum fdpin_type type)
{
	const struct fdpin_hdr *h = (const void *)s->bytes[n];

	assert_true(n < s->n);
	assert_int_equal(h->type, type);
	return h;
}

static struct other *with_schema(const char *text)
{
	struct other *o = other_new();

	other_line(o, "%s%s%s", HEADER, text, END);
	other_begin(o);
	return o;
}

static struct seen *replay(struct other *o)
{
	struct seen *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	assert_int_equal(replay_memory(o->bytes, o->len, on_record, s), 0);
	free(o);
	return s;
}

static void assert_gap(const struct seen *s, unsigned int n, const char *why)
{
	const struct ev_gap *gap = nth(s, n, EV_gap);

	assert_string_equal(gap->what, "part of the recording");
	assert_string_equal(gap->why, why);
	assert_int_equal(gap->hooks_only, 0);
}

static void fields_are_found_by_name(void **state)
{
	/* another number, another order, one more field of each kind */
	struct other *o =
		with_schema("event detach 200 88\nfield colour STR 48 24 unsigned\nfield backed BACKED 72 4 unsigned\n"
			    "field group COUNT 76 4 unsigned\nfield weight FROBS 80 8 signed\n");
	const struct ev_detach *e;
	struct seen *s;

	(void)state;
	other_header(o, 200, 88);
	other_str(o, "blue", 24);
	other_number(o, BACKED_EMULATED, 4);
	other_number(o, 42, 4);
	other_number(o, 77, 8);
	other_end(o, END_TYPE);
	s = replay(o);
	assert_int_equal(s->n, 2);
	e = nth(s, 0, EV_detach);
	assert_int_equal(e->h.size, sizeof(*e));
	assert_int_equal(e->h.ts_ns, 1000);
	assert_int_equal(e->h.container, 0xa07b);
	assert_int_equal(e->h.tgid, 7);
	assert_int_equal(e->h.tid, 8);
	assert_string_equal(e->h.comm, "qemu");
	assert_int_equal(e->group, 42);
	assert_int_equal(e->backed, BACKED_EMULATED);
	nth(s, 1, EV_end);
	free(s);
}

static void what_the_file_lacks_is_zero(void **state)
{
	struct other *o =
		with_schema("event attach 3 56\nfield group COUNT 48 4 unsigned\nfield pad PAD 52 4 unsigned\n"
			    "event map 4 48\n");
	const struct ev_attach *e;
	const struct ev_map *m;
	struct seen *s;

	(void)state;
	other_header(o, 4, 48);
	other_header(o, 3, 56);
	other_number(o, 42, 4);
	other_number(o, ~0ULL, 4);
	other_header(o, 4, 48);
	other_end(o, END_TYPE);
	s = replay(o);
	assert_int_equal(s->n, 4);
	e = nth(s, 1, EV_attach);
	assert_int_equal(e->group, 42);
	assert_int_equal(e->result | e->backed | e->invalid, 0);
	m = nth(s, 2, EV_map); /* nothing is left of the record before it */
	assert_int_equal(m->iova | m->size | m->vaddr | m->flags | m->pad, 0);
	free(s);
}

/* padding is nothing, whatever it is called on either side */
static void padding_is_no_field(void **state)
{
	struct other *o = with_schema("event map 4 72\nfield iova PAD 48 8 unsigned\nfield pad ADDR 56 8 unsigned\n"
				      "field size BYTES 64 8 unsigned\n");
	const struct ev_map *m;
	struct seen *s;

	(void)state;
	other_header(o, 4, 72);
	other_number(o, ~0ULL, 8);
	other_number(o, ~0ULL, 8);
	other_number(o, 4096, 8);
	other_end(o, END_TYPE);
	s = replay(o);
	m = nth(s, 0, EV_map);
	assert_int_equal(m->iova | m->pad, 0);
	assert_int_equal(m->size, 4096);
	nth(s, 1, EV_end);
	free(s);
}

#define ATTACH(size, sign) "event attach 3 56\nfield result ERRNO 48 " #size " " sign "\n"
#define PIN(size, sign) "event pin 5 56\nfield result COUNT 48 " #size " " sign "\n"
#define FILL(at, size) "field more COUNT " #at " " #size " unsigned\n"

static const struct {
	const char *schema;
	unsigned int type, size; /* of the number */
	__u64 value;
	bool fits;
} numbers[] = {
	{ ATTACH(4, "signed") FILL(52, 4), 3, 4, (__u64)-14, true },
	{ ATTACH(8, "signed"), 3, 8, (__u64)-14, true },
	{ ATTACH(2, "signed") FILL(50, 6), 3, 2, (__u64)-14, true },
	{ ATTACH(1, "signed") FILL(49, 7), 3, 1, (__u64)-14, true },
	{ ATTACH(2, "unsigned") FILL(50, 6), 3, 2, 65535, true },
	{ ATTACH(4, "unsigned") FILL(52, 4), 3, 4, 0x7fffffff, true },
	{ ATTACH(8, "signed"), 3, 8, (__u64)INT32_MIN, true },
	{ ATTACH(8, "signed"), 3, 8, (__u64)INT32_MIN - 1, false },
	{ ATTACH(8, "signed"), 3, 8, 0x80000000, false },
	{ ATTACH(4, "unsigned") FILL(52, 4), 3, 4, 0x80000000, false },
	{ ATTACH(8, "unsigned"), 3, 8, (__u64)-14, false },
	{ PIN(8, "unsigned"), 5, 8, INT64_MAX, true },
	{ PIN(8, "unsigned"), 5, 8, (__u64)INT64_MAX + 1, false },
	{ PIN(4, "signed") FILL(52, 4), 5, 4, (__u64)-1, true },
	{ "event end 3 56\nfield records COUNT 48 8 signed\n", 3, 8, 0, true },
	{ "event end 3 56\nfield records COUNT 48 8 signed\n", 3, 8, (__u64)-1, false },
};

static void numbers_keep_their_value_or_are_told(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		struct other *o = other_new();
		struct seen *s = calloc(1, sizeof(*s));
		const struct event *ev;
		struct record r;

		other_line(o, "%s%s", HEADER, numbers[i].schema);
		other_begin(o);
		other_header(o, numbers[i].type, 56);
		other_number(o, numbers[i].value, numbers[i].size);
		other_str(o, "", 8 - numbers[i].size);
		assert_int_equal(replay_memory(o->bytes, o->len, on_record, s), 0);
		assert_true(s->n >= 1);
		ev = schema_event(((struct fdpin_hdr *)s->bytes[0])->type);
		assert_non_null(ev);
		assert_true(record_decode(s->bytes[0], ev->size, &r) > 0);
		assert_int_equal(r.h->type == EV_gap, !numbers[i].fits);
		if (numbers[i].fits)
			assert_int_equal(
				record_u64(&r, event_field(ev, numbers[i].type == 3 && r.h->type == EV_end ? "records" :
													     "result")),
				numbers[i].value);
		free(s);
		free(o);
	}
}

static void strings_are_cut_or_padded(void **state)
{
	struct other *o = with_schema("event close 3 56\nfield device_name STR 48 8 unsigned\n"
				      "event unpin 4 128\nfield device_name STR 48 80 unsigned\n"
				      "event stack 5 160\nfield frames STR 48 112 unsigned\n");
	char frames[112] = "first", name[80], want[40];
	const struct ev_close *c;
	const struct ev_unpin *u;
	const struct ev_stack *st;
	struct seen *s;

	(void)state;
	memset(name, 'n', sizeof(name));
	memset(want, 'n', sizeof(want));
	strcpy(frames + STACK_WIDTH, "second"); /* what lies behind a NUL is part of it */
	other_header(o, 3, 56);
	other_put(o, "abcdefgh", 8);
	other_header(o, 4, 128);
	other_put(o, name, 80);
	other_header(o, 5, 160);
	other_put(o, frames, sizeof(frames));
	other_end(o, END_TYPE);
	s = replay(o);
	c = nth(s, 0, EV_close);
	assert_string_equal(c->device_name, "abcdefgh");
	u = nth(s, 1, EV_unpin);
	assert_memory_equal(u->device_name, want, sizeof(want));
	st = nth(s, 2, EV_stack);
	assert_memory_equal(st->frames, frames, sizeof(frames));
	assert_int_equal(st->frames[sizeof(frames)], 0);
	free(s);
}

static void unknown_events_are_told_once(void **state)
{
	struct other *o =
		with_schema("event frobnicate 3 48\nevent open 4 48\nevent thaw 7 56\nfield x COUNT 48 8 unsigned\n"
			    "event unused 8 48\n");
	struct seen *s;

	(void)state;
	other_header(o, 3, 48);
	other_header(o, 4, 48);
	other_header(o, 7, 56);
	other_number(o, 1, 8);
	other_header(o, 3, 48);
	other_end(o, END_TYPE);
	s = replay(o);
	assert_int_equal(s->n, 3);
	nth(s, 0, EV_open);
	assert_gap(s, 1, "3 records of kinds this version does not know: frobnicate, thaw");
	nth(s, 2, EV_end); /* whose count is right */
	free(s);
}

static void unknown_events_are_told_without_an_end(void **state)
{
	struct other *o = with_schema("event frobnicate 3 48\n");
	struct seen *s = calloc(1, sizeof(*s));

	(void)state;
	other_header(o, 3, 48);
	other_header(o, 3, 48);
	assert_int_equal(replay_memory(o->bytes, o->len, on_record, s), 0);
	assert_int_equal(s->n, 2);
	assert_gap(s, 0, "2 records of kinds this version does not know: frobnicate");
	nth(s, 1, EV_gap);
	s->n = 0;
	other_header(o, 4, 48);
	assert_int_equal(replay_memory(o->bytes, o->len, on_record, s), -EBADMSG);
	assert_int_equal(s->n, 2);
	assert_gap(s, 0, "2 records of kinds this version does not know: frobnicate");
	nth(s, 1, EV_gap);
	free(s);
	free(o);
}

static void a_long_list_is_cut(void **state)
{
	struct other *o = other_new();
	const struct ev_gap *gap;
	struct seen *s;

	(void)state;
	other_line(o, "%s%s", HEADER, END);
	for (unsigned int i = 10; i < 60; i++)
		other_line(o, "event unheard_of_%u %u 48\n", i, i);
	other_begin(o);
	for (unsigned int i = 10; i < 60; i++)
		other_header(o, i, 48);
	other_end(o, END_TYPE);
	s = replay(o);
	assert_int_equal(s->n, 2);
	gap = nth(s, 0, EV_gap);
	assert_true(strnlen(gap->why, sizeof(gap->why)) < sizeof(gap->why));
	assert_non_null(
		strstr(gap->why, "50 records of kinds this version does not know: unheard_of_10, unheard_of_11, "));
	assert_string_equal(gap->why + strlen(gap->why) - 5, ", ...");
	free(s);
}

static void another_kind_is_another_event(void **state)
{
	static const char *const schemas[] = {
		"event map 3 56\nfield iova COUNT 48 8 unsigned\n",
		"event map 3 56\nfield iova STR 48 8 unsigned\n",
		"event map 3 56\nfield iova addr 48 8 unsigned\n",
		"event map 3 56\nfield iova FROBS 48 8 unsigned\n",
		"event exec 3 56\nfield file ADDR 48 8 unsigned\n",
		"event map 3 72\nfield iova ADDR 48 24 unsigned\n",
		"event map 3 56\nfield size ID 48 4 unsigned\nfield iova ADDR 52 4 unsigned\n",
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(schemas) / sizeof(schemas[0]); i++) {
		unsigned int size = strstr(schemas[i], " 72\n") ? 72 : 56;
		struct other *o = with_schema(schemas[i]);
		char why[128];
		struct seen *s;

		other_header(o, 3, size);
		other_str(o, "", size - 48);
		other_end(o, END_TYPE);
		s = replay(o);
		assert_int_equal(s->n, 2);
		snprintf(why, sizeof(why), "1 records of kinds this version does not know: %.*s", i == 4 ? 4 : 3,
			 i == 4 ? "exec" : "map");
		assert_gap(s, 0, why);
		free(s);
		o = with_schema(schemas[i]); /* and is not told of when there is none */
		other_end(o, END_TYPE);
		s = replay(o);
		assert_int_equal(s->n, 1);
		free(s);
	}
}

/* Longer names of commands, longer times, something new, and another order. */
static void the_header_may_differ(void **state)
{
	struct other *o = other_new();
	const struct ev_closed *e;
	struct seen *s;

	(void)state;
	other_line(o, "event header 0 64\nfield size COUNT 0 4 unsigned\nfield type COUNT 4 2 unsigned\n"
		      "field grade COUNT 6 2 unsigned\nfield comm STR 8 24 unsigned\nfield tid TID 32 8 unsigned\n"
		      "field ts_ns NS 40 8 unsigned\nfield cgroup ID 48 8 unsigned\nfield container ID 56 4 unsigned\n"
		      "field tgid TID 60 4 unsigned\nevent closed 3 72\nfield ns NS 64 8 unsigned\n");
	other_begin(o);
	for (int i = 0; i < 2; i++) {
		other_number(o, 72, 4);
		other_number(o, 3, 2);
		other_number(o, GRADE_READ, 2);
		other_str(o, "a-longer-name-than-ours", 24);
		other_number(o, i ? 1ULL << 40 : 8, 8);
		other_number(o, 1234, 8);
		other_number(o, 99, 8);
		other_number(o, 0xa07b, 4);
		other_number(o, 7, 4);
		other_number(o, 5555, 8);
	}
	s = replay(o);
	assert_int_equal(s->n, 3);
	e = nth(s, 0, EV_closed);
	assert_int_equal(e->h.grade, GRADE_READ);
	assert_int_equal(e->h.look, 0);
	assert_int_equal(e->h.ts_ns, 1234);
	assert_int_equal(e->h.container, 0xa07b);
	assert_int_equal(e->h.tgid, 7);
	assert_int_equal(e->h.tid, 8);
	assert_memory_equal(e->h.comm, "a-longer-name-th", 16);
	assert_int_equal(e->ns, 5555);
	assert_gap(s, 1,
		   "1 records of kinds this version does not know: closed"); /* the thread's number does not fit */
	free(s);
}

/* Every event has another number and another place in the list: what comes out is the same, and proves the same. */
static void other_numbers_change_nothing(void **state)
{
	struct world w = w_deadlock();
	struct tape *t = w_looked_back(&w);
	struct other *o = other_new();
	struct seen *s = calloc(1, sizeof(*s));
	struct findings f;

	(void)state;
	other_own(o, schema_header(), 0);
	for (unsigned int i = EV__max - 1; i > EV_none; i--)
		other_own(o, schema_event(i), FOREIGN_EVENTS_MAX - i);
	other_begin(o);
	for (unsigned int i = 0; i < t->n; i++) {
		struct fdpin_hdr *h = (void *)(o->bytes + o->len);

		other_put(o, t->bytes + t->at[i], t->at[i + 1] - t->at[i]);
		h->type = FOREIGN_EVENTS_MAX - h->type;
		o->n++;
	}
	other_end(o, FOREIGN_EVENTS_MAX - EV_end);
	s->model = model_new();
	assert_int_equal(replay_memory(o->bytes, o->len, on_record, s), 0);
	assert_int_equal(s->n, t->n + 1);
	for (unsigned int i = 0; i < t->n; i++)
		assert_memory_equal(s->bytes[i], t->bytes + t->at[i], t->at[i + 1] - t->at[i]);
	assert_int_equal(verdicts_judge(s->model, NULL, &f), 0);
	assert_string_equal(f.f[0].verdict->name, "deadlock");
	assert_int_equal(f.f[0].answer, ANSWER_YES);
	findings_free(&f);
	model_free(s->model);
	free(s);
	free(o);
	free(t);
}

/* ---- what is refused -------------------------------------------------------------- */

#define OPEN "event open 1 48\n"

static const struct {
	const char *text;
	int err;
} schemas[] = {
	{ HEADER, 0 },
	{ HEADER OPEN, 0 },
	{ HEADER "event map 1 56\nfield a STR 48 7 unsigned\nfield b STR 55 1 unsigned\n", 0 },
	{ HEADER "event map 255 65536\nfield a STR 48 65488 unsigned\n", 0 },
	{ HEADER "event abcdefghijklmnopqrstuvwxyz_01234 1 48\n", -EBADMSG },
	{ HEADER "event abcdefghijklmnopqrstuvwxyz_0123 1 48\n", 0 },
	{ HEADER "event map 256 48\n", -EBADMSG },
	{ HEADER "event map 4294967297 48\n", -EBADMSG },
	{ HEADER "event map -1 48\n", -EBADMSG },
	{ HEADER "event map 0x1 48\n", -EBADMSG },
	{ HEADER "event map 1 65544\nfield a STR 48 65496 unsigned\n", -EBADMSG },
	{ HEADER "event map 1 40\n", -EBADMSG },
	{ HEADER "event map 1 0\n", -EBADMSG },
	{ HEADER "event map 1 52\nfield a COUNT 48 4 unsigned\n", -EBADMSG },
	{ HEADER "event map 1 56\n", -EBADMSG },
	{ HEADER "event map 1 56\n" OPEN, -EBADMSG },
	{ HEADER "event map 1 56\nfield a COUNT 48 4 unsigned\n", -EBADMSG },
	{ HEADER "event map 1 56\nfield a COUNT 48 4 unsigned\nfield a COUNT 52 4 unsigned\n", -EBADMSG },
	{ HEADER "event map 1 56\nfield a COUNT 48 4 unsigned\nfield b COUNT 48 4 unsigned\n", -EBADMSG },
	{ HEADER "event map 1 56\nfield a COUNT 48 16 unsigned\n", -EBADMSG },
	{ HEADER "event map 1 56\nfield a COUNT 40 8 unsigned\nfield b COUNT 48 8 unsigned\n", -EBADMSG },
	{ HEADER "event map 1 56\nfield z COUNT 48 0 unsigned\nfield a COUNT 48 8 unsigned\n", -EBADMSG },
	{ HEADER "event map 1 56\nfield a COUNT 48 8\n", -EBADMSG },
	{ HEADER "event map 1 56\nfield a COUNT 48 8 perhaps\n", -EBADMSG },
	{ HEADER "event map 1 56\nfield a COUNT 48 8 unsigned \n", -EBADMSG },
	{ HEADER "event map 1 56\nfield  a COUNT 48 8 unsigned\n", -EBADMSG },
	{ HEADER "event map 1 56\n\nfield a COUNT 48 8 unsigned\n", -EBADMSG },
	{ HEADER "event m.p 1 48\n", -EBADMSG },
	{ HEADER "event map 1\n", -EBADMSG },
	{ HEADER "event map 1 48 3\n", -EBADMSG },
	{ HEADER "effect map 1 48\n", -EBADMSG },
	{ HEADER OPEN OPEN, -EBADMSG },
	{ HEADER OPEN "event map 1 48\n", -EBADMSG },
	{ HEADER OPEN "event open 2 48\n", -EBADMSG },
	{ HEADER "event map 0 48\n", -EBADMSG },
	{ HEADER "event header 1 48\n", -EBADMSG },
	{ HEADER HEADER, -EBADMSG },
	{ OPEN HEADER, -EBADMSG },
	{ OPEN, -EBADMSG },
	{ "field a COUNT 0 4 unsigned\n", -EBADMSG },
	{ "event header 1 48\n", -EBADMSG },
	{ "event head 0 48\n", -EBADMSG },
	{ "event header", -EBADMSG },
	{ "event header 0 48\n", -EBADMSG },
	{ "", -EBADMSG },
	{ "\n\n\n\n\n\n\n\n", -EBADMSG },
	{ "event header 0 0\n", -EPROTO },
	{ "event header 0 8\nfield size COUNT 0 4 unsigned\nfield type COUNT 4 2 unsigned\nfield a COUNT 6 2 "
	  "unsigned\n",
	  0 },
	{ "event header 0 8\nfield type COUNT 0 2 unsigned\nfield size COUNT 2 4 unsigned\nfield a COUNT 6 2 "
	  "unsigned\n",
	  -EPROTO },
	{ "event header 0 8\nfield size COUNT 0 4 unsigned\nfield type COUNT 4 4 unsigned\n", -EPROTO },
	{ "event header 0 8\nfield size COUNT 0 4 signed\nfield type COUNT 4 2 unsigned\nfield a COUNT 6 2 unsigned\n",
	  -EPROTO },
	{ "event header 0 8\nfield size COUNT 0 4 unsigned\nfield typo COUNT 4 2 unsigned\nfield a COUNT 6 2 "
	  "unsigned\n",
	  -EPROTO },
	{ "event header 0 8\nfield size COUNT 0 4 unsigned\nfield type COUNT 4 2 unsigned\nfield look BOOL 6 2 "
	  "unsigned\n",
	  -EPROTO },
	{ "event header 0 8\nfield size BYTES 0 4 unsigned\nfield type COUNT 4 2 unsigned\nfield a COUNT 6 2 "
	  "unsigned\n",
	  -EPROTO },
};

static int read_schema(const void *text, size_t len)
{
	struct foreign *f = NULL;
	int err = foreign_new(&f, text, len);

	assert_int_equal(!f, !!err);
	foreign_free(f);
	return err;
}

static void near_misses_are_refused(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < sizeof(schemas) / sizeof(schemas[0]); i++) {
		size_t len = strlen(schemas[i].text);
		char *exact = malloc(len + 1); /* so that a byte too many is noticed */

		assert_non_null(exact);
		memcpy(exact, schemas[i].text, len);
		exact = realloc(exact, len ?: 1);
		if (read_schema(exact, len) != schemas[i].err)
			fail_msg("%s: %d", schemas[i].text, read_schema(exact, len));
		free(exact);
	}
}

static void our_own_is_well_formed(void **state)
{
	size_t len;
	const char *text = schema_text(&len);

	(void)state;
	assert_int_equal(len % 8, 0);
	assert_int_equal(read_schema(text, len), 0);
	for (size_t cut = 0; cut < len - 8; cut++) { /* whole only at the end of an event */
		char *part = malloc(cut ?: 1);

		assert_non_null(part);
		memcpy(part, text, cut);
		if (read_schema(part, cut))
			assert_int_equal(read_schema(part, cut), -EBADMSG);
		else
			assert_memory_equal(text + cut, "event ", 6);
		free(part);
	}
}

static void too_much_is_refused(void **state)
{
	struct other *o = other_new();
	size_t len;

	(void)state;
	other_line(o, "%s", HEADER);
	for (unsigned int i = 1; i < FOREIGN_EVENTS_MAX; i++) {
		other_line(o, "event e%u %u 64\n", i, i);
		for (unsigned int j = 0; j < 8; j++)
			other_line(o, "field f%u A %u 2 signed\n", j, 48 + 2 * j);
	}
	len = o->len - OTHER_HEAD; /* 255 * 8 + 9: one more than there may be */
	assert_true(len < SCHEMA_TEXT_MAX);
	assert_int_equal(read_schema(o->bytes + OTHER_HEAD, len), -EBADMSG);
	free(o);

	o = other_new();
	other_line(o, "%s", HEADER);
	while (o->len < OTHER_HEAD + SCHEMA_TEXT_MAX)
		other_line(o, "\n");
	assert_int_equal(read_schema(o->bytes + OTHER_HEAD, SCHEMA_TEXT_MAX), 0);
	other_line(o, "\n");
	assert_int_equal(read_schema(o->bytes + OTHER_HEAD, SCHEMA_TEXT_MAX + 1), -EBADMSG);
	free(o);
}

/* A record that is none of the file's own. */
static void bent_records(void **state)
{
	static const struct {
		unsigned int type, size;
	} bent[] = {
		{ 0, 48 }, { 2, 48 }, { 255, 48 }, { 256, 48 }, { 65535, 48 }, { 1, 56 }, { 1, 40 }, { 1, 0 },
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(bent) / sizeof(bent[0]); i++) {
		struct other *o = with_schema(OPEN);
		struct seen *s = calloc(1, sizeof(*s));

		other_header(o, 1, 48);
		other_header(o, bent[i].type, bent[i].size);
		other_end(o, END_TYPE);
		assert_int_equal(replay_memory(o->bytes, o->len, on_record, s), -EBADMSG);
		assert_int_equal(s->n, 2);
		nth(s, 0, EV_open);
		nth(s, 1, EV_gap);
		free(s);
		free(o);
	}
}

#define T(f) cmocka_unit_test(f)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(fields_are_found_by_name),
		T(what_the_file_lacks_is_zero),
		T(padding_is_no_field),
		T(numbers_keep_their_value_or_are_told),
		T(strings_are_cut_or_padded),
		T(unknown_events_are_told_once),
		T(unknown_events_are_told_without_an_end),
		T(a_long_list_is_cut),
		T(another_kind_is_another_event),
		T(the_header_may_differ),
		T(other_numbers_change_nothing),
		T(near_misses_are_refused),
		T(our_own_is_well_formed),
		T(too_much_is_refused),
		T(bent_records),
	};

	return cmocka_run_group_tests_name("recording schema", tests, NULL, NULL);
}
