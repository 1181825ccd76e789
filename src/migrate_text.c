// SPDX-License-Identifier: GPL-2.0-only
/*
 * migrate_text.c - `migrate` for people: whether this host can follow advice;
 * of each container what is in the way, with what takes it away; then every
 * mapping, with the call that would take its place (migrate_show.h).
 */
#include <string.h>

#include "migrate_show.h"
#include "util.h"

#define HOST_LABEL 11
#define END_LABEL 13
#define WAY_LABEL 18
#define MAP_LABEL 18

#define IOMMUFD_QEMU "-object iommufd,id=iommufd0 -device vfio-pci,host=BDF,iommufd=iommufd0"
#define MEMFD_QEMU "-object memory-backend-memfd,id=m0,size=SIZE,share=on -machine memory-backend=m0,aux-ram-share=on"
#define MEMFD_LIBVIRT "<memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>"
#define NEXT_START "at the next start of the guest; not possible while it runs"

/* What takes an obstacle away. */
struct way {
	const char *libvirt, *qemu, *when;
};

static const struct way ways[MIGRATE__max] = {
	[MIGRATE_FILE] = { .qemu = "a version that calls IOMMU_IOAS_MAP_FILE; for another program, the calls are below" },
	[MIGRATE_ANONYMOUS] = { MEMFD_LIBVIRT, MEMFD_QEMU, NEXT_START },
	[MIGRATE_PRIVATE] = { "<memoryBacking><access mode='shared'/></memoryBacking>", "share=on at the -object memory-backend-... it has",
			      NEXT_START },
	[MIGRATE_NAMELESS] = { MEMFD_LIBVIRT, MEMFD_QEMU, NEXT_START },
	[MIGRATE_OTHER_FILE] = { MEMFD_LIBVIRT, MEMFD_QEMU ", or mem-path= on tmpfs or hugetlbfs", NEXT_START },
	[MIGRATE_GUEST_MEMFD] = { .when = "no way is known here" },
	/* QEMU 11 maps the regions of a device so for other devices to reach, and can go on without that. */
	[MIGRATE_DMABUF] = { .qemu = "x-no-mmap=on at each -device vfio-pci; every access of the guest to its registers is then QEMU's to make",
			     .when = "at the next start of the guest; else it has to be unmapped before another process takes over" },
	[MIGRATE_MMIO] = { .when = "it has to be unmapped before another process takes over; iommufd maps it by no address once a device is "
				   "attached" },
	[MIGRATE_OWNER_GONE] = { .when = "unmap it and map it again: its charge cannot be moved any more" },
	[MIGRATE_NOT_KNOWN] = { .when = "fdpin-trace doctor says what cannot be seen here" },
};

static const struct way to_iommufd = { .qemu = IOMMUFD_QEMU, .when = NEXT_START };

static const char *known_word(enum known is)
{
	return is == KNOWN_YES ? "yes" : is == KNOWN_NO ? "no" : "cannot tell";
}

/* ---- the host ---------------------------------------------------------------------- */

static void tell_host(struct output *o, const struct migrate_host *h)
{
	static const enum check_id ids[] = { CHECK_iommufd, CHECK_map_file, CHECK_change_process, CHECK_accounting };

	print_labelled(o, "This host", HOST_LABEL, "can follow the advice below: %s", known_word(migrate_host_can(h)));
	for (unsigned int i = 0; i < ARRAY_SIZE(ids); i++) {
		const struct check *c = &h->doctor.checks[ids[i]];
		_cleanup_free_ char *why = ESCAPE(c->why);

		print_labelled(o, "", HOST_LABEL, "%s: %s (%s)", check_table[ids[i]].statement, known_word(c->answer), why ?: "?");
		if (ids[i] == CHECK_iommufd && c->answer == KNOWN_NO)
			break; /* all else follows */
	}
	print_labelled(o, "", HOST_LABEL, "VFIO devices have files of their own (cdev): %s", known_word(h->cdev));
	fputc('\n', o->f);
}

/* ---- a container ------------------------------------------------------------------- */

static void tell_owners(struct output *o, const struct model *m, const struct migrate *g)
{
	const struct ev_container *note = NOTE_OF(g->container, container);
	struct tgids owners = {};
	char id[ID_NAME_MAX];

	for_each_owner(m, g->container, OWNER_HOLDS | OWNER_MEMORY, tgids_add, &owners);
	tgids_sort(&owners);
	for (size_t i = 0; i < owners.n; i++) {
		const struct ev_program *p = NOTE_OF(model_find(m, OBJ_PROGRAM, owners.v[i]), program);
		_cleanup_free_ char *vm = p && *p->vm ? ESCAPE(p->vm) : NULL;

		fprintf(o->f, "%s%s%sPID %u, ", vm ? "VM " : "", vm ?: "", vm ? ", " : "", owners.v[i]);
	}
	fprintf(o->f, "%s", id_name(OBJ_CONTAINER, g->container->id, id));
	if (note && container_type(note))
		fprintf(o->f, " (%s)", container_type(note));
	free(owners.v);
}

