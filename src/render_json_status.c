// SPDX-License-Identifier: GPL-2.0-only
/*
 * render_json_status.c - format "json": what is, now, and the verdicts, as
 * the one object of `status -j`; a report and the summary of a stream have
 * parts of it. Ranges are in render_json_ranges.c. Keys are only ever added; see DOC_VERSION.
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "render.h"

static struct json_object *container_name(__u64 id)
{
	char buf[ID_NAME_MAX];

	return id ? json_object_new_string(id_name(OBJ_CONTAINER, id, buf)) : NULL;
}

static struct json_object *mm_name(__u64 id)
{
	char buf[ID_NAME_MAX];

	return id ? json_object_new_string(id_name(OBJ_MM, id, buf)) : NULL;
}

static void add_thread(struct json_object *obj, const struct fdpin_hdr *h)
{
	json_add(obj, "tgid", json_object_new_int64(h->tgid));
	json_add(obj, "tid", json_object_new_int64(h->tid));
	json_add(obj, "comm", json_text(h->comm, sizeof(h->comm)));
}

/* ---- containers --------------------------------------------------------------------- */

/*
 * Pages a mediated device has pinned. type1 keeps one list for all of a
 * container; with one such device it is that device's. -1: cannot be told.
 */
static __s64 device_pins(const struct obj *c, const struct ev_device *d)
{
	const struct ev_container *note = NOTE_OF(c, container);
	unsigned int emulated = 0;
	__s64 sum = 0;

	if (!note || note->kind == CONTAINER_IOMMUFD || note->unstable || d->backed != BACKED_EMULATED)
		return -1;
	for (struct edge *e = edge_in(c, REL_MEMBER); e; e = edge_in_next(e))
		emulated += e->last->type != EV_device || ((const struct ev_device *)e->last)->backed == BACKED_EMULATED;
	for (struct edge *e = edge_in(c, REL_PART); e && emulated == 1; e = edge_in_next(e)) {
		const struct ev_range *r = (const void *)e->last;

		if (e->last->type != EV_range || r->pinned < 0)
			return -1;
		sum += r->pinned;
	}
	return emulated == 1 ? sum : -1;
}

static void add_device(struct json_object *obj, const struct obj *c, const struct ev_device *d)
{
	__s64 pins = device_pins(c, d);

	json_add(obj, "name", json_text(d->device_name, sizeof(d->device_name)));
	json_add(obj, "backed", json_value_name(KIND_BACKED, d->backed));
	json_add(obj, "group", d->has_group ? json_object_new_int64(d->group) : NULL);
	json_add(obj, "open", json_object_new_int64(d->open));
	json_add(obj, "vfio", *d->vfio_name ? json_text(d->vfio_name, sizeof(d->vfio_name)) : NULL);
	json_add(obj, "cdev", json_object_new_boolean(d->cdev));
	json_add(obj, "ioas", d->ioas ? json_object_new_int64(d->ioas) : NULL);
	json_add(obj, "pinned_pages", pins < 0 ? NULL : json_object_new_int64(pins));
}

static struct json_object *devices(const struct obj *c)
{
	struct json_object *list = json_object_new_array();

	for (struct edge *e = edge_in(c, REL_MEMBER); e; e = edge_in_next(e)) {
		const struct fdpin_hdr *h = e->last;
		struct json_object *obj = json_object_new_object();
		char buf[ID_NAME_MAX];

		json_add(obj, "id", json_object_new_string(id_name(OBJ_DEVICE, e->from->id, buf)));
		if (h->type == EV_device) {
			const struct ev_device *d = (const void *)h;

			add_device(obj, c, d);
		} else if (h->type == EV_close) {
			const struct ev_close *d = (const void *)h;

			json_add(obj, "name", json_text(d->device_name, sizeof(d->device_name)));
		}
		json_object_array_add(list, obj);
	}
	return list;
}

