// SPDX-License-Identifier: GPL-2.0-only
/*
 * filter.c - which containers were asked for, and whose a container is (filter.h).
 *
 * Names are compared as the kernel has them and as we print them, so that what
 * was printed, with its escapes, can be given back.
 */
#include "filter.h"

#include <string.h>
#include <strings.h>

/* ---- whose a container is -------------------------------------------------------- */

static bool each_holder(const struct obj *c, bool (*fn)(void *ctx, __u32 tgid), void *ctx)
{
	for (struct edge *e = edge_out(c, REL_HELD); e; e = edge_out_next(e)) {
		if (fn(ctx, e->last->tgid))
			return true;
		for (struct edge *u = edge_in(e->to, REL_USES); u; u = edge_in_next(u))
			if (u->last->tgid != e->last->tgid && fn(ctx, u->last->tgid))
				return true;
	}
	for (struct edge *e = edge_out(c, REL_PENDING); e; e = edge_out_next(e))
		if (fn(ctx, e->last->tgid))
			return true;
	return false;
}

static bool each_in_mm(const struct model *m, __u64 mm, bool (*fn)(void *ctx, __u32 tgid), void *ctx)
{
	const struct obj *o = model_find(m, OBJ_MM, mm);

	for (struct edge *e = o ? edge_in(o, REL_IN_MM) : NULL; e; e = edge_in_next(e))
		if (fn(ctx, e->last->tgid))
			return true;
	return false;
}

bool for_each_owner(const struct model *m, const struct obj *c, unsigned int how, bool (*fn)(void *ctx, __u32 tgid), void *ctx)
{
	__u64 mm = 0;

	if (how & OWNER_HOLDS && each_holder(c, fn, ctx))
		return true;
	for (struct edge *e = how & OWNER_WAITS ? edge_in(c, REL_WAITS) : NULL; e; e = edge_in_next(e))
		if (fn(ctx, e->last->tgid))
			return true;
	for (struct edge *e = how & OWNER_MEMORY ? edge_in(c, REL_PART) : NULL; e; e = edge_in_next(e)) {
		const struct ev_range *r = (const void *)e->last;

		if (!r->mm || r->mm == mm)
			continue; /* most ranges are of the mm of the one before */
		mm = r->mm;
		if (each_in_mm(m, mm, fn, ctx))
			return true;
	}
	return false;
}

bool tgids_add(void *ctx, __u32 tgid)
{
	struct tgids *t = ctx;
	__u32 *v = t->v;

	if (!tgid || (t->n && v[t->n - 1] == tgid))
		return false;
	if (!(t->n & (t->n - 1))) /* full: room for 1, 2, 4, … */
		v = reallocarray(v, t->n ? t->n * 2 : 1, sizeof(*v));
	if (!v) {
		t->oom = true;
		return true;
	}
	t->v = v;
	v[t->n++] = tgid;
	return false;
}

static int tgid_cmp(const void *x, const void *y)
{
	__u32 a = *(const __u32 *)x, b = *(const __u32 *)y;

	return a < b ? -1 : a > b;
}

void tgids_sort(struct tgids *t)
{
	size_t n = 0;

	if (t->n)
		qsort(t->v, t->n, sizeof(*t->v), tgid_cmp);
	for (size_t i = 0; i < t->n; i++)
		if (!n || t->v[n - 1] != t->v[i])
			t->v[n++] = t->v[i];
	t->n = n;
}

/* ---- names ------------------------------------------------------------------------- */

/* How a name begins: with `with`, and then it ends, or goes on with one of `more`. */
static bool begins(const char *name, const char *with, const char *more)
{
	size_t len = strlen(with);

	return !strncmp(name, with, len) && (!name[len] || strchr(more, name[len]));
}

static bool named(const char *field, size_t size, const char *arg, const char *more)
{
	_cleanup_free_ char *raw = strndup(field, size), *shown = escape_text(field, size);

	return (raw && begins(raw, arg, more)) || (shown && begins(shown, arg, more));
}

/* A path in the hierarchy, or that of its folder; with or without a slash at the end. */
static bool in_cgroup(const char *field, size_t size, const char *arg)
{
	static const char mounted[] = "/sys/fs/cgroup";
	_cleanup_free_ char *path = NULL;
	size_t len;

	if (begins(arg, mounted, "/"))
		arg += sizeof(mounted) - 1;
	len = strlen(arg);
	while (len && arg[len - 1] == '/')
		len--;
	path = strndup(arg, len);
	return path && named(field, size, path, "/");
}

static bool is_uuid(const char *s)
{
	return strlen(s) == 36 && s[8] == '-';
}

