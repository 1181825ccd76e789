/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * enforce.h - what `enforce` shows besides its decisions: the configuration,
 * how the guard came up, what it counted. As text and as JSON.
 */
#ifndef FDPIN_ENFORCE_H
#define FDPIN_ENFORCE_H

#include "full.h"
#include "guard.h"
#include "opts.h"
#include "output.h"

/* Is what the rules hook into in this kernel? */
struct hooks_state {
	enum known there;
	char why[WHY_MAX]; /* unless it is */
};

/* What the reader of a configuration ought to know of it; hostile text, not escaped. */
struct enforce_remarks {
	unsigned int n;
	char text[2 + 2 * RULE__max][768];
};

void enforce_remark(struct enforce_remarks *r, const struct policy *p);

/* --check-config. 0 or -ENOMEM. */
void enforce_config_text(struct output *o, const struct policy *p, const struct hooks_state *hooks);
int enforce_config_json(struct output *o, const struct policy *p, const struct hooks_state *hooks);

/* What a guard that is up does, on a line or an object; before its decisions. */
void enforce_begin_text(const struct guard *g, const struct policy *p, bool monitor);
/* pins: the folder, or NULL. */
int enforce_begin_json(struct output *o, const struct guard *g, const struct policy *p, bool monitor, const char *pins);

/* Its pins are gone, for this reason, or there again (NULL). */
int enforce_pins_json(struct output *o, const char *folder, const char *gone_why);

/* Somebody has written where only the guard writes: see guard_mend(). */
void enforce_changed_text(const char *what);
int enforce_changed_json(struct output *o, const char *what);

/* Something that the guard has places for is full, or that is over; denies: the rule does. */
void enforce_full_text(const struct full_change *c, bool denies);
int enforce_full_json(struct output *o, const struct full_change *c);

/* What it came to. */
struct enforce_end {
	struct guard_counters counters;
	__u64 lost, missed, lasted_ns, pins_gone, changed;
};

void enforce_end_text(const struct enforce_end *e);
int enforce_end_json(struct output *o, const struct enforce_end *e);

/* The word in front of a promise: "audit", "honest", "unknown"; and a sentence on it. */
const char *promise_word(enum promise promise);
const char *promise_sentence(enum promise promise);
const char *mechanism_word(enum mechanism mechanism);

#endif
