// SPDX-License-Identifier: GPL-2.0-only
/*
 * tables.c - a program of the build: it is linked with the tables of the tool
 * (options, commands, events, verdicts) and says them in other words.
 *
 *	tables expand < TEMPLATE	a manual page in scdoc, or a shell's completion
 *	tables schema			the JSON Schema of what trace -j prints
 *
 * In a template a line "@word argument@" is replaced by what the table of
 * fillers below has for the word, and "@VERSION@" by the version, wherever it
 * stands. Who names an option, an event or a command that is not there, or
 * leaves out an event on the page of events, breaks the build.
 */
#include "tables.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *line;
static size_t line_size;
static unsigned int line_number;

void die(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "tables: line %u: ", line_number);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

const char *next_line(void)
{
	ssize_t len = getline(&line, &line_size, stdin);

	line_number++;
	if (len < 0)
		return NULL;
	line[strcspn(line, "\n")] = '\0';
	return line;
}

const struct command *the_command(const char *name)
{
	for (const struct command *c = command_table; c->name; c++)
		if (!strcmp(c->name, name))
			return c;
	die("no command '%s'", name);
}

const struct opt *option_row(const struct command *c, unsigned int i)
{
	unsigned int own = 0;

	while (c->opts->rows[own].kind != OPT_END)
		own++;
	if (i < own)
		return &c->opts->rows[i];
	return global_rows[i - own].kind == OPT_END ? NULL : &global_rows[i - own];
}

bool arg_optional(const struct opt *o)
{
	return o->arg && o->arg[0] == '[';
}

const char *arg_name(const struct opt *o, char buf[32])
{
	snprintf(buf, 32, "%s", o->arg + arg_optional(o));
	buf[strcspn(buf, "]")] = '\0';
	return buf;
}

/* ---- templates ------------------------------------------------------------------ */

static const struct {
	const char *word;
	void (*put)(const char *argument);
} fillers[] = {
	{ "options", put_options },   { "event", put_event }, { "values", put_values }, { "verdicts", put_verdicts },
	{ "columns", put_columns },   { "checks", put_checks }, { "defects", put_defects },
	{ "commands", put_commands }, { "bash", put_bash },   { "zsh", put_zsh },	 { "fish", put_fish },
};

static void fill(char *text)
{
	size_t len = strcspn(text, " ");
	const char *argument = text[len] ? text + len + 1 : "";

	text[len] = '\0';
	for (size_t i = 0; i < sizeof(fillers) / sizeof(fillers[0]); i++) {
		if (!strcmp(fillers[i].word, text)) {
			fillers[i].put(argument);
			return;
		}
	}
	die("nothing fills '@%s@'", text);
}

static void expand(void)
{
	const char *s, *at;

	while ((s = next_line())) {
		size_t len = strlen(s);

		if (len > 2 && s[0] == '@' && s[len - 1] == '@' && !strchr(s + 1, '.') && strcmp(s, "@VERSION@")) {
			char *text = strndup(s + 1, len - 2);

			if (!text)
				die("out of memory");
			fill(text);
			free(text);
			continue;
		}
		for (; (at = strstr(s, "@VERSION@")); s = at + strlen("@VERSION@"))
			printf("%.*s%s", (int)(at - s), s, FDPIN_VERSION);
		puts(s);
	}
	check_events();
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "expand"))
		expand();
	else if (argc == 2 && !strcmp(argv[1], "schema"))
		put_schema();
	else
		die("usage: tables expand < TEMPLATE, or tables schema");
	free(line);
	return fflush(stdout) || ferror(stdout);
}
