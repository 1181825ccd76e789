// SPDX-License-Identifier: GPL-2.0-only
/*
 * render_text_memlock.c - format "text": what RLIMIT_MEMLOCK must be, instead
 * of the table of containers. Sizes are in KiB and exact, as ulimit -l and
 * libvirt's hard_limit take them: a rounded limit is a wrong one.
 */
#include "memlock.h"
#include "render_text.h"

#define LABEL 11
#define KIB(pages) ((pages) * (PAGE_BYTES / 1024))

enum { COL_PID, COL_VM, COL_WHERE, COL_LIMIT, COL_NOW, COL_SHARED, COL_SEPARATE };

static const struct {
	const char *name;
	int flags;
} columns[] = {
	[COL_PID] = { "PID", SCOLS_FL_RIGHT },	    [COL_VM] = { "VM", SCOLS_FL_TRUNC },
	[COL_WHERE] = { "COUNTED IN", 0 },	    [COL_LIMIT] = { "LIMIT", SCOLS_FL_RIGHT },
	[COL_NOW] = { "NOW", SCOLS_FL_RIGHT },	    [COL_SHARED] = { "+1", SCOLS_FL_RIGHT },
	[COL_SEPARATE] = { "+1 VIOMMU", SCOLS_FL_RIGHT },
};

/* ---- cells ----------------------------------------------------------------------- */

static void put_where(FILE *out, const struct memlock_need *n)
{
	static const char *const words[] = {
		[MEMLOCK_MM] = "mm->locked_vm", [MEMLOCK_NONE] = "none", [MEMLOCK_NOT_KNOWN] = "?"
	};

	if (n->counter == MEMLOCK_USER)
		fprintf(out, "uid %u", n->process->uid);
	else
		fputs(words[n->counter], out);
}

static void put_limit(FILE *out, const struct memlock_need *n)
{
	if (n->process->ipc_lock)
		fputs("exempt", out);
	else if (n->process->soft == ~0ULL)
		fputs("inf", out);
	else
		fprintf(out, "%llu", n->process->soft / 1024);
}

static void put_kib(FILE *out, const struct memlock_need *n, const struct pages *p)
{
	if (p->unknown)
		fputc('?', out);
	else if (n->counter == MEMLOCK_NONE)
		fputc('-', out);
	else
		fprintf(out, "%llu", KIB(p->n));
}

static void put_cell(FILE *out, const struct view *v, const struct memlock_need *n, unsigned int column)
{
	switch (column) {
	case COL_PID:
		fprintf(out, "%u", n->process->h.tgid);
		break;
	case COL_VM:
		put_vm_of(out, v, n->process->h.tgid);
		break;
	case COL_WHERE:
		put_where(out, n);
		break;
	case COL_LIMIT:
		put_limit(out, n);
		break;
	case COL_NOW:
		put_kib(out, n, &n->now);
		break;
	case COL_SHARED:
		put_kib(out, n, &n->shared);
		break;
	case COL_SEPARATE:
		put_kib(out, n, &n->separate);
	}
}

/* ---- the table ------------------------------------------------------------------------ */

static bool shown(const struct view *v, const struct memlock_need *n)
{
	return view_has_mm(v, model_find(v->model, OBJ_MM, n->mm));
}

static int add_line(struct libscols_table *t, const struct view *v, const struct memlock_need *n)
{
	struct libscols_line *line = scols_table_new_line(t, NULL);

	for (unsigned int i = 0; i < ARRAY_SIZE(columns); i++) {
		struct cell cell;

		if (!line || !cell_open(&cell))
			return -1;
		put_cell(cell.f, v, n, i);
		cell_close(&cell, line, i);
	}
	return 0;
}

static int print_needs(struct output *o, const struct view *v, const struct memlock *m)
{
	struct libscols_table *t = table_new(o);
	int err = t ? 0 : -1;

	for (unsigned int i = 0; i < ARRAY_SIZE(columns) && !err; i++)
		err = scols_table_new_column(t, columns[i].name, 1, columns[i].flags) ? 0 : -1;
	for (size_t i = 0; i < m->n && !err; i++)
		if (shown(v, &m->v[i]))
			err = add_line(t, v, &m->v[i]);
	if (err) {
		scols_unref_table(t);
		return err;
	}
	if (scols_table_is_empty(t))
		fputs(model_complete(v->model) ? "Nothing is mapped by a process that lives.\n" : "Nothing that is mapped was seen, and not everything was.\n", o->f);
	print_table(t);
	fputc('\n', o->f);
	return 0;
}

/* ---- what the numbers mean ---------------------------------------------------------------- */

