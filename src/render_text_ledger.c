// SPDX-License-Identifier: GPL-2.0-only
/*
 * render_text_ledger.c - format "text": the ledger of a report. What each
 * container has charged to whom, and what of that the drivers of single devices
 * did; then the kernel's counters, and what others than VFIO and iommufd
 * have in them.
 */
#include "ledger.h"
#include "render_text.h"

#define LINES_SHOWN 24

enum { ACC_ID, ACC_BY, ACC_COUNTER, ACC_OF, ACC_BEFORE, ACC_CHARGED, ACC_CREDITED, ACC_LEFT };
enum { CNT_OF, CNT_COUNTER, CNT_IS, CNT_BOOKED, CNT_OTHER };

struct heading {
	const char *name;
	int flags;
};

static const struct heading account_columns[] = {
	[ACC_ID] = { "ID", 0 },				  [ACC_BY] = { "BY", 0 },
	[ACC_COUNTER] = { "COUNTED IN", 0 },		  [ACC_OF] = { "OF", 0 },
	[ACC_BEFORE] = { "BEFORE", SCOLS_FL_RIGHT },	  [ACC_CHARGED] = { "CHARGED", SCOLS_FL_RIGHT },
	[ACC_CREDITED] = { "CREDITED", SCOLS_FL_RIGHT },  [ACC_LEFT] = { "LEFT", SCOLS_FL_RIGHT },
};

static const struct heading counter_columns[] = {
	[CNT_OF] = { "OF", 0 },
	[CNT_COUNTER] = { "COUNTER", 0 },
	[CNT_IS] = { "IS", SCOLS_FL_RIGHT },
	[CNT_BOOKED] = { "BOOKED", SCOLS_FL_RIGHT },
	[CNT_OTHER] = { "OTHER", SCOLS_FL_RIGHT },
};

/* One that is being made; lines above LINES_SHOWN are only counted. */
struct sheet {
	struct libscols_table *table;
	unsigned int lines;
	bool failed;
};

static struct libscols_table *sheet_table(const struct output *o, const struct heading *h, size_t n)
{
	struct libscols_table *t = table_new(o);
	bool ok = t;

	for (size_t i = 0; i < n && ok; i++)
		ok = scols_table_new_column(t, h[i].name, 1, h[i].flags) != NULL;
	if (ok)
		return t;
	scols_unref_table(t);
	return NULL;
}

static void sheet_print(struct output *o, struct sheet *s, const char *title)
{
	if (s->table && s->lines && !s->failed) {
		fprintf(o->f, "%s%s%s\n", paint(o, PAINT_BOLD), title, unpaint(o, PAINT_BOLD));
		print_table(s->table);
		if (s->lines > LINES_SHOWN)
			fprintf(o->f, "%u more: -j has them all\n", s->lines - LINES_SHOWN);
		fputc('\n', o->f);
	} else if (s->table) {
		scols_unref_table(s->table);
	}
}

/* A line with a cell for each column, from put(). */
static void sheet_line(struct sheet *s, size_t columns, void (*put)(FILE *out, unsigned int column, const void *what), const void *what)
{
	struct libscols_line *line;

	if (++s->lines > LINES_SHOWN || s->failed)
		return;
	line = s->table ? scols_table_new_line(s->table, NULL) : NULL;
	s->failed = !line;
	for (size_t i = 0; i < columns && !s->failed; i++) {
		struct cell cell;

		if (!cell_open(&cell)) {
			s->failed = true;
			return;
		}
		put(cell.f, i, what);
		cell_close(&cell, line, i);
	}
}

/* ---- accounts ------------------------------------------------------------------- */

static const char *counter_word(__u64 way)
{
	return way == CHARGED_NONE ? "pinned_vm" : "locked_vm";
}

static void put_account(FILE *out, unsigned int column, const void *what)
{
	const struct ledger_account *a = what;
	char buf[ID_NAME_MAX > FORMAT_MAX ? ID_NAME_MAX : FORMAT_MAX];

	switch (column) {
	case ACC_ID:
		fputs(id_name(OBJ_CONTAINER, a->key.container, buf), out);
		break;
	case ACC_BY:
		fputs("all", out);
		break;
	case ACC_COUNTER:
		fputs(counter_word(a->key.way), out);
		break;
	case ACC_OF:
		fputs(a->user ? id_name(OBJ_USER, a->user, buf) : id_name(OBJ_MM, a->key.mm, buf), out);
		fputs(a->gone_ns && !a->user ? ", gone" : "", out);
		break;
	case ACC_BEFORE:
		fputs(a->unsure ? "?" : format_pages(a->older, buf), out);
		break;
	case ACC_CHARGED:
		fputs(format_pages(a->charged, buf), out);
		break;
	case ACC_CREDITED:
		fputs(format_pages(a->credited, buf), out);
		break;
	case ACC_LEFT:
		fputs(a->unsure ? "?" : format_pages(account_balance(a), buf), out);
		break;
	}
}

