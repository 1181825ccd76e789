// SPDX-License-Identifier: GPL-2.0-only
/*
 * render_text_remarks.c - format "text": what a table has no room for and
 * must not be overlooked: files that no table of files holds, entries that run
 * out, containers that could be what was asked for.
 */
#include "render_text.h"

#define LABEL 13

struct remarks {
	struct output *o;
	unsigned int n;
};

#define remark(to, label, ...) ((to)->n++, print_labelled((to)->o, label, LABEL, __VA_ARGS__))

/* Every device that is bound to an iommufd context keeps its file: that some are in no table is as it should be. */
static void remark_iommufd(struct remarks *to, const struct row *r, const char *id, __u64 found)
{
	bool bound = edge_in(r->container, REL_MEMBER);

	if (found)
		return;
	remark(to, "In no table", "the file of %s is in no table of files: %s", id,
	       bound ? "its devices keep it" : "it is in flight in a socket, in io_uring, or where this look cannot see");
}

static void remark_file(struct remarks *to, const struct row *r)
{
	const struct ev_container *c = r->note;
	__u64 found = count_references(r->container);
	char id[ID_NAME_MAX];

	id_name(OBJ_CONTAINER, r->container->id, id);
	if (!c || edge_out(r->container, REL_PENDING))
		return;
	if (c->kind == CONTAINER_IOMMUFD)
		remark_iommufd(to, r, id, found);
	else if (c->has_file && found < c->refs)
		remark(to, "In no table",
		       "%llu of %llu reference%s to the file of %s: in flight in a socket, in io_uring, in a call that is "
		       "running, or where this look cannot see",
		       c->refs - found, c->refs, c->refs == 1 ? "" : "s", id);
	else if (!c->has_file && c->kref > c->groups)
		remark(to, "In no table",
		       "the file of %s is in no table of files, and no thread was found that will release it: in flight in a "
		       "socket, in io_uring, or where this look cannot see",
		       id);
	else if (!c->has_file)
		remark(to, "In no table", "the file of %s is closed; open devices keep the container", id);
}

/* A tenth is when there is time left to do something about it. */
static void remark_entries(struct remarks *to, const struct row *r)
{
	const struct ev_container *c = r->note;
	char id[ID_NAME_MAX];

	if (c && c->kind == CONTAINER_TYPE1 && c->avail < (c->avail + c->ranges) / 10)
		remark(to, "Entries low", "%s: %u of %u ranges can still be mapped (dma_entry_limit)",
		       id_name(OBJ_CONTAINER, r->container->id, id), c->avail, c->avail + c->ranges);
}

static void remark_undecided(struct remarks *to, const struct view *v)
{
	const struct obj *first = NULL;
	unsigned int n = count_undecided(v, &first);
	char id[ID_NAME_MAX];

	if (!n)
		return;
	id_name(OBJ_CONTAINER, first->id, id);
	if (n == 1)
		remark(to, "Not certain", "%s could be what was asked for: whose it is, or what its devices are called, is not known", id);
	else
		remark(to, "Not certain",
		       "%s and %u others could be what was asked for: whose they are, or what their devices are called, is not known",
		       id, n - 1);
}

void text_remarks(struct output *o, const struct view *v, const struct row_list *rows)
{
	struct remarks to = { .o = o };

	for (size_t i = 0; i < rows->n; i++) {
		if (!rows->v[i].first)
			continue;
		remark_file(&to, &rows->v[i]);
		remark_entries(&to, &rows->v[i]);
	}
	remark_undecided(&to, v);
	if (to.n)
		fputc('\n', o->f);
}
