// SPDX-License-Identifier: GPL-2.0-only
/*
 * seen.c - a set of ids (seen.h).
 */
#define HASH_NONFATAL_OOM 1
#include "seen.h"

#include <errno.h>
#include <stdlib.h>
#include <uthash.h>

struct seen {
	__u64 id;
	UT_hash_handle hh;
};

bool seen_has(const struct seen *s, __u64 id)
{
	const struct seen *e;

	HASH_FIND(hh, s, &id, sizeof(id), e);
	return e != NULL;
}

int seen_add(struct seen **s, __u64 id)
{
	struct seen *e;

	if (seen_has(*s, id))
		return 1;
	e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	e->id = id;
	HASH_ADD(hh, *s, id, sizeof(e->id), e);
	if (e->hh.tbl)
		return 0;
	free(e);
	return -ENOMEM;
}

void seen_free(struct seen **s)
{
	struct seen *e, *next;

	HASH_ITER(hh, *s, e, next) {
		HASH_DEL(*s, e);
		free(e);
	}
}
