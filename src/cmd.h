/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cmd.h - list 4: the commands. A new one is a line here and cmd_<name>.c
 * with cmd_<name>(), which returns an exit status, and cmd_<name>_opts.
 */
#ifndef FDPIN_CMD_H
#define FDPIN_CMD_H

#include "opts.h"

#define COMMANDS(C)                                                                          \
	C(status, "containers, holders, blocked threads and verdicts, as they are now")      \
	C(trace, "watch: invalidate, revalidate, pin, block, flush, close, verdicts")        \
	C(record, "the same events to a file")                                               \
	C(report, "events and verdicts of a recorded file")                                  \
	C(enforce, "the guard: refuse what leads into the deadlock, or tell what would be")   \
	C(rescue, "what would free a deadlocked container; and doing it")                      \
	C(migrate, "what could be mapped from files, by which calls, and who refuses")         \
	C(doctor, "what this kernel can and cannot do, and which defects it has")            \
	C(help, "this overview, or the help of a command")

struct command {
	const char *name, *summary;
	int (*run)(int argc, char **argv); /* argv[0] is the command's name */
	const struct opts *opts;
};

#define C(name, summary)                     \
	int cmd_##name(int argc, char **argv); \
	extern const struct opts cmd_##name##_opts;
COMMANDS(C)
#undef C

extern const struct command command_table[];
/* NULL, after an error was told, if there is none of this name. */
const struct command *command_find(const char *name);
void overview(FILE *out);

#endif
