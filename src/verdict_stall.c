// SPDX-License-Identifier: GPL-2.0-only
/*
 * verdict_stall.c - "a thread waits for a valid VADDR that somebody could
 * still give".
 *
 * One finding for each container somebody is blocked on and that is not a
 * proven deadlock. It says who can end the wait, or what would make a deadlock
 * of it. One for the host if nobody is blocked.
 */
#include "cycle.h"
#include "doubts.h"
#include "words.h"

#include <errno.h>

#define TASK_UNINTERRUPTIBLE 0x2
#define SHOWN_MAX 8

int verdict_stall(const struct verdict *v, const struct model *m, struct findings *out);

/* A fact, whoever may or may not end it: a hook saw it begin, or two looks show it. */
static bool wait_certain(const struct waitgraph *g, const struct edge *e)
{
	return evidence_live(g, e) || (e->looks >= 2 && e->last_look == g->look && e->last->grade <= GRADE_READ);
}

static const struct edge *certain_wait(const struct waitgraph *g, const struct obj *c)
{
	for (struct edge *e = edge_in(c, REL_WAITS); e; e = edge_in_next(e))
		if (wait_certain(g, e))
			return e;
	return NULL;
}

static void put_evidence(struct findings *out, struct finding *f, const struct locked *l)
{
	char text[EDGE_WORDS_MAX];
	unsigned int n = 0;

	for (struct edge *e = edge_in(l->container, REL_WAITS); e && n < SHOWN_MAX; e = edge_in_next(e), n++) {
		const struct edge *runs = edge_in(e->from, REL_RUNS);

		finding_edge(out, f, e, "%s", edge_words(e, text));
		if (runs)
			finding_edge(out, f, runs, "%s", edge_words(runs, text));
	}
	invalidated_evidence(out, f, l->container);
	holders_evidence(out, f, l);
	closers_evidence(out, f, l->container);
}

/* The table, among those that have the container's file, that a thread uses. */
static const struct edge *held_by(const struct obj *c, const struct obj *task)
{
	const struct edge *uses = edge_out(task, REL_USES);

	for (struct edge *e = edge_out(c, REL_HELD); uses && e; e = edge_out_next(e))
		if (e->to == uses->to)
			return e;
	return NULL;
}

static void note_becomes(struct findings *out, struct finding *f, const struct locked *l, const struct edge *wait)
{
	const struct edge *member = edge_in(l->container, REL_MEMBER);
	char who[WORDS_MAX], waiter[WORDS_MAX], device[WORDS_MAX] = "the device";

	if (member)
		device_words(member->from, device);
	finding_note(out, f, "Would become",
		     "a deadlock: when %s closes %s or exits while %s waits, and the driver then waits "
		     "for that thread or its work item",
		     task_words(l->able.v[0], who), device, task_words(wait->from, waiter));
}

/* It makes no call now: it sleeps in the kernel, where no signal reaches it. */
static bool asleep(const struct obj *task)
{
	const struct ev_thread *th = NOTE_OF(task, thread);

	return edge_out(task, REL_CLOSES) || (th && th->state & TASK_UNINTERRUPTIBLE);
}

static void note_way_out(struct findings *out, struct finding *f, const struct locked *l)
{
	__u32 last = 0;
	unsigned int shown = 0;

	for (unsigned int i = 0; i < l->able.n && shown < SHOWN_MAX; i++) {
		const struct obj *task = l->able.v[i];
		const struct edge *held = held_by(l->container, task);
		char who[WORDS_MAX], fds[WORDS_MAX];

		if (!held || task_tgid(task) == last)
			continue;
		last = task_tgid(task);
		shown++;
		finding_note(out, f, "Way out", "%s, %s, can%s restore or unmap the range%s", task_words(task, who),
			     fd_words(l->container, held->to, fds), asleep(task) ? "" : " still",
			     asleep(task) ? " once it is back from what it waits for now" : "");
	}
}

static void put_notes(struct findings *out, struct finding *f, const struct locked *l, const struct edge *wait)
{
	note_unknown(out, f, l->container, wait);
	if (has_user_waiter(l->container)) {
		note_oops(out, f, l->container);
		return;
	}
	if (l->outlook == OUTLOOK_LIKELY) {
		finding_note(out, f, "Next", "fdpin-trace status --watch=60, to raise or clear this verdict");
		return;
	}
	if (l->able.n && !closing_edge(l->container))
		note_becomes(out, f, l, wait);
	note_way_out(out, f, l);
}

static int judge_locked(const struct verdict *v, const struct waitgraph *g, const struct locked *l,
			struct findings *out)
{
	const struct edge *wait = certain_wait(g, l->container);
	struct finding *f = finding_add(out, v, ANSWER_YES, wait ? LEVEL_PROVEN : LEVEL_LIKELY, l->container->id);
	char id[ID_NAME_MAX], who[WORDS_MAX];

	if (!f)
		return -ENOMEM;
	if (!wait) {
		wait = edge_in(l->container, REL_WAITS);
		finding_missing(out, f, "that %s still waits is not confirmed: look again",
				task_words(wait->from, who));
	}
	put_evidence(out, f, l);
	put_notes(out, f, l, wait);
	finding_sentence(out, f, "%s waits for a valid VADDR in %s", task_words(wait->from, who),
			 id_name(OBJ_CONTAINER, l->container->id, id));
	doubt_sight(out, f, g->m);
	return 0;
}

int verdict_stall(const struct verdict *v, const struct model *m, struct findings *out)
{
	struct waitgraph g;
	bool found = false;
	int err = waitgraph_make(&g, m);

	if (err)
		return err;
	for (unsigned int i = 0; i < g.n_locked && !err; i++) {
		if (g.locked[i].outlook == OUTLOOK_PROVEN)
			continue;
		err = judge_locked(v, &g, &g.locked[i], out);
		found = true;
	}
	if (!found && !err)
		err = finding_host(out, v, m,
				   g.n_locked ? "no thread waits for a valid VADDR but those that are deadlocked" :
						"no thread waits for a valid VADDR");
	waitgraph_free(&g);
	return err;
}
