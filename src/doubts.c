// SPDX-License-Identifier: GPL-2.0-only
/*
 * doubts.c - why something is not proven (doubts.h).
 *
 * Owns: the sentences in a finding's "missing". Each doubt asks the same
 * question the strict solution asked (waitgraph_evidence.c), so that no
 * condition of the proof can fail without a reason being given.
 */
#include "doubts.h"

#include "cycle.h"
#include "words.h"

#include <errno.h>

#define PROCESSES_SHOWN 8
#define TASK_UNINTERRUPTIBLE 0x2

/* ---- what was looked at ---------------------------------------------------- */

static void add_gap(struct findings *out, struct finding *f, const struct ev_gap *gap)
{
	_cleanup_free_ char *what = escape_text(gap->what, sizeof(gap->what));
	_cleanup_free_ char *why = escape_text(gap->why, sizeof(gap->why));

	finding_missing(out, f, "cannot see %s: %s", what ?: "?", why ?: "?");
}

void doubt_sight(struct findings *out, struct finding *f, const struct model *m)
{
	for (const struct obj *o = model_first(m, OBJ_GAP); o; o = model_next(o, OBJ_GAP))
		if (NOTE_OF(o, gap))
			add_gap(out, f, NOTE_OF(o, gap));
	if (model_lost(m))
		finding_missing(out, f, "%llu record%s lost: what they said is not known", model_lost(m),
				model_lost(m) == 1 ? " was" : "s were");
}

static bool any_unstable(const struct model *m)
{
	for (const struct obj *o = model_first(m, OBJ_CONTAINER); o; o = model_next(o, OBJ_CONTAINER))
		if (NOTE_OF(o, container) && NOTE_OF(o, container)->unstable)
			return true;
	return false;
}

bool absence_certain(const struct model *m)
{
	return model_complete(m) && model_looks(m) && !any_unstable(m);
}

void doubt_absence(struct findings *out, struct finding *f, const struct model *m)
{
	char id[ID_NAME_MAX];

	doubt_sight(out, f, m);
	if (!model_looks(m))
		finding_missing(out, f,
				"no look at the standing system was finished: what happened before is not seen");
	for (const struct obj *o = model_first(m, OBJ_CONTAINER); o; o = model_next(o, OBJ_CONTAINER))
		if (NOTE_OF(o, container) && NOTE_OF(o, container)->unstable)
			finding_missing(out, f, "%s changed while it was read: look again",
					id_name(OBJ_CONTAINER, o->id, id));
	if (!f->n_missing)
		finding_missing(out, f, "a look at the standing system is not finished");
}

int finding_host(struct findings *out, const struct verdict *v, const struct model *m, const char *no)
{
	bool certain = absence_certain(m);
	struct finding *f = finding_add(out, v, certain ? ANSWER_NO : ANSWER_CANNOT_TELL, LEVEL_NONE, 0);

	if (!f)
		return -ENOMEM;
	if (certain) {
		finding_sentence(out, f, "%s", no);
	} else {
		finding_sentence(out, f, "%s as far as was seen, but not everything could be seen", no);
		doubt_absence(out, f, m);
	}
	return 0;
}

static void doubt_looks(struct findings *out, struct finding *f, const struct waitgraph *g)
{
	unsigned int looks = model_looks(g->m);

	if (!looks)
		finding_missing(out, f, "no look at the standing system was finished: who holds the file is not known");
	else if (looks == 1)
		finding_missing(out, f, "only one look was taken: a second one shows whether this stands still");
	else if (!g->sound)
		finding_missing(out, f, "the last two looks are not whole: something was lost, or cannot be seen");
}

/* Whoever has a reference to the container that is no group's has its file. */
static void doubt_no_file(struct findings *out, struct finding *f, const struct obj *c, const char *id)
{
	const struct ev_container *n = NOTE_OF(c, container);

	if (n && n->kref <= n->groups)
		finding_missing(out, f, "the file of %s is released already, which should have ended the wait", id);
	else
		finding_missing(
			out, f,
			"the references do not add up: %s has a file, but it is in no file table, and no thread "
			"was found that is about to release it; it may be in flight in a socket, or in io_uring",
			id);
}

