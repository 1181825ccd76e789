/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * invalid.h - is a range of a container invalid now, and since when? What looks
 * have read and what hooks saw, put in order; asked by verdicts and suspect.c.
 */
#ifndef FDPIN_INVALID_H
#define FDPIN_INVALID_H

#include "model.h"

struct invalid {
	enum { INVALID_NO, INVALID_YES, INVALID_UNKNOWN } is;
	bool by_look;		   /* the newest word is the last look's, whole and stable: the counts hold */
	__u32 ranges, invalid;	   /* of that look */
	__u64 since, until;	   /* some range is known to be invalid at both; 0, 0 if none is */
	bool watched;		   /* and hooks watched all the time in between: it was so throughout */
	bool opened;		   /* a hook saw the first range become invalid, at since */
	const struct edge *range;  /* PART: the invalid range that has stood unchanged for longest, or NULL */
	const struct edge *opener; /* INVALIDATED: who did, if a hook saw it and nothing is missing, or NULL */
};

/* How long some range is known to have been invalid. */
static inline __u64 invalid_age(const struct invalid *s)
{
	return s->until > s->since ? s->until - s->since : 0;
}

void invalid_state(struct invalid *ret, const struct model *m, const struct obj *c);
/* Of a look, and the one before it, if both read the container whole and stable; else NULL. */
const struct ev_container *container_before(const struct model *m, const struct obj *c);

#endif