static bool device_named(const struct edge *e, const char *arg)
{
	const struct ev_device *d = (const void *)e->last;
	const struct ev_close *cl = (const void *)e->last;
	char name[sizeof(d->device_name) + 1] = "", vfio[sizeof(d->vfio_name) + 1] = "", id[ID_NAME_MAX];

	if (e->last->type == EV_device) {
		memcpy(name, d->device_name, sizeof(d->device_name));
		memcpy(vfio, d->vfio_name, sizeof(d->vfio_name));
	} else if (e->last->type == EV_close) {
		memcpy(name, cl->device_name, sizeof(cl->device_name));
	}
	if (!*arg)
		return false;
	if (!strcasecmp(name, arg) || !strcmp(vfio, arg) || !strcmp(id_name(OBJ_DEVICE, e->from->id, id), arg))
		return true;
	if (!strncmp(name, "0000:", 5) && !strcasecmp(name + 5, arg))
		return true; /* as lspci has it */
	return is_uuid(name) && strlen(arg) >= 8 && !strncasecmp(name, arg, strlen(arg));
}

/* ---- what was asked for --------------------------------------------------------------- */

static bool asks_for_process(const struct filter *f)
{
	return f->tgids.n || f->vm || f->cgroup;
}

bool filter_set(const struct filter *f)
{
	return f && (f->container_bits || f->device || asks_for_process(f));
}

bool filter_has_id(const struct filter *f, __u64 container)
{
	__u64 mask;

	if (!f || !f->container_bits)
		return true;
	mask = f->container_bits >= 64 ? ~0ULL : (1ULL << f->container_bits) - 1;
	return !((f->container ^ container) & mask);
}

static enum answer has_device(const struct filter *f, const struct obj *c)
{
	bool nameless = false;

	if (!f->device)
		return ANSWER_YES;
	for (struct edge *e = edge_in(c, REL_MEMBER); e; e = edge_in_next(e)) {
		const struct ev_device *d = (const void *)e->last;

		if (device_named(e, f->device))
			return ANSWER_YES;
		nameless |= e->last->type == EV_device ? !*d->device_name : e->last->type != EV_close;
	}
	return nameless ? ANSWER_CANNOT_TELL : ANSWER_NO;
}

/* Not named so; or it cannot be told, since the field is empty or had no room for all of it. */
static enum answer not_named(const char *field, size_t size, bool may_be_empty)
{
	return (!*field && !may_be_empty) || field[size - 1] ? ANSWER_CANNOT_TELL : ANSWER_NO;
}

static enum answer is_process(const struct filter *f, const struct model *m, __u32 tgid)
{
	const struct ev_program *p;

	if (f->tgids.n && !u32_list_has(&f->tgids, tgid))
		return ANSWER_NO;
	if (!f->vm && !f->cgroup)
		return ANSWER_YES;
	p = NOTE_OF(model_find(m, OBJ_PROGRAM, tgid), program);
	if (!p || !p->known)
		return ANSWER_CANNOT_TELL;
	if (f->vm && !named(p->vm, sizeof(p->vm), f->vm, ""))
		return not_named(p->vm, sizeof(p->vm), true);
	if (f->cgroup && (!*p->cgroup || !in_cgroup(p->cgroup, sizeof(p->cgroup), f->cgroup)))
		return not_named(p->cgroup, sizeof(p->cgroup), false);
	return ANSWER_YES;
}

struct asked {
	const struct filter *f;
	const struct model *m;
	bool somebody, unknown, yes;
};

static bool ask(void *ctx, __u32 tgid)
{
	struct asked *a = ctx;
	enum answer answer = is_process(a->f, a->m, tgid);

	a->somebody |= tgid != 0;
	a->unknown |= answer == ANSWER_CANNOT_TELL;
	a->yes |= answer == ANSWER_YES;
	return a->yes;
}

static enum answer has_process(const struct filter *f, const struct model *m, const struct obj *c)
{
	struct asked a = { .f = f, .m = m };
	/* What waits is often a kernel thread, which is of no machine and of no group that tells anything. */
	unsigned int how = f->vm || f->cgroup ? OWNER_HOLDS | OWNER_MEMORY : OWNER_ANY;

	if (!asks_for_process(f))
		return ANSWER_YES;
	if (for_each_owner(m, c, how, ask, &a))
		return ANSWER_YES;
	return a.unknown || !a.somebody ? ANSWER_CANNOT_TELL : ANSWER_NO;
}

enum answer filter_container(const struct filter *f, const struct model *m, const struct obj *c)
{
	enum answer device, process;

	if (!filter_set(f))
		return ANSWER_YES;
	if (!filter_has_id(f, c->id))
		return ANSWER_NO;
	device = has_device(f, c);
	process = device == ANSWER_NO ? ANSWER_NO : has_process(f, m, c);
	if (device == ANSWER_NO || process == ANSWER_NO)
		return ANSWER_NO;
	return device == ANSWER_YES && process == ANSWER_YES ? ANSWER_YES : ANSWER_CANNOT_TELL;
}