static void doubt_account(struct findings *out, struct finding *f, const struct waitgraph *g, const struct obj *c)
{
	__u64 found = 0, refs = 0;
	enum account a = container_account(g, c, &found, &refs);
	char id[ID_NAME_MAX];

	id_name(OBJ_CONTAINER, c->id, id);
	switch (a) {
	case ACCOUNT_FULL:
	case ACCOUNT_PENDING:
		break;
	case ACCOUNT_UNKNOWN:
		if (model_looks(g->m) >= 2)
			finding_missing(out, f, "%s was not described by two looks in a row", id);
		break;
	case ACCOUNT_UNSTABLE:
		finding_missing(out, f, "%s changed while it was read, or between the two looks", id);
		break;
	case ACCOUNT_NO_FILE:
		doubt_no_file(out, f, c, id);
		break;
	case ACCOUNT_PARTIAL:
		if (refs > found)
			finding_missing(
				out, f,
				"%llu of %llu reference%s to the file of %s found: the others are in flight in a "
				"socket, in io_uring, or with somebody this look cannot see",
				found, refs, refs == 1 ? "" : "s", id);
		else
			finding_missing(out, f,
					"%llu descriptors were found, but only %llu references to the file of %s",
					found, refs, id);
		break;
	case ACCOUNT_NO_RELEASER:
		finding_missing(out, f, "the file of %s has no user left; which thread will release it was not found",
				id);
		break;
	}
}

/* ---- other threads that could act ------------------------------------------- */

static void doubt_process(struct findings *out, struct finding *f, const struct locked *l, __u32 tgid)
{
	const struct obj *task = NULL;
	const struct ev_thread *th;
	char who[WORDS_MAX];
	unsigned int n = 0, running = 0;

	for (unsigned int i = 0; i < l->able.n; i++) {
		if (task_tgid(l->able.v[i]) != tgid)
			continue;
		task = l->able.v[i];
		th = NOTE_OF(task, thread);
		running += th && !th->state;
		n++;
	}
	if (n == 1) {
		_cleanup_free_ char *wchan = NULL;

		th = NOTE_OF(task, thread);
		if (th && th->wchan[0])
			wchan = escape_text(th->wchan, sizeof(th->wchan));
		finding_missing(out, f,
				"process %u has one other thread, %s, %s%s: it could still call VFIO_IOMMU_MAP_DMA. "
				"Whether it waits for the blocked thread is decided in user space",
				tgid, task_words(task, who), running ? "running" : "asleep in ",
				running ? "" : (wchan ?: "an unknown place"));
	} else if (n) {
		finding_missing(out, f,
				"process %u has %u other threads, %u running and %u asleep elsewhere: each could still "
				"call VFIO_IOMMU_MAP_DMA. Whether they wait for the blocked thread is decided in user "
				"space",
				tgid, n, running, n - running);
	}
}

static void doubt_able(struct findings *out, struct finding *f, const struct locked *l)
{
	__u32 seen[PROCESSES_SHOWN];
	unsigned int n = 0, k;

	for (unsigned int i = 0; i < l->able.n && n < PROCESSES_SHOWN; i++) {
		__u32 tgid = task_tgid(l->able.v[i]);

		for (k = 0; k < n && seen[k] != tgid; k++)
			;
		if (k < n)
			continue;
		seen[n++] = tgid;
		doubt_process(out, f, l, tgid);
	}
}

static void doubt_tables(struct findings *out, struct finding *f, const struct obj *c)
{
	char id[ID_NAME_MAX], who[WORDS_MAX];

	for (struct edge *e = edge_out(c, REL_HELD); e; e = edge_out_next(e))
		if (!edge_in(e->to, REL_USES))
			finding_missing(out, f, "no thread was described that uses the file table of %s, which has %s",
					hdr_words(e->last, who), id_name(OBJ_CONTAINER, c->id, id));
}

