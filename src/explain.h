/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * explain.h - why a call failed: errno, which check, which number.
 */
#ifndef FDPIN_EXPLAIN_H
#define FDPIN_EXPLAIN_H

#include "schema.h"

#define EXPLAIN_MAX sizeof(((struct ev_because *)0)->text)

/* Refused charges, each until the call that it was part of is told to have failed. */
struct explainer {
	struct ev_charge refused[64];
	unsigned int n; /* so many were noted; a new one takes the place of the oldest */
};

/* Note a record; ret is a sentence if it is a call that failed, else "". */
void explain(struct explainer *x, const struct record *r, char ret[EXPLAIN_MAX]);

#endif
