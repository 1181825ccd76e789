/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * exempt.h - exemptions: somebody is let through by a rule that denies, for a
 * time, for a reason that is written down.
 *
 * One is a file in EXEMPT_FOLDER, which root puts there (enforce --exempt) and
 * a guard that runs looks for. Its times are of CLOCK_BOOTTIME, which nobody
 * sets, and of one boot. It ends in the kernel, by its time; or earlier, when the file goes.
 */
#ifndef FDPIN_EXEMPT_H
#define FDPIN_EXEMPT_H

#include <stdio.h>

#include "guard.h"

#define EXEMPT_FOLDER "/run/fdpin-trace/exempt.d"
#define EXEMPT_MOST_NS (24 * 3600 * 1000000000ULL)
#define EXEMPT_REASON_MAX 200

struct exemption {
	char name[80]; /* of its file */
	enum fdpin_rule rule;
	struct guard_scope who;
	__u64 begun, until; /* ns of CLOCK_BOOTTIME; until 0: none */
	char boot[40];	    /* of the boot that they are of */
	__u32 by;	    /* login uid of who made it; (__u32)-1: not known */
	char reason[EXEMPT_REASON_MAX + 1];
};

/* exempt.c. What a file says, at this time of this boot. 0, -EINVAL with *ret_problem, or -ENOMEM; 1: it is over. */
int exempt_parse(struct exemption *ret, const char *name, const char *data, size_t size, __u64 now, const char *boot,
		 struct policy_problem *ret_problem);
/* As a file has it. */
void exempt_write(FILE *f, const struct exemption *e);
/* "for uid 107 until in 14m: REASON": hostile text. Returns buf. */
const char *exempt_text(const struct exemption *e, char *buf, size_t size);

/* exempt_files.c. "now" for all of the above, and the id of this boot. */
__u64 boot_ns(void);
void boot_id(char buf[40]);
/*
 * Those that are there and hold now, by name. What is wrong with one is told with a line, once while it is
 * there; the others hold. Returns how many.
 */
struct exempt_folder;
struct exempt_folder *exempt_open(const char *root);
void exempt_close(struct exempt_folder *f);
int exempt_look(struct exempt_folder *f, struct exemption ret[GUARD_EXEMPTIONS]);
/* Put there. 0, or -errno and where it would have been. */
int exempt_put(const char *root, struct exemption *e, char *ret_path, size_t size);

#endif
