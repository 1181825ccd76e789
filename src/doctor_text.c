// SPDX-License-Identifier: GPL-2.0-only
/*
 * doctor_text.c - what `doctor` says to people: a line for each check, what
 * works here, and the one sentence that matters (doctor.h). A word says what a
 * colour repeats.
 */
#include <string.h>

#include "doctor.h"
#include "render.h"

#define STATE_WIDTH 4
#define LABEL_COLUMN 8
#define TEXT_COLUMN 27
#define NOTE_LABEL 8

static const struct {
	const char *word, *counted;
	enum paint paint;
} states[STATE__max] = {
	[STATE_UNKNOWN] = { "?", "unknown", PAINT_WARN }, [STATE_OK] = { "ok", "ok", PAINT_GOOD },
	[STATE_PART] = { "part", "partial", PAINT_WARN }, [STATE_NONE] = { "none", "absent", PAINT_DIM },
	[STATE_FAIL] = { "FAIL", "failed", PAINT_BAD },
};

static const struct {
	const char *word;
	enum paint paint;
} extents[] = {
	[EXTENT_NONE] = { "none", PAINT_BAD },
	[EXTENT_PARTIAL] = { "part", PAINT_WARN },
	[EXTENT_FULL] = { "full", PAINT_GOOD },
};

/* A state, a label and a text that may be hostile, wrapped. The colour goes in afterwards, as it has no width. */
static void print_row(struct output *o, const char *word, enum paint p, const char *label, const char *before,
		      const char *text)
{
	_cleanup_free_ char *shown = escape_text(text, TEXT_MAX), *head = NULL, *body = NULL, *row = NULL;
	struct output plain = *o;
	size_t size, state = 2 + strlen(word);

	if (asprintf(&head, "  %-*s  %s", STATE_WIDTH, word, label) < 0 ||
	    asprintf(&body, "%s%s", before, shown ?: "") < 0)
		return;
	plain.f = open_memstream(&row, &size);
	if (!plain.f)
		return;
	print_paragraph(&plain, "", head, TEXT_COLUMN, body);
	if (fclose(plain.f) || size < state)
		return;
	fprintf(o->f, "  %s%s%s%s", paint(o, p), word, unpaint(o, p), row + state);
}

static void print_notes(struct output *o, const struct check *c)
{
	for (unsigned int i = 0; i < c->n_notes; i++) {
		_cleanup_free_ char *shown = escape_text(c->notes[i].text, TEXT_MAX);

		print_paragraph(o, "        ", c->notes[i].label, NOTE_LABEL, shown ?: "");
	}
}

static void print_group(struct output *o, const struct doctor *d, const struct doctor_view *v, enum check_group group)
{
	static const char *const headings[] = { "KERNEL", "VFIO", "RIGHTS" };
	bool first = true;

	for (int i = 0; i < CHECK__max; i++) {
		const struct check *c = &d->checks[i];

		if (check_table[i].group != group || !(v->checks & 1U << i))
			continue;
		if (first && v->whole)
			fprintf(o->f, "%s%s%s\n", paint(o, PAINT_BOLD), headings[group], unpaint(o, PAINT_BOLD));
		first = false;
		print_row(o, states[c->state].word, states[c->state].paint, check_table[i].label,
			  c->state == STATE_UNKNOWN ? "cannot tell: " : "", c->why);
		if (v->verbose)
			print_notes(o, c);
	}
}

/* Commands that work in full are no more than names. */
static void print_works(struct output *o, const struct doctor *d, const struct doctor_view *v)
{
	bool first = true;

	if (!v->works)
		return;
	if (v->whole)
		fprintf(o->f, "\n%sWHAT WORKS HERE%s\n", paint(o, PAINT_BOLD), unpaint(o, PAINT_BOLD));
	for (int i = 0; i < WORKS__max; i++) {
		if (!(v->works & 1U << i) || d->works[i].extent != EXTENT_FULL)
			continue;
		if (first)
			fprintf(o->f, "  %sfull%s  ", paint(o, PAINT_GOOD), unpaint(o, PAINT_GOOD));
		fprintf(o->f, "%s%s", first ? "" : "  ", works_names[i]);
		first = false;
	}
	if (!first)
		fputc('\n', o->f);
	for (int i = 0; i < WORKS__max; i++) {
		const struct works *w = &d->works[i];

		if (v->works & 1U << i && w->extent != EXTENT_FULL)
			print_row(o, extents[w->extent].word, extents[w->extent].paint, works_names[i], "", w->why);
	}
}

static void print_counts(struct output *o, const struct doctor *d)
{
	static const enum check_state order[] = { STATE_OK, STATE_PART, STATE_NONE, STATE_FAIL, STATE_UNKNOWN };
	unsigned int n[STATE__max] = {};

	for (int i = 0; i < CHECK__max; i++)
		n[d->checks[i].state]++;
	fputc('\n', o->f);
	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		fprintf(o->f, "%s%u %s", i ? ", " : "", n[order[i]], states[order[i]].counted);
	fputc('\n', o->f);
}

static void print_last_words(struct output *o, const struct doctor *d, const struct facts *f)
{
	for (int i = 0; i < DEFECT__max; i++) {
		_cleanup_free_ char *text = NULL;

		if (d->defects[i] != KNOWN_NO &&
		    asprintf(&text, "%s%s", d->defects[i] == KNOWN_YES ? "" : "not known whether ", defect_means[i]) >=
			    0)
			print_paragraph(o, "", d->defects[i] == KNOWN_YES ? "DEFECT" : "?", 8, text);
	}
	if (d->defects[DEFECT_deadlock] == KNOWN_NO)
		print_paragraph(o, "", "", 0, "No thread can block on an invalidated range on this kernel.");
	if (d->defects[DEFECT_deadlock] == KNOWN_NO && module_runs(&f->type1) && f->vaddr_invalid.is == KNOWN_YES)
		print_paragraph(o, "", "", 0,
				"A refused pin shows up as EBUSY instead: fdpin-trace trace --event refuse");
	if (d->defects[DEFECT_deadlock] == KNOWN_YES)
		print_paragraph(o, "", "", 0, "Has it happened here? fdpin-trace status");
}

void doctor_text(struct output *o, const struct doctor *d, const struct facts *f, const struct doctor_view *v)
{
	if (v->whole) {
		_cleanup_free_ char *node = escape_text(f->node, sizeof(f->node)),
				    *release = escape_text(f->release, sizeof(f->release)),
				    *machine = escape_text(f->machine, sizeof(f->machine));

		fprintf(o->f, "fdpin-trace %s on %s, Linux %s, %s\n\n", FDPIN_VERSION, node ?: "?", release ?: "?",
			machine ?: "?");
	}
	for (int g = 0; g < GROUP__max; g++)
		print_group(o, d, v, g);
	print_works(o, d, v);
	if (!v->whole)
		return;
	print_counts(o, d);
	print_last_words(o, d, f);
	if (!v->verbose)
		fputs("How each line was decided: fdpin-trace doctor -v\n", o->f);
}