/* One for each reason, and one for a container that cannot map from files at all. */
static unsigned int count_obstacles(const struct migrate *g, bool legacy)
{
	unsigned int n = legacy;

	for (int why = MIGRATE_FILE; why < MIGRATE__max; why++)
		n += g->pieces[why] && !(legacy && why == MIGRATE_FILE);
	return n;
}

static void tell_way(struct output *o, const struct way *w)
{
	if (w->libvirt)
		print_labelled(o, "       libvirt", WAY_LABEL, "%s", w->libvirt);
	if (w->qemu)
		print_labelled(o, "       QEMU", WAY_LABEL, "%s", w->qemu);
	if (w->when)
		print_labelled(o, "       when", WAY_LABEL, "%s", w->when);
}

static void tell_obstacles(struct output *o, const struct migrate *g, bool legacy)
{
	unsigned int n = 0;
	char label[DECIMAL_MAX + 5], size[FORMAT_MAX];

	for (int why = MIGRATE_FILE; why < MIGRATE__max; why++) {
		if (!g->pieces[why] || (legacy && why == MIGRATE_FILE))
			continue;
		snprintf(label, sizeof(label), "  %u", ++n);
		print_labelled(o, label, 5, "%s (%u of %zu maps, %s)", migrate_why_texts[why], g->pieces[why], g->n,
			       format_bytes(g->bytes[why], size));
		tell_way(o, &ways[why]);
	}
	if (legacy) {
		snprintf(label, sizeof(label), "  %u", ++n);
		print_labelled(o, label, 5, "it is no context of iommufd, and only that maps from files");
		tell_way(o, &to_iommufd);
	}
	if (n)
		fputc('\n', o->f);
}

static void tell_change(struct output *o, const struct migrate *g, bool legacy)
{
	static const char label[] = "  CHANGE_PROCESS";

	switch (g->change) {
	case CHANGE_YES:
		print_labelled(o, label, WAY_LABEL, "would succeed now, if RLIMIT_MEMLOCK of who calls it suffices%s",
			       g->uncharged ? "; some of it is charged to nobody (CAP_IPC_LOCK), and whether its share of pinned_vm moves along "
					      "is said above" :
					      "");
		break;
	case CHANGE_NO:
		print_labelled(o, label, WAY_LABEL, "would fail now with EINVAL, because of each map marked !");
		break;
	case CHANGE_NO_CALL:
		print_labelled(o, label, WAY_LABEL, "there is no such call %s", legacy ? "for this container" : "on this kernel");
		break;
	default:
		print_labelled(o, label, WAY_LABEL, "cannot tell: not everything was read");
	}
}

static void tell_call(struct output *o, const struct migrate_piece *p)
{
	const struct migrate_call *c = &p->call;
	char who[64] = "fd cannot be told (nobody has it open)";

	if (c->tgid)
		snprintf(who, sizeof(who), "fd %d of PID %u", c->fd, c->tgid);
	print_labelled(o, "", MAP_LABEL, "IOMMU_IOAS_MAP_FILE %s, start 0x%llx, length 0x%llx, iova 0x%llx%s", who, p->start, p->size, p->iova,
		       c->errnum ? ": EINVAL with a device attached" : "");
}

static void tell_pieces(struct output *o, const struct migrate *g)
{
	bool calls = false;

	for (size_t i = 0; i < g->n; i++) {
		const struct migrate_piece *p = &g->v[i];
		char label[32], size[FORMAT_MAX], ioas[24] = "";

		if (p->range->ioas)
			snprintf(ioas, sizeof(ioas), " in ioas %u", p->range->ioas);
		snprintf(label, sizeof(label), "  %c 0x%llx", g->change == CHANGE_NO && p->refuses ? '!' : ' ', p->iova);
		print_labelled(o, label, MAP_LABEL, "%s%s: %s", format_bytes(p->size, size), ioas, migrate_why_texts[p->why]);
		if (p->call.there)
			tell_call(o, p);
		calls |= p->call.there && !p->call.errnum;
	}
	if (calls)
		print_labelled(o, "  Before a call", WAY_LABEL,
			       "what is mapped there has to be unmapped; DMA to it fails in between, so not while a guest runs");
	if (g->partial)
		print_labelled(o, "  Not seen", WAY_LABEL, "not all of its maps: it changed while it was read");
}

