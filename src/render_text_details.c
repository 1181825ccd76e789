// SPDX-License-Identifier: GPL-2.0-only
/*
 * render_text_details.c - format "text": with -v, all that is known of each
 * container: who holds it, its devices, what is blocked on it; its ranges are
 * in render_text_ranges.c.
 */
#include <string.h>

#include "render_text.h"
#include "words.h"

#define LABEL 11

/* A paragraph that is being written: say_open() gives its stream, say() prints it behind its label. */
struct say {
	struct cell text;
	struct output *o;
};

static FILE *say_open(struct say *s, struct output *o)
{
	s->o = o;
	return cell_open(&s->text);
}

static void say(struct say *s, const char *label)
{
	fclose(s->text.f);
	if (s->text.text && *s->text.text)
		print_paragraph(s->o, "  ", label, LABEL, s->text.text);
	free(s->text.text);
}

/* ---- holders ------------------------------------------------------------------------- */

static void put_named(FILE *out, const char *before, const char *s, size_t size)
{
	if (!*s)
		return;
	fputs(before, out);
	put_field(out, s, size, false);
}

static void put_program(FILE *out, const struct view *v, __u32 tgid)
{
	const struct ev_program *p = NOTE_OF(model_find(v->model, OBJ_PROGRAM, tgid), program);

	if (!p || !p->known) {
		fputs("; its program and control group are not known", out);
		return;
	}
	put_named(out, "; ", p->exe, sizeof(p->exe));
	put_named(out, "; cgroup ", p->cgroup, sizeof(p->cgroup));
	put_named(out, "; VM ", p->vm, sizeof(p->vm));
	put_named(out, "; pod ", p->pod, sizeof(p->pod));
	put_named(out, "; container ", p->box, sizeof(p->box));
}

static void put_limit(FILE *out, const struct view *v, __u64 limit)
{
	char buf[FORMAT_MAX];

	if (limit == ~0ULL)
		fputs("unlimited", out);
	else if (v->bytes)
		fprintf(out, "%llu", limit);
	else
		fputs(format_bytes(limit, buf), out);
}

static void put_limits(FILE *out, const struct view *v, __u32 tgid)
{
	const struct ev_process *p = NOTE_OF(model_find(v->model, OBJ_PROCESS, tgid), process);

	if (!p)
		return;
	fprintf(out, "; uid %u, RLIMIT_MEMLOCK ", p->uid);
	put_limit(out, v, p->soft);
	fputs(", hard ", out);
	put_limit(out, v, p->hard);
	if (p->ipc_lock)
		fputs(", of which CAP_IPC_LOCK exempts it", out);
}

static void print_holder(struct output *o, const struct row *r, const struct edge *e)
{
	char who[WORDS_MAX], fds[WORDS_MAX];
	unsigned int threads = 0;
	struct say s;
	FILE *out = say_open(&s, o);

	if (!out)
		return;
	for (struct edge *u = edge_in(e->to, REL_USES); u; u = edge_in_next(u))
		threads++;
	fprintf(out, "%s, %s", hdr_words(e->last, who), fd_words(r->container, e->to, fds));
	if (threads)
		fprintf(out, "; %u thread%s this table of files", threads, threads == 1 ? " uses" : "s use");
	put_program(out, r->view, e->last->tgid);
	put_limits(out, r->view, e->last->tgid);
	say(&s, "Held by");
}

static void print_tgid(struct output *o, const struct row *r, __u32 tgid)
{
	const struct ev_process *p = NOTE_OF(model_find(r->view->model, OBJ_PROCESS, tgid), process);
	char who[WORDS_MAX];
	struct say s;
	FILE *out = say_open(&s, o);

	if (!out)
		return;
	if (p)
		fputs(hdr_words(&p->h, who), out);
	else
		fprintf(out, "process %u", tgid);
	put_program(out, r->view, tgid);
	put_limits(out, r->view, tgid);
	say(&s, "Memory of");
}

static bool holds(const struct row *r, __u32 tgid)
{
	for (size_t i = 0; i < r->holders.n; i++)
		if (r->holders.v[i] == tgid)
			return true;
	return false;
}

static void print_holders(struct output *o, const struct row *r)
{
	size_t n;
	_cleanup_free_ struct edge **held = edges_sorted(r->container, false, REL_HELD, edge_by_tgid, &n);

	for (size_t i = 0; i < n; i++)
		print_holder(o, r, held[i]);
	for (struct edge *e = edge_out(r->container, REL_PENDING); e; e = edge_out_next(e)) {
		char who[WORDS_MAX];

		print_paragraph(o, "  ", "Released by", LABEL + 1, hdr_words(e->last, who));
	}
	for (size_t i = 0; i < r->owners.n; i++)
		if (!holds(r, r->owners.v[i]))
			print_tgid(o, r, r->owners.v[i]);
}

/* ---- devices -------------------------------------------------------------------------- */

