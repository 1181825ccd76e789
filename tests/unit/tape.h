/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tape.h - records for tests, made by hand: a tape is the byte stream a source
 * would deliver. Header only, so that each test is one file plus src/.
 *
 * Every tape_<event>() appends one record at tape->ts, which then goes on by a
 * microsecond. tape->look is 0 (a hook saw it) or the number of the look that
 * read it; tape->now_tid, tgid and comm say who.
 */
#ifndef FDPIN_TAPE_H
#define FDPIN_TAPE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/model.h"
#include "../../src/schema.h"

#define TAPE_BYTES (256 * 1024)
#define TAPE_RECORDS 512

struct tape {
	_Alignas(8) unsigned char bytes[TAPE_BYTES];
	size_t at[TAPE_RECORDS + 1]; /* where record i starts; at[n] is the end */
	unsigned int n;
	__u64 ts;
	__u8 look, grade;
	__u32 tgid, tid;
	const char *comm;
};

static inline struct tape *tape_new(void)
{
	struct tape *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	t->ts = 1000000000ULL;
	return t;
}

/* Whose records follow. */
static inline void tape_as(struct tape *t, __u32 tgid, __u32 tid, const char *comm)
{
	t->tgid = tgid;
	t->tid = tid;
	t->comm = comm;
}

/* NUL-padded, and without a NUL where the string fills the field: like the kernel's. */
static inline void tape_str(char *field, size_t size, const char *s)
{
	for (size_t i = 0; i < size && s[i]; i++)
		field[i] = s[i];
}

/* Room for one record with its header filled in; the caller fills the rest. */
static inline void *tape_add(struct tape *t, unsigned int type, __u64 container)
{
	const struct event *ev = schema_event(type);
	struct fdpin_hdr *h;

	assert_non_null(ev);
	assert_true(t->n < TAPE_RECORDS && t->at[t->n] + ev->size <= TAPE_BYTES);
	h = (void *)(t->bytes + t->at[t->n]);
	h->size = ev->size;
	h->type = type;
	h->look = t->look;
	h->grade = t->grade ? t->grade : t->look ? GRADE_READ : GRADE_OBSERVED;
	h->ts_ns = t->ts;
	h->container = container;
	h->tgid = t->tgid;
	h->tid = t->tid;
	if (t->comm)
		tape_str(h->comm, sizeof(h->comm), t->comm);
	t->ts += 1000;
	t->n++;
	t->at[t->n] = t->at[t->n - 1] + ev->size;
	return h;
}

#define TAPE_STR(field, s) tape_str(field, sizeof(field), s)

static inline struct ev_session *tape_session(struct tape *t, bool history)
{
	struct ev_session *e = tape_add(t, EV_session, 0);

	e->history = history;
	e->realtime_ns = 1;
	TAPE_STR(e->node, "node");
	TAPE_STR(e->release, "6.1.0-test");
	return e;
}

static inline void tape_look_begin(struct tape *t, __u8 look)
{
	struct ev_look *e;

	t->look = look;
	tape_as(t, 0, 0, NULL);
	e = tape_add(t, EV_look, 0);
	e->look = look;
}

static inline void tape_look_end(struct tape *t)
{
	struct ev_look *e;

	tape_as(t, 0, 0, NULL);
	e = tape_add(t, EV_look, 0);
	e->look = t->look;
	e->end = 1;
	t->look = 0;
}

static inline void tape_gap(struct tape *t, const char *what, const char *why, bool hooks_only)
{
	struct ev_gap *e = tape_add(t, EV_gap, 0);

	TAPE_STR(e->what, what);
	TAPE_STR(e->why, why);
	e->hooks_only = hooks_only;
}

static inline void tape_lost(struct tape *t, __u64 count)
{
	struct ev_lost *e = tape_add(t, EV_lost, 0);

	e->count = count;
}

static inline struct ev_invalidate *tape_invalidate(struct tape *t, __u64 c, __u32 ranges)
{
	struct ev_invalidate *e = tape_add(t, EV_invalidate, c);

	e->ranges = e->invalid = ranges;
	e->bytes = (__u64)ranges << 30;
	e->emulated = 1;
	return e;
}

/* The last invalid range became valid. */
static inline void tape_revalidate(struct tape *t, __u64 c)
{
	struct ev_revalidate *e = tape_add(t, EV_revalidate, c);

	e->ranges = 1;
	e->closed = c;
	e->window_ns = 5000;
}

static inline struct ev_block *tape_block(struct tape *t, __u64 c, __u32 class, __u64 work, __u64 wq)
{
	struct ev_block *e = tape_add(t, EV_block, c);

	e->class = class;
	e->work = work;
	e->wq = wq;
	if (!t->look) {
		e->op = OP_READ;
		e->iova = 0x1f3c5000;
		e->size = 4096;
	}
	if (work)
		TAPE_STR(e->func, "mdev_work_fn");
	if (wq)
		TAPE_STR(e->wq_name, "mdev_wq");
	return e;
}

static inline void tape_unblock(struct tape *t, __u64 c)
{
	struct ev_unblock *e = tape_add(t, EV_unblock, c);

	e->ns = 5000;
}

static inline void tape_flush(struct tape *t, __u64 c, __u64 work, __u64 wq, __u32 via)
{
	struct ev_flush *e = tape_add(t, EV_flush, c);

	e->work = work;
	e->wq = wq;
	e->via = via;
	if (work)
		TAPE_STR(e->func, "mdev_work_fn");
	if (wq)
		TAPE_STR(e->wq_name, "mdev_wq");
}

static inline void tape_flushed(struct tape *t)
{
	struct ev_flushed *e = tape_add(t, EV_flushed, 0);

	e->ns = 1000;
}

