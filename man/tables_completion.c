// SPDX-License-Identifier: GPL-2.0-only
/*
 * tables_completion.c - commands and options as shells want them, for the
 * templates of dist/completions.
 *
 * Owns: what is proposed for the value of an option (struct value). How the
 * proposals are found is in the templates: functions of the same names.
 */
#include "tables.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* What an option takes, from its row. */
struct value {
	const char *what; /* NULL: no value; "nothing": one that nobody can propose */
	bool list;	  /* many of them, with commas between */
};

static struct value value_of(const struct opt *o)
{
	static const struct {
		const char *arg, *name, *what; /* NULL: any */
	} known[] = {
		{ "FILE", "input", "recordings" }, { "FILE", NULL, "files" },	    { "PATH", "cgroup", "cgroups" },
		{ "PATH", NULL, "files" },	   { "ID", "container", "containers" }, { NULL, "vm", "vms" },
		{ NULL, "comm", "names" },	   { NULL, "device", "devices" },
	};
	struct value v = { .what = "nothing", .list = o->arg && !strcmp(o->arg, "LIST") };
	char arg[32];

	if (!o->arg)
		return (struct value){};
	arg_name(o, arg);
	if (o->words || islower((unsigned char)arg[0]))
		v.what = "words";
	else if (strstr(o->help, "help lists them"))
		v.what = "listed";
	else if (o->kind == OPT_U32_LIST)
		v.what = o->name && !strcmp(o->name, "tid") ? "threads" : "processes";
	else
		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
			if ((known[i].arg && strcmp(known[i].arg, arg)) || (known[i].name && (!o->name || strcmp(known[i].name, o->name))))
				continue;
			v.what = known[i].what;
			break;
		}
	return v;
}

static void put_words(const struct opt *o)
{
	char arg[32];

	if (!o->words)
		fputs(arg_name(o, arg), stdout);
	for (const struct opt_word *w = o->words; w && w->word; w++)
		printf("%s%s", w == o->words ? "" : " ", w->word);
}

/* In single quotes; with special, those characters get a backslash. */
static void put_quoted(const char *s, const char *special)
{
	for (; *s; s++) {
		if (*s == '\'') {
			fputs("'\\''", stdout);
			continue;
		}
		if (strchr(special, *s))
			putchar('\\');
		putchar(*s);
	}
}

static bool runs_commands(const struct command *c)
{
	return c->opts->usage && strstr(c->opts->usage, "-- CMD");
}

static bool takes_containers(const struct command *c)
{
	return c->opts->usage && strstr(c->opts->usage, "CONTAINER");
}

/* A function of bash and zsh alike. */
static void put_takes_containers(void)
{
	puts("# COMMAND: are its words containers?\n_fdpin_trace_takes_containers() {\n\tcase $1 in");
	for (const struct command *c = command_table; c->name; c++)
		if (takes_containers(c))
			printf("\t%s) ;;\n", c->name);
	puts("\t*) return 1 ;;\n\tesac\n}\n");
}

/* The long form, or the short one of what has no other. */
static const char *long_or_short(const struct opt *o, char buf[64])
{
	if (o->name)
		snprintf(buf, 64, "--%s", o->name);
	else
		snprintf(buf, 64, "-%c", o->key);
	return buf;
}

/* Options before any command. */
static const struct opts none = { .rows = (const struct opt[]){ OPTIONS_END } };
static const struct command before = { .name = "", .opts = &none };

static void for_each_command(void (*fn)(const struct command *c))
{
	fn(&before);
	for (const struct command *c = command_table; c->name; c++)
		fn(c);
}

/* ---- bash ------------------------------------------------------------------------------ */

static void bash_options(const struct command *c)
{
	const struct opt *o;

	printf("\t'%s') echo '", c->name);
	for (unsigned int i = 0; (o = option_row(c, i)); i++) {
		if (o->kind == OPT_HEADING)
			continue;
		if (o->key)
			printf("-%c ", o->key);
		if (o->name)
			printf("--%s%s ", o->name, o->arg && !arg_optional(o) ? "=" : "");
	}
	puts("' ;;");
}