static void tell_units(struct output *o, const struct memlock_need *n)
{
	_cleanup_free_ char *comm = ESCAPE(n->process->h.comm);
	const char *all = n->counter == MEMLOCK_USER ? "all of this user's" : "all of this process's";
	const struct pages other = memlock_other(n);

	if (n->counter >= MEMLOCK_NONE || n->now.unknown || n->own.unknown)
		return;
	print_labelled(o, "Counted", LABEL, "%s [%u]: %llu KiB for %u container%s, of %llu KiB in all, %s", comm ?: "?",
		       n->process->h.tgid, KIB(n->own.n), n->units, n->units == 1 ? " or ioas" : "s or ioases", KIB(n->now.n), all);
	if (!other.unknown && other.n)
		print_labelled(o, "Other", LABEL, "%u: the difference, %llu KiB, is %s", n->process->h.tgid, KIB(other.n),
			       n->counter == MEMLOCK_USER ? "charged for other processes of the user, or io_uring's, perf's or a socket's" :
							    "what mlock and its like have locked, or what somebody else counts there");
}

static void tell_exceeds(struct output *o, const struct memlock_need *n)
{
	const struct pages *need = memlock_exceeds(n, &n->now) ? &n->now : memlock_exceeds(n, &n->shared) ? &n->shared : &n->separate;
	const char *what = need == &n->now ? "what is mapped now" : need == &n->shared ? "one more device" : "one more device behind a vIOMMU";
	_cleanup_free_ char *comm = ESCAPE(n->process->h.comm);

	if (!memlock_exceeds(n, need))
		return;
	print_labelled(o, "Too little", LABEL, "%s [%u] may lock %llu KiB, and %s needs %llu: prlimit --pid %u --memlock=%llu, or in libvirt "
		       "<hard_limit unit='KiB'>%llu</hard_limit>",
		       comm ?: "?", n->process->h.tgid, n->process->soft / 1024, what, KIB(need->n), n->process->h.tgid,
		       need->n * PAGE_BYTES, KIB(need->n));
}

static void tell_unknown(struct output *o, const struct memlock_need *n)
{
	_cleanup_free_ char *comm = ESCAPE(n->process->h.comm);
	unsigned int pid = n->process->h.tgid;

	if (n->counter == MEMLOCK_NOT_KNOWN || (n->counter == MEMLOCK_NONE && !n->process->ipc_lock))
		print_labelled(o, "Not known", LABEL,
			       "%s [%u] mapped with CAP_IPC_LOCK, which it has not now: whether iommufd would count in the user or "
			       "the address space is not seen",
			       comm ?: "?", pid);
	else if (n->now.unknown)
		print_labelled(o, "Not known", LABEL, "%s [%u]: the counter was not read, or has wrapped below zero (see drift)",
			       comm ?: "?", pid);
	else if (n->separate.unknown || n->shared.unknown)
		print_labelled(o, "Not known", LABEL, "%s [%u]: what memory is behind some range, or not all ranges could be read",
			       comm ?: "?", pid);
}

static void tell_peak(struct output *o, const struct view *v, const struct memlock_need *n)
{
	const struct memlock_peak *peak = v->peaks ? memlock_peak_find(v->peaks, n) : NULL;

	if (peak && n->counter < MEMLOCK_NONE)
		print_labelled(o, "Peak", LABEL, "%u: %llu KiB in the looks that were taken", n->process->h.tgid, KIB(peak->pages));
}

static void tell_entries(struct output *o, const struct view *v)
{
	for (struct obj *c = model_first(v->model, OBJ_CONTAINER); c; c = model_next(c, OBJ_CONTAINER)) {
		const struct ev_container *note = NOTE_OF(c, container);
		char id[ID_NAME_MAX];

		if (note && note->kind == CONTAINER_TYPE1 && view_has(v, c))
			print_labelled(o, "Entries", LABEL, "%s: %u of %u ranges are left", id_name(OBJ_CONTAINER, c->id, id), note->avail,
				       note->avail + note->ranges);
	}
}

static void tell(struct output *o, const struct view *v, const struct memlock *m)
{
	print_labelled(o, "Sizes", LABEL, "in KiB and exact, as ulimit -l and <hard_limit> take them. NOW is what the counter has, whoever "
					   "made it so; +1: with one more device in the largest container or ioas; +1 VIOMMU: with one of "
					   "its own, which is charged for all of the memory again");
	for (size_t i = 0; i < m->n; i++) {
		if (!shown(v, &m->v[i]))
			continue;
		tell_units(o, &m->v[i]);
		tell_exceeds(o, &m->v[i]);
		tell_unknown(o, &m->v[i]);
		tell_peak(o, v, &m->v[i]);
	}
	if (!v->peaks)
		print_labelled(o, "Peak", LABEL, "cannot tell: the kernel keeps none, and this was one moment; --watch or record see more");
	tell_entries(o, v);
	fputc('\n', o->f);
}

int text_memlock(struct output *o, const struct view *v)
{
	struct memlock m = {};
	int err = memlock_collect(v->model, &m);

	if (!err)
		err = print_needs(o, v, &m);
	if (!err)
		tell(o, v, &m);
	free(m.v);
	return err;
}
