// SPDX-License-Identifier: GPL-2.0-only
/*
 * cmd_help.c - fdpin-trace help [COMMAND], the overview, and the table of commands
 * they are made from.
 */
#include <string.h>
#include <sysexits.h>

#include "cmd.h"
#include "log.h"

const struct command command_table[] = {
#define C(name, summary) { #name, summary, cmd_##name, &cmd_##name##_opts },
	COMMANDS(C)
#undef C
		{},
};

static const struct opt rows[] = { OPTIONS_END };

const struct opts cmd_help_opts = {
	.usage = "[COMMAND]",
	.what = "Shows the commands, or the options of one.",
	.examples = "  fdpin-trace help trace\n",
	.rows = rows,
};

const struct command *command_find(const char *name)
{
	_cleanup_free_ char *shown = NULL;

	for (const struct command *c = command_table; c->name; c++)
		if (!strcmp(c->name, name))
			return c;
	shown = escape_text(name, 200);
	log_error("unknown command '%s'", shown ?: "");
	log_hint("fdpin-trace help");
	return NULL;
}

void overview(FILE *out)
{
	fputs("fdpin-trace finds and proves deadlocks on invalidated VFIO addresses.\n\n"
	      "Usage: fdpin-trace [GLOBAL] COMMAND [OPTIONS] [-- CMD...]\n\n",
	      out);
	for (const struct command *c = command_table; c->name; c++)
		fprintf(out, "  %-8s %s\n", c->name, c->summary);
	fputs("\nEvery command takes -j and -J (JSON), -q, -v, --color, --ascii, --time-format.\n"
	      "Options: fdpin-trace COMMAND --help. Is this host deadlocked? fdpin-trace status\n",
	      out);
}

int cmd_help(int argc, char **argv)
{
	const struct command *c;
	int r;

	/* The word after "help" is a command, not an argument that must not be. */
	if (argc == 2 && argv[1][0] != '-') {
		c = command_find(argv[1]);
		if (!c)
			return EX_USAGE;
		opts_help(c->opts, c->name, stdout);
		return EX_OK;
	}
	r = opts_parse(&cmd_help_opts, "help", argc, argv, NULL);
	if (r)
		return r < 0 ? EX_OK : r;
	overview(stdout);
	return EX_OK;
}
