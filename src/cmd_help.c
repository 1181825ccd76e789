// SPDX-License-Identifier: GPL-2.0-only
/*
 * cmd_help.c - fdpin-trace help [COMMAND], the overview, --version, and the
 * table of commands they are made from.
 */
#include <bpf/libbpf.h>
#include <json-c/json.h>
#include <libsmartcols/libsmartcols.h>
#include <string.h>
#include <sysexits.h>
#ifdef HAVE_LIBDW
#include <elfutils/version.h>
#endif

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

void print_version(void)
{
	const char *scols;

	scols_get_library_version(&scols);
	printf("fdpin-trace %s\n"
	       "libbpf %u.%u\n"
	       "json-c %s\n"
	       "libsmartcols %s\n",
	       FDPIN_VERSION, libbpf_major_version(), libbpf_minor_version(), json_c_version(), scols);
#ifdef HAVE_LIBDW
	printf("libdw 0.%u\n", _ELFUTILS_VERSION);
#else
	puts("without libdw");
#endif
#ifdef HAVE_LIBSYSTEMD
	puts("libsystemd " HAVE_LIBSYSTEMD);
#else
	puts("without libsystemd");
#endif
}

int cmd_help(int argc, char **argv)
{
	const struct command *c;

	/* The word after "help" is a command, not an argument that must not be. */
	if (argc == 2 && argv[1][0] != '-') {
		c = command_find(argv[1]);
		if (!c)
			return EX_USAGE;
		opts_help(c->opts, c->name, stdout);
		return EX_OK;
	}
	if (opts_parse(&cmd_help_opts, "help", argc, argv, NULL) > 0)
		return EX_USAGE;
	if (!globals.help)
		overview(stdout);
	return EX_OK;
}
