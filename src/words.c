// SPDX-License-Identifier: GPL-2.0-only
/*
 * words.c - what things and edges are called in a finding (words.h).
 *
 * A thread is called what it was called in the record that speaks of it: an
 * edge made before an exec keeps the old name. An object with no name in any
 * record gets its short id; a kernel address is never shown.
 */
#include "words.h"

#include <string.h>

#define FDS_SHOWN 4

#define PUT(buf, size, ...) snprintf(buf, size, __VA_ARGS__)

const char *hdr_words(const struct fdpin_hdr *h, char buf[WORDS_MAX])
{
	_cleanup_free_ char *comm = escape_text(h->comm, sizeof(h->comm));

	if (h->tgid && h->tgid != h->tid)
		PUT(buf, WORDS_MAX, "%s [%u of %u]", comm ?: "?", h->tid, h->tgid);
	else
		PUT(buf, WORDS_MAX, "%s [%u]", comm ?: "?", h->tid);
	return buf;
}

/* A record that is about this thread, the latest description first. */
static const struct fdpin_hdr *about(const struct obj *task)
{
	const struct edge *e;

	if (task->note)
		return task->note;
	for (e = task->out; e; e = e->next_from)
		if (e->last->tid == task->id)
			return e->last;
	for (e = task->in; e; e = e->next_to)
		if (e->last->tid == task->id)
			return e->last;
	return NULL;
}

const char *task_words(const struct obj *task, char buf[WORDS_MAX])
{
	const struct fdpin_hdr *h = about(task);

	if (h)
		return hdr_words(h, buf);
	PUT(buf, WORDS_MAX, "thread [%llu]", task->id);
	return buf;
}

/* Function of a work item and name of its workqueue, from a record that has them. */
static void work_strings(const struct fdpin_hdr *h, const char **func, const char **wq)
{
	const struct ev_block *b = (const void *)h;
	const struct ev_flush *f = (const void *)h;
	const struct ev_queued *q = (const void *)h;
	const struct ev_runs *r = (const void *)h;

	if (h->type == EV_block) {
		*func = b->func;
		*wq = b->wq_name;
	} else if (h->type == EV_flush) {
		*func = f->func;
		*wq = f->wq_name;
	} else if (h->type == EV_queued) {
		*func = q->func;
		*wq = q->wq_name;
	} else if (h->type == EV_runs) {
		*func = r->func;
		*wq = r->wq_name;
	}
}

#define FUNC_MAX sizeof(((struct ev_block *)0)->func)
#define WQ_MAX sizeof(((struct ev_block *)0)->wq_name)

_Static_assert(FUNC_MAX == sizeof(((struct ev_flush *)0)->func), "one length of func");
_Static_assert(FUNC_MAX == sizeof(((struct ev_queued *)0)->func), "one length of func");
_Static_assert(FUNC_MAX == sizeof(((struct ev_runs *)0)->func), "one length of func");
_Static_assert(WQ_MAX == sizeof(((struct ev_runs *)0)->wq_name), "one length of wq_name");
_Static_assert(WQ_MAX == sizeof(((struct ev_flush *)0)->wq_name), "one length of wq_name");
_Static_assert(WQ_MAX == sizeof(((struct ev_queued *)0)->wq_name), "one length of wq_name");

const char *work_words(const struct obj *work, char buf[WORDS_MAX])
{
	_cleanup_free_ char *shown = NULL;
	const char *func = "", *wq = "";
	const struct edge *e;
	char id[ID_NAME_MAX];

	for (e = work->out; e && !*func; e = e->next_from)
		work_strings(e->rec, &func, &wq);
	for (e = edge_in(work, REL_FLUSHES); e && !*func; e = edge_in_next(e))
		work_strings(e->rec, &func, &wq);
	if (*func)
		shown = escape_text(func, FUNC_MAX);
	PUT(buf, WORDS_MAX, "work item %s", shown ?: id_name(OBJ_WORK, work->id, id));
	return buf;
}

const char *wq_words(const struct edge *e, char buf[WORDS_MAX])
{
	const struct obj *q = e->to->kind == OBJ_WQ ? e->to : NULL;
	_cleanup_free_ char *shown = NULL;
	const char *func = "", *wq = "";
	char id[ID_NAME_MAX];

	work_strings(e->rec, &func, &wq);
	if (*wq)
		shown = escape_text(wq, WQ_MAX);
	PUT(buf, WORDS_MAX, "workqueue %s", shown ?: (q ? id_name(OBJ_WQ, q->id, id) : "?"));
	return buf;
}

static const char *device_string(const struct fdpin_hdr *h)
{
	if (h->type == EV_device)
		return ((const struct ev_device *)h)->device_name;
	if (h->type == EV_close)
		return ((const struct ev_close *)h)->device_name;
	return "";
}

