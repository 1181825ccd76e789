/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * guard_window.h - the rule max-window: windows that have been open for too
 * long are told, and who opened them is killed. The windows are those of
 * bpf/guard_window.bpf.h. Part of guard.c.
 */
#ifndef FDPIN_GUARD_WINDOW_H
#define FDPIN_GUARD_WINDOW_H

#include <linux/types.h>

#include "../bpf/config.h"
#include "../bpf/guard.h"

#include "guard_bpf.skel.h"

/* Windows that nobody has seen opened, of containers that some process has open. */
void windows_find(struct guard_bpf *skel);
/* Look at all: each that is too long is told once. */
void windows_sweep(struct guard_bpf *skel, __u64 limit_ns);

#endif
