/* SPDX-License-Identifier: GPL-2.0-only */
/* oracle.h - what oracle.bpf.c tells oracle.c of a container, once for each descriptor of it */
#ifndef ORACLE_H
#define ORACLE_H

#define ORACLE_UNKNOWN (~0U) /* there are too many to be counted */

struct seen {
	__u64 container; /* tells it from others, and is not shown */
	__u32 tgid, fd;
	__u32 invalid_count;	    /* what type1 says of itself */
	__u32 ranges, invalid;	    /* what is in its tree */
	__u32 emulated;		    /* groups of mdevs */
	__u32 groups, open;	    /* all of its groups, and how often their devices are open */
	__u32 both;		    /* something is invalid, and there is an mdev: for certain at the same time */
	__u32 rest;
};

#endif
