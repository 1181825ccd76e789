/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * announce.h - verdicts as events: said once when they come, change or go.
 */
#ifndef FDPIN_ANNOUNCE_H
#define FDPIN_ANNOUNCE_H

#include "source.h"
#include "verdict.h"

/* What was said last. Starts zeroed. */
struct announced {
	struct said *said;
	unsigned int n;
};

/* Say what is new in the findings, as verdict records. 0, what fn returned, or -ENOMEM. */
int announce(struct announced *a, const struct findings *f, source_fn fn, void *ctx);
/* Is anything said that still stands? */
bool announced_any(const struct announced *a);
void announced_free(struct announced *a);

#endif
