/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * full.h - what the guard has so many places for and no more: when one of these
 * tables is full, what to say of it, and until when.
 */
#ifndef FDPIN_FULL_H
#define FDPIN_FULL_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

#include "../bpf/guard.h"

#define FULL_TEXT 512
#define FULL_STATUS 768
#define FULL_QUIET_NS 10000000000ULL /* for so long no call has gone without a place: then it is over */

/* What the guard has of it at a look: its counters since it began, and how many places are taken, where that is known. */
struct full_look {
	struct guard_full count[TABLE__max];
	__u64 taken[TABLE__max];
};

/* Zeroed: nothing was full. */
struct full {
	struct guard_full began[TABLE__max], last[TABLE__max];
	__u64 grown_ns[TABLE__max]; /* 0: it is not full */
};

struct full_change {
	enum guard_table table;
	bool over;
	struct guard_full count; /* up to now, of this occasion */
};

/* One message for each time that a table is full: how many there are now. */
unsigned int full_look(struct full *f, const struct full_look *look, __u64 now_ns, struct full_change changes[TABLE__max]);

/* A word for it; how many places, 0: as there is memory; what it means while it is full, and what to do. */
const char *full_table(enum guard_table table);
__u32 full_places(enum guard_table table);
const char *full_means(enum guard_table table);
const char *full_advice(enum guard_table table);
/* All but the advice, in one line. denies: what is counted as refused was. */
void full_text(const struct full_change *c, bool denies, char *buf, size_t size);
/* What is full at the moment, in a few words; "": nothing. */
void full_status(const struct full *f, bool denies, char *buf, size_t size);

/* Of all tables: calls refused; invalidations and openings that went on; and of what is after them. */
__u64 full_refused(const struct guard_counters *c);
__u64 full_unnoted(const struct guard_counters *c);
__u64 full_unwatched(const struct guard_counters *c);

#endif