#define DEVICE_MAX sizeof(((struct ev_close *)0)->device_name)

_Static_assert(DEVICE_MAX == sizeof(((struct ev_device *)0)->device_name), "one length of device_name");

const char *device_words(const struct obj *device, char buf[WORDS_MAX])
{
	_cleanup_free_ char *shown = NULL;
	const struct edge *e;
	const char *name = "";
	char id[ID_NAME_MAX];

	for (e = device->out; e && !*name; e = e->next_from)
		name = device_string(e->rec);
	for (e = device->in; e && !*name; e = e->next_to)
		name = device_string(e->rec);
	if (*name)
		shown = escape_text(name, DEVICE_MAX);
	PUT(buf, WORDS_MAX, "device %s", shown ?: id_name(OBJ_DEVICE, device->id, id));
	return buf;
}

/* The slots of a file table come in the order they were read, newest first in the list. */
static unsigned int fds_of(const struct obj *c, const struct obj *files, __u32 *fds, unsigned int max)
{
	unsigned int n = 0;

	for (const struct edge *e = edge_out(c, REL_REF); e; e = edge_out_next(e)) {
		const struct ev_holder *h = (const void *)e->last;
		unsigned int at;

		if (h->h.type != EV_holder || h->files != files->id)
			continue;
		for (at = n < max ? n : max; at && fds[at - 1] > h->fd; at--)
			if (at < max)
				fds[at] = fds[at - 1];
		if (at < max)
			fds[at] = h->fd;
		n++;
	}
	return n;
}

bool first_fd(const struct obj *c, const struct obj *files, __u32 *ret_fd)
{
	return fds_of(c, files, ret_fd, 1) > 0;
}

const char *fd_words(const struct obj *c, const struct obj *files, char buf[WORDS_MAX])
{
	__u32 fds[FDS_SHOWN];
	unsigned int n = fds_of(c, files, fds, FDS_SHOWN);
	int len = PUT(buf, WORDS_MAX, n ? "fd" : "a file descriptor");

	for (unsigned int i = 0; i < n && i < FDS_SHOWN; i++)
		len += PUT(buf + len, WORDS_MAX - len, "%s %u", i ? "," : "", fds[i]);
	if (n > FDS_SHOWN)
		PUT(buf + len, WORDS_MAX - len, " and %u more", n - FDS_SHOWN);
	return buf;
}

/* ---- edges ---------------------------------------------------------------- */

static void put_waits(const struct edge *e, const char *who, const char *container, char *buf)
{
	const struct ev_block *b = (const void *)e->rec;
	char size[FORMAT_MAX];
	int len = PUT(buf, EDGE_WORDS_MAX, "%s waits for a valid VADDR in %s", who, container);

	if (b->h.type == EV_block && b->size)
		PUT(buf + len, EDGE_WORDS_MAX - len, ": %s %s at 0x%llx", kind_value_name(KIND_OP, b->op) ?: "?",
		    format_bytes(b->size, size), b->iova);
	else if (b->h.type == EV_block && b->op)
		PUT(buf + len, EDGE_WORDS_MAX - len, ": %s", kind_value_name(KIND_OP, b->op) ?: "?");
}

static void put_invalidated(const struct edge *e, const char *container, char *buf)
{
	const struct ev_invalidate *inv = (const void *)e->rec;
	char who[WORDS_MAX], size[FORMAT_MAX];

	hdr_words(e->rec, who);
	if (inv->h.type == EV_invalidate)
		PUT(buf, EDGE_WORDS_MAX, "%s invalidated %u range%s, %s, of %s", who, inv->ranges,
		    inv->ranges == 1 ? "" : "s", format_bytes(inv->bytes, size), container);
	else
		PUT(buf, EDGE_WORDS_MAX, "%s invalidated a range of %s", who, container);
}

static void put_lock(const struct obj *lock, char buf[WORDS_MAX])
{
	const struct edge *e = edge_in(lock, REL_LOCK_WAIT);
	const struct ev_lock *l = e ? (const void *)e->rec : NULL;
	_cleanup_free_ char *name = NULL;
	char id[ID_NAME_MAX];

	if (l && l->h.type == EV_lock && l->lock_name[0])
		name = escape_text(l->lock_name, sizeof(l->lock_name));
	if (l && l->h.type == EV_lock && l->mm)
		PUT(buf, WORDS_MAX, "%s of %s", name ?: "a lock", id_name(OBJ_MM, l->mm, id));
	else
		PUT(buf, WORDS_MAX, "%s %s", name ?: "a lock", id_name(OBJ_LOCK, lock->id, id));
}