static void bash_takes(const struct command *c)
{
	const struct opt *o;

	for (unsigned int i = 0; (o = option_row(c, i)); i++) {
		struct value v = value_of(o);

		if (o->kind == OPT_HEADING || !v.what)
			continue;
		printf("\t'%s ", c->name);
		if (o->key && o->name)
			printf("-%c' | '%s ", o->key, c->name);
		if (o->name)
			printf("--%s') echo '%s%s%s", o->name, arg_optional(o) ? "optional " : "", v.list ? "list " : "", v.what);
		else
			printf("-%c') echo '%s%s%s", o->key, arg_optional(o) ? "optional " : "", v.list ? "list " : "", v.what);
		if (!strcmp(v.what, "words")) {
			putchar(' ');
			put_words(o);
		}
		puts("' ;;");
	}
}

void put_bash(const char *unused)
{
	(void)unused;
	puts("_fdpin_trace_commands() {");
	for (const struct command *c = command_table; c->name; c++)
		printf("\techo '%s%s'\n", c->name, "");
	puts("}\n");
	put_takes_containers();
	puts("# COMMAND: does a command to run follow after --?\n_fdpin_trace_runs() {\n\tcase $1 in");
	for (const struct command *c = command_table; c->name; c++)
		if (runs_commands(c))
			printf("\t%s) ;;\n", c->name);
	puts("\t*) return 1 ;;\n\tesac\n}\n\n# COMMAND, or '': its options\n_fdpin_trace_options() {\n\tcase $1 in");
	for_each_command(bash_options);
	puts("\tesac\n}\n\n# COMMAND OPTION: what its value is: [optional] [list] WHAT…; nothing if it takes none\n_fdpin_trace_takes() {\n\tcase \"$1 $2\" in");
	for_each_command(bash_takes);
	puts("\tesac\n}");
}

/* ---- zsh ------------------------------------------------------------------------------- */

static void zsh_action(const struct command *c, const struct opt *o, struct value v)
{
	char name[64];

	if (!strcmp(v.what, "words")) {
		if (v.list)
			die("a list of words has no form in zsh here");
		putchar('(');
		put_words(o);
		putchar(')');
	} else if (!strcmp(v.what, "nothing")) {
		putchar(' ');
	} else if (!strcmp(v.what, "listed")) {
		/* behind a blank the words are taken as they are: its arguments come first, not those of compadd */
		printf("%s_fdpin_trace_listed %s %s", v.list ? "_sequence " : " ", c->name, long_or_short(o, name));
	} else {
		printf("%s_fdpin_trace_%s", v.list ? "_sequence " : "", v.what);
	}
}

static void zsh_option(const struct command *c, const struct opt *o)
{
	struct value v = value_of(o);
	const char *after = !v.what ? "" : arg_optional(o) ? "=-" : "=";
	char arg[32];

	fputs("\t\t'", stdout);
	if (o->kind == OPT_COUNT)
		putchar('*');
	else if (o->key && o->name)
		printf("(-%c --%s)", o->key, o->name);
	if (o->key && o->name)
		printf("'{-%c%s,--%s%s}'", o->key, !v.what ? "" : arg_optional(o) ? "-" : "+", o->name, after);
	else if (o->name)
		printf("--%s%s", o->name, after);
	else
		printf("-%c%s", o->key, !v.what ? "" : "+");
	putchar('[');
	put_quoted(o->help, "[]\\");
	putchar(']');
	if (v.what) {
		printf(":%s%s:", arg_optional(o) ? ":" : "", arg_name(o, arg));
		zsh_action(c, o, v);
	}
	puts("'");
}

static void zsh_options(const struct command *c)
{
	const struct opt *o;

	printf("\t'%s') specs=(\n", c->name);
	for (unsigned int i = 0; (o = option_row(c, i)); i++)
		if (o->kind != OPT_HEADING)
			zsh_option(c, o);
	puts("\t) ;;");
}