static void put_device(FILE *out, unsigned int column, const void *what)
{
	const struct ledger_device *d = what;
	char buf[ID_NAME_MAX > FORMAT_MAX ? ID_NAME_MAX : FORMAT_MAX];

	switch (column) {
	case ACC_ID:
		fputs(id_name(OBJ_CONTAINER, d->key.container, buf), out);
		break;
	case ACC_BY:
		if (*d->name)
			PUT_FIELD(out, d->name, false);
		else
			fputs(id_name(OBJ_DEVICE, d->key.device, buf), out);
		break;
	case ACC_BEFORE:
		fputs(d->unsure ? "?" : "0", out);
		break;
	case ACC_CHARGED:
		fputs(format_pages(d->charged, buf), out);
		break;
	case ACC_CREDITED:
		fputs(format_pages(d->credited, buf), out);
		break;
	case ACC_LEFT:
		fputs(d->unsure ? "?" : format_pages(d->charged - d->credited, buf), out);
		break;
	default:
		fputc('-', out);
		break;
	}
}

/* Nobody has the address space any more, and nothing is pinned: what is left is a residue. */
static bool is_settled(const struct ledger_account *a)
{
	return a->gone_ns && (a->released || !account_balance(a)) && !a->unsure;
}

static void print_accounts(struct output *o, const struct ledger *l)
{
	const size_t n = ARRAY_SIZE(account_columns);
	struct sheet s = { .table = sheet_table(o, account_columns, n) };

	for (const struct ledger_account *a = l->accounts; a; a = a->hh.next)
		if (!is_settled(a))
			sheet_line(&s, n, put_account, a);
	for (const struct ledger_device *d = l->devices; d; d = d->hh.next)
		if (d->charged || d->credited)
			sheet_line(&s, n, put_device, d);
	sheet_print(o, &s, "ACCOUNTS");
}

/* ---- counters -------------------------------------------------------------------- */

struct counter_line {
	const struct ledger_counter *c;
	const struct ledger_booked *b;
	bool sure;
};

static void put_counter(FILE *out, unsigned int column, const void *what)
{
	const struct counter_line *line = what;
	const struct ledger_counter *c = line->c;
	char buf[ID_NAME_MAX > FORMAT_MAX ? ID_NAME_MAX : FORMAT_MAX];

	switch (column) {
	case CNT_OF:
		fputs(id_name(c->key.kind == COUNTER_USER ? OBJ_USER : OBJ_MM, c->key.id, buf), out);
		break;
	case CNT_COUNTER:
		fputs(c->key.kind == COUNTER_PINNED ? "pinned_vm" : "locked_vm", out);
		break;
	case CNT_IS:
		fputs(format_pages(c->pages, buf), out);
		break;
	case CNT_BOOKED:
		fputs(line->sure ? format_pages(line->b->pages, buf) : "?", out);
		break;
	case CNT_OTHER:
		fputs(line->sure ? format_pages(c->pages - line->b->pages, buf) : "?", out);
		break;
	}
}

/* type1 does not count in pinned_vm: there it is only shown if somebody does. */
static bool says_something(const struct counter_line *line)
{
	return line->c->key.kind != COUNTER_PINNED || line->c->pages || line->b->pages;
}

static void print_counters(struct output *o, const struct view *v, const struct ledger *l)
{
	const size_t n = ARRAY_SIZE(counter_columns);
	struct sheet s = { .table = sheet_table(o, counter_columns, n) };
	struct ledger_booked *books = NULL;

	s.failed = ledger_book(l, &books);
	for (const struct ledger_counter *c = l->counters; c && !s.failed; c = c->hh.next) {
		struct counter_line line = { .c = c, .b = ledger_booked(books, c) };

		line.sure = line.b->sure && model_complete(v->model);
		if (line.b->charged && says_something(&line))
			sheet_line(&s, n, put_counter, &line);
	}
	ledger_unbook(books);
	sheet_print(o, &s, "COUNTERS");
}

void text_ledger(struct output *o, const struct view *v)
{
	const struct ledger *l = model_ledger(v->model);

	if (!l->charges)
		return;
	print_accounts(o, l);
	print_counters(o, v, l);
}