static struct json_object *holder(const struct fdpin_hdr *who, __u32 fd, unsigned int threads)
{
	struct json_object *obj = json_object_new_object();

	add_thread(obj, who);
	json_add(obj, "fd", json_object_new_int64(fd));
	json_add(obj, "threads", json_object_new_int64(threads));
	return obj;
}

/* The threads of a process that use a file table; *ret_who: its leader, or any of them; *ret_other: one of another process. */
static unsigned int threads_of(const struct obj *files, __u32 tgid, const struct fdpin_hdr **ret_who, const struct fdpin_hdr **ret_other)
{
	unsigned int n = 0;

	*ret_other = NULL;
	for (struct edge *e = edge_in(files, REL_USES); e; e = edge_in_next(e)) {
		if (e->last->tgid != tgid) {
			*ret_other = e->last;
			continue;
		}
		if (!n++ || e->last->tid == tgid)
			*ret_who = e->last;
	}
	return n;
}

/* Processes that share a table without being one (CLONE_FILES): all of them have what is in it. */
static void add_sharers(struct json_object *list, const struct obj *files, const struct ev_holder *h)
{
	const struct fdpin_hdr *who = NULL, *other;

	for (struct edge *e = edge_in(files, REL_USES); e; e = edge_in_next(e)) {
		unsigned int n;

		if (e->last->tgid == h->h.tgid)
			continue;
		n = threads_of(files, e->last->tgid, &who, &other);
		if (who == e->last)
			json_object_array_add(list, holder(who, h->fd, n));
	}
}

/* Every descriptor, as each is one reference: a file table can have the file in it more than once. */
static struct json_object *holders(const struct view *v, const struct obj *c)
{
	struct json_object *list = json_object_new_array();

	for (struct edge *e = edge_out(c, REL_REF); e; e = edge_out_next(e)) {
		const struct ev_holder *h = (const void *)e->last;
		const struct obj *files = model_find(v->model, OBJ_FILES, h->files);
		const struct fdpin_hdr *who, *other;
		unsigned int n = threads_of(files, h->h.tgid, &who, &other);

		json_object_array_add(list, holder(&h->h, h->fd, n));
		if (other)
			add_sharers(list, files, h);
	}
	return list;
}

/* Threads in whose hands the last reference is, on its way to be released. */
static struct json_object *pending(const struct obj *c)
{
	struct json_object *list = json_object_new_array();

	for (struct edge *e = edge_out(c, REL_PENDING); e; e = edge_out_next(e)) {
		struct json_object *obj = json_object_new_object();

		add_thread(obj, e->last);
		json_object_array_add(list, obj);
	}
	return list;
}

static int by_ioas(const void *x, const void *y)
{
	__s64 a = json_object_get_int64(json_object_object_get(*(struct json_object *const *)x, "ioas"));
	__s64 b = json_object_get_int64(json_object_object_get(*(struct json_object *const *)y, "ioas"));

	return a < b ? -1 : a > b;
}

/* iommufd: the io address spaces of a context; null for what has none. */
static struct json_object *ioases(const struct obj *c)
{
	struct json_object *list = json_object_new_array();

	for (struct edge *e = edge_in(c, REL_IOAS_OF); e; e = edge_in_next(e)) {
		const struct ev_ioas *i = (const void *)e->last;
		struct json_object *obj = json_object_new_object();

		json_add(obj, "ioas", json_object_new_int64(i->ioas));
		json_add(obj, "areas", json_object_new_int64(i->areas));
		json_add(obj, "hwpts", json_object_new_int64(i->domains));
		json_add(obj, "compat", json_object_new_boolean(i->compat));
		json_object_array_add(list, obj);
	}
	json_object_array_sort(list, by_ioas);
	return list;
}

static struct json_object *blocked(const struct obj *c)
{
	struct json_object *list = json_object_new_array();

