// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_model.c - model and verdicts on good records in any order. Each input
 * byte pair begins a record: its type, and who; the bytes after it fill the
 * fields, ids from a handful so that edges meet. Link with src/ but main.c,
 * cmd_*.c, watch.c and source_bpf.c.
 */
#include <stdint.h>
#include <string.h>

#include "../../src/util.h"
#include "../../src/verdict.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RECORD_MAX 2048
#define RECORDS_MAX 4096

struct input {
	const uint8_t *data;
	size_t size;
	__u64 ts;
	__u8 look;
};

static uint8_t take(struct input *in)
{
	if (!in->size)
		return 0;
	in->size--;
	return *in->data++;
}

static void fill_field(struct input *in, void *rec, const struct field *f)
{
	char *p = (char *)rec + f->offset;
	__u64 v = take(in);

	switch (f->kind) {
	case KIND_STR:
		memset(p, (int)v, v % 3 ? 1 : f->size);
		return;
	case KIND_ID:
	case KIND_TID:
		v %= 6;
		break;
	case KIND_COUNT:
	case KIND_BOOL:
		v %= 3;
		break;
	default:
		break;
	}
	memcpy(p, &v, f->size); /* little end first, as on all machines this runs on */
}

/* A look's own records carry its number; the records in between carry it by chance, or are live. */
static void fill_look(struct input *in, struct ev_look *e)
{
	if (!e->end)
		in->look = in->look % 255 + 1;
	e->h.look = in->look;
	e->look = in->look;
}

static const struct event *make_record(struct input *in, void *rec)
{
	struct fdpin_hdr *h = rec;
	const struct event *ev = schema_event(take(in) % EV__max);
	uint8_t who = take(in);

	if (!ev)
		return NULL;
	memset(rec, 0, RECORD_MAX);
	h->size = ev->size;
	h->type = ev->type;
	h->ts_ns = ++in->ts;
	h->tid = who % 6;
	h->tgid = who % 3 ? h->tid : 1;
	h->look = who & 0x80 ? in->look : 0;
	h->grade = who & 0x40 ? GRADE_READ : who & 0x20 ? GRADE_INFERRED : GRADE_OBSERVED;
	h->container = who / 8 % 4;
	for (unsigned int i = 0; i < ev->n_fields; i++)
		fill_field(in, rec, &ev->fields[i]);
	if (ev->type == EV_look)
		fill_look(in, rec);
	return ev;
}

/* Every edge is in both its lists, and in them only once. */
static void check_lists(const struct model *m)
{
	unsigned long out = 0, in = 0;

	for (const struct obj *o = model_first(m, OBJ_NONE); o; o = model_next(o, OBJ_NONE)) {
		for (const struct edge *e = o->out; e; e = e->next_from, out++)
			if (e->from != o || (e->next_from && e->next_from->rel < e->rel))
				abort();
		for (const struct edge *e = o->in; e; e = e->next_to, in++)
			if (e->to != o || (e->next_to && e->next_to->rel < e->rel))
				abort();
		if (model_find(m, o->kind, o->id) != o)
			abort();
	}
	if (out != in)
		abort();
}

static void check_findings(const struct model *m)
{
	struct findings f;

	if (verdicts_judge(m, NULL, &f))
		return;
	for (unsigned int i = 0; i < f.n; i++) {
		const struct finding *d = &f.f[i];

		if (!d->sentence || (d->answer == ANSWER_CANNOT_TELL && !d->n_missing))
			abort();
		if (d->answer == ANSWER_NO && (model_lost(m) || model_look_gaps(m) || !model_looks(m)))
			abort();
		if (strcmp(d->verdict->name, "deadlock"))
			continue;
		if (d->answer == ANSWER_YES && (d->level != LEVEL_PROVEN || !model_looks_sound(m) || !d->n_evidence))
			abort();
	}
	findings_free(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size, 0, 0 };
	_cleanup_free_ void *rec = malloc(RECORD_MAX);
	struct model *m = model_new();
	unsigned int n = 0;

	if (!rec || !m)
		return 0;
	while (in.size && n++ < RECORDS_MAX) {
		const struct event *ev = make_record(&in, rec);
		struct record r;

		if (!ev)
			continue;
		if (record_decode(rec, ev->size, &r) != (int)ev->size)
			abort();
		model_apply(m, &r);
		if (n % 16 == 0)
			check_findings(m);
	}
	check_lists(m);
	check_findings(m);
	model_free(m);
	return 0;
}
