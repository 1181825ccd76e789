// SPDX-License-Identifier: GPL-2.0-only
/*
 * verdict.c - the table of verdicts, asking them all, and findings.
 *
 * Owns: verdict_table[] (made from VERDICTS), verdicts_judge(), and the
 * memory of findings. What a verdict concludes is in verdict_<name>.c.
 */
#include "verdict.h"

#include "words.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define V(id, name, plural, status, sentence) \
	int verdict_##id(const struct verdict *v, const struct model *m, struct findings *out);
VERDICTS(V)
#undef V

const struct verdict verdict_table[] = {
#define V(id, name, plural, status, sentence) { name, plural, status, sentence, verdict_##id },
	VERDICTS(V)
#undef V
};

const unsigned int verdict_count = sizeof(verdict_table) / sizeof(verdict_table[0]);

static int by_rank(const void *va, const void *vb)
{
	const struct finding *a = va, *b = vb;

	if (a->verdict != b->verdict)
		return a->verdict < b->verdict ? -1 : 1;
	return a->container < b->container ? -1 : a->container > b->container;
}

int verdicts_judge(const struct model *m, const struct limits *limits, struct findings *ret)
{
	static const struct limits standard = { .max_window_ns = MAX_WINDOW_DEFAULT_NS };

	*ret = (struct findings){ .limits = limits ? *limits : standard };
	for (unsigned int i = 0; i < verdict_count; i++) {
		int err = verdict_table[i].judge(&verdict_table[i], m, ret);

		if (err == -ENOMEM)
			ret->oom = true;
	}
	if (ret->n)
		qsort(ret->f, ret->n, sizeof(*ret->f), by_rank);
	return ret->oom ? -ENOMEM : 0;
}

void findings_free(struct findings *f)
{
	for (unsigned int i = 0; i < f->n; i++) {
		struct finding *p = &f->f[i];

		for (unsigned int j = 0; j < p->n_evidence; j++) {
			free(p->evidence[j].text);
			free(p->evidence[j].via);
		}
		for (unsigned int j = 0; j < p->n_missing; j++)
			free(p->missing[j]);
		for (unsigned int j = 0; j < p->n_notes; j++)
			free(p->notes[j]);
		free(p->evidence);
		free(p->missing);
		free(p->notes);
		free(p->sentence);
	}
	free(f->f);
	*f = (struct findings){ .n = 0 };
}

const char *answer_name(enum answer a)
{
	static const char *const names[] = {
		[ANSWER_NO] = "no",
		[ANSWER_YES] = "yes",
		[ANSWER_CANNOT_TELL] = "cannot-tell",
	};

	return names[a];
}

const char *level_name(enum level l)
{
	return l == LEVEL_PROVEN ? "proven" : l == LEVEL_LIKELY ? "likely" : NULL;
}

/* ---- for verdict_*.c ------------------------------------------------------- */

struct finding *finding_add(struct findings *out, const struct verdict *v, enum answer a, enum level l, __u64 container)
{
	struct finding *f = reallocarray(out->f, out->n + 1, sizeof(*f));

	if (!f) {
		out->oom = true;
		return NULL;
	}
	out->f = f;
	f += out->n++;
	*f = (struct finding){ .verdict = v, .answer = a, .level = l, .container = container };
	return f;
}

static bool add_string(char ***list, unsigned int *n, char *s)
{
	char **grown = reallocarray(*list, *n + 1, sizeof(*grown));

	if (!grown)
		return false;
	*list = grown;
	grown[(*n)++] = s;
	return true;
}

void finding_missing(struct findings *out, struct finding *f, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int len;

	if (!f)
		return;
	va_start(ap, fmt);
	len = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (len < 0) {
		out->oom = true;
		return;
	}
	for (unsigned int i = 0; i < f->n_missing; i++) {
		if (!strcmp(f->missing[i], text)) {
			free(text);
			return;
		}
	}
	if (!add_string(&f->missing, &f->n_missing, text)) {
		free(text);
		out->oom = true;
	}
}

void finding_note(struct findings *out, struct finding *f, const char *label, const char *fmt, ...)
{
	char *text = NULL, *note = NULL;
	va_list ap;
	int len;

	if (!f)
		return;
	va_start(ap, fmt);
	len = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (len < 0) {
		out->oom = true;
		return;
	}
	if (asprintf(&note, "%s\t%s", label, text) < 0) {
		out->oom = true;
	} else if (!add_string(&f->notes, &f->n_notes, note)) {
		out->oom = true;
		free(note);
	}
	free(text);
}

/* The thread at an end of an edge. A file table is named by the thread through which it was found. */
static __u32 end_tid(const struct edge *e, const struct obj *end)
{
	if (end->kind == OBJ_TASK)
		return (__u32)end->id;
	return end->kind == OBJ_FILES && e->rel == REL_HELD ? e->rec->tid : 0;
}

void finding_edge(struct findings *out, struct finding *f, const struct edge *e, const char *fmt, ...)
{
	const char *via = edge_via(e);
	struct evidence *grown, *ev;
	va_list ap;
	int len;

	if (!f)
		return;
	grown = reallocarray(f->evidence, f->n_evidence + 1, sizeof(*grown));
	if (!grown) {
		out->oom = true;
		return;
	}
	f->evidence = grown;
	ev = &grown[f->n_evidence];
	*ev = (struct evidence){
		.rel = e->rel,
		.from_tid = end_tid(e, e->from),
		.to_tid = end_tid(e, e->to),
		.grade = e->rec->grade <= GRADE_INFERRED ? e->rec->grade : GRADE_INFERRED,
		.ts_ns = e->rec->ts_ns,
	};
	va_start(ap, fmt);
	len = vasprintf(&ev->text, fmt, ap);
	va_end(ap);
	if (len < 0) {
		out->oom = true;
		return;
	}
	f->n_evidence++;
	if (via && !(ev->via = strdup(via)))
		out->oom = true;
}

void finding_record(struct findings *out, struct finding *f, const struct fdpin_hdr *h, const char *fmt, ...)
{
	struct evidence *grown;
	char *text = NULL;
	va_list ap;
	int len;

	if (!f)
		return;
	grown = reallocarray(f->evidence, f->n_evidence + 1, sizeof(*grown));
	if (grown)
		f->evidence = grown;
	va_start(ap, fmt);
	len = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (!grown || len < 0) {
		out->oom = true;
		if (len >= 0)
			free(text);
		return;
	}
	grown[f->n_evidence++] = (struct evidence){
		.text = text,
		.rel = REL__max,
		.from_tid = h->tid,
		.grade = h->grade <= GRADE_INFERRED ? h->grade : GRADE_INFERRED,
		.ts_ns = h->ts_ns,
	};
}