/* Pages that mediated devices have pinned; the kernel keeps them by range, and not by device. */
static void put_pins(FILE *out, const struct row *r, unsigned int emulated)
{
	struct pages sum = {};

	for (struct edge *e = edge_in(r->container, REL_PART); e; e = edge_in_next(e)) {
		const struct ev_range *range = (const void *)e->last;

		if (range->pinned < 0)
			sum.unknown = true;
		else
			sum.n += range->pinned;
	}
	if (sum.unknown)
		fputs("not known how many pages", out);
	else
		fprintf(out, "%llu page%s", sum.n, sum.n == 1 ? "" : "s");
	if (emulated == 1)
		fputs(" by the mediated device", out);
	else
		fputs(" by the mediated devices; the kernel does not keep them by device", out);
}

static void print_device(struct output *o, const struct edge *e)
{
	const struct ev_device *d = (const void *)e->last;
	char words[WORDS_MAX];
	struct say s;
	FILE *out = say_open(&s, o);

	if (!out)
		return;
	fputs(device_words(e->from, words) + strlen("device "), out);
	if (d->h.type == EV_device) {
		fprintf(out, ", %s", kind_value_name(KIND_BACKED, d->backed) ?: "?");
		put_named(out, ", ", d->vfio_name, sizeof(d->vfio_name));
		if (d->has_group)
			fprintf(out, ", IOMMU group %u", d->group);
		if (d->ioas)
			fprintf(out, ", ioas %u", d->ioas);
		fprintf(out, ", open %u time%s%s", d->open, d->open == 1 ? "" : "s", d->cdev ? ", without a group" : "");
	}
	say(&s, "Device");
}

static void print_devices(struct output *o, const struct row *r)
{
	size_t n;
	_cleanup_free_ struct edge **devices = edges_sorted(r->container, true, REL_MEMBER, edge_by_device, &n);
	unsigned int emulated = 0;
	struct say s;
	FILE *out;

	for (size_t i = 0; i < n; i++) {
		const struct ev_device *d = (const void *)devices[i]->last;

		print_device(o, devices[i]);
		emulated += d->h.type == EV_device && d->backed == BACKED_EMULATED;
	}
	if (!emulated || !r->note || r->note->kind != CONTAINER_TYPE1)
		return;
	out = say_open(&s, o);
	if (!out)
		return;
	put_pins(out, r, emulated);
	say(&s, "Pinned");
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void print_entries(struct output *o, const struct row *r)
{
	struct say s;
	FILE *out = r->note && r->note->kind == CONTAINER_TYPE1 ? say_open(&s, o) : NULL;

	if (!out)
		return;
	fprintf(out, "%u of %u ranges can still be mapped", r->note->avail, r->note->avail + r->note->ranges);
	say(&s, "Entries");
}

static void print_blocked(struct output *o, const struct row *r)
{
	for (struct edge *e = edge_in(r->container, REL_WAITS); e; e = edge_in_next(e)) {
		/* What the hook saw says more than what a look found later. */
		const struct ev_block *b = (const void *)(e->observed ? e->rec : e->last);
		char who[WORDS_MAX], size[FORMAT_MAX];
		struct say s;
		FILE *out = say_open(&s, o);

		if (!out)
			return;
		fprintf(out, "%s, %s", hdr_words(&b->h, who), kind_value_name(KIND_CLASS, b->class) ?: "?");
		if (b->op != OP_UNKNOWN)
			fprintf(out, ", to %s", kind_value_name(KIND_OP, b->op) ?: "?");
		if (b->size)
			fprintf(out, ", %s at 0x%llx", format_bytes(b->size, size), b->iova);
		put_named(out, ", work ", b->func, sizeof(b->func));
		put_named(out, " on ", b->wq_name, sizeof(b->wq_name));
		say(&s, "Blocked");
	}
}

static void print_title(struct output *o, const struct row *r)
{
	char id[ID_NAME_MAX];

	fprintf(o->f, "%s%s%s", paint(o, PAINT_BOLD), id_name(OBJ_CONTAINER, r->container->id, id), unpaint(o, PAINT_BOLD));
	if (!r->note)
		fputs("  no look has read it", o->f);
	else
		fprintf(o->f, "  %s, %u range%s", container_type(r->note) ?: "no driver is set", r->note->ranges,
			r->note->ranges == 1 ? "" : "s");
	if (r->note && r->note->kind != CONTAINER_IOMMUFD)
		fprintf(o->f, ", %u group%s", r->note->groups, r->note->groups == 1 ? "" : "s");
	else if (r->note)
		fprintf(o->f, ", %u ioas%s", r->note->ioases, r->note->ioases == 1 ? "" : "es");
	if (r->note && r->note->retries)
		fprintf(o->f, ", read %u times since it changed", r->note->retries + 1);
	if (r->note && r->note->unstable)
		fputs(", and did not stand still", o->f);
	fputc('\n', o->f);
}

int text_details(struct output *o, const struct row_list *rows)
{
	int err = 0;

	for (size_t i = 0; i < rows->n && !err; i++) {
		const struct row *r = &rows->v[i];

		if (!r->first)
			continue;
		print_title(o, r);
		print_holders(o, r);
		print_devices(o, r);
		print_entries(o, r);
		print_blocked(o, r);
		err = text_ranges(o, r);
		fputc('\n', o->f);
	}
	return err;
}
