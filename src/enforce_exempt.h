/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * enforce_exempt.h - between cmd_enforce.c and enforce_exempt.c.
 */
#ifndef FDPIN_ENFORCE_EXEMPT_H
#define FDPIN_ENFORCE_EXEMPT_H

#include "exempt.h"

/* Options of enforce --exempt, as they were given. */
struct exempt_args {
	const char *rule, *reason, *cgroup, *uid, *exe, *pid, *root;
	__u64 for_ns;
};

/* Returns an exit status. */
int exempt_make(const struct exempt_args *args);

/* What a guard has taken of what is there. NULL without memory. */
struct exempt_work;
struct exempt_work *exempt_work_new(const char *root, bool service);
void exempt_work_free(struct exempt_work *w);
/* Look again, and let the guard have what is new; its beginning and its end are told. */
void exempt_work(struct exempt_work *w, struct guard *g);

#endif
