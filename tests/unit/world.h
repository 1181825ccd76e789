/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * world.h - a standing system for tests: what is in it is said once, and told
 * either as looks read it or as hooks saw it come about. Header only.
 */
#ifndef FDPIN_WORLD_H
#define FDPIN_WORLD_H

#include "tape.h"

#include "../../src/verdict.h"

#define C1 0xa07bULL
#define C2 0x3c1eULL
#define D1 0xd1ULL
#define D2 0xd2ULL
#define W1 0x11ULL
#define W2 0x12ULL
#define Q1 0x21ULL
#define Q2 0x22ULL
#define FILES1 0xf1ULL
#define FILES2 0xf2ULL
#define LOCK1 0x77ULL

#define WORKER 412
#define WORKER2 413
#define QEMU 20733
#define OTHER 20999

#define STATE_R 0
#define STATE_S 1
#define STATE_D 2
#define STATE_KILLABLE 0x102

#define N 6

struct w_thread {
	__u32 tgid, tid;
	const char *comm;
	__u64 files;
	__u32 state, wait, class;
	bool exiting, runs; /* runs: its switches differ from look to look */
};

struct world {
	struct { __u64 id, refs; bool has_file, unstable; __u32 kref; bool valid, empty; __u64 mm; __s64 pinned; __u64 also; } container[N];
	/* one range each, but empty; also: IOVA of a second one, invalid */
	struct { __u64 mm; __s64 locked_vm, users; } mm[N];
	struct { __u64 mm, start, end; } memory[N];
	struct { __u64 container, device; bool physical; } device[N];
	struct { __u64 container, files; __u32 fd, tgid; const char *comm; } holder[N];
	struct w_thread thread[N];
	struct { __u32 tid; __u64 container, work, wq; __u32 class; } block[N];
	struct { __u32 tid; __u64 work, wq; __u32 live_via, look_via; __u64 look_work; } flush[N];
	struct { __u64 work, behind, wq; } queued[N];
	struct { __u32 tid; __u64 work; } runs[N]; /* a worker that is not blocked itself */
	struct { __u32 tid; __u64 lock, owner; } lock[N];
	struct { __u32 tid; __u64 container, device; } close[N];
	struct { __u32 tid; __u64 container; } pending[N];
	struct { __u32 tid; __u64 container; const char *comm; } invalidate[N];
	bool flush_first; /* live: the flush began before the block */
	__u8 grade;
};

static inline const struct w_thread *w_find(const struct world *w, __u32 tid)
{
	for (int i = 0; i < N; i++)
		if (w->thread[i].tid == tid)
			return &w->thread[i];
	return NULL;
}

static inline void w_as(struct tape *t, const struct world *w, __u32 tid)
{
	const struct w_thread *th = w_find(w, tid);

	tape_as(t, th ? th->tgid : tid, tid, th ? th->comm : "unknown");
}

static inline void w_ranges(struct tape *t, const struct world *w, int i)
{
	__u64 id = w->container[i].id;
	struct ev_range *r;

	if (!w->container[i].empty) {
		r = tape_range(t, id, id + 1);
		r->valid = w->container[i].valid;
		r->mm = w->container[i].mm;
		r->pinned = w->container[i].pinned;
	}
	if (w->container[i].also) {
		r = tape_range(t, id, id + 2);
		r->iova = w->container[i].also;
		r->mm = w->container[i].mm;
	}
}

/* One look at everything. */
static inline void w_look(struct tape *t, const struct world *w, __u8 n)
{
	tape_look_begin(t, n);
	for (int i = 0; i < N && w->holder[i].container; i++) {
		tape_as(t, w->holder[i].tgid, w->holder[i].tgid, w->holder[i].comm ?: "qemu");
		tape_holder(t, w->holder[i].container, w->holder[i].files, w->holder[i].fd);
	}
	tape_as(t, 0, 0, NULL);
	for (int i = 0; i < N && w->device[i].container; i++)
		if (w->device[i].physical)
			tape_device(t, w->device[i].container, w->device[i].device)->backed = BACKED_IOMMU;
		else
			tape_device(t, w->device[i].container, w->device[i].device);
	for (int i = 0; i < N && w->container[i].id; i++) {
		struct ev_container *e =
			tape_container(t, w->container[i].id, w->container[i].refs, w->container[i].has_file);

		e->unstable = w->container[i].unstable;
		e->kref = w->container[i].kref ?: 2;
		e->ranges = !w->container[i].empty + !!w->container[i].also;
		e->invalid = (!w->container[i].empty && !w->container[i].valid) + !!w->container[i].also;
		w_ranges(t, w, i);
	}
	for (int i = 0; i < N && w->mm[i].mm; i++)
		tape_mm(t, w->mm[i].mm, w->mm[i].locked_vm, w->mm[i].users);
	for (int i = 0; i < N && w->memory[i].mm; i++)
		tape_memory(t, w->memory[i].mm, w->memory[i].start, w->memory[i].end);
	t->grade = w->grade;
	for (int i = 0; i < N && w->block[i].tid; i++) {
		w_as(t, w, w->block[i].tid);
		tape_block(t, w->block[i].container, w->block[i].class, w->block[i].work, w->block[i].wq);
	}
	t->grade = 0;
	for (int i = 0; i < N && w->flush[i].tid; i++) {
		if (!w->flush[i].look_work)
			continue;
		w_as(t, w, w->flush[i].tid);
		tape_flush(t, C1, w->flush[i].look_work, 0, w->flush[i].look_via);
	}
	for (int i = 0; i < N && w->runs[i].tid; i++) {
		w_as(t, w, w->runs[i].tid);
		tape_runs(t, w->runs[i].work, Q2);
	}
	tape_as(t, 0, 0, NULL);
	for (int i = 0; i < N && w->queued[i].work; i++)
		tape_queued(t, w->queued[i].work, w->queued[i].behind, w->queued[i].wq);
	for (int i = 0; i < N && w->thread[i].tid; i++) {
		const struct w_thread *th = &w->thread[i];
		struct ev_thread *e;

		w_as(t, w, th->tid);
		e = tape_thread(t, th->files, th->state, th->wait, th->class);
		e->exiting = th->exiting;
		if (th->runs)
			e->switches += n;
	}
	for (int i = 0; i < N && w->close[i].tid; i++) {
		w_as(t, w, w->close[i].tid);
		tape_close(t, w->close[i].container, w->close[i].device);
	}
	for (int i = 0; i < N && w->pending[i].tid; i++) {
		w_as(t, w, w->pending[i].tid);
		tape_pending(t, w->pending[i].container);
	}
	for (int i = 0; i < N && w->lock[i].tid; i++) {
		w_as(t, w, w->lock[i].tid);
		tape_lock(t, w->lock[i].lock, w->lock[i].owner);
	}
	tape_look_end(t);
}