	for (struct edge *e = edge_in(c, REL_WAITS); e; e = edge_in_next(e)) {
		/* What the hook saw says more than what a look found later. */
		const struct ev_block *b = (const void *)(e->observed ? e->rec : e->last);
		struct json_object *obj = json_object_new_object();

		add_thread(obj, &b->h);
		json_add(obj, "class", json_value_name(KIND_CLASS, b->class));
		json_add(obj, "func", *b->func ? json_text(b->func, sizeof(b->func)) : NULL);
		json_add(obj, "wq", *b->wq_name ? json_text(b->wq_name, sizeof(b->wq_name)) : NULL);
		json_add(obj, "iova", b->size || b->iova ? json_hex(b->iova) : NULL);
		json_add(obj, "size", b->size ? json_object_new_uint64(b->size) : NULL);
		json_add(obj, "op", json_value_name(KIND_OP, b->op));
		json_add(obj, "grade", json_object_new_string(grade_name(b->h.grade)));
		json_object_array_add(list, obj);
	}
	return list;
}

static struct json_object *container(const struct view *v, const struct obj *c)
{
	const struct ev_container *note = NOTE_OF(c, container);
	struct json_object *obj = json_object_new_object();

	json_add(obj, "id", container_name(c->id));
	json_add(obj, "type", note && container_type(note) ? json_object_new_string(container_type(note)) : NULL);
	json_add(obj, "devices", devices(c));
	json_add(obj, "holders", holders(v, c));
	json_add(obj, "pending", pending(c));
	json_add(obj, "refs", note ? json_object_new_uint64(note->refs) : NULL);
	json_add(obj, "invalid", note ? json_object_new_int64(note->invalid) : NULL);
	json_add(obj, "unstable", note ? json_object_new_boolean(note->unstable) : NULL);
	json_add(obj, "compat_ioas", note && note->compat_ioas ? json_object_new_int64(note->compat_ioas) : NULL);
	json_add(obj, "entries_left", note && note->kind == CONTAINER_TYPE1 ? json_object_new_int64(note->avail) : NULL);
	json_add(obj, "ioases", note && note->kind == CONTAINER_IOMMUFD ? ioases(c) : NULL);
	json_add(obj, "ranges", json_ranges(v, c));
	json_add(obj, "blocked", blocked(c));
	return obj;
}

static struct json_object *containers(const struct view *v)
{
	struct json_object *list = json_object_new_array();

	for (struct obj *c = model_first(v->model, OBJ_CONTAINER); c; c = model_next(c, OBJ_CONTAINER))
		if (view_has(v, c))
			json_object_array_add(list, container(v, c));
	return list;
}

/* Their ids: what they are is not shown, as it was perhaps not asked for. */
static struct json_object *undecided(const struct view *v)
{
	struct json_object *list = json_object_new_array();

	for (struct obj *c = model_first(v->model, OBJ_CONTAINER); c; c = model_next(c, OBJ_CONTAINER))
		if (view_may_have(v, c))
			json_object_array_add(list, container_name(c->id));
	return list;
}

/* ---- processes, address spaces, users -------------------------------------------------- */

/* A limit in bytes, NULL for none. */
static struct json_object *limit(__u64 v)
{
	return v == ~0ULL ? NULL : json_object_new_uint64(v);
}

static struct json_object *program_text(const char *s, size_t size)
{
	return *s ? json_text(s, size) : NULL;
}

static void add_program(struct json_object *obj, const struct view *v, __u32 tgid)
{
	const struct ev_program *p = NOTE_OF(model_find(v->model, OBJ_PROGRAM, tgid), program);
	const struct ev_program none = {};

	p = p ?: &none;
	json_add(obj, "exe", program_text(p->exe, sizeof(p->exe)));
	json_add(obj, "cgroup", program_text(p->cgroup, sizeof(p->cgroup)));
	json_add(obj, "vm", program_text(p->vm, sizeof(p->vm)));
	json_add(obj, "pod", program_text(p->pod, sizeof(p->pod)));
	json_add(obj, "container_id", program_text(p->box, sizeof(p->box)));
}

