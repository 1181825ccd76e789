// SPDX-License-Identifier: GPL-2.0-only
/*
 * verdict_deadlock.c - "threads wait for each other and nobody outside can
 * end it".
 *
 * One finding for each container somebody is blocked on: yes if the strict
 * solution of the wait-for graph has it, cannot tell (likely) if only the
 * loose one has, no if somebody who can end it is known. One for the host if
 * nobody is blocked: no if everything could be seen, else cannot tell.
 *
 * Evidence goes along the cycle: who is blocked on what and who made it so,
 * who holds the file, what that thread closes and waits for, and so on to the
 * thread that is blocked.
 */
#include "cycle.h"
#include "doubts.h"
#include "words.h"

#include <errno.h>
#include <stdlib.h>

int verdict_deadlock(const struct verdict *v, const struct model *m, struct findings *out);

/* ---- yes ------------------------------------------------------------------- */

static void note_proof(struct findings *out, struct finding *f, const struct waitgraph *g, const struct locked *l)
{
	__u64 found = 0, refs = 0, apart = model_look_began(g->m, 0) - model_look_began(g->m, 1);
	enum account a = container_account(g, l->container, &found, &refs);
	char t[FORMAT_MAX];

	format_duration(apart, t);
	finding_note(out, f, "Why proven",
		     "each edge was seen as it was made, or read from kernel memory twice, %s apart, with no thread of "
		     "the cycle having run in between",
		     t);
	if (a == ACCOUNT_PENDING)
		finding_note(out, f, "Holders",
			     "none: the file has no user left and is in the closing thread's own chain of "
			     "releases, behind the device");
	else
		finding_note(out, f, "Holders",
			     "%llu of %llu reference%s to the file found; every thread that could use "
			     "one is stuck in the cycle or exiting",
			     found, refs, refs == 1 ? "" : "s");
}

/* Threads that hang behind the cycle without being part of what is shown. */
static void note_also(struct findings *out, struct finding *f, const struct waitgraph *g, const struct locked *l,
		      const struct cycle *cy)
{
	const struct closure *cl = l->strict ? &g->strict : &g->loose;
	char first[WORDS_MAX] = "";
	unsigned int n = 0;

	for (const struct mark *mk = cl->head; mk; mk = mk->queue) {
		if (mk->obj->kind != OBJ_TASK || mark_container(mk) != l->container || cycle_has(cy, mk->obj))
			continue;
		if (!n++)
			task_words(mk->obj, first);
	}
	if (n == 1)
		finding_note(out, f, "Also stuck", "1 more thread: %s", first);
	else if (n)
		finding_note(out, f, "Also stuck", "%u more threads, the first of them %s", n, first);
}

static void note_pending_way(struct findings *out, struct finding *f, const struct edge *pending)
{
	char who[WORDS_MAX];

	finding_note(
		out, f, "Way out",
		"none was found: the file table of %s is gone and nobody else has the container's file, so there is "
		"nothing to restore or unmap the range through. SIGKILL changes nothing. Only a reboot ends it",
		hdr_words(pending->last, who));
}

static void note_way(struct findings *out, struct finding *f, const struct locked *l, const struct cycle *cy)
{
	const struct edge *pending = edge_out(l->container, REL_PENDING), *held = edge_out(l->container, REL_HELD);
	char closer[WORDS_MAX], waiter[WORDS_MAX], id[ID_NAME_MAX];
	__u32 fd;

	if (has_user_waiter(l->container)) {
		note_oops(out, f, l->container);
		return;
	}
	if (pending) {
		note_pending_way(out, f, pending);
		return;
	}
	if (!held || !first_fd(l->container, held->to, &fd) || !cy->n)
		return;
	finding_note(
		out, f, "Way out",
		"SIGKILL reaches neither: %s is a kernel thread and %s sleeps uninterruptibly. Root can borrow fd %u "
		"of "
		"%u (pidfd_getfd) and unmap the range: the guest is lost, the host is not. Do not restore the range "
		"from "
		"another process: where ranges keep their mm, the guest's data would land in that process. A driver "
		"that waits for the same work when a range is unmapped stops the helper too. Plan: fdpin-trace rescue %s",
		task_words(cy->waiter->from, waiter), task_words(cy->hops[0].closer->obj, closer), fd,
		held->last->tgid, id_name(OBJ_CONTAINER, l->container->id, id));
}