static inline void tape_queued(struct tape *t, __u64 work, __u64 behind, __u64 wq)
{
	struct ev_queued *e = tape_add(t, EV_queued, 0);

	e->work = work;
	e->behind = behind;
	e->wq = wq;
	TAPE_STR(e->func, "mdev_second_fn");
	TAPE_STR(e->wq_name, "mdev_ordered");
}

static inline void tape_runs(struct tape *t, __u64 work, __u64 wq)
{
	struct ev_runs *e = tape_add(t, EV_runs, 0);

	e->work = work;
	e->wq = wq;
	TAPE_STR(e->func, "mdev_other_fn");
	TAPE_STR(e->wq_name, "mdev_wq");
}

static inline void tape_lock(struct tape *t, __u64 lock, __u64 owner)
{
	struct ev_lock *e = tape_add(t, EV_lock, 0);

	e->lock = lock;
	e->owner = owner;
	TAPE_STR(e->lock_name, "mutex");
}

/* That of an address space, by a thread that pins for a container, or for none (0). */
static inline struct ev_lock *tape_mmap_lock(struct tape *t, __u64 c, __u64 lock, __u64 mm)
{
	struct ev_lock *e = tape_add(t, EV_lock, c);

	e->lock = lock;
	e->mm = mm;
	TAPE_STR(e->lock_name, "mmap_lock");
	return e;
}

static inline void tape_close(struct tape *t, __u64 c, __u64 device)
{
	struct ev_close *e = tape_add(t, EV_close, c);

	e->device = device;
	TAPE_STR(e->device_name, "83b8f4f2");
}

static inline void tape_closed(struct tape *t, __u64 c, __u64 device)
{
	struct ev_closed *e = tape_add(t, EV_closed, c);

	e->device = device;
}

static inline struct ev_container *tape_container(struct tape *t, __u64 c, __u64 refs, bool has_file)
{
	struct ev_container *e = tape_add(t, EV_container, c);

	e->file = has_file ? c + 0x100000 : 0;
	e->refs = refs;
	e->kref = 2;
	e->groups = 1;
	e->ranges = e->invalid = 1;
	e->waiters = 1;
	e->has_file = has_file;
	e->iommu = 1;
	e->kind = CONTAINER_TYPE1;
	e->can_wait = 1;
	e->locks = 1;
	return e;
}

/* Invalid, unless the caller says otherwise. */
static inline struct ev_range *tape_range(struct tape *t, __u64 c, __u64 id)
{
	struct ev_range *e = tape_add(t, EV_range, c);

	e->id = id;
	e->iova = id << 12;
	e->size = 4096;
	e->vaddr = 0x7f0000000000 + (id << 12);
	return e;
}

static inline void tape_mm(struct tape *t, __u64 mm, __s64 locked_vm, __s64 users)
{
	struct ev_mm *e = tape_add(t, EV_mm, 0);

	e->mm = mm;
	e->locked_vm = locked_vm;
	e->users = users;
}

static inline void tape_memory(struct tape *t, __u64 mm, __u64 start, __u64 end)
{
	struct ev_memory *e = tape_add(t, EV_memory, 0);

	e->id = start;
	e->mm = mm;
	e->start = start;
	e->end = end;
}

static inline void tape_holder(struct tape *t, __u64 c, __u64 files, __u32 fd)
{
	struct ev_holder *e = tape_add(t, EV_holder, c);

	e->files = files;
	e->fd = fd;
	e->slot = files * 4096 + fd + 1;
}

static inline struct ev_thread *tape_thread(struct tape *t, __u64 files, __u32 state, __u32 wait, __u32 class)
{
	struct ev_thread *e = tape_add(t, EV_thread, 0);

	e->files = files;
	e->state = state;
	e->wait = wait;
	e->class = class;
	e->switches = 100 + t->tid;
	e->asleep_ns = 812000000000ULL;
	TAPE_STR(e->wchan, wait == WAIT_VADDR ? "vfio_wait" : "wait_for_completion");
	return e;
}

static inline struct ev_device *tape_device(struct tape *t, __u64 c, __u64 device)
{
	struct ev_device *e = tape_add(t, EV_device, c);

	e->device = device;
	e->open = 1;
	e->backed = BACKED_EMULATED;
	TAPE_STR(e->device_name, "83b8f4f2");
	return e;
}

static inline void tape_pending(struct tape *t, __u64 c)
{
	struct ev_pending *e = tape_add(t, EV_pending, c);

	e->file = c + 0x100000;
}

#define TAPE_ALL ((unsigned int)-1)

/* Apply the tape to a model, without record `skip` (TAPE_ALL: leave none out). */
static inline struct model *tape_model(const struct tape *t, unsigned int skip)
{
	struct model *m = model_new();
	struct record r;

	assert_non_null(m);
	for (unsigned int i = 0; i < t->n; i++) {
		if (i == skip)
			continue;
		assert_true(record_decode(t->bytes + t->at[i], t->at[t->n] - t->at[i], &r) > 0);
		assert_int_equal(model_apply(m, &r), 0);
	}
	return m;
}

/* The same without that record, and with the loss known. */
static inline struct model *tape_model_lossy(const struct tape *t, unsigned int skip)
{
	struct ev_lost lost = { .h = { .size = sizeof(lost), .type = EV_lost, .ts_ns = t->ts }, .count = 1 };
	struct model *m = tape_model(t, skip);
	struct record r;

	assert_true(record_decode(&lost, sizeof(lost), &r) > 0);
	assert_int_equal(model_apply(m, &r), 0);
	return m;
}

#endif
