// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_replay.c - a recording of any bytes, through the model and the verdicts
 * to every format. What is before the records depends on the first byte:
 *
 *	'F', as in "FDPINREC"	nothing: it is a recording; its fingerprint is made
 *				that of its schema block, so that what reads the
 *				block is reached
 *	even			a good head and our own schema
 *	odd			a good head and a schema that differs from ours in
 *				what the next bytes say
 *
 * In the last two, types and sizes are made to fit until a grade has its
 * highest bit set, so that what lies behind the decoder is reached. Link with
 * src/ but main.c, cmd_*.c, watch.c and source_bpf.c.
 */
#include <locale.h>
#include <stdint.h>
#include <string.h>

#include "../../src/render.h"
#include "../../src/source.h"
#include "../unit/other.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct reading {
	struct model *model;
	struct view view;
	struct output out;
	const struct format *format;
	bool refused; /* replay ended with an error, or with a gap */
};

/* As main does: what the table's library does with text depends on it. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	setlocale(LC_ALL, "C.UTF-8");
	return 0;
}

static int on_first(void *ctx, const struct record *r)
{
	struct reading *p = ctx;

	p->refused |= r->h->type == EV_gap;
	view_note(&p->view, r);
	return model_apply(p->model, r);
}

static int on_second(void *ctx, const struct record *r)
{
	struct reading *p = ctx;

	return p->format->event(&p->out, &p->view, r);
}

static void show(struct reading *p, const char *format, const void *data, size_t size)
{
	p->format = format_find(format);
	p->view.n_stacks = 0;
	p->out.f = fopen("/dev/null", "w");
	if (!p->format || !p->out.f)
		abort();
	p->format->begin(&p->out, &p->view);
	replay_memory(data, size, on_second, p);
	p->format->end(&p->out, &p->view);
	fclose(p->out.f);
}

/* Details, every column there is, and what a filter makes of it; then as a script asks. */
static void show_more(struct reading *p, const void *data, size_t size)
{
	static const struct filter filter = { .vm = "a", .device = "b", .cgroup = "/c" };
	static const char more[] = "+ACCOUNT,BLOCKED,CGROUP,CHARGED,COMM,CONTAINER,ENTRIES_LEFT,EXE,HOLDERS,INVALID,IOVA,PINNED,POD";
	char *bad = NULL;

	if (columns_parse(more, &p->view.table, &bad))
		abort();
	p->view.details = p->out.tty = true;
	show(p, "text", data, size);
	p->view.filter = &filter;
	show(p, "text", data, size);
	show(p, "json", data, size);
	p->view.filter = NULL;
	p->view.table.raw = true;
	show(p, "text", data, size);
}

/* A recording that is not whole proves neither that there is a deadlock nor that there is none. */
static void check_findings(const struct reading *p, const struct findings *f)
{
	for (unsigned int i = 0; i < f->n; i++) {
		const struct finding *d = &f->f[i];

		if (d->answer == ANSWER_CANNOT_TELL && !d->n_missing)
			abort();
		if (!strcmp(d->verdict->name, "deadlock") && p->refused && d->answer != ANSWER_CANNOT_TELL &&
		    model_look_gaps(p->model))
			abort();
	}
}

/* ---- what is before the records -------------------------------------------------- */

struct input {
	const uint8_t *p;
	size_t size;
};

static unsigned int take(struct input *in)
{
	if (!in->size)
		return 0;
	in->size--;
	return *in->p++;
}

/* Sizes by type; 0: there is none. The last is the header's. */
struct sizes {
	unsigned int of[257];
};

static void make_fit(unsigned char *p, size_t size, const struct sizes *sizes)
{
	struct fdpin_hdr *h = (void *)p;

	for (; size >= sizeof(*h) && !(h->grade & 0x80); h = (void *)p) {
		unsigned int type = h->type % 256;

		while (!sizes->of[type])
			type = (type + 1) % 256;
		h->type = type;
		h->size = sizes->of[type];
		if (size < sizes->of[type])
			break;
		p += sizes->of[type];
		size -= sizes->of[type];
	}
}

