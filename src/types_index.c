// SPDX-License-Identifier: GPL-2.0-only
/*
 * types_index.c - where the types of a name are among the kernel's (types_own.h)
 */
#include <bpf/btf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "types_own.h"

/* What has no name is not looked up, and would all be in one place. */
static bool is_wanted(const struct btf_type *t)
{
	unsigned int kind = btf_kind(t);

	return t->name_off && (kind == BTF_KIND_FUNC || kind == BTF_KIND_STRUCT || kind == BTF_KIND_UNION || kind == BTF_KIND_ENUM ||
			       kind == BTF_KIND_ENUM64 || kind == BTF_KIND_TYPEDEF);
}

static __u32 hash_name(const char *name, unsigned int kind)
{
	__u32 h = 2166136261U ^ kind;

	while (*name)
		h = (h ^ (unsigned char)*name++) * 16777619U;
	return h;
}

static const char *name_of(const struct btf *btf, __u32 id)
{
	return btf__name_by_offset(btf, btf__type_by_id(btf, id)->name_off);
}

int types_index(struct unit *u, __u32 from)
{
	__u32 to = btf__type_cnt(u->btf), size = 64, wanted = 0;

	for (__u32 id = from; id < to; id++)
		wanted += is_wanted(btf__type_by_id(u->btf, id));
	while (size < wanted * 2)
		size *= 2;
	u->ids = calloc(size, sizeof(*u->ids));
	if (!u->ids)
		return -ENOMEM;
	u->mask = size - 1;
	for (__u32 id = from; id < to; id++) {
		const struct btf_type *t = btf__type_by_id(u->btf, id);
		__u32 i;

		if (!is_wanted(t))
			continue;
		for (i = hash_name(name_of(u->btf, id), btf_kind(t)); u->ids[i & u->mask]; i++)
			;
		u->ids[i & u->mask] = id;
	}
	return 0;
}

__u32 types_next(const struct unit *u, const char *name, unsigned int kind, __u32 *place)
{
	if (!u->ids)
		return 0;
	for (*place = *place ?: (hash_name(name, kind) & u->mask) + 1; u->ids[(*place - 1) & u->mask];) {
		__u32 id = u->ids[((*place)++ - 1) & u->mask];

		if (btf_kind(btf__type_by_id(u->btf, id)) == kind && !strcmp(name_of(u->btf, id), name))
			return id;
	}
	return 0;
}
