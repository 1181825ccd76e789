/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * seen.h - ids that were met before: what several refer to, iopt_pages that areas
 * share for one, is counted once.
 */
#ifndef FDPIN_SEEN_H
#define FDPIN_SEEN_H

#include <linux/types.h>
#include <stdbool.h>

struct seen;

/* *s is NULL at the start. 0: it is new; 1: it was there; -ENOMEM. */
int seen_add(struct seen **s, __u64 id);
bool seen_has(const struct seen *s, __u64 id);
/* Forgets all of them; *s is NULL again. */
void seen_free(struct seen **s);

#endif
