/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * suspect.h - is it worth a look? Cheap questions to the model, asked often,
 * that decide when the dear ones (two looks, all verdicts) are asked.
 */
#ifndef FDPIN_SUSPECT_H
#define FDPIN_SUSPECT_H

#include "model.h"

/* A wait that lasts this long is worth a look even if nobody closes anything. */
#define SUSPECT_AGE_NS 500000000ULL

/* Does any thread wait for a valid address? */
bool suspect_waits(const struct model *m);
/* Does any container have an invalid range? What that amounts to only a second look can tell. */
bool suspect_invalid(const struct model *m);
/* Does a thread that pins or charges wait for an mmap_lock? For a moment that is so now and then. */
bool suspect_locks(const struct model *m);
/* Has a counter wrapped, or does something use an address space without a process? The latter is so for a moment at every exit. */
bool suspect_drift(const struct model *m);
/*
 * When a look is due: 0 if nothing is suspicious; ts_ns, perhaps in the past,
 * at which the waits there are, as they are, are worth one.
 */
__u64 suspect_when(const struct model *m);
/* Could this record have changed what is suspicious? */
bool suspect_changes(const struct record *r);

#endif
