// SPDX-License-Identifier: GPL-2.0-only
/*
 * main.c - from the command line to a command, and from its status to ours.
 *
 * fdpin-trace [GLOBAL] COMMAND [OPTIONS] [-- CMD…]
 */
#include <locale.h>
#include <signal.h>
#include <sysexits.h>

#include "cmd.h"
#include "log.h"
#include "output.h"

static int run(int argc, char **argv)
{
	const struct command *cmd;
	int next, r;

	r = opts_parse_global(argc, argv, &next);
	if (r)
		return r;
	if (globals.version) {
		print_version();
		return EX_OK;
	}
	if (globals.help) {
		overview(stdout);
		return EX_OK;
	}
	if (next >= argc) {
		overview(stderr);
		return EX_USAGE;
	}
	cmd = command_find(argv[next]);
	return cmd ? cmd->run(argc - next, argv + next) : EX_USAGE;
}

int main(int argc, char **argv)
{
	setlocale(LC_ALL, "");
	setlocale(LC_NUMERIC, "C");
	/* A reader that goes away is seen as EPIPE where we write, and is no error. */
	signal(SIGPIPE, SIG_IGN);
	log_take_over_libbpf();
	return output_finish(run(argc, argv));
}
