// SPDX-License-Identifier: GPL-2.0-only
/*
 * tables_pages.c - options, events, verdicts, commands, columns and checks as
 * scdoc.
 *
 * Owns: the words for the types of fields on the page of events.
 */
#include "tables.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../src/doctor.h"
#include "../src/render.h"
#include "../src/verdict.h"

/* Text of ours that scdoc must take as it is. */
static void put_text(const char *s)
{
	for (; *s; s++) {
		if (strchr("*_\\`#", *s))
			putchar('\\');
		putchar(*s);
	}
}

/* A phrase of a table as a sentence. */
static void put_sentence(const char *s, bool as_it_is)
{
	char first[] = { as_it_is ? s[0] : (char)toupper((unsigned char)s[0]), '\0' };
	size_t len = strlen(s);

	put_text(first);
	if (len)
		put_text(s + 1);
	if (len && !strchr(".!?", s[len - 1]))
		putchar('.');
}

/* ---- options ---------------------------------------------------------------------- */

#define OPTION_NOTES_MAX 64

/* What a page says of an option beyond its row: "name: paragraph" in the template. */
struct option_note {
	char *name, *text;
	bool used;
};

static unsigned int read_notes(struct option_note *notes)
{
	const char *s;
	unsigned int n = 0;

	while ((s = next_line()) && strcmp(s, "@")) {
		size_t len = strcspn(s, ":");

		if (!*s)
			continue;
		if (isspace((unsigned char)*s) && n) { /* the paragraph goes on */
			char *more;

			if (asprintf(&more, "%s\n%s", notes[n - 1].text, s + 1) < 0)
				die("out of memory");
			free(notes[n - 1].text);
			notes[n - 1].text = more;
			continue;
		}
		if (n == OPTION_NOTES_MAX || s[len] != ':' || s[len + 1] != ' ')
			die("not 'option: text', or too many of them: %s", s);
		notes[n].name = strndup(s, len);
		notes[n].text = strdup(s + len + 2);
		notes[n].used = false;
		if (!notes[n].name || !notes[n].text)
			die("out of memory");
		n++;
	}
	if (!s)
		die("the options of a command end with a line @");
	return n;
}

static void put_names(const struct opt *o)
{
	char arg[32];

	if (o->key)
		printf("*-%c*", o->key);
	if (o->name) {
		printf("%s*--", o->key ? ", " : "");
		put_text(o->name);
		putchar('*');
	}
	if (!o->arg)
		return;
	if (arg_optional(o))
		printf(o->name ? "[=_%s_]" : "[_%s_]", arg_name(o, arg));
	else
		printf(o->name ? "=_%s_" : " _%s_", arg_name(o, arg));
}

/* Is the first word of its help one of its values? Then it stays small. */
static bool begins_with_value(const struct opt *o)
{
	for (const struct opt_word *w = o->words; w && w->word; w++)
		if (!strncmp(w->word, o->help, strlen(w->word)))
			return true;
	return false;
}

static void put_option(const struct opt *o, struct option_note *notes, unsigned int n)
{
	char letter[2] = { (char)o->key, '\0' };

	put_names(o);
	fputs("\n\t", stdout);
	put_sentence(o->help, begins_with_value(o));
	putchar('\n');
	for (unsigned int i = 0; i < n; i++) {
		if (strcmp(notes[i].name, o->name ?: letter))
			continue;
		notes[i].used = true;
		putchar('\t');
		for (const char *s = notes[i].text; *s; s++) {
			putchar(*s);
			if (*s == '\n')
				putchar('\t');
		}
		putchar('\n');
	}
	putchar('\n');
}

/* Rows under a heading, wherever it comes again. */
static void put_group(const struct command *c, const char *heading, struct option_note *notes, unsigned int n)
{
	bool in = false;

	printf("## %s\n\n", heading);
	for (unsigned int i = 0; option_row(c, i); i++) {
		const struct opt *o = option_row(c, i);

		if (o->kind == OPT_HEADING)
			in = !strcmp(o->help, heading);
		else if (in)
			put_option(o, notes, n);
	}
}

void put_options(const char *command)
{
	const struct command *c = the_command(command);
	struct option_note notes[OPTION_NOTES_MAX];
	unsigned int n = read_notes(notes);
	const struct opt *o, *before;

	for (unsigned int i = 0; (o = option_row(c, i)); i++) {
		unsigned int k = 0;

		if (o->kind != OPT_HEADING)
			continue;
		while ((before = option_row(c, k)) != o && (before->kind != OPT_HEADING || strcmp(before->help, o->help)))
			k++;
		if (k == i)
			put_group(c, o->help, notes, n);
	}
	for (unsigned int i = 0; i < n; i++) {
		if (!notes[i].used)
			die("%s has no option '%s'", command, notes[i].name);
		free(notes[i].name);
		free(notes[i].text);
	}
}

/* ---- events ------------------------------------------------------------------------ */

