// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_replay.c - a recording of any bytes, through the model and the verdicts
 * to every format. An input whose first byte is even gets a good head before
 * it, and types and sizes that fit until a grade has its highest bit set, so
 * that what lies behind the decoder is reached. Link with src/ but main.c,
 * cmd_*.c, watch.c and source_bpf.c.
 */
#include <locale.h>
#include <stdint.h>
#include <string.h>

#include "../../src/render.h"
#include "../../src/source.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEAD_BYTES 32

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

static void make_fit(unsigned char *p, size_t size)
{
	struct fdpin_hdr *h = (void *)p;

	for (; size >= sizeof(*h) && !(h->grade & 0x80); h = (void *)p) {
		const struct event *ev = schema_event(h->type % EV__max) ?: schema_event(EV_open);

		h->type = ev->type;
		h->size = ev->size;
		if (size < ev->size)
			break;
		p += ev->size;
		size -= ev->size;
	}
}

static unsigned char *with_head(const uint8_t *data, size_t size)
{
	unsigned char *copy = calloc(1, HEAD_BYTES + size);
	uint32_t numbers[4] = { 0x01020304, 1, schema_fingerprint(), HEAD_BYTES };

	if (!copy)
		return NULL;
	memcpy(copy, "FDPINREC", 8);
	memcpy(copy + 8, numbers, sizeof(numbers));
	memcpy(copy + HEAD_BYTES, data, size);
	make_fit(copy + HEAD_BYTES, size);
	return copy;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ unsigned char *copy = NULL;
	struct reading p = { .out = { .width = 80, .utf8 = MB_CUR_MAX > 1, .color = true } };
	struct findings f;
	const void *bytes = data;

	if (!size)
		return 0;
	if (data[0] % 2 == 0) {
		copy = with_head(data + 1, size - 1);
		bytes = copy;
		size += HEAD_BYTES - 1;
	}
	p.model = model_new();
	if (!bytes || !p.model)
		return 0;
	p.view = (struct view){ .kind = VIEW_REPORT, .file = "fuzz", .model = p.model, .stacks = true };
	p.refused |= !!replay_memory(bytes, size, on_first, &p);
	if (!verdicts_judge(p.model, &f))
		check_findings(&p, &f);
	p.view.findings = &f;
	show(&p, "text", bytes, size);
	show(&p, "json", bytes, size);
	findings_free(&f);
	model_free(p.model);
	return 0;
}
