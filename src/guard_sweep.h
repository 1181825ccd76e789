/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * guard_sweep.h - the rule mdev-vaddr where no call was seen: what is so all the
 * same is told, and who keeps it is dealt with as the policy says. The looks
 * are those of bpf/guard_sweep.bpf.h. Part of guard.c.
 */
#ifndef FDPIN_GUARD_SWEEP_H
#define FDPIN_GUARD_SWEEP_H

#include <linux/types.h>
#include <stdbool.h>

#include "../bpf/config.h"
#include "../bpf/guard.h"

#include "guard_bpf.skel.h"

struct sweep {
	__u64 due;	  /* ns; when the next look is */
	__u64 look;	  /* number of the last one */
	bool suspected;	  /* by that one, or the one before */
	bool failed, cut; /* told once */
};

/* One look, if it is time for one. */
void sweep_look(struct sweep *s, struct guard_bpf *skel);
/* All that is so now, and told when this comes back: it takes a moment only where there is something. */
void sweep_all(struct sweep *s, struct guard_bpf *skel);

#endif
