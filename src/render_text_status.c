// SPDX-License-Identifier: GPL-2.0-only
/*
 * render_text_status.c - format "text": what is, now: one line about the
 * host, a table of containers, one of counters, remarks, details if asked for,
 * the account of every finding, one line that sums up and is the first to read
 * for whoever is in a hurry.
 *
 * "-" means none, "?" means not known.
 */
#include <errno.h>
#include <string.h>

#include "log.h"
#include "render_text.h"

/* ---- what state it is in ------------------------------------------------------------ */

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

const char *state_word(const struct row *r, enum paint *ret_paint)
{
	const char *word = worst_word(r->view, r->container, ret_paint);

	if (word)
		return word;
	*ret_paint = PAINT_WARN;
	if (edge_in(r->container, REL_WAITS))
		return "BLOCKED";
	*ret_paint = PAINT_NONE;
	if (!r->note || !model_complete(r->view->model))
		return "?";
	if (r->note->unstable)
		return "unstable";
	return r->note->invalid ? "invalid" : "ok";
}

/* ---- the table ----------------------------------------------------------------------- */

static int add_line(struct libscols_table *t, const struct row *r)
{
	static const char *const colors[] = { [PAINT_BAD] = "red", [PAINT_WARN] = "yellow", [PAINT_GOOD] = "green" };
	const struct table_style *style = &r->view->table;
	struct libscols_line *line = scols_table_new_line(t, NULL);
	enum paint p;

	if (!line)
		return -1;
	for (unsigned int i = 0; i < style->n_columns; i++) {
		const struct column *column = &status_columns[style->columns[i]];
		struct cell cell;

		if (!cell_open(&cell))
			return -1;
		column->put(cell.f, r);
		cell_close(&cell, line, i);
		if (strcmp(column->name, "STATE") || !scols_table_colors_wanted(t))
			continue;
		state_word(r, &p);
		if (p < ARRAY_SIZE(colors) && colors[p])
			scols_cell_set_color(scols_line_get_cell(line, i), colors[p]);
	}
	return 0;
}

static int fill_table(struct libscols_table *t, const struct view *v, const struct row_list *rows)
{
	for (unsigned int i = 0; i < v->table.n_columns; i++) {
		const struct column *c = &status_columns[v->table.columns[i]];

		if (!scols_table_new_column(t, c->name, c->hint, c->flags))
			return -1;
	}
	for (size_t i = 0; i < rows->n; i++)
		if (add_line(t, &rows->v[i]))
			return -1;
	return 0;
}

static int print_containers(struct output *o, const struct view *v, const struct row_list *rows)
{
	struct libscols_table *t = table_new(o);

	if (!t)
		return -1;
	scols_table_enable_noheadings(t, v->table.noheadings);
	scols_table_enable_raw(t, v->table.raw);
	scols_table_enable_colors(t, o->color && !v->table.raw);
	if (fill_table(t, v, rows)) {
		scols_unref_table(t);
		return -1;
	}
	print_table(t);
	return 0;
}

/* ---- first and last line ---------------------------------------------------------------- */

/* A host's name or a kernel's can be long: what was seen then goes on a line of its own. */
static void print_host(struct output *o, const struct view *v)
{
	const struct ev_session *s = NOTE_OF(model_first(v->model, OBJ_SESSION), session);
	unsigned int looks = model_looks(v->model), n = count_containers(v);
	char when[48], seen[64];
	int len;

	len = snprintf(seen, sizeof(seen), "%u container%s", n, n == 1 ? "" : "s");
	if (looks)
		len += snprintf(seen + len, sizeof(seen) - len, ", read %s", looks == 1 ? "once" : looks == 2 ? "twice" : "many times");
	if (s) {
		_cleanup_free_ char *node = ESCAPE(s->node), *release = ESCAPE(s->release);

		format_rfc3339(s->realtime_ns, when, sizeof(when));
		len += fprintf(o->f, "%s  Linux %s  %.19sZ", node ?: "?", release ?: "?", when);
		fputs(len + 2 > (int)o->width ? "\n" : "  ", o->f);
	}
	fprintf(o->f, "%s\n\n", seen);
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
	bool filtered = filter_set(v->filter);
	enum severity s = view_severity(v);
	_cleanup_free_ char *yes = count_findings(v, ANSWER_YES), *unknown = count_findings(v, ANSWER_CANNOT_TELL);

	fprintf(o->f, "%s%s%s  ", paint(o, paints[s]), severity_name(s), unpaint(o, paints[s]));
	if (s == SEVERITY_OK)
		fprintf(o->f, "%s%s", ok_words(v), filtered ? " in what was asked for" : "");
	else if (filtered && !count_containers(v) && !count_undecided(v, NULL))
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

/* The word of somebody who has seen everything. */
static void print_empty(struct output *o, const struct view *v)
{
	if (v->kind == VIEW_STATUS && !filter_set(v->filter) && model_complete(v->model))
		fputs("Nothing is open: no VFIO container, and no iommufd context. To see one come:\n"
		      "fdpin-trace trace\n\n",
		      o->f);
}

static void warn_of_gap(void *ctx, const struct ev_gap *gap)
{
	_cleanup_free_ char *what = ESCAPE(gap->what), *why = ESCAPE(gap->why);

	(void)ctx;
	log_warning("cannot see %s: %s", what ?: "?", why ?: "?");
}

/* For scripts: nothing but the table. What is missing from it is told where it is in nobody's way. */
static int print_bare_table(struct output *o, struct view *v, const struct row_list *rows)
{
	for_each_gap(v, warn_of_gap, NULL);
	if (count_undecided(v, NULL))
		log_warning("of %u containers it cannot be told whether they are what was asked for", count_undecided(v, NULL));
	return print_containers(o, v, rows);
}

static int print_state(struct output *o, struct view *v, const struct row_list *rows)
{
	int err = 0;

	if (v->kind == VIEW_STATUS)
		print_host(o, v);
	if (rows->n && !v->memlock) {
		err = print_containers(o, v, rows);
		fputc('\n', o->f);
	} else if (!rows->n) {
		print_empty(o, v);
	}
	if (!err)
		err = v->memlock ? text_memlock(o, v) : text_counters(o, v);
	text_remarks(o, v, rows);
	if (!err && v->details)
		err = text_details(o, rows);
	text_findings(o, v);
	if (view_severity(v) != SEVERITY_UNKNOWN) /* else what is missing was told as a finding */
		for_each_gap(v, print_gap, o);
	print_verdict_line(o, v);
	return err;
}

int text_status(struct output *o, struct view *v)
{
	struct row_list rows = {};
	int err;

	/* libsmartcols never comes back from bytes that the locale cannot read. */
	escape_text_ascii(!o->utf8 || MB_CUR_MAX == 1);
	if (!v->table.n_columns)
		columns_default(&v->table);
	err = rows_make(v, &rows);
	if (!err)
		err = v->table.raw || v->table.noheadings ? print_bare_table(o, v, &rows) : print_state(o, v, &rows);
	rows_free(&rows);
	return err ? -ENOMEM : 0;
}
