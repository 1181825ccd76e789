/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * opts.h - options as a table: each command has one, and from it come parsing
 * and usage. A row says where its value goes; OPT_HEADING starts a group.
 * The options every command takes are a table of their own, here in opts.c.
 */
#ifndef FDPIN_OPTS_H
#define FDPIN_OPTS_H

#include "util.h"

enum opt_kind {
	OPT_END,
	OPT_HEADING,  /* .help is the heading */
	OPT_FLAG,     /* bool */
	OPT_COUNT,    /* unsigned int, one more each time */
	OPT_STRING,   /* const char * */
	OPT_TIME,     /* __u64, nanoseconds */
	OPT_PERIOD,   /* the same, above 0 */
	OPT_NUMBER,   /* __u64 */
	OPT_LIMIT,    /* the same, above 0 */
	OPT_U32_LIST, /* struct u32_list */
	OPT_WORD,     /* an enum: the value of one of .words; the first, if the argument is left out */
	OPT_CALL,     /* .call is asked; the argument is NULL if left out */
};

struct opt_word {
	const char *word;
	int value;
};

/*
 * What a row says is also what the man page says (man/tables.c) and what the
 * shell completes: a container for an ID, a file for a FILE, the .words of a
 * row that has them; and where the help says "help lists them", the first word
 * of each line that the command prints for the value "help", behind a star or
 * blanks.
 */
struct opt {
	enum opt_kind kind;
	int key;	   /* the short letter, or 0 */
	const char *name;  /* the long name */
	const char *arg;   /* name of the argument; "[X]" if it can be left out */
	const char *help;
	void *to;
	const struct opt_word *words; /* all its values, if they are words; ends with {} */
	/* 0, or -EINVAL after it has said what is wrong. */
	int (*call)(const struct opt *o, const char *arg);
};

#define HEADING(text) { .kind = OPT_HEADING, .help = text }
#define OPTION(kind_, key_, name_, arg_, to_, help_) \
	{ .kind = kind_, .key = key_, .name = name_, .arg = arg_, .to = to_, .help = help_ }
#define OPTION_CALL(key_, name_, arg_, to_, call_, help_) \
	{ .kind = OPT_CALL, .key = key_, .name = name_, .arg = arg_, .to = to_, .call = call_, .help = help_ }
#define OPTION_WORD(key_, name_, arg_, to_, words_, help_) \
	{ .kind = OPT_WORD, .key = key_, .name = name_, .arg = arg_, .to = to_, .words = words_, .help = help_ }
#define OPTIONS_END { .kind = OPT_END }

/* A table of options and what --help says around them. */
struct opts {
	const char *usage;    /* what may follow the command's name */
	const char *what;     /* a paragraph */
	const char *examples; /* lines */
	const struct opt *rows;
	/* For each word that belongs to no option; 0, or -EINVAL after it has said what is wrong. NULL: there may be none. */
	int (*word)(const char *arg);
};

enum time_format { TIME_LOCAL, TIME_DELTA, TIME_REL, TIME_CTIME, TIME_NONE, TIME_ISO, TIME_MONO };
enum json_mode { JSON_OFF, JSON_SHORT, JSON_PRETTY };
enum color_mode { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

/* What the options of every command say. */
struct globals {
	enum json_mode json;
	bool json_errors; /* -j is on the command line, wherever */
	enum color_mode color;
	enum time_format time;
	bool ascii, quiet, help, version, no_pager;
	unsigned int verbose;
};

extern struct globals globals;
extern const struct opts global_opts;
extern const struct opt global_rows[]; /* every command takes these too */

/*
 * Parse argv[1…] by a command's table. A word that belongs to no option goes to
 * opts->word, or ends it with an error, unless it comes after "--" and ret_command
 * is not NULL; then *ret_command is the rest of argv. Returns 0, or an exit status above 0
 * when the command has nothing more to do (an error was told), or -1 when
 * --help was asked for and given.
 */
int opts_parse(const struct opts *opts, const char *command, int argc, char **argv, char ***ret_command);
/* Options before the command's name: *ret_next is the index of that name. */
int opts_parse_global(int argc, char **argv, int *ret_next);
void opts_help(const struct opts *opts, const char *command, FILE *out);
/* For OPT_CALL: tell what is wrong with an argument, and return -EINVAL. */
int opts_bad(const struct opt *o, const char *arg, const char *why);
/* For OPT_CALL: a container's id, as it is printed; *ret_bits of it were given. 0, or as opts_bad(). */
int opts_container(const struct opt *o, const char *arg, __u64 *ret_id, unsigned int *ret_bits);
/* OPT_CALL for a name, to a const char *. What is empty by mistake, such as a variable of a script, is not to mean something. */
int opts_pick_name(const struct opt *o, const char *arg);

/* Ours, and those of the libraries, to standard output. */
void print_version(void);

#endif