static void tell_container(struct output *o, const struct model *m, const struct migrate *g)
{
	const struct ev_container *note = NOTE_OF(g->container, container);
	bool legacy = note && note->kind != CONTAINER_IOMMUFD && note->kind != CONTAINER_NONE;
	unsigned int obstacles = count_obstacles(g, legacy);
	char size[FORMAT_MAX];
	__u64 bytes = 0;

	for (int i = 0; i < MIGRATE__max; i++)
		bytes += g->bytes[i];
	tell_owners(o, m, g);
	fprintf(o->f, ", %zu map%s, %s: ", g->n, g->n == 1 ? "" : "s", format_bytes(bytes, size));
	if (obstacles)
		fprintf(o->f, "%u obstacle%s\n\n", obstacles, obstacles == 1 ? "" : "s");
	else
		fprintf(o->f, "%s\n\n", migrate_ready(g) == ANSWER_YES ? "no obstacle" : "none was seen");
	tell_obstacles(o, g, legacy);
	tell_change(o, g, legacy);
	tell_pieces(o, g);
	fputc('\n', o->f);
}

/* ---- all of it ----------------------------------------------------------------------- */

static void tell_gap(void *ctx, const struct ev_gap *gap)
{
	_cleanup_free_ char *what = ESCAPE(gap->what), *why = ESCAPE(gap->why);

	print_labelled(ctx, "Not seen", END_LABEL, "%s: %s", what ?: "?", why ?: "?");
}

static void tell_end(struct output *o, const struct view *v, const struct migrate_list *list)
{
	unsigned int undecided = count_undecided(v, NULL);

	for_each_gap(v, tell_gap, o);
	if (undecided)
		print_labelled(o, "Not seen", END_LABEL, "whose %u more container%s: it may be what was asked for", undecided,
			       undecided == 1 ? " is" : "s are");
	if (list->n) {
		print_labelled(o, "Not checked", END_LABEL, "memory that is plugged in later, and devices that are added later");
		print_labelled(o, "Verify", END_LABEL, "fdpin-trace migrate --check; in fdpin-trace status FILE should read 100%%");
		return;
	}
	if (migrate_all_ready(v, list) == ANSWER_YES)
		fputs("There is no container.\n", o->f);
	else
		fputs(model_complete(v->model) && !undecided ? "No container is what was asked for.\n" :
							       "Cannot tell: not everything could be seen.\n",
		      o->f);
}

void migrate_text(struct output *o, const struct view *v, const struct migrate_host *h, const struct migrate_list *list)
{
	escape_text_ascii(!o->utf8);
	tell_host(o, h);
	for (size_t i = 0; i < list->n; i++)
		tell_container(o, v->model, &list->v[i]);
	tell_end(o, v, list);
}

void migrate_check(struct output *o, const struct view *v, const struct migrate_list *list)
{
	static const char *const words[] = { [ANSWER_YES] = "OK", [ANSWER_NO] = "WARNING", [ANSWER_CANNOT_TELL] = "UNKNOWN" };
	static const char *const ends[] = {
		[ANSWER_YES] = "all that is mapped is mapped from files, and could be taken over",
		[ANSWER_NO] = "not all is mapped from files by iommufd:",
		[ANSWER_CANNOT_TELL] = "not everything could be seen, or nothing is what was asked for",
	};
	enum answer ready = migrate_all_ready(v, list);
	const char *sep = " ";

	fprintf(o->f, "%s %s", words[ready], ready == ANSWER_YES && !list->n ? "no container" : ends[ready]);
	for (size_t i = 0; i < list->n && ready == ANSWER_NO; i++) {
		char id[ID_NAME_MAX];

		if (migrate_ready(&list->v[i]) != ANSWER_NO)
			continue;
		fprintf(o->f, "%s%s", sep, id_name(OBJ_CONTAINER, list->v[i].container->id, id));
		sep = ", ";
	}
	fputc('\n', o->f);
}

enum known migrate_host_can(const struct migrate_host *h)
{
	const enum known is[] = { h->doctor.checks[CHECK_iommufd].answer, h->doctor.checks[CHECK_map_file].answer,
				  h->doctor.checks[CHECK_change_process].answer, h->cdev };
	enum known can = KNOWN_YES;

	for (unsigned int i = 0; i < ARRAY_SIZE(is); i++) {
		if (is[i] == KNOWN_NO)
			return KNOWN_NO;
		if (is[i] == NOT_KNOWN)
			can = NOT_KNOWN;
	}
	return can;
}

enum answer migrate_all_ready(const struct view *v, const struct migrate_list *list)
{
	bool unknown = !model_complete(v->model) || count_undecided(v, NULL) || (!list->n && filter_set(v->filter));

	for (size_t i = 0; i < list->n; i++) {
		enum answer one = migrate_ready(&list->v[i]);

		if (one == ANSWER_NO)
			return ANSWER_NO;
		unknown |= one == ANSWER_CANNOT_TELL;
	}
	return unknown ? ANSWER_CANNOT_TELL : ANSWER_YES;
}
