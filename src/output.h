/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * output.h - where results go: a stream, and what it can show.
 */
#ifndef FDPIN_OUTPUT_H
#define FDPIN_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

enum paint { PAINT_NONE, PAINT_BAD, PAINT_WARN, PAINT_GOOD, PAINT_DIM, PAINT_BOLD };

struct output {
	FILE *f;
	bool own;   /* to be closed by us */
	bool tty;
	bool color; /* repeats what a word says already */
	bool utf8;
	unsigned int width;
};

/*
 * path NULL or "-" is stdout. 0 or -errno, told. Decides colour and glyphs
 * from the global options, the stream and the locale.
 */
int output_open(struct output *ret, const char *path);
/* Returns status, or EX_IOERR after telling, or 0 if the reader went away. */
int output_close(struct output *o, int status);
/* True once nothing more can be written. */
bool output_broken(const struct output *o);

/* Begin and end of a colour, "" where there is none. */
const char *paint(const struct output *o, enum paint p);
const char *unpaint(const struct output *o, enum paint p);
/* One of two spellings, by what the stream can show. */
const char *glyph(const struct output *o, const char *utf8, const char *ascii);

/* The end of main: an error as JSON if that was asked for, and stdout written out. */
int output_finish(int status);

#endif