static const struct {
	const char *word;
	enum kind kind;
	bool names;
} kinds[] = {
	{ "number", KIND_COUNT, false },  { "bytes", KIND_BYTES, false },     { "pages", KIND_PAGES, false },
	{ "address", KIND_ADDR, false },
	{ "hex", KIND_HEX, false },	  { "ns", KIND_NS, false },	       { "errno", KIND_ERRNO, false },
	{ "bool", KIND_BOOL, false },	  { "id", KIND_ID, false },	       { "tid", KIND_TID, false },
	{ "string", KIND_STR, false },	  { "op", KIND_OP, true },	       { "class", KIND_CLASS, true },
	{ "backed", KIND_BACKED, true },  { "via", KIND_VIA, true },	       { "wait", KIND_WAIT, true },
	{ "type", KIND_CONTAINER, true }, { "account", KIND_ACCOUNT, true },  { "source", KIND_SOURCE, true },
	{ "backing", KIND_BACKING, true }, { "rule", KIND_RULE, true },	       { "action", KIND_ACTION, true },
	{ "state", KIND_STATE, false },
};

const char *kind_word(const struct field *f)
{
	if (f->kind == KIND_PAD)
		return NULL;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i].kind == f->kind)
			return kinds[i].word;
	die("no word for the type %s of field %s", f->kind_name, f->name);
}

int kind_of_names(const char *word)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i].names && !strcmp(kinds[i].word, word))
			return kinds[i].kind;
	return -1;
}

static bool told[EV__max];

void put_event(const char *name)
{
	const struct event *ev = schema_event_by_name(name);
	bool first = true;

	if (!ev)
		die("no event '%s'", name);
	if (told[ev->type])
		die("event '%s' comes twice", name);
	told[ev->type] = true;
	for (unsigned int i = 0; i < ev->n_fields; i++) {
		const struct field *f = &ev->fields[i];
		const char *word = kind_word(f);

		if (!word)
			continue;
		printf(first ? "|[ *" : "|  *");
		put_text(f->name);
		printf(first ? "*\n:[ %s\n:< " : "*\n:  %s\n:  ", ev->type == EV_stack ? "strings" : word);
		put_text(f->meaning);
		putchar('\n');
		first = false;
	}
	if (first)
		puts("No fields of its own.");
}

/* A page that describes one event describes all. */
void check_events(void)
{
	bool any = false;

	for (unsigned int t = 1; t < EV__max; t++)
		any |= told[t];
	for (unsigned int t = 1; any && t < EV__max; t++)
		if (!told[t])
			die("event '%s' is not described", schema_event(t)->name);
}

void put_values(const char *word)
{
	int kind = kind_of_names(word);

	if (kind < 0)
		die("no type '%s' whose values have names", word);
	putchar('\t');
	for (unsigned int v = 0; kind_value_name(kind, v); v++) {
		printf("%s*", v ? ", " : "");
		put_text(kind_value_name(kind, v));
		putchar('*');
	}
	puts(".");
}

/* ---- verdicts and commands ------------------------------------------------------------ */

void put_verdicts(const char *unused)
{
	static const char *const severities[] = { "OK", "WARNING", "CRITICAL", "UNKNOWN" };

	(void)unused;
	for (unsigned int i = 0; i < verdict_count; i++) {
		const struct verdict *v = &verdict_table[i];

		printf("*%s*\n\t", v->name);
		put_sentence(v->sentence, false);
		printf(" With *--check*: %d, %s.\n\n", v->check_status, severities[v->check_status & 3]);
	}
}

void put_commands(const char *unused)
{
	(void)unused;
	for (const struct command *c = command_table; c->name; c++) {
		printf("*%s*\n\t", c->name);
		put_sentence(c->summary, false);
		printf(" See *fdpin-trace-%s*(8).\n\n", c->name);
	}
}

/* ---- columns of status, checks of doctor ---------------------------------------------- */

/* A line of `--columns help` is "* NAME  what"; the star marks the usual ones, which are asked for by "usual". */
void put_columns(const char *which)
{
	char *text = NULL, *at = NULL, star = !strcmp(which, "usual") ? '*' : ' ';
	size_t size;
	FILE *f = open_memstream(&text, &size);
	bool first = true;

	if (!f)
		die("out of memory");
	columns_help(f);
	if (fclose(f))
		die("out of memory");
	for (char *s = strtok_r(text, "\n", &at); s; s = strtok_r(NULL, "\n", &at)) {
		const char *name = s + 2, *what = name + strcspn(name, " ");

		if (strlen(s) < 3)
			die("no column in '%s'", s);
		if (s[0] != star)
			continue;
		printf(first ? "|[ *%.*s*\n:< " : "|  *%.*s*\n:  ", (int)(what - name), name);
		put_text(what + strspn(what, " "));
		putchar('\n');
		first = false;
	}
	free(text);
}

void put_checks(const char *unused)
{
	(void)unused;
	for (int i = 0; i < CHECK__max; i++) {
		printf(i ? "|  *%s*\n:  " : "|[ *%s*\n:< ", check_table[i].id);
		put_text(check_table[i].statement);
		putchar('\n');
	}
}

void put_defects(const char *unused)
{
	(void)unused;
	for (int i = 0; i < DEFECT__max; i++) {
		printf(i ? "|  *%s*\n:  " : "|[ *%s*\n:< ", defect_names[i]);
		put_text(defect_means[i]);
		putchar('\n');
	}
}