static int judge_proven(const struct verdict *v, const struct waitgraph *g, const struct locked *l,
			struct findings *out)
{
	struct finding *f = finding_add(out, v, ANSWER_YES, LEVEL_PROVEN, l->container->id);
	char waiter[WORDS_MAX];
	struct cycle cy;

	if (!f)
		return -ENOMEM;
	cycle_find(&cy, g, l);
	cycle_evidence(out, f, &cy);
	cycle_sentence(out, f, &cy);
	note_proof(out, f, g, l);
	note_unknown(out, f, l->container, cy.waiter);
	if (cy.waiter && task_class(cy.waiter->from) == CLASS_KTHREAD)
		finding_note(out, f, "Not known", "whether another thread will yet call kthread_stop() on %s, which ends its wait",
			     task_words(cy.waiter->from, waiter));
	note_also(out, f, g, l, &cy);
	note_way(out, f, l, &cy);
	finding_note(out, f, "Keep", "fdpin-trace status -J -o deadlock.json, before you touch it");
	doubt_sight(out, f, g->m);
	return 0;
}

/* ---- cannot tell, or no ----------------------------------------------------- */

static int judge_likely(const struct verdict *v, const struct waitgraph *g, const struct locked *l,
			struct findings *out)
{
	enum level level = l->closers.n || l->users_only ? LEVEL_LIKELY : LEVEL_NONE;
	struct finding *f = finding_add(out, v, ANSWER_CANNOT_TELL, level, l->container->id);
	struct cycle cy;

	if (!f)
		return -ENOMEM;
	cycle_find(&cy, g, l);
	cycle_evidence(out, f, &cy);
	cycle_sentence(out, f, &cy);
	note_also(out, f, g, l, &cy);
	doubt_deadlock(out, f, g, l);
	return 0;
}

/* Does "somebody can act" rest on a look that may have missed, or misread, something? */
static bool open_uncertain(const struct waitgraph *g, const struct locked *l)
{
	const struct ev_container *n = NOTE_OF(l->container, container);

	return !model_looks(g->m) || model_look_gaps(g->m) || model_lost(g->m) || (n && n->unstable);
}

static int judge_open(const struct verdict *v, const struct waitgraph *g, const struct locked *l, struct findings *out)
{
	bool unsure = open_uncertain(g, l);
	struct finding *f = finding_add(out, v, unsure ? ANSWER_CANNOT_TELL : ANSWER_NO, LEVEL_NONE, l->container->id);

	if (!f)
		return -ENOMEM;
	holders_evidence(out, f, l);
	open_sentence(out, f, l);
	if (unsure)
		doubt_absence(out, f, g->m);
	else
		doubt_sight(out, f, g->m);
	return 0;
}

int verdict_deadlock(const struct verdict *v, const struct model *m, struct findings *out)
{
	struct waitgraph g;
	int err = waitgraph_make(&g, m);

	if (err)
		return err;
	for (unsigned int i = 0; i < g.n_locked && !err; i++) {
		const struct locked *l = &g.locked[i];

		if (l->outlook == OUTLOOK_PROVEN)
			err = judge_proven(v, &g, l, out);
		else if (l->outlook == OUTLOOK_LIKELY)
			err = judge_likely(v, &g, l, out);
		else
			err = judge_open(v, &g, l, out);
	}
	if (!g.n_locked)
		err = finding_host(out, v, m, "no thread waits for a valid VADDR");
	waitgraph_free(&g);
	return err;
}
