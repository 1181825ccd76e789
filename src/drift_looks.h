/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * drift_looks.h - between the two parts of the verdict drift.
 */
#ifndef FDPIN_DRIFT_LOOKS_H
#define FDPIN_DRIFT_LOOKS_H

#include "cycle.h"
#include "ledger.h"

#define VM_KIB_PER_PAGE 4

/* As /proc/PID/status shows it, in kB. */
static inline unsigned long long as_shown(__s64 pages)
{
	return (unsigned long long)pages * VM_KIB_PER_PAGE;
}

/* Does the ledger tell of one, of who has this id now? */
static inline bool has_drift(const struct ledger *l, __u64 container)
{
	for (const struct drift *d = l->drifts; d; d = d->next)
		if (d->container == container && d->opened_ns == ledger_opened(l, container))
			return true;
	return false;
}

/* Is it in use, and no process was found that has it, of all there are? */
bool drift_mm_kept(const struct model *m, const struct obj *mm);
/* Adds findings, and then sets *found. 0 or -ENOMEM. */
int drift_looks(const struct verdict *v, const struct model *m, struct findings *out, bool *found);

#endif
