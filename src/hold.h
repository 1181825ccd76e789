/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hold.h - between the source and the sink of a watch: puts a blocked
 * thread's stack behind its block, and with a threshold keeps back a block
 * until it has lasted that long; one that ends before is never shown.
 */
#ifndef FDPIN_HOLD_H
#define FDPIN_HOLD_H

#include "source.h"

struct hold;

struct hold *hold_new(__u64 min_ns, source_fn sink, void *ctx);
void hold_free(struct hold *h);
/* Hand on a record, or keep it, or what it lets go. What the sink returned, or -ENOMEM. */
int hold_pass(struct hold *h, const struct record *r);
/* ts_ns at which the next block will have lasted long enough; 0 if none is kept. */
__u64 hold_due(const struct hold *h);
/* Say "blocked" for those that have. */
int hold_expire(struct hold *h, __u64 now);

#endif