/* ---- the chain --------------------------------------------------------------- */

static void doubt_edge(struct findings *out, struct finding *f, const struct waitgraph *g, const struct edge *e)
{
	char text[EDGE_WORDS_MAX];

	if (evidence_solid(g, e) || model_looks(g->m) < 2)
		return;
	edge_words(e, text);
	if (e->rec->grade > GRADE_READ)
		finding_missing(out, f, "only concluded, not seen: %s", text);
	else if (e->observed)
		finding_missing(out, f, "seen when it began, but the last look does not confirm it: %s", text);
	else
		finding_missing(out, f, "not shown by both looks: %s", text);
}

static void doubt_still(struct findings *out, struct finding *f, const struct waitgraph *g, const struct obj *task)
{
	char who[WORDS_MAX];

	if (task_still(g, task) || model_looks(g->m) < 2)
		return;
	if (NOTE_OF(task, thread) && task->note_look == g->look && task->prev_look + 1 == g->look)
		finding_missing(out, f, "%s ran between the two looks", task_words(task, who));
	else
		finding_missing(out, f, "%s was not described by both looks", task_words(task, who));
}

/* What it waits for is known, but not what ends that in turn. */
static void doubt_behind(struct findings *out, struct finding *f, const struct obj *task, const char *who)
{
	const struct edge *flush = edge_out(task, REL_FLUSHES), *lock = edge_out(task, REL_LOCK_WAIT), *e = NULL;
	const struct ev_thread *th;
	char next[WORDS_MAX];

	if (lock)
		e = edge_out(lock->to, REL_LOCK_OWNED);
	else if (flush)
		e = edge_out(flush->to, REL_RUNS);
	if (!e && lock) {
		finding_missing(out, f, "%s waits for a lock whose owner was not found", who);
		return;
	}
	if (!e) {
		finding_missing(out, f, "%s waits for %s; what must end before was not found", who,
				flush ? "a work item that does not run" : "a workqueue");
		return;
	}
	th = NOTE_OF(e->to, thread);
	if (th && th->wchan[0]) {
		_cleanup_free_ char *wchan = escape_text(th->wchan, sizeof(th->wchan));

		finding_missing(out, f, "%s waits for %s, which sleeps in %s; whether that waits for the blocked thread the "
				"kernel does not record", who, task_words(e->to, next), wchan ?: "?");
	} else {
		finding_missing(out, f, "%s waits for %s; what that waits for was not found", who, task_words(e->to, next));
	}
}

static void doubt_numb(struct findings *out, struct finding *f, const struct locked *l)
{
	for (unsigned int i = 0; i < l->numb.n; i++) {
		const struct ev_thread *th = NOTE_OF(l->numb.v[i], thread);
		_cleanup_free_ char *wchan = th && th->wchan[0] ? escape_text(th->wchan, sizeof(th->wchan)) : NULL;
		char who[WORDS_MAX];

		finding_missing(out, f, "%s could use the file, but sleeps uninterruptibly in %s; what ends that was not found",
				task_words(l->numb.v[i], who), wchan ?: "an unknown place");
	}
}

static void doubt_suspect(struct findings *out, struct finding *f, const struct obj *task)
{
	const struct ev_thread *th = NOTE_OF(task, thread);
	_cleanup_free_ char *wchan = NULL;
	char who[WORDS_MAX];

	task_words(task, who);
	if (th && th->wchan[0])
		wchan = escape_text(th->wchan, sizeof(th->wchan));
	if (edge_out(task, REL_FLUSHES) || edge_out(task, REL_FLUSHES_WQ) || edge_out(task, REL_LOCK_WAIT))
		doubt_behind(out, f, task, who);
	else if (th && th->wait == WAIT_COMPLETION)
		finding_missing(out, f, "%s waits for a completion in %s; the kernel does not record who completes it",
				who, wchan ?: "an unknown function");
	else if (th)
		finding_missing(out, f, "%s sleeps in %s while it closes a device; what for was not found", who,
				wchan ?: "an unknown function");
	else
		finding_missing(out, f, "%s is closing a device; whether it waits, and what for, was not seen", who);
}