/* A field as ours, or as the input says: gone, of another name, kind, size or sign. */
static void put_field(struct other *o, struct input *in, const struct field *f, bool fixed, unsigned int *at)
{
	static const char *const kinds[] = { "COUNT", "ADDR", "STR", "PAD", "FROBS" };
	static const unsigned int sizes[] = { 1, 2, 4, 8, 16, 3 };
	unsigned int how = fixed ? 0 : take(in), what = how / 16, size = f->size;
	const char *name = f->name, *kind = f->kind_name, *sign = f->is_signed ? "signed" : "unsigned";

	switch (how % 16) {
	case 8:
		return;
	case 9:
		name = "another";
		break;
	case 10:
		kind = kinds[what % ARRAY_SIZE(kinds)];
		break;
	case 11:
	case 12:
		size = f->kind == KIND_STR ? 1 + what * 8 : sizes[what % ARRAY_SIZE(sizes)];
		break;
	case 13:
		sign = f->is_signed ? "unsigned" : "signed";
		break;
	}
	other_line(o, "field %s %s %u %u %s\n", name, kind, *at, size, sign);
	*at += size;
}

/* Its line says how long it is, and that is known when its fields are: so they are written twice. */
static void put_event(struct other *o, struct input *in, const struct event *ev, unsigned int type, struct sizes *sizes)
{
	bool header = type == EV_none;
	struct input again = *in;
	size_t start = o->len;
	unsigned int size = 0;

	for (int round = 0; round < 2; round++) {
		unsigned int at = header ? 0 : sizes->of[256], how;

		*in = again;
		o->len = start;
		how = take(in);
		other_line(o, "event %s %u %u\n", how % 16 == 8 ? "another" : ev->name, type, size);
		for (unsigned int i = 0; i < ev->n_fields; i++) {
			unsigned int n = how % 16 == 9 ? ev->n_fields - 1 - i : i; /* in reverse */

			put_field(o, in, &ev->fields[header ? i : n], header && i < 2, &at);
		}
		if (at % 8)
			other_line(o, "field fill PAD %u %u unsigned\n", at, 8 - at % 8);
		size = (at + 7) / 8 * 8;
	}
	sizes->of[header ? 256 : type] = size;
}

static struct other *before_records(struct input *in, bool own, struct sizes *sizes)
{
	struct other *o = other_new();

	if (own) {
		other_own(o, schema_header(), EV_none);
		for (unsigned int i = 0; i < EV__max; i++) {
			if (schema_event(i)) {
				other_own(o, schema_event(i), i);
				sizes->of[i] = schema_event(i)->size;
			}
		}
	} else {
		unsigned int turn = take(in), from = take(in);

		put_event(o, in, schema_header(), EV_none, sizes);
		for (unsigned int i = 0; i < EV__max; i++) {
			const struct event *ev = schema_event((i + from) % EV__max);

			if (ev && ev->type != EV_none)
				put_event(o, in, ev, 1 + (ev->type + turn) % 255, sizes);
		}
	}
	other_begin(o);
	return o;
}

/* A recording as it is, but for its fingerprint. */
static void make_known(unsigned char *p, size_t size)
{
	uint32_t first, fingerprint;

	if (size < OTHER_HEAD)
		return;
	memcpy(&first, p + 20, sizeof(first));
	if (first < OTHER_HEAD || first > size)
		return;
	fingerprint = schema_hash(p + OTHER_HEAD, first - OTHER_HEAD);
	memcpy(p + 16, &fingerprint, sizeof(fingerprint));
}

static unsigned char *recording_of(struct input in, size_t *ret_size)
{
	_cleanup_free_ struct other *o = NULL;
	struct sizes sizes = { .of = { 0 } };
	unsigned char *copy;
	size_t first = 0;

	if (*in.p != 'F') {
		bool own = take(&in) % 2 == 0;

		o = before_records(&in, own, &sizes);
		first = o->first;
	}
	copy = malloc(first + in.size + 1);
	if (!copy)
		return NULL;
	if (o)
		memcpy(copy, o->bytes, first);
	memcpy(copy + first, in.p, in.size);
	if (o)
		make_fit(copy + first, in.size, &sizes);
	else
		make_known(copy, in.size);
	*ret_size = first + in.size;
	return copy;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ unsigned char *bytes = NULL;
	struct reading p = { .out = { .width = 80, .utf8 = MB_CUR_MAX > 1, .color = true } };
	struct findings f;

	if (!size)
		return 0;
	bytes = recording_of((struct input){ data, size }, &size);
	p.model = model_new();
	if (!bytes || !p.model)
		return 0;
	p.view = (struct view){ .kind = VIEW_REPORT, .file = "fuzz", .model = p.model, .stacks = true };
	p.refused |= !!replay_memory(bytes, size, on_first, &p);
	if (!verdicts_judge(p.model, NULL, &f))
		check_findings(&p, &f);
	p.view.findings = &f;
	show(&p, "text", bytes, size);
	show(&p, "json", bytes, size);
	if (size % 64 == 0) /* it takes its time */
		show_more(&p, bytes, size);
	findings_free(&f);
	model_free(p.model);
	return 0;
}
