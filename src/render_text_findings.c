// SPDX-License-Identifier: GPL-2.0-only
/*
 * render_text_findings.c - format "text": the account of a finding.
 *
 * A heading that says what and how sure; the evidence, gathered by who it is
 * about, with what is known of that thread; then the notes of the verdict as
 * paragraphs. A cycle is drawn as one:
 *
 *	● DEADLOCK  vfio-a07b  proven
 *	  ┌► 1  kworker/u8:2 [412]  kernel worker, state D, asleep 13m32s
 *	  │       waits for  …
 *	  │  2  qemu-system-x86 [20733]  state D, asleep 13m31s
 *	  │       waits for  …
 *	  └────── …
 */
#include <stdarg.h>
#include <string.h>

#include "render.h"

#define NOTE_LABEL 13
#define EVIDENCE_LABEL 11
#define ACTORS_MAX 64

/* Left edge of the drawing. */
struct frame {
	const char *first, *other, *last;
};

/* ---- paragraphs ------------------------------------------------------------------ */

void print_paragraph(struct output *o, const char *prefix, const char *label, unsigned int label_width,
		     const char *text)
{
	unsigned int start = text_width(prefix) + label_width, at = start;
	size_t used = text_width(label);

	fprintf(o->f, "%s%s%*s", prefix, label, (int)(used < label_width ? label_width - used : label_width > 0), "");
	for (bool first = true; *text; first = false) {
		size_t len = strcspn(text, " \n");
		_cleanup_free_ char *word = strndup(text, len);
		size_t width = word ? text_width(word) : len;

		if (!first && at + 1 + width > o->width && at > start) {
			fprintf(o->f, "\n%s%*s", prefix, (int)label_width, "");
			at = start;
		} else if (!first && len) {
			fputc(' ', o->f);
			at++;
		}
		fwrite(text, 1, len, o->f);
		at += width;
		text += len;
		text += strspn(text, " \n");
	}
	fputc('\n', o->f);
}

void print_labelled(struct output *o, const char *label, unsigned int label_width, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	if (text)
		print_paragraph(o, "", label, label_width, text);
}

/* ---- evidence, by who it is about ---------------------------------------------------- */

/*
 * What stands in front of an edge's text, and what it begins with after the
 * name of the thread it is about: both would be said twice.
 */
static const struct {
	const char *label, *phrase;
} relations[REL__max + 1] = {
	[REL_WAITS] = { "waits for", "waits for " },
	[REL_FLUSHES] = { "waits for", "waits for " },
	[REL_FLUSHES_WQ] = { "waits for", "waits for " },
	[REL_LOCK_WAIT] = { "waits for", "waits for " },
	[REL_CLOSES] = { "closes", "is closing " },
	[REL_RUNS] = { "runs", NULL },
	[REL_IN_WQ] = { "queue", NULL },
	[REL_BEHIND] = { "behind", NULL },
	[REL_MEMBER] = { "device", NULL },
	[REL_INVALIDATED] = { "invalid", NULL },
	[REL_PART] = { "range", NULL },
	[REL_HELD] = { "holder", NULL },
	[REL_PENDING] = { "holder", NULL },
	[REL_USES] = { "thread", NULL },
	[REL_LOCK_OWNED] = { "owner", NULL },
	[REL__max] = { "did", "" },
};

static bool about_container(const struct evidence *e)
{
	return e->rel == REL_HELD || e->rel == REL_PENDING || e->rel == REL_INVALIDATED || e->rel == REL_PART;
}

/* Thread or container (0) an evidence is about; what is about neither goes with the one before. */
static __u32 actor_of(const struct finding *f, unsigned int i)
{
	const struct evidence *e = &f->evidence[i];

	if (e->from_tid)
		return e->from_tid;
	if (about_container(e) || !i)
		return 0;
	return actor_of(f, i - 1);
}

static const char *class_words(const struct ev_thread *t)
{
	switch (t->class) {
	case CLASS_WORKER:
		return "kernel worker, ";
	case CLASS_KTHREAD:
		return "kernel thread, ";
	default:
		return "";
	}
}

/* A thread that no record describes is called what the evidence calls it. */
static void print_thread(struct output *o, const struct view *v, __u32 tid, const char *text)
{
	size_t named = strcspn(text, "]") + 1;
	const struct obj *task = model_find(v->model, OBJ_TASK, tid);
	const struct ev_thread *t = NOTE_OF(task, thread);
	const struct edge *waits = task ? edge_out(task, REL_WAITS) : NULL;
	const struct fdpin_hdr *h = t ? &t->h : waits ? waits->last : NULL;
	_cleanup_free_ char *comm = h ? ESCAPE(h->comm) : NULL;
	const char *letter = t ? kind_value_name(KIND_STATE, t->state) : NULL;
	char buf[FORMAT_MAX];

	if (!h && text[named - 1])
		fprintf(o->f, "%s%.*s%s", paint(o, PAINT_BOLD), (int)named, text, unpaint(o, PAINT_BOLD));
	else
		fprintf(o->f, "%s%s [%u]%s", paint(o, PAINT_BOLD), comm ?: "thread", tid, unpaint(o, PAINT_BOLD));
	if (h && h->tgid != tid)
		fprintf(o->f, " of process %u", h->tgid);
	if (t) {
		fprintf(o->f, "  %sstate %s", class_words(t), letter ?: "?");
		/* no signal reaches a kernel worker, whatever its state would allow */
		if (t->state & 0x2 && t->class != CLASS_WORKER)
			fprintf(o->f, " (%skillable)", t->state & 0x100 ? "" : "not ");
		if (t->asleep_ns)
			fprintf(o->f, ", asleep %s", format_duration(t->asleep_ns, buf));
	}
	fputc('\n', o->f);
}

