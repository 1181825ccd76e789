// SPDX-License-Identifier: GPL-2.0-only
/*
 * render_text_status.c - format "text": what is, now: one line about the
 * host, a table of containers, the account of every finding, one line that
 * sums up and is the first to read for whoever is in a hurry.
 *
 * "-" means none, "?" means not known.
 */
#include <libsmartcols/libsmartcols.h>
#include <string.h>

#include "render.h"

enum column { COL_ID, COL_TYPE, COL_PID, COL_DEVICES, COL_MAPS, COL_SIZE, COL_INVAL, COL_STATE };

static const struct {
	const char *name;
	double hint;
	int flags;
} columns[] = {
	[COL_ID] = { "ID", 9, 0 },
	[COL_TYPE] = { "TYPE", 5, 0 },
	[COL_PID] = { "PID", 5, SCOLS_FL_RIGHT },
	[COL_DEVICES] = { "DEVICES", 0.4, SCOLS_FL_TRUNC },
	[COL_MAPS] = { "MAPS", 4, SCOLS_FL_RIGHT },
	[COL_SIZE] = { "SIZE", 4, SCOLS_FL_RIGHT },
	[COL_INVAL] = { "INVAL", 5, SCOLS_FL_RIGHT },
	[COL_STATE] = { "STATE", 8, 0 },
};

/* ---- cells ------------------------------------------------------------------------- */

/* A cell that is being written; its text is escaped already. */
struct cell {
	char *text;
	size_t size;
	FILE *f;
};

static bool cell_open(struct cell *c)
{
	c->f = open_memstream(&c->text, &c->size);
	return c->f;
}

static void cell_close(struct cell *c, struct libscols_line *line, enum column col)
{
	fclose(c->f);
	if (scols_line_refer_data(line, col, c->text))
		free(c->text);
}

/* Every process that holds the file, the one that will release it, or - */
static void put_pids(FILE *out, const struct obj *c)
{
	unsigned int n = 0;

	for (struct edge *e = edge_out(c, REL_HELD); e; e = edge_out_next(e))
		fprintf(out, "%s%u", n++ ? "," : "", e->last->tgid);
	for (struct edge *e = edge_out(c, REL_PENDING); e && !n; e = edge_out_next(e))
		fprintf(out, "%s%u", n++ ? "," : "", e->last->tgid);
	if (!n)
		fputc('-', out);
}

/* A uuid is known by its beginning; a PCI address is not shortened. */
static void put_devices(FILE *out, const struct obj *c)
{
	unsigned int n = 0;

	for (struct edge *e = edge_in(c, REL_MEMBER); e; e = edge_in_next(e)) {
		const struct ev_device *d = (const void *)e->last;
		const struct ev_close *cl = (const void *)e->last;
		_cleanup_free_ char *name = NULL;
		char id[ID_NAME_MAX];

		if (e->last->type == EV_device)
			name = ESCAPE(d->device_name);
		else if (e->last->type == EV_close)
			name = ESCAPE(cl->device_name);
		fputs(n++ ? " " : "", out);
		if (!name || !*name)
			fputs(id_name(OBJ_DEVICE, e->from->id, id), out);
		else if (strlen(name) == 36 && name[8] == '-')
			fprintf(out, "mdev %.8s", name);
		else
			fputs(name, out);
	}
	if (!n)
		fputc('-', out);
}

static void put_size(FILE *out, const struct view *v, const struct obj *c)
{
	char buf[FORMAT_MAX];
	__u64 sum = 0;

	for (struct edge *e = edge_in(c, REL_PART); e; e = edge_in_next(e))
		sum += ((const struct ev_range *)e->last)->size;
	if (v->bytes)
		fprintf(out, "%llu", sum);
	else
		fputs(sum ? format_bytes(sum, buf) : "-", out);
}

/* The worst that was found about it, as a word; NULL for nothing. */
static const char *worst_word(const struct view *v, const struct obj *c, enum paint *ret_paint)
{
	static char word[32];

	for (unsigned int i = 0; i < v->findings->n; i++) {
		const struct finding *f = &v->findings->f[i];

		if (f->container != c->id || f->answer != ANSWER_YES)
			continue;
		for (unsigned int k = 0; k < sizeof(word) - 1; k++) {
			char ch = f->verdict->name[k];

			word[k] = ch >= 'a' && ch <= 'z' ? ch - 'a' + 'A' : ch;
			word[k + 1] = '\0';
			if (!ch)
				break;
		}
		*ret_paint = f->verdict->check_status == SEVERITY_CRITICAL ? PAINT_BAD : PAINT_WARN;
		return word;
	}
	return NULL;
}

static const char *state_word(const struct view *v, const struct obj *c, enum paint *ret_paint)
{
	const struct ev_container *note = NOTE_OF(c, container);
	const char *word = worst_word(v, c, ret_paint);

	if (word)
		return word;
	*ret_paint = PAINT_WARN;
	if (edge_in(c, REL_WAITS))
		return "BLOCKED";
	*ret_paint = PAINT_NONE;
	if (!note || note->unstable || !model_complete(v->model))
		return "?";
	return note->invalid ? "invalid" : "ok";
}

/* ---- the table ----------------------------------------------------------------------- */