static void doubt_waiter(struct findings *out, struct finding *f, const struct obj *task)
{
	char who[WORDS_MAX];

	task_words(task, who);
	if (task_class(task) == CLASS_USER)
		finding_missing(out, f, "%s is no kernel thread: a fatal signal ends its wait", who);
	else if (task_class(task) == CLASS_UNKNOWN)
		finding_missing(out, f, "whether %s is a kernel thread, which no signal can end, is not known", who);
}

static void doubt_wait(struct findings *out, struct finding *f, const struct mark *mk)
{
	char who[WORDS_MAX], queue[WORDS_MAX];

	task_words(mk->obj, who);
	if (task_killable(mk->obj, mk->edge))
		finding_missing(out, f, "%s runs, or a signal can end its wait", who);
	if (mk->edge->rel == REL_FLUSHES_WQ && !flush_covers(mk->edge, mk->next->edge))
		finding_missing(out, f,
				"whether the blocked item was queued before %s began to wait for %s was not seen", who,
				wq_words(mk->edge, queue));
}

static void doubt_chain(struct findings *out, struct finding *f, const struct waitgraph *g, const struct mark *mk)
{
	for (; mk; mk = mk->next) {
		bool is_task = mk->obj->kind == OBJ_TASK;

		if (mk->suspect) {
			doubt_suspect(out, f, mk->obj);
			return;
		}
		doubt_edge(out, f, g, mk->edge);
		if (mk->bridge)
			doubt_edge(out, f, g, mk->bridge);
		if (is_task && !evidence_live(g, mk->edge))
			doubt_still(out, f, g, mk->obj);
		if (is_task && mk->edge->rel == REL_WAITS)
			doubt_waiter(out, f, mk->obj);
		else if (is_task)
			doubt_wait(out, f, mk);
	}
}

static void doubt_other(struct findings *out, struct finding *f, const struct waitgraph *g, const struct locked *l,
			const struct obj *other)
{
	char id[ID_NAME_MAX];

	if (!other || other == l->container)
		return;
	for (unsigned int i = 0; i < g->n_locked; i++)
		if (g->locked[i].container == other && g->locked[i].outlook != OUTLOOK_PROVEN)
			finding_missing(out, f, "it depends on %s, where a deadlock is not proven either",
					id_name(OBJ_CONTAINER, other->id, id));
}

static void doubt_closers(struct findings *out, struct finding *f, const struct waitgraph *g, const struct locked *l)
{
	for (unsigned int i = 0; i < l->closers.n; i++) {
		const struct mark *mk = waitgraph_mark(g, l, l->closers.v[i]);

		if (!mk)
			continue;
		doubt_chain(out, f, g, mk);
		doubt_other(out, f, g, l, mark_container(mk));
		doubt_still(out, f, g, mk->obj);
	}
}

void doubt_deadlock(struct findings *out, struct finding *f, const struct waitgraph *g, const struct locked *l)
{
	char id[ID_NAME_MAX];

	if (!f)
		return;
	doubt_able(out, f, l);
	doubt_numb(out, f, l);
	doubt_closers(out, f, g, l);
	if (l->users_only) {
		for (struct edge *e = edge_in(l->container, REL_WAITS); e; e = edge_in_next(e))
			doubt_waiter(out, f, e->from);
	} else if (!l->closers.n) {
		finding_missing(out, f, "nobody was found who holds %s, or is closing a device in it",
				id_name(OBJ_CONTAINER, l->container->id, id));
	}
	doubt_account(out, f, g, l->container);
	doubt_tables(out, f, l->container);
	doubt_looks(out, f, g);
	doubt_sight(out, f, g->m);
	if (!f->n_missing)
		finding_missing(out, f,
				"not everything in the cycle, and not everybody who holds the file, was confirmed "
				"by two looks");
}