/* The kernel stack of a thread in one paragraph, innermost first. */
static void print_stack(struct output *o, const struct view *v, const char *prefix, __u32 tid)
{
	const struct ev_stack *s = NOTE_OF(model_find(v->model, OBJ_STACK, tid), stack);
	char frame[STACK_WIDTH + 1], before[STACK_WIDTH + 1] = "";
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *out;

	if (!s)
		return;
	out = open_memstream(&text, &size);
	if (!out)
		return;
	for (unsigned int i = 0; stack_frame(s, i, frame); i++) {
		_cleanup_free_ char *shown = NULL;

		frame[strcspn(frame, "+")] = '\0';
		/* A function that is traced is there twice, with the way to its hook in between. */
		if (frame_is_hook(frame) || !strcmp(frame, before))
			continue;
		shown = ESCAPE(frame);
		fprintf(out, "%s%s", *before ? " < " : "", shown ?: "?");
		strcpy(before, frame);
	}
	fclose(out);
	if (text && *text)
		print_paragraph(o, prefix, "stack", EVIDENCE_LABEL, text);
}

/* "comm [tid] waits for X" under the heading of that thread is "waits for  X". */
static void print_edge(struct output *o, const char *prefix, const struct evidence *e)
{
	_cleanup_free_ char *full = NULL, *mark = NULL;
	const char *label = relations[e->rel].label ?: "", *phrase = relations[e->rel].phrase;
	const char *text = e->text ?: "", *after;

	if (phrase && asprintf(&mark, "[%u] %s", e->from_tid, phrase) >= 0 && (after = strstr(text, mark)))
		text = after + strlen(mark);
	if (e->via && asprintf(&full, "%s (%s)", text, e->via) >= 0)
		text = full;
	print_paragraph(o, prefix, label, EVIDENCE_LABEL, text);
}

static const char *first_text(const struct finding *f, __u32 actor)
{
	for (unsigned int i = 0; i < f->n_evidence; i++)
		if (f->evidence[i].from_tid == actor && f->evidence[i].text)
			return f->evidence[i].text;
	return "";
}

/* The evidence about one actor: heading, edges, stack. */
static void print_actor(struct output *o, const struct view *v, const struct finding *f, const struct frame *frame,
			unsigned int number, __u32 actor, bool closing)
{
	_cleanup_free_ char *inner = NULL;
	char id[ID_NAME_MAX];

	if (asprintf(&inner, "%s     ", frame->other) < 0)
		return;
	fprintf(o->f, "%s%u  ", number == 1 ? frame->first : frame->other, number);
	if (actor)
		print_thread(o, v, actor, first_text(f, actor));
	else
		fprintf(o->f, "%s%s%s\n", paint(o, PAINT_BOLD), id_name(OBJ_CONTAINER, f->container, id),
			unpaint(o, PAINT_BOLD));
	for (unsigned int i = 0; i < f->n_evidence - closing; i++)
		if (actor_of(f, i) == actor)
			print_edge(o, inner, &f->evidence[i]);
	if (actor)
		print_stack(o, v, inner, actor);
}

static void print_evidence(struct output *o, const struct view *v, const struct finding *f)
{
	const struct frame cycle = {
		glyph(o, "  ┌► ", "  +> "),
		glyph(o, "  │  ", "  |  "),
		glyph(o, "  └─────── ", "  +------- "),
	};
	static const struct frame plain = { "     ", "     ", NULL };
	bool is_cycle = !strcmp(f->verdict->name, "deadlock") && f->answer == ANSWER_YES;
	const struct frame *frame = is_cycle ? &cycle : &plain;
	__u32 actors[ACTORS_MAX], first = actor_of(f, 0);
	unsigned int n = 0, k;
	bool closing;

	/* The last edge leads back to the first actor: it closes the drawing. */
	closing = is_cycle && f->n_evidence > 1 && first && f->evidence[f->n_evidence - 1].to_tid == first;
	for (unsigned int i = 0; i < f->n_evidence - closing; i++) {
		__u32 actor = actor_of(f, i);

		for (k = 0; k < n && actors[k] != actor; k++)
			;
		if (k < n || n == ACTORS_MAX)
			continue;
		actors[n++] = actor;
		print_actor(o, v, f, frame, n, actor, closing);
	}
	if (is_cycle)
		fprintf(o->f, "%s%s\n", frame->last, closing ? f->evidence[f->n_evidence - 1].text : "");
}

