/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * observe.h - this system in a model, for the commands that show what is there:
 * as many looks as the command takes. What cannot be seen becomes a gap, and
 * that turns a "no" into "cannot tell".
 */
#ifndef FDPIN_OBSERVE_H
#define FDPIN_OBSERVE_H

#include "render.h"
#include "source.h"

/* The caller makes the model and frees it, and says what is to be viewed. */
struct observation {
	struct model *model;
	struct view view;
	struct source_bpf *source;
	bool oom;
};

/* 0, or an exit status, with the reason in a gap and in *ret_why (not to be freed); then there is nothing to close. */
int observation_open(struct observation *o, const char *command, const char **ret_why);
/* One look with all details. 0, or -errno, which is in a gap too. */
int observation_look(struct observation *o);
void observation_close(struct observation *o);
/* Between two looks. */
void pause_for(__u64 ns);

#endif