/* What it may lock. NULL: no look has described it, an exec has told that it lives there. */
static void add_limits(struct json_object *obj, const struct ev_process *p)
{
	json_add(obj, "uid", p ? json_object_new_int64(p->uid) : NULL);
	json_add(obj, "memlock_soft", p ? limit(p->soft) : NULL);
	json_add(obj, "memlock_hard", p ? limit(p->hard) : NULL);
	json_add(obj, "cap_ipc_lock", p ? json_object_new_boolean(p->ipc_lock) : NULL);
}

/* The processes that live in an address space, with what they may lock. */
static struct json_object *processes(const struct view *v, const struct obj *mm)
{
	struct json_object *list = json_object_new_array();

	for (struct edge *e = edge_in(mm, REL_IN_MM); e; e = edge_in_next(e)) {
		const struct fdpin_hdr *h = e->last;
		struct json_object *obj = json_object_new_object();

		json_add(obj, "tgid", json_object_new_int64(h->tgid));
		json_add(obj, "comm", json_text(h->comm, sizeof(h->comm)));
		add_limits(obj, h->type == EV_process ? (const void *)h : NULL);
		add_program(obj, v, h->tgid);
		json_object_array_add(list, obj);
	}
	return list;
}

static struct json_object *mms(const struct view *v)
{
	struct json_object *list = json_object_new_array();

	for (struct obj *o = model_first(v->model, OBJ_MM); o; o = model_next(o, OBJ_MM)) {
		const struct ev_mm *mm = NOTE_OF(o, mm);
		struct json_object *obj;

		if (!mm || !view_has_mm(v, o))
			continue;
		obj = json_object_new_object();
		json_add(obj, "id", mm_name(mm->mm));
		json_add(obj, "locked_vm_pages", json_object_new_int64(mm->locked_vm));
		json_add(obj, "pinned_vm_pages", json_object_new_int64(mm->pinned_vm));
		json_add(obj, "users", json_object_new_int64(mm->users));
		json_add(obj, "processes", processes(v, o));
		json_object_array_add(list, obj);
	}
	return list;
}

static struct json_object *users(const struct view *v)
{
	struct json_object *list = json_object_new_array();

	for (struct obj *o = model_first(v->model, OBJ_USER); o; o = model_next(o, OBJ_USER)) {
		const struct ev_user *u = NOTE_OF(o, user);
		struct json_object *obj;

		if (!u || !view_has_user(v, o))
			continue;
		obj = json_object_new_object();
		json_add(obj, "uid", json_object_new_int64(u->uid));
		json_add(obj, "locked_vm_pages", json_object_new_int64(u->locked_vm));
		json_object_array_add(list, obj);
	}
	return list;
}

/* ---- verdicts ------------------------------------------------------------------------ */

static struct json_object *evidence(const struct finding *f)
{
	struct json_object *list = json_object_new_array();

	for (unsigned int i = 0; i < f->n_evidence; i++) {
		const struct evidence *e = &f->evidence[i];
		struct json_object *obj = json_object_new_object();

		json_add(obj, "text", json_object_new_string(e->text ?: ""));
		json_add(obj, "relation", e->rel < REL__max ? json_object_new_string(relation_words(e->rel)) : NULL);
		json_add(obj, "from_tid", e->from_tid ? json_object_new_int64(e->from_tid) : NULL);
		json_add(obj, "to_tid", e->to_tid ? json_object_new_int64(e->to_tid) : NULL);
		json_add(obj, "grade", json_object_new_string(grade_name(e->grade)));
		json_add(obj, "ts_ns", e->ts_ns ? json_object_new_uint64(e->ts_ns) : NULL);
		json_add(obj, "via", e->via ? json_object_new_string(e->via) : NULL);
		json_object_array_add(list, obj);
	}
	return list;
}