/* ---- a finding -------------------------------------------------------------------------- */

/* "Label<TAB>text" */
static void print_note(struct output *o, const char *note)
{
	size_t len = strcspn(note, "\t");
	_cleanup_free_ char *label = strndup(note, len);

	print_paragraph(o, "  ", label ?: "", NOTE_LABEL, note[len] ? note + len + 1 : "");
}

static void print_notes(struct output *o, const struct finding *f)
{
	for (unsigned int i = 0; i < f->n_notes; i++)
		print_note(o, f->notes[i]);
	for (unsigned int i = 0; i < f->n_missing; i++)
		print_paragraph(o, "  ",
				i			? "" :
				f->answer == ANSWER_YES ? "Not known" :
				f->level == LEVEL_LIKELY ? "Not proven" :
							   "Missing",
				NOTE_LABEL, f->missing[i]);
}

static void print_upper(FILE *out, const char *s)
{
	for (; *s; s++)
		fputc(*s >= 'a' && *s <= 'z' ? *s - 'a' + 'A' : *s, out);
}

/* Two verdicts that cannot tell for the same reason are told once. */
static bool same_ignorance(const struct finding *a, const struct finding *b)
{
	return a->answer == ANSWER_CANNOT_TELL && b->answer == ANSWER_CANNOT_TELL && !a->container && !b->container &&
	       a->sentence && b->sentence && !strcmp(a->sentence, b->sentence);
}

/* "● STALL  vfio-a07b  proven" */
static void print_heading(struct output *o, const struct view *v, const struct finding *f, const struct finding *likely)
{
	enum paint p =
		f->answer == ANSWER_YES && f->verdict->check_status == SEVERITY_CRITICAL ? PAINT_BAD : PAINT_WARN;
	char id[ID_NAME_MAX];

	fprintf(o->f, "%s%s ", paint(o, p), glyph(o, "●", "*"));
	print_upper(o->f, f->verdict->name);
	for (const struct finding *g = f + 1; g < v->findings->f + v->findings->n; g++) {
		if (!same_ignorance(f, g))
			continue;
		fputs(", ", o->f);
		print_upper(o->f, g->verdict->name);
	}
	fprintf(o->f, "%s%s", f->answer == ANSWER_CANNOT_TELL ? "?" : "", unpaint(o, p));
	if (f->container)
		fprintf(o->f, "  %s", id_name(OBJ_CONTAINER, f->container, id));
	if (likely)
		fprintf(o->f, "  %s likely, not proven", likely->verdict->name);
	else if (f->answer == ANSWER_CANNOT_TELL)
		fprintf(o->f, "  cannot tell%s", f->level == LEVEL_LIKELY ? ", likely" : "");
	else if (level_name(f->level))
		fprintf(o->f, "  %s", level_name(f->level));
	fputc('\n', o->f);
}

/* Whoever waits is a stall, and perhaps a deadlock. */
static bool is_pair(const struct finding *a, const struct finding *b)
{
	const char *x = a->verdict->name, *y = b->verdict->name;

	return (!strcmp(x, "stall") && !strcmp(y, "deadlock")) || (!strcmp(x, "deadlock") && !strcmp(y, "stall"));
}

/* A verdict on the same container that is likely but not proven: told with the one that is. */
static const struct finding *likely_beside(const struct view *v, const struct finding *f, enum answer other)
{
	for (unsigned int i = 0; i < v->findings->n; i++) {
		const struct finding *g = &v->findings->f[i];

		if (!f->container || g->container != f->container || g->answer != other || !is_pair(f, g))
			continue;
		if (other == ANSWER_YES || g->level == LEVEL_LIKELY)
			return g;
	}
	return NULL;
}

static void print_finding(struct output *o, const struct view *v, const struct finding *f)
{
	const struct finding *likely = f->answer == ANSWER_YES ? likely_beside(v, f, ANSWER_CANNOT_TELL) : NULL;

	print_heading(o, v, f, likely);
	if (view_told(v, f)) {
		print_paragraph(o, "  ", "", 0, f->sentence ?: f->verdict->sentence);
		fputc('\n', o->f);
		return;
	}
	if (f->n_evidence)
		print_evidence(o, v, f);
	else if (f->sentence)
		print_paragraph(o, "  ", "", 0, f->sentence);
	fputc('\n', o->f);
	print_notes(o, f);
	if (likely)
		print_notes(o, likely);
	if (f->n_notes || f->n_missing || likely)
		fputc('\n', o->f);
}

void text_findings(struct output *o, struct view *v)
{
	for (unsigned int i = 0; i < v->findings->n; i++) {
		const struct finding *f = &v->findings->f[i];

		if (f->answer == ANSWER_NO || !view_has_finding(v, f))
			continue;
		if (f->answer == ANSWER_CANNOT_TELL && f->level == LEVEL_LIKELY && likely_beside(v, f, ANSWER_YES))
			continue;
		if (i && same_ignorance(f - 1, f))
			continue;
		if (f->answer == ANSWER_CANNOT_TELL && view_told(v, f))
			continue;
		print_finding(o, v, f);
	}
}
