/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * timeline.h - what a recording shows over time, for each container: when it
 * had an invalid range, when somebody waited, what was charged and what was
 * pinned, and what an exec did to that.
 *
 * Made from the records of a first reading, each after the model has it.
 */
#ifndef FDPIN_TIMELINE_H
#define FDPIN_TIMELINE_H

#include "model.h"

enum lane { LANE_INVALID, LANE_BLOCKED };

/* Something that lasted. */
struct span {
	__u64 container;
	enum lane lane;
	__u64 from, to;		      /* to: 0 while it lasts */
	struct fdpin_hdr *begin, *end; /* the records, owned; end: NULL while it lasts */
	__u64 ranges, bytes;	      /* LANE_INVALID: that became invalid */
};

/* It was over by then, but when, and by what, no record says. */
static inline bool span_ended_unseen(const struct span *s)
{
	return s->end && (s->end->type == EV_invalidate || s->end->type == EV_container);
}

/* From ts on, until the next of the container: pages charged to address spaces that live, and pages pinned. */
struct charge_level {
	__u64 container, ts;
	__s64 living, pinned;
};

/* An exec of a process that something was charged to, and the charges that came of it. */
#define STORY_MAX 8
struct story {
	__u64 container;
	struct fdpin_hdr *exec; /* owned */
	__s64 pages;		/* charged to the old address space */
	struct fdpin_hdr *after[STORY_MAX]; /* charges and what ended it, owned; the last of them is the last of all */
	unsigned int n_after, left_out;	    /* left_out: records before the last that are not kept */
	bool over;
};

struct timeline {
	__u64 first, last; /* ts_ns of the first and the last record */
	struct span *spans;
	size_t n_spans, spans_size;
	struct charge_level *levels;
	size_t n_levels, levels_size;
	struct story *stories;
	size_t n_stories, stories_size;
	bool cut; /* there was more than is kept */
};

/* 0 or -ENOMEM. */
int timeline_note(struct timeline *t, const struct model *m, const struct record *r);
void timeline_free(struct timeline *t);

#endif