void put_zsh(const char *unused)
{
	(void)unused;
	puts("_fdpin_trace_commands() {\n\tlocal -a commands=(");
	for (const struct command *c = command_table; c->name; c++) {
		printf("\t\t'%s:", c->name);
		put_quoted(c->summary, "\\");
		puts("'");
	}
	puts("\t)\n\t_describe -t commands command commands \"$@\"\n}\n");
	put_takes_containers();
	puts("# COMMAND: does a command to run follow after --?\n_fdpin_trace_runs() {\n\tcase $1 in");
	for (const struct command *c = command_table; c->name; c++)
		if (runs_commands(c))
			printf("\t%s) ;;\n", c->name);
	puts("\t*) return 1 ;;\n\tesac\n}\n\n# COMMAND, or '': specs becomes its options, for _arguments\n_fdpin_trace_options() {\n\tcase $1 in");
	for_each_command(zsh_options);
	puts("\tesac\n}");
}

/* ---- fish ------------------------------------------------------------------------------ */

static void fish_value(const struct command *c, const struct opt *o, struct value v)
{
	char name[64];

	if (!strcmp(v.what, "words")) {
		printf(" -a '");
		put_words(o);
		putchar('\'');
	} else if (!strcmp(v.what, "listed")) {
		printf(" -a '(%s__fdpin_trace_listed %s %s%s)'", v.list ? "__fdpin_trace_list \"" : "", c->name, long_or_short(o, name),
		       v.list ? "\"" : "");
	} else if (!strcmp(v.what, "files")) {
		printf(" -F");
	} else if (strcmp(v.what, "nothing")) {
		printf(" -a '(%s__fdpin_trace_%s%s)'", v.list ? "__fdpin_trace_list \"" : "", v.what, v.list ? "\"" : "");
	}
}

static void fish_option(const struct command *c, const struct opt *o)
{
	struct value v = value_of(o);

	printf("complete -c fdpin-trace -n '__fdpin_trace_in \"%s\"'", c->name);
	if (o->key)
		printf(" -s %c", o->key);
	if (o->name)
		printf(" -l %s", o->name);
	printf(" -d '");
	for (const char *s = o->help; *s; s++)
		printf(*s == '\'' || *s == '\\' ? "\\%c" : "%c", *s);
	putchar('\'');
	/* -x: nothing but what is proposed, so no files */
	if (v.what && !arg_optional(o))
		printf(!strcmp(v.what, "files") || !strcmp(v.what, "recordings") ? " -r" : " -x");
	if (v.what)
		fish_value(c, o, v);
	putchar('\n');
}

static void fish_options(const struct command *c)
{
	const struct opt *o;

	for (unsigned int i = 0; (o = option_row(c, i)); i++)
		if (o->kind != OPT_HEADING)
			fish_option(c, o);
}

void put_fish(const char *unused)
{
	(void)unused;
	printf("set -g __fdpin_trace_commands");
	for (const struct command *c = command_table; c->name; c++)
		printf(" %s", c->name);
	printf("\nset -g __fdpin_trace_runs");
	for (const struct command *c = command_table; c->name; c++)
		if (runs_commands(c))
			printf(" %s", c->name);
	putchar('\n');
	for (const struct command *c = command_table; c->name; c++) {
		printf("complete -c fdpin-trace -n '__fdpin_trace_in \"\" help' -a %s -d '", c->name);
		for (const char *s = c->summary; *s; s++)
			printf(*s == '\'' || *s == '\\' ? "\\%c" : "%c", *s);
		puts("'");
	}
	for (const struct command *c = command_table; c->name; c++)
		if (takes_containers(c))
			printf("complete -c fdpin-trace -n '__fdpin_trace_in \"%s\"; and not string match -q -- \"-*\" (commandline -ct)' -x "
			       "-a '(__fdpin_trace_containers)'\n",
			       c->name);
	for_each_command(fish_options);
}
