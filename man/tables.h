/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tables.h - what the program at build time shares: the tables of the tool in
 * the words of manual pages, of shells and of JSON Schema.
 */
#ifndef FDPIN_MAN_TABLES_H
#define FDPIN_MAN_TABLES_H

#include <stdbool.h>

#include "../src/cmd.h"
#include "../src/schema.h"

/* Say what is wrong, with the line of the template, and end. */
void __attribute__((noreturn, format(printf, 1, 2))) die(const char *fmt, ...);

/* The next line of the template without its newline, or NULL; valid until the next call. */
const char *next_line(void);

/* The command of this name; there must be one. */
const struct command *the_command(const char *name);
/* Own rows of a command and those of every command, in order; NULL after the last. i counts from 0. */
const struct opt *option_row(const struct command *c, unsigned int i);
/* Name of an argument without its brackets. */
const char *arg_name(const struct opt *o, char buf[32]);
bool arg_optional(const struct opt *o);

/* A kind's word in manual pages: "address"; NULL for what is not printed. */
const char *kind_word(const struct field *f);
/* Kinds with a table of names, by their word: "op", "class", …; -1 if there is none. */
int kind_of_names(const char *word);

/* What stands for "@word argument@" in a template. */
void put_options(const char *command); /* reads on to a line "@" */
void put_event(const char *name);
void check_events(void);
void put_values(const char *kind);
void put_verdicts(const char *unused);
void put_commands(const char *unused);
void put_columns(const char *which);
void put_checks(const char *unused);
void put_defects(const char *unused);
void put_bash(const char *unused);
void put_zsh(const char *unused);
void put_fish(const char *unused);

/* The JSON Schema of what trace -j prints, a whole document. */
void put_schema(void);

#endif
