// SPDX-License-Identifier: GPL-2.0-only
/*
 * render_text_columns.c - format "text": the columns of the table of
 * containers. A new one is a line in status_columns and a function.
 *
 * "-" means none, "?" means not known.
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "render_text.h"

/* ---- names of processes ----------------------------------------------------------- */

static const struct ev_program *program_of(const struct row *r, __u32 tgid)
{
	return NOTE_OF(model_find(r->view->model, OBJ_PROGRAM, tgid), program);
}

/* The same string of all owners, each value once, "-" if none has one, with "?" where one is not known. */
static void put_of_owners(FILE *out, const struct row *r, const char *(*get)(const struct row *r, __u32 tgid, size_t *ret_size))
{
	bool unknown = !r->owners.n;
	unsigned int n = 0;
	size_t size, other_size;

	for (size_t i = 0; i < r->owners.n; i++) {
		const char *s = get(r, r->owners.v[i], &size);
		bool before = false;

		unknown |= !s;
		for (size_t k = 0; k < i && s && !before; k++) {
			const char *other = get(r, r->owners.v[k], &other_size);

			before = other && !strncmp(other, s, size);
		}
		if (!s || !*s || before)
			continue;
		fputs(n++ ? "," : "", out);
		put_field(out, s, size, r->raw);
	}
	if (unknown)
		fputs(n ? ",?" : "?", out);
	else if (!n)
		fputc('-', out);
}

