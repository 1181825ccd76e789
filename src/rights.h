/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * rights.h - capabilities that are not needed any more are given up, for good.
 */
#ifndef FDPIN_RIGHTS_H
#define FDPIN_RIGHTS_H

#include <linux/capability.h>
#include <linux/types.h>

#define RIGHT(cap) (1ULL << (cap))

/* From here on only these are in force; the others can be had back. 0 or -errno. */
int rights_use(__u64 these);
/* From here on there are no others, and no program that is started gets any. 0 or -errno. */
int rights_keep(__u64 these);

#endif
