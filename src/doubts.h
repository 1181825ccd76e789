/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * doubts.h - why something is not proven, in words, and what could not be seen.
 */
#ifndef FDPIN_DOUBTS_H
#define FDPIN_DOUBTS_H

#include "verdict.h"
#include "waitgraph.h"

/* Every reason why a deadlock of this container is likely at most. At least one is added. */
void doubt_deadlock(struct findings *out, struct finding *f, const struct waitgraph *g, const struct locked *l);
/* Every gap, and the loss. */
void doubt_sight(struct findings *out, struct finding *f, const struct model *m);
/* The same, and why a host with nothing blocked in sight cannot be called free of it. */
void doubt_absence(struct findings *out, struct finding *f, const struct model *m);
/* May anything be said not to be? Everything was looked at, nothing was lost, nothing moved. */
bool absence_certain(const struct model *m);
/* The answer about the host when nothing was found: no, in that sentence, or cannot tell. 0 or -ENOMEM. */
int finding_host(struct findings *out, const struct verdict *v, const struct model *m, const char *no);

#endif
