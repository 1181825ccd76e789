/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * enforce_pins.h - between cmd_enforce.c and enforce_pins.c: enforce --pin.
 */
#ifndef FDPIN_ENFORCE_PINS_H
#define FDPIN_ENFORCE_PINS_H

#include "guard_pins.h"
#include "output.h"

/* All of these take a NULL for: nothing is to be pinned. */
struct pins_work;

/* The folder is ours. An exit status; if it is not 0, it was told why. service, json: where it is told how the pins are. */
int pins_work_new(struct pins_work **ret, const char *folder, bool service, struct output *json);
/* The guard, proven, is pinned beside what is there. An exit status, as above. */
int pins_work_put(struct pins_work *w, struct guard *g);
/* It guards: what was pinned before goes. */
void pins_work_begin(struct pins_work *w);
/* From time to time: what is gone is told, and pinned anew. True if there is something new to say of it. */
bool pins_work(struct pins_work *w, struct guard *g);
/* leave: it did not end by being told to. */
void pins_work_free(struct pins_work *w, bool leave);

/* The folder, or NULL. */
const char *pins_work_folder(const struct pins_work *w);
/* Those that are to be there are not, and could not be pinned anew. */
bool pins_work_are_gone(const struct pins_work *w);
/* How often they were found gone. */
__u64 pins_work_gone(const struct pins_work *w);

#endif