static void add_cell(struct libscols_line *line, enum column col, const struct view *v, const struct obj *c)
{
	const struct ev_container *note = NOTE_OF(c, container);
	struct cell cell;
	char id[ID_NAME_MAX];

	if (!cell_open(&cell))
		return;
	switch (col) {
	case COL_ID:
		fputs(id_name(OBJ_CONTAINER, c->id, id), cell.f);
		break;
	case COL_TYPE:
		fputs(note ? container_type(note) ?: "-" : "?", cell.f);
		break;
	case COL_PID:
		put_pids(cell.f, c);
		break;
	case COL_DEVICES:
		put_devices(cell.f, c);
		break;
	case COL_MAPS:
		fprintf(cell.f, note ? "%u" : "?", note ? note->ranges : 0);
		break;
	case COL_SIZE:
		put_size(cell.f, v, c);
		break;
	case COL_INVAL:
		if (note && note->invalid)
			fprintf(cell.f, "%u/%u", note->invalid, note->ranges);
		else
			fputc(note ? '-' : '?', cell.f);
		break;
	case COL_STATE:
		break;
	}
	cell_close(&cell, line, col);
}

static void add_state(struct libscols_line *line, const struct output *o, const struct view *v, const struct obj *c)
{
	static const char *const names[] = { [PAINT_BAD] = "red", [PAINT_WARN] = "yellow", [PAINT_GOOD] = "green" };
	enum paint p;

	scols_line_set_data(line, COL_STATE, state_word(v, c, &p));
	if (o->color && p < ARRAY_SIZE(names) && names[p])
		scols_cell_set_color(scols_line_get_cell(line, COL_STATE), names[p]);
}

static int fill_table(struct libscols_table *t, const struct output *o, const struct view *v)
{
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
		if (!scols_table_new_column(t, columns[i].name, columns[i].hint, columns[i].flags))
			return -1;
	for (struct obj *c = model_first(v->model, OBJ_CONTAINER); c; c = model_next(c, OBJ_CONTAINER)) {
		struct libscols_line *line;

		if (!view_has(v, c))
			continue;
		line = scols_table_new_line(t, NULL);
		if (!line)
			return -1;
		for (int col = COL_ID; col < COL_STATE; col++)
			add_cell(line, col, v, c);
		add_state(line, o, v, c);
	}
	return 0;
}

static void print_table(struct output *o, const struct view *v)
{
	struct libscols_table *t = scols_new_table();

	if (!t)
		return;
	/* libsmartcols never comes back from bytes that the locale cannot read. */
	escape_text_ascii(!o->utf8 || MB_CUR_MAX == 1);
	scols_table_enable_noencoding(t, 1); /* cells are escaped, and \x1b is to stay as it is */
	scols_table_enable_colors(t, o->color);
	scols_table_enable_ascii(t, !o->utf8);
	scols_table_set_stream(t, o->f);
	if (!fill_table(t, o, v) && !scols_table_is_empty(t)) {
		scols_print_table(t);
		fputc('\n', o->f);
	}
	scols_unref_table(t);
}

/* ---- first and last line ---------------------------------------------------------------- */

static void print_host(struct output *o, const struct view *v)
{
	const struct ev_session *s = NOTE_OF(model_first(v->model, OBJ_SESSION), session);
	unsigned int looks = model_looks(v->model), n = count_containers(v);
	char when[48];

	if (s) {
		_cleanup_free_ char *node = ESCAPE(s->node), *release = ESCAPE(s->release);

		format_rfc3339(s->realtime_ns, when, sizeof(when));
		fprintf(o->f, "%s  Linux %s  %.19sZ  ", node ?: "?", release ?: "?", when);
	}
	fprintf(o->f, "%u container%s", n, n == 1 ? "" : "s");
	if (looks)
		fprintf(o->f, ", read %s", looks == 1 ? "once" : looks == 2 ? "twice" : "many times");
	fputs("\n\n", o->f);
}

static void print_gap(void *ctx, const struct ev_gap *gap)
{
	_cleanup_free_ char *what = ESCAPE(gap->what), *why = ESCAPE(gap->why);
	_cleanup_free_ char *text = NULL;

	if (asprintf(&text, "%s: %s", what ?: "?", why ?: "?") >= 0)
		print_paragraph(ctx, "", "Not seen", 10, text);
}

static void print_verdict_line(struct output *o, const struct view *v)
{
	static const enum paint paints[] = { PAINT_GOOD, PAINT_WARN, PAINT_BAD, PAINT_WARN };
	bool filtered = v->container_bits || (v->tgids && v->tgids->n);
	enum severity s = view_severity(v);
	_cleanup_free_ char *yes = count_findings(v, ANSWER_YES), *unknown = count_findings(v, ANSWER_CANNOT_TELL);

	fprintf(o->f, "%s%s%s  ", paint(o, paints[s]), severity_name(s), unpaint(o, paints[s]));
	if (s == SEVERITY_OK)
		fprintf(o->f, "%s%s", ok_words(v), filtered ? " in what was asked for" : "");
	else if (filtered && !count_containers(v))
		fputs("no container is what was asked for", o->f);
	else if (s != SEVERITY_UNKNOWN)
		fputs(yes && *yes ? yes : "?", o->f);
	else if (model_complete(v->model) && unknown && *unknown)
		fprintf(o->f, "cannot tell: %s", unknown);
	else
		fputs("cannot tell: not everything could be seen", o->f);
	if (s != SEVERITY_OK && s != SEVERITY_UNKNOWN && unknown && *unknown)
		fprintf(o->f, "; not certain: %s", unknown);
	fputc('\n', o->f);
}

void text_status(struct output *o, struct view *v)
{
	if (v->kind == VIEW_STATUS)
		print_host(o, v);
	print_table(o, v);
	text_findings(o, v);
	if (view_severity(v) != SEVERITY_UNKNOWN) /* else what is missing was told as a finding */
		for_each_gap(v, print_gap, o);
	print_verdict_line(o, v);
}
