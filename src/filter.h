/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * filter.h - which containers were asked for, and whose a container is.
 *
 * A container is let through if all that was asked for holds of it; what was
 * asked of processes must hold of one and the same. Where that cannot be told
 * (no process is known, or not what it runs), the answer says so.
 */
#ifndef FDPIN_FILTER_H
#define FDPIN_FILTER_H

#include "util.h"
#include "verdict.h"

/* Zero, empty and NULL mean all. */
struct filter {
	__u64 container;
	unsigned int container_bits; /* how many low bits of it were given */
	struct u32_list tgids;
	const char *vm;
	const char *device; /* PCI address, uuid or the first 8 digits of one, vfio0, dev-3c1e */
	const char *cgroup; /* with all below it */
};

/* Is anything asked for? NULL is a filter that asks for nothing. */
bool filter_set(const struct filter *f);
/* Is a container, by its id alone, what was asked for? */
bool filter_has_id(const struct filter *f, __u64 container);
enum answer filter_container(const struct filter *f, const struct model *m, const struct obj *c);

/* How a process can have to do with a container; several may be asked for. */
#define OWNER_HOLDS 1	/* its file is in the table of files, or is being released by a thread of it */
#define OWNER_WAITS 2	/* a thread of it is blocked on a range */
#define OWNER_MEMORY 4	/* memory of it is mapped */
#define OWNER_ANY 7

/* Calls fn for each such process until it returns true; one may come more than once. Returns what the last call did. */
bool for_each_owner(const struct model *m, const struct obj *c, unsigned int how, bool (*fn)(void *ctx, __u32 tgid), void *ctx);

/* A growing list of processes, for for_each_owner(); zero it first, free .v. */
struct tgids {
	__u32 *v;
	size_t n;
	bool oom;
};

bool tgids_add(void *tgids, __u32 tgid);
/* In order, none twice. */
void tgids_sort(struct tgids *t);

#endif
