// SPDX-License-Identifier: GPL-2.0-only
/*
 * rescue_text.c - a plan, and what came of it, for people (rescue.h).
 */
#include <stdarg.h>
#include <string.h>

#include "output.h"
#include "render.h"
#include "rescue.h"

#define LABEL 14

static void paragraph(struct output *o, const char *label, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void paragraph(struct output *o, const char *label, const char *fmt, ...)
{
	char text[PLAN_TEXT_MAX + WORDS_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	print_paragraph(o, "  ", label, LABEL, text);
}

static const char *class_words(enum fdpin_class class)
{
	switch (class) {
	case CLASS_WORKER:
		return "kernel worker";
	case CLASS_KTHREAD:
		return "kernel thread";
	case CLASS_USER:
		return "user thread";
	default:
		return "not known what kind of thread";
	}
}

static void put_ranges(struct output *o, const struct rescue_plan *p)
{
	static const char *const want[] = {
		[ANSWER_YES] = "what the thread waits for",
		[ANSWER_NO] = "not what it waits for",
		[ANSWER_CANNOT_TELL] = "perhaps what it waits for",
	};

	for (unsigned int i = 0; i < p->n_ranges; i++) {
		const struct plan_range *r = &p->ranges[i];
		char size[FORMAT_MAX];

		paragraph(o, "Range", "0x%llx %s, invalid: %s", r->iova, format_bytes(r->size, size), want[r->wanted]);
	}
}

static void put_way(struct output *o, const struct rescue_plan *p, enum way w)
{
	const struct way_plan *plan = &p->ways[w];

	fprintf(o->f, "  %-12s  %s\n", way_name(w), plan->answer == ANSWER_YES ? "sound" : plan->answer == ANSWER_NO ? "no" : "cannot tell");
	print_paragraph(o, "    ", "why", LABEL - 2, plan->why);
	if (*plan->breaks)
		print_paragraph(o, "    ", "breaks", LABEL - 2, plan->breaks);
}

static void put_heading(struct output *o, const struct rescue_plan *p)
{
	const char *level = level_name(p->level);
	char id[ID_NAME_MAX];

	fprintf(o->f, "%s %sRESCUE%s  %s  %s\n", glyph(o, "●", "*"), paint(o, PAINT_BOLD), unpaint(o, PAINT_BOLD),
		id_name(OBJ_CONTAINER, p->container->id, id),
		p->deadlock == ANSWER_YES ? "deadlock, proven" : level && p->deadlock != ANSWER_NO ? "deadlock likely, not proven" : "no deadlock");
}

void rescue_text_plan(struct output *o, const struct rescue_plan *p)
{
	put_heading(o, p);
	if (*p->sentence)
		paragraph(o, "Cycle", "%s", p->sentence);
	if (*p->doubt)
		paragraph(o, "Not proven", "%s", p->doubt);
	for (unsigned int i = 0; i < p->n_waiters; i++)
		paragraph(o, "Blocked", "%s, %s", p->waiters[i].words, class_words(p->waiters[i].class));
	for (unsigned int i = 0; i < p->n_closers; i++)
		paragraph(o, "Stuck", "%s", p->closers[i].words);
	for (unsigned int i = 0; i < p->n_holders; i++)
		paragraph(o, "Holder", "%s, fd %u", p->holders[i].words, p->holders[i].fd);
	put_ranges(o, p);
	fputc('\n', o->f);
	for (enum way w = 0; w < WAY__max; w++)
		put_way(o, p, w);
	fputc('\n', o->f);
}

static void put_next(struct output *o, const struct rescue_plan *p)
{
	char id[ID_NAME_MAX];

	if (p->ways[WAY_unmap].answer != ANSWER_YES)
		return;
	paragraph(o, "Keep", "fdpin-trace status -J -o deadlock.json, before you touch it");
	paragraph(o, "Do it", "fdpin-trace rescue --perform%s %s", p->deadlock == ANSWER_YES ? "" : " --likely",
		  id_name(OBJ_CONTAINER, p->container->id, id));
	fputc('\n', o->f);
}

/* ---- what came of it ------------------------------------------------------------------------- */

static void put_step(struct output *o, unsigned int n, const struct rescue_step *s)
{
	char size[FORMAT_MAX], took[FORMAT_MAX], label[32];

	snprintf(label, sizeof(label), "Step %u", n);
	format_bytes(s->size, size);
	format_duration(s->took_ns, took);
	if (s->result == STEP_DONE)
		paragraph(o, label, "%s 0x%llx %s through fd %u of %u: done, %s", way_name(s->way), s->iova, size, s->fd, s->tgid, took);
	else if (s->result == STEP_FAILED)
		paragraph(o, label, "%s 0x%llx %s through fd %u of %u: %s", way_name(s->way), s->iova, size, s->fd, s->tgid,
			  strerror(s->error));
	else
		paragraph(o, label, "%s 0x%llx %s through fd %u of %u: has not come back after %s; process %u is left behind in it",
			  way_name(s->way), s->iova, size, s->fd, s->tgid, took, s->borrower);
}

static void put_balance(struct output *o, const struct balance *b)
{
	if (b->answer == ANSWER_CANNOT_TELL)
		paragraph(o, "locked_vm", "cannot tell: %s", *b->why ? b->why : "it was not read");
	else
		paragraph(o, "locked_vm", "%s: %lld pages before, %lld after; %llu were pinned, %llu are%s%s",
			  b->answer == ANSWER_YES ? "balanced" : "NOT balanced", b->before, b->after, b->pinned_before, b->pinned_after,
			  *b->why ? "; " : "", b->why);
}

static void put_checks(struct output *o, const struct rescue_plan *p, const struct rescue_outcome *r)
{
	static const char *const threads[] = {
		[ANSWER_YES] = "free: none waits for a range any more",
		[ANSWER_NO] = "still blocked",
		[ANSWER_CANNOT_TELL] = "cannot tell: not everything could be seen",
	};
	static const char *const closers[] = {
		[ANSWER_YES] = "has returned",
		[ANSWER_NO] = "has not returned",
		[ANSWER_CANNOT_TELL] = "cannot tell: not everything could be seen",
	};

	paragraph(o, "Threads", "%s", threads[r->threads]);
	paragraph(o, "Close", "%s%s%s", p->n_closers ? p->closers[0].words : "", p->n_closers ? ": " : "", closers[r->closers]);
	put_balance(o, &r->balance);
}

void rescue_text_outcome(struct output *o, const struct rescue_plan *p, const struct rescue_outcome *r, bool performed)
{
	static const char *const words[] = {
		[RESCUE_FREED] = "FREED",     [RESCUE_REFUSED] = "REFUSED",	   [RESCUE_STUCK] = "STUCK",
		[RESCUE_UNKNOWN] = "UNKNOWN", [RESCUE_NOT_TRIED] = "NOT TRIED", [RESCUE_UNBALANCED] = "FREE, AND NOT BALANCED",
	};
	char id[ID_NAME_MAX];

	if (!performed) {
		put_next(o, p);
		return;
	}
	for (unsigned int i = 0; i < r->n_steps; i++)
		put_step(o, i + 1, &r->steps[i]);
	if (r->end != RESCUE_REFUSED)
		put_checks(o, p, r);
	if (*r->why)
		paragraph(o, "Because", "%s", r->why);
	fprintf(o->f, "\n%s%s%s  %s\n\n", paint(o, r->end == RESCUE_FREED ? PAINT_GOOD : PAINT_BAD), words[r->end],
		unpaint(o, r->end == RESCUE_FREED ? PAINT_GOOD : PAINT_BAD), id_name(OBJ_CONTAINER, p->container->id, id));
}