#define PROGRAM_FIELD(field)                                                                          \
	static const char *get_##field(const struct row *r, __u32 tgid, size_t *ret_size)             \
	{                                                                                             \
		const struct ev_program *p = program_of(r, tgid);                                     \
                                                                                                      \
		*ret_size = sizeof(p->field);                                                         \
		return p && p->known ? p->field : NULL;                                               \
	}                                                                                             \
	static void put_##field(FILE *out, const struct row *r)                                       \
	{                                                                                             \
		put_of_owners(out, r, get_##field);                                                   \
	}

PROGRAM_FIELD(vm)
PROGRAM_FIELD(exe)
PROGRAM_FIELD(cgroup)
PROGRAM_FIELD(pod)
PROGRAM_FIELD(box)

static const char *get_comm(const struct row *r, __u32 tgid, size_t *ret_size)
{
	const struct ev_process *p = NOTE_OF(model_find(r->view->model, OBJ_PROCESS, tgid), process);

	*ret_size = FDPIN_COMM_LEN;
	if (p)
		return p->h.comm;
	for (struct edge *e = edge_out(r->container, REL_HELD); e; e = edge_out_next(e))
		if (e->last->tgid == tgid)
			return e->last->comm;
	return NULL;
}

static void put_comm(FILE *out, const struct row *r)
{
	put_of_owners(out, r, get_comm);
}

static void put_pid(FILE *out, const struct row *r)
{
	for (size_t i = 0; i < r->holders.n; i++)
		fprintf(out, "%s%u", i ? "," : "", r->holders.v[i]);
	if (!r->holders.n)
		fputc('-', out);
}

/* ---- what it is ---------------------------------------------------------------------- */

static void put_id(FILE *out, const struct row *r)
{
	char id[ID_NAME_MAX];

	fputs(id_name(OBJ_CONTAINER, r->container->id, id), out);
}

static void put_type(FILE *out, const struct row *r)
{
	if (r->ioas)
		fprintf(out, "%s %u", r->ioas->compat ? "compat" : "ioas", r->ioas->ioas);
	else
		fputs(r->note ? container_type(r->note) ?: "-" : "?", out);
}

/* A uuid is known by its beginning; a PCI address is not shortened. */
static void put_device_name(FILE *out, const char *name, size_t size, bool raw)
{
	bool uuid = strnlen(name, size) == 36 && name[8] == '-';

	if (uuid)
		fputs("mdev ", out);
	put_field(out, name, uuid ? 8 : size, raw);
}

/* One that was opened without a group is known by its VFIO name. */
static void put_device(FILE *out, const struct row *r, const struct edge *e)
{
	const struct ev_device *d = (const void *)e->last;
	const struct ev_close *cl = (const void *)e->last;
	const char *name = e->last->type == EV_device ? d->device_name : e->last->type == EV_close ? cl->device_name : "";
	char id[ID_NAME_MAX];

	if (e->last->type == EV_device && d->cdev && *d->vfio_name)
		PUT_FIELD(out, d->vfio_name, r->raw);
	else if (!*name)
		fputs(id_name(OBJ_DEVICE, e->from->id, id), out);
	else
		put_device_name(out, name, sizeof(d->device_name), r->raw);
}

/* Of several ioases, the line of the first also has the devices whose ioas is not known, with a mark. */
static bool device_is_here(const struct row *r, const struct edge *e, bool *ret_doubt)
{
	const struct ev_device *d = (const void *)e->last;
	bool known = e->last->type == EV_device && d->ioas;

	*ret_doubt = false;
	if (!r->ioas || (r->note && r->note->ioases == 1))
		return true;
	if (known)
		return d->ioas == r->ioas->ioas;
	*ret_doubt = true;
	return r->first;
}

static void put_devices(FILE *out, const struct row *r)
{
	size_t n;
	_cleanup_free_ struct edge **list = edges_sorted(r->container, true, REL_MEMBER, edge_by_device, &n);
	unsigned int shown = 0;
	bool doubt;

	for (size_t i = 0; i < n; i++) {
		if (!device_is_here(r, list[i], &doubt))
			continue;
		fputs(shown++ ? " " : "", out);
		put_device(out, r, list[i]);
		fputs(doubt ? "?" : "", out);
	}
	if (!shown)
		fputc(list ? '-' : '?', out);
}

/* ---- how much --------------------------------------------------------------------------- */

static void put_maps(FILE *out, const struct row *r)
{
	if (r->ioas)
		fprintf(out, "%u", r->ioas->areas);
	else if (r->note)
		fprintf(out, "%u", r->note->ranges);
	else
		fputc('?', out);
}

static void put_size(FILE *out, const struct row *r)
{
	if (r->summed)
		put_bytes(out, r->view, r->sum.bytes);
	else
		fputc('?', out);
}

static void put_file(FILE *out, const struct row *r)
{
	__u64 percent;

	if (!r->summed || r->sum.dark) {
		fputc('?', out);
	} else if (!r->sum.memory) {
		fputc('-', out);
	} else {
		percent = (unsigned __int128)r->sum.file * 100 / r->sum.memory;
		fprintf(out, "%s%llu%%", r->sum.file && !percent ? "<" : "", r->sum.file && !percent ? 1 : percent);
	}
}

static void put_inval(FILE *out, const struct row *r)
{
	if (r->note && r->note->invalid)
		fprintf(out, "%u/%u", r->note->invalid, r->note->ranges);
	else
		fputc(r->note ? '-' : '?', out);
}

static void put_invalid(FILE *out, const struct row *r)
{
	if (r->note)
		fprintf(out, "%u", r->note->invalid);
	else
		fputc('?', out);
}

static void put_pinned(FILE *out, const struct row *r)
{
	struct pages unknown = { .unknown = true };

	put_pages(out, r->view, r->summed ? &r->sum.pinned : &unknown);
}

static void put_charged(FILE *out, const struct row *r)
{
	struct pages unknown = { .unknown = true };

	put_pages(out, r->view, r->summed ? &r->sum.charged : &unknown);
}

static void put_account(FILE *out, const struct row *r)
{
	unsigned int n = 0;

	for (unsigned int k = CHARGED_NONE; k <= CHARGED_MM; k++)
		if (r->sum.accounts & 1u << k)
			fprintf(out, "%s%s", n++ ? "," : "", kind_value_name(KIND_ACCOUNT, k));
	if (!r->summed || r->sum.accounts & 1u << CHARGED_UNKNOWN)
		fputs(n ? ",?" : "?", out);
	else if (!n)
		fputc('-', out);
}

static void put_entries_left(FILE *out, const struct row *r)
{
	if (r->note && r->note->kind == CONTAINER_TYPE1)
		fprintf(out, "%u", r->note->avail);
	else
		fputc(r->note && r->note->kind != CONTAINER_NONE ? '-' : '?', out);
}

static void put_iova(FILE *out, const struct row *r)
{
	if (!r->summed)
		fputc('?', out);
	else if (!r->sum.ranges)
		fputc('-', out);
	else
		fprintf(out, "0x%llx-0x%llx", r->sum.first, r->sum.last);
}

static void put_holders(FILE *out, const struct row *r)
{
	fprintf(out, "%llu/", count_references(r->container));
	if (r->note && r->note->has_file)
		fprintf(out, "%llu", r->note->refs);
	else
		fputc('?', out);
}

static void put_blocked(FILE *out, const struct row *r)
{
	unsigned int n = 0;

	for (struct edge *e = edge_in(r->container, REL_WAITS); e; e = edge_in_next(e))
		n++;
	fprintf(out, "%u", n);
}

static void put_state(FILE *out, const struct row *r)
{
	enum paint p;

	fputs(state_word(r, &p), out);
}

/* ---- the list --------------------------------------------------------------------------------- */

#define RIGHT SCOLS_FL_RIGHT
#define TRUNC SCOLS_FL_TRUNC

/* The first ones, as many as STATUS_COLUMNS_DEFAULT, are shown when nobody asks. */
const struct column status_columns[] = {
	{ "ID", 9, 0, "short id of the container or iommufd context", put_id },
	{ "TYPE", 5, 0, "type1, noiommu, other; of iommufd: ioas N, or compat N for VFIO's", put_type },
	{ "PID", 5, RIGHT | TRUNC, "processes that hold its file, or will release it", put_pid },
	{ "VM", 2, TRUNC, "virtual machine, by control group", put_vm },
	{ "DEVICES", 0.4, TRUNC, "PCI address, first digits of an mdev's uuid, vfioN", put_devices },
	{ "MAPS", 4, RIGHT, "ranges that are mapped", put_maps },
	{ "SIZE", 4, RIGHT, "all ranges together", put_size },
	{ "FILE", 4, RIGHT, "share of the memory (not MMIO) that a file backs", put_file },
	{ "INVAL", 5, RIGHT, "invalid ranges, and all", put_inval },
	{ "STATE", 8, 0, "the worst that was found, BLOCKED, invalid, ok", put_state },
	{ "ACCOUNT", 4, 0, "what pins are charged to: mm, user, none", put_account },
	{ "BLOCKED", 4, RIGHT, "threads that wait for a valid address", put_blocked },
	{ "CGROUP", 0.3, TRUNC, "control groups of its processes", put_cgroup },
	{ "CHARGED", 5, RIGHT, "memory charged for its ranges, as the kernel keeps it by range", put_charged },
	{ "COMM", 5, TRUNC, "names of its processes", put_comm },
	{ "CONTAINER", 0.2, TRUNC, "ids of the OS containers its processes run in", put_box },
	{ "ENTRIES_LEFT", 5, RIGHT, "type1: ranges that can still be mapped", put_entries_left },
	{ "EXE", 0.3, TRUNC, "program files of its processes", put_exe },
	{ "HOLDERS", 3, RIGHT, "references to its file found in tables of files, and all", put_holders },
	{ "INVALID", 4, RIGHT, "number of invalid ranges", put_invalid },
	{ "IOVA", 0.3, 0, "lowest and highest address that is mapped", put_iova },
	{ "PINNED", 5, RIGHT, "memory that is pinned for its ranges", put_pinned },
	{ "POD", 0.2, TRUNC, "uids of the pods of its processes", put_pod },
};

_Static_assert(ARRAY_SIZE(status_columns) <= STATUS_COLUMNS_MAX, "more columns than a list of them has room for");

void columns_help(FILE *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(status_columns); i++)
		fprintf(out, "%c %-12s  %s\n", i < STATUS_COLUMNS_DEFAULT ? '*' : ' ', status_columns[i].name,
			status_columns[i].help);
}

static int column_find(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(status_columns); i++)
		if (strlen(status_columns[i].name) == len && !strncasecmp(status_columns[i].name, name, len))
			return i;
	return -1;
}

void columns_default(struct table_style *style)
{
	style->n_columns = 0;
	for (unsigned int i = 0; i < STATUS_COLUMNS_DEFAULT; i++)
		style->columns[style->n_columns++] = i;
}

int columns_parse(const char *list, struct table_style *style, char **ret_bad)
{
	struct table_style new = *style;

	new.n_columns = 0;
	if (*list == '+') {
		columns_default(&new);
		list++;
	}
	for (;;) {
		size_t len = strcspn(list, ",");
		int i = column_find(list, len);

		if (i < 0 || new.n_columns == STATUS_COLUMNS_MAX) {
			*ret_bad = strndup(list, len);
			return i < 0 ? -EINVAL : -E2BIG;
		}
		new.columns[new.n_columns++] = i;
		list += len;
		if (!*list)
			break;
		list++;
	}
	*style = new;
	return 0;
}