static inline void w_live_flushes(struct tape *t, const struct world *w)
{
	for (int i = 0; i < N && w->flush[i].tid; i++) {
		w_as(t, w, w->flush[i].tid);
		tape_flush(t, 0, w->flush[i].work, w->flush[i].wq, w->flush[i].live_via);
	}
}

/* How hooks saw it come about. */
static inline void w_live(struct tape *t, const struct world *w)
{
	for (int i = 0; i < N && w->invalidate[i].tid; i++) {
		w_as(t, w, w->invalidate[i].tid);
		if (w->invalidate[i].comm)
			t->comm = w->invalidate[i].comm;
		tape_invalidate(t, w->invalidate[i].container, 3);
	}
	if (w->flush_first)
		w_live_flushes(t, w);
	for (int i = 0; i < N && w->block[i].tid; i++) {
		w_as(t, w, w->block[i].tid);
		tape_block(t, w->block[i].container, w->block[i].class, w->block[i].work, w->block[i].wq);
	}
	for (int i = 0; i < N && w->close[i].tid; i++) {
		w_as(t, w, w->close[i].tid);
		tape_close(t, w->close[i].container, w->close[i].device);
	}
	if (!w->flush_first)
		w_live_flushes(t, w);
}

#define SETTLE 1000000000ULL /* between two looks */

/* Started after it had happened. */
static inline struct tape *w_looked_back(const struct world *w)
{
	struct tape *t = tape_new();

	tape_session(t, false);
	w_look(t, w, 1);
	t->ts += SETTLE;
	w_look(t, w, 2);
	return t;
}

/* Watched, and looked at when it was suspicious. */
static inline struct tape *w_watched(const struct world *w)
{
	struct tape *t = tape_new();

	tape_session(t, true);
	w_live(t, w);
	w_look(t, w, 1);
	t->ts += SETTLE;
	w_look(t, w, 2);
	return t;
}

/*
 * The act of the thread: a work item is blocked on a range of C1, the only
 * thread of the only holder closes the device and flushes the item.
 */
static inline struct world w_deadlock(void)
{
	struct world w = {
		.container = { { C1, 1, true, false, 2 } },
		.device = { { C1, D1 } },
		.holder = { { C1, FILES1, 18, QEMU, "qemu" } },
		.thread = { { WORKER, WORKER, "kworker/0:1", 0, STATE_KILLABLE, WAIT_VADDR, CLASS_WORKER, false, false },
			    { QEMU, QEMU, "qemu", FILES1, STATE_D, WAIT_COMPLETION, CLASS_USER, false, false } },
		.block = { { WORKER, C1, W1, Q1, CLASS_WORKER } },
		.flush = { { QEMU, W1, 0, VIA_FLUSH, VIA_BARRIER, W1 } },
		.close = { { QEMU, C1, D1 } },
		.invalidate = { { QEMU, C1, NULL } },
	};

	return w;
}

/* ---- what was found ---------------------------------------------------------------- */

static inline const struct finding *finding_named(const struct findings *f, const char *name, __u64 container)
{
	for (unsigned int i = 0; i < f->n; i++)
		if (!strcmp(f->f[i].verdict->name, name) && f->f[i].container == container)
			return &f->f[i];
	return NULL;
}

/* In any of its texts. */
static inline bool finding_says(const struct finding *f, const char *text)
{
	bool found = f->sentence && strstr(f->sentence, text);

	for (unsigned int i = 0; i < f->n_evidence; i++)
		found |= !!strstr(f->evidence[i].text, text);
	for (unsigned int i = 0; i < f->n_missing; i++)
		found |= !!strstr(f->missing[i], text);
	for (unsigned int i = 0; i < f->n_notes; i++)
		found |= !!strstr(f->notes[i], text);
	return found;
}

#endif