static struct json_object *strings(char **s, unsigned int n)
{
	struct json_object *list = json_object_new_array();

	for (unsigned int i = 0; i < n; i++)
		json_object_array_add(list, json_object_new_string(s[i]));
	return list;
}

static struct json_object *verdicts(const struct view *v)
{
	struct json_object *list = json_object_new_array();

	for (unsigned int i = 0; v->findings && i < v->findings->n; i++) {
		const struct finding *f = &v->findings->f[i];
		struct json_object *obj;

		if (!view_has_finding(v, f))
			continue;
		obj = json_object_new_object();
		json_add(obj, "name", json_object_new_string(f->verdict->name));
		json_add(obj, "answer", json_object_new_string(answer_name(f->answer)));
		json_add(obj, "grade", level_name(f->level) ? json_object_new_string(level_name(f->level)) : NULL);
		json_add(obj, "subject", container_name(f->container));
		json_add(obj, "evidence", evidence(f));
		json_add(obj, "missing", strings(f->missing, f->n_missing));
		json_add(obj, "sentence", f->sentence ? json_object_new_string(f->sentence) : NULL);
		json_object_array_add(list, obj);
	}
	return list;
}

/* ---- the whole ------------------------------------------------------------------------- */

static void add_gap(void *list, const struct ev_gap *gap)
{
	struct json_object *obj = json_object_new_object();

	json_add(obj, "what", json_text(gap->what, sizeof(gap->what)));
	json_add(obj, "why", json_text(gap->why, sizeof(gap->why)));
	json_object_array_add(list, obj);
}

static struct json_object *host(const struct view *v)
{
	const struct ev_session *s = NOTE_OF(model_first(v->model, OBJ_SESSION), session);
	struct json_object *obj;
	char buf[48];

	if (!s)
		return NULL;
	obj = json_object_new_object();
	json_add(obj, "node", json_text(s->node, sizeof(s->node)));
	json_add(obj, "kernel", json_text(s->release, sizeof(s->release)));
	json_add(obj, "boot_id", json_text(s->boot_id, sizeof(s->boot_id)));
	format_rfc3339(s->realtime_ns, buf, sizeof(buf));
	json_add(obj, "time", json_object_new_string(buf));
	json_add(obj, "ts_ns", json_object_new_uint64(s->h.ts_ns));
	json_add(obj, "realtime_offset_ns", json_object_new_int64(s->realtime_ns - s->h.ts_ns));
	json_add(obj, "version", json_text(s->version, sizeof(s->version)));
	json_add(obj, "command", json_text(s->command, sizeof(s->command)));
	return obj;
}

int json_status(struct json_object *doc, struct view *v)
{
	struct json_object *gaps = json_object_new_array();

	for_each_gap(v, add_gap, gaps);
	if (v->kind == VIEW_STATUS)
		json_add(doc, "host", host(v));
	if (v->kind == VIEW_REPORT)
		json_add(doc, "session", host(v));
	json_add(doc, "complete", json_object_new_boolean(model_complete(v->model)));
	json_add(doc, "lost", json_object_new_uint64(v->lost));
	json_add(doc, "gaps", gaps);
	if (v->kind != VIEW_STREAM) {
		json_add(doc, "looks", json_object_new_int64(model_looks(v->model)));
		json_add(doc, "containers", containers(v));
		json_add(doc, "undecided", undecided(v));
		json_add(doc, "mms", mms(v));
		json_add(doc, "users", users(v));
	}
	if (v->memlock) {
		struct json_object *needs = json_memlock(v);

		if (!needs)
			return -ENOMEM;
		json_add(doc, "memlock", needs);
	}
	if (v->kind == VIEW_REPORT) {
		struct json_object *ledger = json_ledger(v);

		if (!ledger)
			return -ENOMEM;
		json_add(doc, "ledger", ledger);
	}
	return json_add(doc, "verdicts", verdicts(v));
}