static void put_range(const struct edge *e, const char *container, char *buf)
{
	const struct ev_range *r = (const void *)e->last;
	char size[FORMAT_MAX];

	if (r->h.type == EV_range)
		PUT(buf, EDGE_WORDS_MAX, "%s at 0x%llx in %s is %s", format_bytes(r->size, size), r->iova, container,
		    r->valid ? "valid" : "invalid");
	else
		PUT(buf, EDGE_WORDS_MAX, "a range is mapped in %s", container);
}

const char *edge_words(const struct edge *e, char buf[EDGE_WORDS_MAX])
{
	char from[WORDS_MAX], to[WORDS_MAX], id[ID_NAME_MAX];
	const size_t size = EDGE_WORDS_MAX;

	if (e->from->kind == OBJ_TASK)
		hdr_words(e->rec, from);
	switch (e->rel) {
	case REL_WAITS:
		put_waits(e, from, id_name(OBJ_CONTAINER, e->to->id, id), buf);
		break;
	case REL_INVALIDATED:
		put_invalidated(e, id_name(OBJ_CONTAINER, e->from->id, id), buf);
		break;
	case REL_RUNS:
		PUT(buf, size, "%s runs on %s", work_words(e->from, from), task_words(e->to, to));
		break;
	case REL_IN_WQ:
		PUT(buf, size, "%s is of %s", work_words(e->from, from), wq_words(e, to));
		break;
	case REL_BEHIND:
		PUT(buf, size, "%s is queued behind %s", work_words(e->from, from), work_words(e->to, to));
		break;
	case REL_FLUSHES:
		PUT(buf, size, "%s waits for the end of %s", from, work_words(e->to, to));
		break;
	case REL_FLUSHES_WQ:
		PUT(buf, size, "%s waits for all items of %s", from, wq_words(e, to));
		break;
	case REL_PART:
		put_range(e, id_name(OBJ_CONTAINER, e->to->id, id), buf);
		break;
	case REL_CLOSES:
		PUT(buf, size, "%s is closing %s", from, device_words(e->to, to));
		break;
	case REL_HELD:
		PUT(buf, size, "%s holds %s as %s", hdr_words(e->last, from), id_name(OBJ_CONTAINER, e->from->id, id),
		    fd_words(e->from, e->to, to));
		break;
	case REL_PENDING:
		PUT(buf, size, "%s has no user left and will be released only by %s",
		    id_name(OBJ_CONTAINER, e->from->id, id), hdr_words(e->last, to));
		break;
	case REL_LOCK_WAIT:
		put_lock(e->to, to);
		PUT(buf, size, "%s waits for %s", from, to);
		break;
	case REL_LOCK_OWNED:
		put_lock(e->from, from);
		PUT(buf, size, "%s is owned by %s", from, task_words(e->to, to));
		break;
	default:
		PUT(buf, size, "%s", relation_words(e->rel) ?: "?");
		break;
	}
	return buf;
}

static const char *flush_via(const struct ev_flush *f)
{
	static const char *const texts[] = {
		[VIA_FLUSH] = "call to flush or cancel the item",
		[VIA_FLUSH_WQ] = "call to flush or drain the workqueue",
		[VIA_BARRIER] = "wq_barrier behind the running item",
		[VIA_BARRIER_PENDING] = "wq_barrier behind the queued item",
		[VIA_FLUSHER] = "wq_flusher whose colour covers the item",
	};

	if (f->h.type != EV_flush || f->via >= ARRAY_SIZE(texts))
		return NULL;
	return texts[f->via];
}

static const char *range_via(const struct ev_range *r)
{
	return r->h.type == EV_range && !r->valid ? "vfio_dma.vaddr_invalid" : NULL;
}

static bool lock_of_mm(const struct fdpin_hdr *h)
{
	return h->type == EV_lock && ((const struct ev_lock *)h)->mm;
}

const char *edge_via(const struct edge *e)
{
	switch (e->rel) {
	case REL_FLUSHES:
	case REL_FLUSHES_WQ:
		return flush_via((const void *)e->rec);
	case REL_WAITS:
		return e->rec->look ? "vfio_iommu.vaddr_wait" : NULL;
	case REL_RUNS:
		return e->rec->look ? "worker.current_work" : NULL;
	case REL_BEHIND:
		return "pool_workqueue.inactive_works";
	case REL_LOCK_WAIT:
		return lock_of_mm(e->rec) ? "mm_struct.mmap_lock, its list of waiters" : NULL;
	case REL_LOCK_OWNED:
		return lock_of_mm(e->rec) ? "rw_semaphore.owner" : "mutex.owner";
	case REL_PART:
		return range_via((const void *)e->last);
	default:
		return NULL;
	}
}
