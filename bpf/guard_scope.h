/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * guard_scope.h - whom a rule, or an exemption from one, is for, as src/policy*.c and bpf/guard*.bpf.h
 * share it: names with * and ?, cut at the slashes, and ranges of user ids.
 */
#ifndef FDPIN_GUARD_SCOPE_H
#define FDPIN_GUARD_SCOPE_H

#ifndef __bpf__
#include <linux/types.h>
#endif

#define SCOPE_TEXT 256	/* of a name or path, each part with its zero byte */
#define SCOPE_PARTS 16	/* of a path */
#define SCOPE_UIDS 8	/* ranges */
#define SCOPE_LEVELS 32 /* control groups above each other, or folders and mounts, that are looked at */
#define SCOPE_STEPS 4096 /* characters that are compared for one name: with several * it may be more than there are */

/* What a scope says: all of it must be met. */
enum scope_key { SCOPE_CGROUP = 1, SCOPE_UID = 2, SCOPE_EXE = 4, SCOPE_PROCESS = 8 };

/* "machine-*.scope" is a name; "/a/b" is a path of two parts. */
struct scope_names {
	__u32 n;    /* parts */
	__u32 path; /* it began with a slash */
	__u8 at[SCOPE_PARTS]; /* where each part begins in text */
	char text[SCOPE_TEXT];
};

struct scope_uids {
	__u32 first, last;
};

struct guard_scope {
	__u32 keys; /* of enum scope_key; 0: everybody */
	__u32 n_uids;
	struct scope_uids uids[SCOPE_UIDS];
	struct scope_names cgroup, exe;
	/* one process: as /proc has it, with the clock ticks from boot to its start */
	__u32 tgid, pad;
	__u64 ticks;
};

#endif
